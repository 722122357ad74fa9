"""Trees of layers that `files`, `cat` and `diff` show, beside those that `export` writes.

tests/archive/test_flatten compares the export of the same layers with umoci, tar and bsdtar.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import InvalidArchive
from cachedb.operations.files.compare import ChangeKind
from tests import build as images
from tests.archive import build
from tests.archive.test_flatten import (
    CATEGORIES,
    TABLE,
    flat,
    recorded_cases,
    recorded_layers,
    tree,
)
from tests.operations.test_image_files import NAME, OTHER, cache_of, layer

KINDS = {"dir": "directory", "char": "character device", "block": "block device"}


def image_of(layers: Sequence[bytes]) -> images.Thing:
    return images.image(*map(blob, layers))


def blob(archive: bytes) -> images.Blob:
    """Return a layer of bytes that may be compressed; its DiffID is not asked for here."""
    types = {b"\x1f\x8b": images.OCI_LAYER_GZIP, b"\x28\xb5": images.OCI_LAYER_ZSTD}
    diff_id = "sha256:" + hashlib.sha256(archive).hexdigest()
    return images.Blob(archive, types.get(archive[:2], images.OCI_LAYER), diff_id)


def shown(cache: Cache) -> dict[str, dict[str, Any]]:
    """Return what `files` and `cat` say of each path but the root, as `written` does."""
    found = {}
    for file in cache.files(NAME):
        node: dict[str, Any] = {"type": str(file.kind), "uid": file.uid, "gid": file.gid}
        if file.kind == "symlink":
            node["target"] = file.target
        else:
            node["mode"] = file.mode
        if file.kind == "file":
            with cache.read_file(NAME, file.path).stream as stream:
                node["content"] = stream.read()
        if "device" in file.kind:
            node["device"] = file.device
        found[file.path] = node
    del found["/"]
    return found


def written(layers: Sequence[bytes]) -> dict[str, dict[str, Any]]:
    """Return what the export of the same layers has."""
    found = {}
    for path, entry in tree(flat(*layers)).items():
        info = entry["info"]
        kind = KINDS.get(entry["type"], entry["type"])
        node: dict[str, Any] = {"type": kind, "uid": info.uid, "gid": info.gid}
        if kind == "symlink":
            node["target"] = info.linkname
        else:
            node["mode"] = info.mode
        if kind == "file":
            node["content"] = entry["content"]
        if "device" in kind:
            node["device"] = (info.devmajor, info.devminor)
        found[f"/{path}"] = node
    found.pop("/.", None)
    return found


def check(folder: Path, layers: Sequence[bytes]) -> None:
    expected = written(layers)
    with cache_of(folder, one=image_of(layers), two=images.image(layer())) as cache:
        for _ in ("from the layers", "from the index"):
            assert shown(cache) == expected
            changes = {each.path: each.change for each in cache.compare(OTHER, NAME).files}
            changes.pop("/", None)  # which a layer may describe, and an image always has
            assert changes == dict.fromkeys(expected, ChangeKind.ADDED)
            cache.index_files(())


@pytest.mark.parametrize("row", TABLE.rows(*CATEGORIES))
def test_files_cat_and_diff_show_the_tree_that_is_exported(row: Any, tmp_path: Path) -> None:
    layers = [build.from_rows(rows) for rows in row["layers"]]
    if "error" not in row["checks"]:
        check(tmp_path, layers)
        return
    with cache_of(tmp_path, one=image_of(layers)) as cache, pytest.raises(InvalidArchive):
        cache.files(NAME)


@pytest.mark.recorded
@pytest.mark.parametrize("case", recorded_cases())
def test_files_cat_and_diff_show_the_recorded_tree(case: str, tmp_path: Path) -> None:
    check(tmp_path, recorded_layers(case))
