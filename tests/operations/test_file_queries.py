"""Queries of files on a real cache: what containers see, and what is not known."""

from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import build as images
from tests.archive import build
from tests.operations.test_image_files import BASE, NAME, OTHER, cache_of, layer

UPPER = (
    build.file("etc/motd", b"two\n", uid=1000, mtime=1_700_000_000),
    build.file("usr/lib/.wh.os-release"),
    build.file("usr/bin/sudo", b"#!", mode=0o4755),
)


@pytest.fixture
def two(tmp_path: Path) -> Cache:
    """Return a cache of two images, the second with one more layer, both indexed."""
    one = images.image(layer(*BASE))
    cache = cache_of(tmp_path, one=one, two=images.image(layer(*BASE), layer(*UPPER)))
    cache.index_files()
    return cache


def names(cache: Cache, text: str) -> list[str]:
    return [row.name for row in cache.query(f"{text} sort name show name")]


def paths(cache: Cache, text: str) -> list[str]:
    return [row.path for row in cache.query(f"{text} sort path show path")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("refs file:/etc/motd", [NAME, OTHER]),
        ("refs file:/usr/lib/os-release", [NAME]),
        ("refs not file:os-release", []),
        ("refs not file:**/lib/os-release", [OTHER]),
        ("refs file.is:setuid", [OTHER]),
        ("refs any file(path:/etc/* uid:1000)", [OTHER]),
        ("refs count file(type:symlink) eq 2", [NAME, OTHER]),
        ("refs is:listed", [NAME, OTHER]),
        ("refs(files /usr/bin/sudo)", [OTHER]),
    ],
)
def test_refs_are_selected_by_files_that_their_containers_see(
    two: Cache, query: str, expected: list[str]
) -> None:
    with two as cache:
        assert names(cache, query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("files is:deleted", ["/usr/lib/os-release"]),
        ("files is:overwritten type:file", ["/etc/motd"]),
        ("files type:whiteout", ["/usr/lib/os-release"]),
        ("files /usr/bin/*", ["/usr/bin/sudo"]),
        ("files mode:4755", ["/usr/bin/sudo"]),
        ("files modified since 2023-01-01", ["/etc/motd"]),
        ("files target:/etc/motd or target:etc/motd", ["/etc/same"]),
        ("files sha256:2c8b08da5ce60398", ["/etc/motd"]),
        ("files type:symlink not is:visible", []),
    ],
)
def test_files_are_selected_by_their_fields(two: Cache, query: str, expected: list[str]) -> None:
    with two as cache:
        assert sorted(set(paths(cache, query))) == expected


def test_files_of_an_image_are_what_files_lists(two: Cache) -> None:
    with two as cache:
        listed = {file.path for file in cache.files(OTHER)}
        found = set(paths(cache, f"files any manifest(ref.name:{OTHER.partition(':')[0]}:2)"))
        assert found == listed
