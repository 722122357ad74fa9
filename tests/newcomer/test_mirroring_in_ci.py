"""A CI job mirrors 40 images from one registry to another, twice, as README says."""

from pathlib import Path

import pytest

from cachedb import Cache, Registries
from tests import build
from tests.newcomer import readme
from tests.newcomer.readme import Machine
from tests.operations.registries import tags
from tests.registry.servers import Served

pytestmark = pytest.mark.slow
_IMAGES = 40
_BASES = [build.layer({f"base{number}": "b" * 50_000}) for number in range(4)]


def images(host: str) -> dict[str, build.Thing]:
    """Return 40 images for two platforms, in which four base layers are shared."""
    found = {}
    for number in range(_IMAGES):
        base = _BASES[number % len(_BASES)]
        found[f"{host}/team/app{number}:1"] = build.index(
            build.image(base, build.layer({"app": f"amd64 {number}"})),
            build.image(base, build.layer({"app": f"arm64 {number}"}), arch="arm64"),
        )
    return found


def publish(folder: Path, named: dict[str, build.Thing]) -> None:
    build.layout(folder, named)
    with Cache.open(folder) as cache, Registries() as registries:
        cache.push(list(named), registries=registries)


def test_forty_images_are_mirrored_by_the_commands_of_readme(
    machine: Machine, hub: Served, mirror: Served, tmp_path: Path
) -> None:
    named = images(hub.host)
    publish(tmp_path / "published", named)
    (machine.home / "images.txt").write_text("".join(f"{name}\n" for name in named))
    job = readme.block("Mirror images in CI", "sh").replace("mirror.example.com", mirror.host)

    first = readme.run_shell(machine, job)
    (machine.home / "images.txt").write_text("".join(f"{name}\n" for name in list(named)[:3]))
    second = readme.run_shell(machine, job)

    digests = [thing.digest for thing in named.values()]
    assert first.split() == [*digests, *digests]
    assert second.split() == [*digests[:3], *digests[:3]]
    for number, digest in enumerate(digests):
        assert tags(mirror.host, f"team/app{number}") == {"1": digest}
    with Cache.open(machine.home / "mirror") as cache:
        assert len(cache.list()) == _IMAGES
        assert cache.verify().is_clean
        stored = cache.query("layers")
    assert len(stored) == len(_BASES) + 2 * _IMAGES  # each base once
