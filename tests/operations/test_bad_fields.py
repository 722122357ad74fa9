"""One bad field costs no document: its image is found, and the field is a finding of validate."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheError
from cachedb.feedback.progress import UNWATCHED
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.query.syntax.parser import parse
from tests import build
from tests.operations.registries import fetch, on_disk
from tests.registry.shelf import shelf

NAME = "example.com/app:1"
LAYER = build.layer()


def ask(cache: Cache, query: str) -> list[Any]:
    return [row[0] for row in cache.query(parse(query)).rows]


def with_config(change: Callable[[dict[str, Any]], None]) -> build.Thing:
    """Make an image whose configuration was changed."""
    image = build.image(LAYER, labels={"team": "a"})
    value = json.loads(image.config.content)
    change(value)
    return build.manifest(build.Blob(build.to_json(value), build.OCI_CONFIG), (LAYER,))


def with_manifest(change: Callable[[dict[str, Any]], None]) -> build.Thing:
    """Make an image whose manifest was changed."""
    image = build.image(LAYER, labels={"team": "a"})
    value = image.document
    change(value)
    return replace(image, root=build.Blob(build.to_json(value), image.media_type))


SLIPS = [
    pytest.param(with_config(lambda c: c.update(author=1)), "author", id="author"),
    pytest.param(with_config(lambda c: c.update(created="soon")), "created", id="time"),
    pytest.param(with_config(lambda c: c.pop("rootfs")), "rootfs", id="no-rootfs"),
    pytest.param(with_config(lambda c: c.update(x=2**64)), "out of range", id="large-integer"),
    pytest.param(with_manifest(lambda m: m.pop("schemaVersion")), "schemaVersion", id="version"),
    pytest.param(
        with_manifest(lambda m: m["layers"][0].update(size=2**63)), "out of range", id="size"
    ),
    pytest.param(
        with_manifest(lambda m: m["layers"][0].update(urls="x")), "layers[0].urls", id="urls"
    ),
    pytest.param(
        with_manifest(lambda m: m["config"].update(platform={"os": "linux"})),
        "config.platform.architecture: missing",
        id="half-a-platform",
    ),
    pytest.param(
        with_config(lambda c: c["config"]["Labels"].update(x="a\0b")), "U+0000", id="nul"
    ),
]


@pytest.mark.parametrize(("image", "finding"), SLIPS)
def test_a_slip_is_a_finding_and_no_query_misses_the_image(
    tree: build.Tree, image: build.Thing, finding: str
) -> None:
    tree.add(image, NAME)
    with Cache.open(tree.path) as cache:
        assert ask(cache, "refs arch:amd64") == [NAME]
        assert ask(cache, "refs label:team=a") == [NAME]
        assert ask(cache, "blobs is:corrupt") == []
        (validation,) = cache.validate([NAME])
        assert finding in str(validation)
        assert not validation.is_valid
        assert cache.plan_collection() is not None


REFUSED = [
    pytest.param(with_manifest(lambda m: m.pop("schemaVersion")), "schemaVersion", id="version"),
    pytest.param(
        with_manifest(lambda m: m["layers"][0].update(size=2**63)), "out of range", id="size"
    ),
]


@pytest.mark.parametrize(("image", "why"), REFUSED)
def test_what_is_a_finding_in_place_is_refused_by_import_and_pull(
    tree: build.Tree, tmp_path: Path, image: build.Thing, why: str
) -> None:
    tree.add(image, NAME)
    with Cache.create(tmp_path / "empty") as cache, shelf({"1": image}) as server:
        with pytest.raises(CacheError, match=why):
            cache.import_directory(tree.path, ImportOptions(), UNWATCHED)
        with pytest.raises(CacheError, match=why):
            fetch(cache, server.host, "app:1")
        assert cache.list() == []
        assert on_disk(cache) == set()


def test_labels_that_differ_in_case_are_two_labels(tree: build.Tree) -> None:
    labels = {"Architecture": "x86_64", "architecture": "x86_64"}
    tree.add(build.image(LAYER, labels=labels), NAME)
    with Cache.open(tree.path) as cache:
        assert ask(cache, "refs arch:amd64") == [NAME]
        assert ask(cache, "refs label:Architecture label:architecture") == [NAME]
        (validation,) = cache.validate([NAME])
        assert validation.is_valid


def test_a_nul_in_a_text_is_indexed_as_the_replacement_character(tree: build.Tree) -> None:
    image = build.image(
        LAYER, labels={"x": "a\0b"}, env=["V=c\0d"], annotations={"n\0ote": "e\0f"}
    )
    tree.add(image, NAME)
    with Cache.open(tree.path) as cache:
        assert ask(cache, 'refs label:x="a\ufffdb" env:V="c\ufffdd"') == [NAME]
        assert ask(cache, 'manifests annotation:"n\ufffdote"="e\ufffdf"') == [image.digest]


def test_a_time_before_the_year_one_in_utc_is_accepted(tree: build.Tree) -> None:
    tree.add(build.image(LAYER, created="0001-01-01T00:00:00+02:00"), NAME)
    with Cache.open(tree.path) as cache:
        assert ask(cache, "configs show created") == [None]
        assert cache.validate([NAME])[0].is_valid
