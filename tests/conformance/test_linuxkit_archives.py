"""Every recorded archive is imported and listed as linuxkit lists it, or refused with a reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import InvalidArchive
from cachedb.feedback.progress import UNWATCHED
from cachedb.operations.archives.import_ import ImportOptions
from tests import recorded

pytestmark = pytest.mark.recorded

# What linuxkit takes and we refuse, with the words that say why: design/linuxkit.md §8 asks for
# a clear error, and for no image of which nothing is whole.
REFUSED = {
    "bad-desc-size": "its descriptor declares",
    "bad-layer-truncated": "holds sha256:",
    "bad-missing-layer": "is missing",
    "bad-missing-manifest": "is missing",
    "tar-empty": "no image",
    "tar-path-escape": "leaves the archive",
    "tar-truncated": "truncated",
    "tar-truncated-blob": "truncated",
}
# What linuxkit does not list and we do: it cannot read these archives, and users ask for it.
WE_READ_MORE = {"tar-docker-save", "tar-gzipped"}


@recorded.parameters()
def archives() -> list[Any]:
    folder = recorded.root() / "linuxkit" / "inputs"
    return [pytest.param(path, id=path.stem) for path in sorted(folder.glob("*.tar"))]


def listing(case: str) -> dict[str, str]:
    path = recorded.root() / "linuxkit" / "seed" / f"{case}.json"
    found: dict[str, str] = json.loads(path.read_text())["ls"]
    return found


def take_in(cache: Cache, path: Path) -> None:
    with path.open("rb") as stream:
        cache.import_archive(stream, path.name, ImportOptions(), UNWATCHED)


def names(cache: Cache) -> dict[str, str]:
    return {each.name: str(each.digest) for each in cache.list() if each.name is not None}


def pairs(cache: Cache) -> set[tuple[str | None, str]]:
    return {(each.name, str(each.digest)) for each in cache.list()}


@pytest.mark.parametrize("path", archives())
def test_an_archive_is_listed_as_linuxkit_lists_it(path: Path, tmp_path: Path) -> None:
    with Cache.create(tmp_path / "cache") as cache:
        if path.stem in REFUSED:
            with pytest.raises(InvalidArchive, match=REFUSED[path.stem]):
                take_in(cache, path)
            assert names(cache) == {}
            assert list(cache.layout.blobs.files()) == []
            return
        take_in(cache, path)
        if path.stem in WE_READ_MORE:
            assert listing(path.stem) == {}
            assert list(names(cache)) == [f"example.com/golden/{path.stem}:v1"]
        else:
            # Of two images of one name linuxkit lists the last; both are here, and listed.
            assert listing(path.stem).items() <= pairs(cache)
            assert names(cache).keys() == listing(path.stem).keys()
        assert cache.verify().bytes > 0
        assert not [f for f in cache.verify().findings if f.why != "is missing"]


@pytest.mark.parametrize("path", [p for p in archives() if p.id not in REFUSED])
def test_a_second_import_changes_nothing(path: Path, tmp_path: Path) -> None:
    with Cache.create(tmp_path / "cache") as cache:
        take_in(cache, path)
        before = cache.layout.read_index_json()
        take_in(cache, path)
        assert cache.layout.read_index_json() == before


def test_every_recorded_archive_was_seen() -> None:
    folder = recorded.root() / "linuxkit" / "seed"
    assert {case.stem for case in folder.glob("*.json")} == {p.id for p in archives()}
