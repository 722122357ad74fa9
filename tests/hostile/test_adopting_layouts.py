"""Hostile layouts, opened in place: nothing outside is touched, and what is wrong is seen."""

import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cachedb.catalog.connect import Catalog
from cachedb.catalog.enums import State
from cachedb.errors import CacheError, CorruptBlob
from cachedb.layout import Layout, image_layout
from cachedb.oci.digest import Digest
from cachedb.operations.sync import reconcile
from tests.catalog.contents import Contents, contents, wipe
from tests.hostile import kit

SECONDS = 30


@cache
def catalog() -> Catalog:
    return Catalog.in_memory()


def complaints(layout: Layout) -> list[str]:
    """Adopt a layout and verify all of it; return everything that is found to be wrong."""
    wipe(catalog())
    reconcile.reconcile(layout, catalog())
    found = contents(catalog())
    wrong = list(layout.index().problems)
    wrong += [row["problem"] for row in found.blobs.values() if row["problem"]]
    for digest in found.reachable:
        wrong += _of_blob(layout, found, digest)
    for one in (*found.links.values(), *found.refs):
        row = found.blobs[one.get("child") or one["target"]]
        if row["touched"] is not None and row["size"] != one["size"]:
            wrong.append(f"{row} is said to have {one['size']} bytes")
    return wrong


def _of_blob(layout: Layout, found: Contents, digest: str) -> list[str]:
    state = found.blobs[digest]["state"]
    if state is State.MISSING:
        return [f"{digest} is missing"]
    if state is State.PRESENT:
        try:
            layout.blobs.verify(Digest(digest))
        except CorruptBlob as error:
            return [str(error)]
    return []


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the kit leaves its files open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.recorded
@pytest.mark.parametrize("case", kit.layouts("layout", "both"))
def test_what_is_hostile_is_refused_or_seen_and_never_followed(
    case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_layout, "_TORN_SECONDS", 0.01)
    hostile = kit.load("hostile_layouts")
    hostile.build(case, str(tmp_path))
    started = time.monotonic()
    try:
        with Layout.open(tmp_path / case.name / "layout") as layout:
            wrong = complaints(layout)
    except CacheError as error:
        wrong = [str(error)]
    assert time.monotonic() - started < SECONDS
    assert hostile.check(str(tmp_path), case.name) == []
    if case.expect == "reject":
        assert wrong
    elif case.expect == "accept":
        assert wrong == []
    assert not any("\x1b" in one for one in wrong)
