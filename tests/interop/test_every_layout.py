"""Whatever a command leaves of a cache, skopeo and umoci read it: every name, every byte."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import build
from tests.cli.conftest import Run, run
from tests.cli.registry import serving_things
from tests.interop.tools import skopeo, umoci

__all__ = ["run"]  # a fixture

BASE = build.layer({"bin/sh": "#!"})
APP = build.index(
    build.image(BASE, build.layer({"app": "1"})),
    build.image(BASE, build.layer({"app": "1"}), arch="arm64", variant="v8"),
)
TOOL = build.image(BASE, build.layer({"tool": "1"}))
APP_1, TOOL_2 = "example.com/app:1", "example.com/tool:2"
BOTH = {APP_1: APP, TOOL_2: TOOL}


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with serving_things({"team/app:1": APP, "team/tool:2": TOOL}) as registry:
        yield registry.host


def pull(run: Run, cache: Path, host: str, *more: str) -> None:
    assert run(cache, "pull", *more, f"{host}/team/app:1").code == 0


def pulled(run: Run, cache: Path, host: str) -> None:
    pull(run, cache, host)


def pulled_for_one_platform(run: Run, cache: Path, host: str) -> None:
    pull(run, cache, host, "--platform", "linux/amd64")


def imported(run: Run, cache: Path, _host: str) -> None:
    archive = cache.with_name("both.tar")
    archive.write_bytes(build.archive(BOTH))
    assert run(cache, "import", archive).code == 0


def imported_from_docker(run: Run, cache: Path, _host: str) -> None:
    source, archive = build.layout(cache.with_name("source"), BOTH), cache.with_name("docker.tar")
    arguments = ("export", "-o", archive, "--format", "docker", "--platform", "linux/amd64")
    assert run(source.path, *arguments, APP_1).code == 0
    assert run(cache, "import", archive).code == 0


def removed(run: Run, cache: Path, _host: str) -> None:
    build.layout(cache, BOTH)
    assert run(cache, "rm", APP_1).code == 0


def collected(run: Run, cache: Path, _host: str) -> None:
    removed(run, cache, "")
    assert run(cache, "gc", "--grace", "0").code == 0


def in_quarantine(run: Run, cache: Path, _host: str) -> None:
    removed(run, cache, "")
    assert run(cache, "gc", "--grace", "0", "--trash-ttl", "1h").code == 0
    assert list((cache / ".cachedb" / "trash").iterdir())


def emptied(run: Run, cache: Path, _host: str) -> None:
    build.layout(cache, BOTH)
    assert run(cache, "clean", "--yes").code == 0


def repaired(run: Run, cache: Path, _host: str) -> None:
    tree, copy = build.layout(cache, BOTH), build.layout(cache.with_name("copy"), BOTH)
    tree.flip(BASE.digest)
    tree.delete(TOOL.digest)
    assert run(cache, "verify", "--repair", "--offline", "--from", copy.path).code == 0


def with_a_new_catalog(run: Run, cache: Path, _host: str) -> None:
    build.layout(cache, BOTH)
    assert run(cache, "doctor", "--rebuild").code == 0


def with_names_restored(run: Run, cache: Path, _host: str) -> None:
    tree = build.layout(cache, BOTH)
    Cache.open(cache).close()
    tree.write_index("")
    assert run(cache, "doctor", "--restore-names").code == 0


WAYS = [
    pulled, pulled_for_one_platform, imported, imported_from_docker, removed, collected,
    in_quarantine, emptied, repaired, with_a_new_catalog, with_names_restored,
]  # fmt: skip


@pytest.mark.parametrize("make", WAYS, ids=lambda make: make.__name__)
def test_skopeo_and_umoci_read_what_is_left(
    run: Run, tmp_path: Path, host: str, make: Callable[[Run, Path, str], None]
) -> None:
    cache = tmp_path / "cache"
    make(run, cache, host)
    listed = {row["name"]: row for row in json.loads(run(cache, "ls", "--format", "json").out)}
    assert set(umoci("ls", "--layout", cache).split()) == set(listed)
    for name, row in listed.items():
        copy = tmp_path / "copies" / row["digest"].partition(":")[2]
        copy.parent.mkdir(exist_ok=True)
        every = ["--all"] if row["state"] == "complete" else ["--override-arch", "amd64"]
        skopeo("copy", *every, f"oci:{cache}:{name}", f"dir:{copy}")
        whole = json.loads((copy / "manifest.json").read_bytes())
        assert whole["schemaVersion"] == 2
