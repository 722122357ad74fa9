"""FindDescriptor, FindRoot and the expansion of names, held against what linuxkit answered."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheError, InvalidReference
from cachedb.linuxkit import Provider
from cachedb.oci import Reference
from cachedb.oci.names.containerd_name import ContainerdName
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.export_formats import Form
from tests import build, facts, recorded

# find.json was recorded with a cache of these two; the archive of the second is not kept.
IMAGE, INDEX = "fs-basic", "ix-multiarch"
# linuxkit takes a name literally and finds none of these roots; here any form of a name will do,
# also a short one that stands for one image only.
WE_FIND = {
    f"{repository}@sha256:5d63e8499bd2427a37ce388511793059f630a635162b55c5f347b13cf9bce4ea"
    for repository in (
        "example.com/golden/fs-basic:v1",
        "example.com/golden/fs-basic:zzz",
        "example.com/golden/fs-basic",
        "other.io/x/y",
    )
} | {"fs-basic:v1"}


def answers_by_version() -> dict[str, Any]:
    path = recorded.root() / "linuxkit" / "api" / "find.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@recorded.parameters(2)
def asked() -> list[Any]:
    return [
        pytest.param(name, answers, id=f"{version}-{name}")
        for version, names in answers_by_version().items()
        for name, answers in names.items()
        if INDEX not in name and "1a680e769b25" not in name
    ]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Any:
    archive = recorded.root() / "linuxkit" / "inputs" / f"{IMAGE}.tar"
    with Provider(tmp_path_factory.mktemp("find") / "cache") as opened:
        opened.image_load(io.BytesIO(archive.read_bytes()))
        yield opened


@pytest.mark.recorded
@pytest.mark.parametrize(("name", "answers"), asked())
def test_find_descriptor_finds_what_linuxkit_finds(
    name: str, answers: Any, provider: Provider
) -> None:
    expected = answers["find_descriptor"]
    if "error" in expected:
        with pytest.raises(InvalidReference):
            ContainerdName.parse(name)
        return
    found = provider.find_descriptor(ContainerdName.parse(name))
    assert (None if found is None else found.to_json()) == expected["descriptor"]


@pytest.mark.recorded
@pytest.mark.parametrize(("name", "answers"), asked())
def test_find_root_finds_what_linuxkit_finds_and_more(
    name: str, answers: Any, provider: Provider
) -> None:
    expected = answers["find_root"]
    if "error" in expected and name not in WE_FIND:
        with pytest.raises(CacheError):
            provider.find_root(name)
        return
    assert str(provider.find_root(name).digest()).startswith("sha256:5d63e8499bd2")
    assert provider.find_root(name).image() is not None


@pytest.mark.recorded
def test_every_row_that_was_left_out_is_about_an_archive_that_is_not_kept() -> None:
    kept = {parameter.values[0] for parameter in asked()}
    for names in answers_by_version().values():
        assert {n for n in names if n not in kept} == {
            f"example.com/golden/{INDEX}:v1",
            "x@sha256:1a680e769b25bf87f172671f54aa0c817c6d6819a535458cf4326951d094b171",
        }


# -- the expansion of names ----------------------------------------------------------------------

# Newest linuxkit expands a name as docker does, but for these.
DOCKER_DIFFERS = {
    "10.0.0.1:80/a/b": "a port is taken for a tag (§4 A2), and none is added",
    "localhost:5000/a/b": "the same",
    "localhost:5000/foo": "the same",
    "myreg.io:443/foo": "the same",
    "host.docker.internal:5000/x": "the same",
    "[::1]:5000/foo": "the same",
    "docker.io/redis": "library/ is part of the name (§4 A1)",
    "a/b/c": "no registry has the name a: it is a path on Docker Hub",
}
# What docker does not take for a name, and linuxkit passes on.
NO_NAME = {
    "", "/foo/bar", ":1", "foo bar", "foo//bar", "foo/Bar:Tag", "foo/bar/", "foo/bar:-x",
    "foo/bar:1@sha256:abc", "foo:", "https://x/y", "é/x",
}  # fmt: skip


EXPANSIONS = facts.rows("linuxkit_references")


def stored() -> list[Any]:
    """Return every name that is one, with what each version of linuxkit stores for it."""
    found = {
        (row["name"], row["expect"][version]): f"{version}-{row['name'][:40]}"
        for row in EXPANSIONS
        for version in ("seed", "head")
        if row["name"] not in NO_NAME and len(row["name"]) <= 255
    }
    return [pytest.param(*pair, id=mark) for pair, mark in found.items()]


@pytest.mark.parametrize("row", facts.cases("linuxkit_references"))
def test_a_name_is_expanded_as_docker_does(row: dict[str, Any]) -> None:
    name = row["name"]
    if name in NO_NAME or len(name) > 255:
        with pytest.raises(InvalidReference):
            Reference.parse(name)
        return
    expanded = str(Reference.parse(name).with_default_tag())
    assert (expanded != row["expect"]["head"]) == (name in DOCKER_DIFFERS)


@pytest.mark.parametrize(("name", "expanded"), stored())
def test_what_linuxkit_stored_under_a_name_is_found_by_it(
    name: str, expanded: str, tmp_path: Path
) -> None:
    image = build.image()
    typed, kept = (
        text.partition("@")[0] + f"@{image.digest}" if "@" in text else text
        for text in (name, expanded)
    )
    other = "docker.io/library/other:latest"
    tree = build.layout(tmp_path / "cache", {kept: image, other: build.image(build.layer({}))})
    with Cache.open(tree.path) as cache:
        assert str(cache.find_root(typed).digest) == image.digest
        plan = cache.plan_export([typed], ExportOptions(form=Form.DOCKER))
        assert [str(each.digest) for each in plan.images] == [image.digest]
        cache.remove(cache.plan_removal([typed]))
        assert [each.name for each in cache.list()] == [other]


def test_every_exception_is_a_row_of_the_table() -> None:
    assert set(DOCKER_DIFFERS) | NO_NAME <= {row["name"] for row in EXPANSIONS}
