"""pull --if-missing asks no registry for complete images; without space, no pull begins."""

import json

import pytest

from cachedb.layout.health import LayoutHealth, Volume
from tests import build
from tests.cli.conftest import Run, succeed
from tests.operations.registries import Place, put
from tests.registry import servers

AMD, ARM = build.image(), build.image(arch="arm64")
MULTI = build.index(AMD, ARM)


def states(text: str) -> list[str]:
    return [item["state"] for item in json.loads(text)["items"]]


def test_a_complete_image_is_not_asked_for(run: Run, tree: build.Tree) -> None:
    name = "localhost:9/team/app:1"  # no server listens there
    tree.add(MULTI, name)

    told = succeed(run, tree.path, "pull", "--if-missing", name, "--format", "json")
    assert states(told) == ["present"]
    assert succeed(run, tree.path, "pull", "--if-missing", "-q", name) == f"{MULTI.digest}\n"
    assert run(tree.path, "pull", name).code == 7


def test_platforms_decide_whether_an_image_is_complete(run: Run, tree: build.Tree) -> None:
    name = "localhost:9/team/app:1"
    tree.add(MULTI, name)
    tree.delete(ARM.digest)

    words = ("pull", "--if-missing", name, "--format", "json")
    assert states(succeed(run, tree.path, *words, "--arch", "amd64")) == ["present"]
    assert run(tree.path, *words, "--arch", "arm64").code == 7
    assert run(tree.path, *words).code == 7


def test_missing_images_are_pulled_beside_present_ones(
    run: Run, tree: build.Tree, registry: servers.Served
) -> None:
    place = Place.new(registry.host)
    put(place.host, place.path, AMD)
    tree.add(MULTI, "localhost:9/team/app:1")

    words = ("pull", "--if-missing", "localhost:9/team/app:1", place.name, "--format", "json")
    assert states(succeed(run, tree.path, *words)) == ["present", "new"]


def test_a_pull_that_needs_more_than_is_free_does_not_begin(
    run: Run, tree: build.Tree, registry: servers.Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place.new(registry.host)
    put(place.host, place.path, AMD)
    full = Volume(kind="ext4", free=10, size=1_000_000)
    monkeypatch.setattr(LayoutHealth, "volume", lambda _: full)

    done = run(tree.path, "pull", place.name)
    assert done.code == 9
    assert "and 10 are free" in done.err
    assert tree.entries() == []
