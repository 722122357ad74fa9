"""Mutants: deliberate faults in the store protocol that a campaign has to detect."""

import os
from typing import Any

from cachedb.layout import atomic
from cachedb.layout.blobs import BlobStore
from cachedb.layout.staging.area import StagingArea
from cachedb.operations.gc import remove
from cachedb.operations.transfer import publish
from tests.crash import oracle

_IN_PLACE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def index_in_place() -> None:
    """Write index.json where it is, as skopeo, crane and oras do."""

    def replace(root: int, _private: int, name: str, content: bytes) -> os.stat_result:
        descriptor = os.open(name, _IN_PLACE, 0o666, dir_fd=root)
        try:
            os.write(descriptor, content[:40])
            os.write(descriptor, content[40:])
            os.fsync(descriptor)
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    atomic.replace_file = replace


def blob_in_place() -> None:
    """Write a blob under its final name, as linuxkit does."""

    def link(store: BlobStore, source: int, name: str, digest: Any) -> bool:
        path = f"blobs/{digest.algorithm}/{digest.encoded}"
        staged = os.open(name, os.O_RDONLY, dir_fd=source)
        target = os.open(path, _IN_PLACE, 0o666, dir_fd=store._root)
        try:
            while chunk := os.read(staged, 64):
                os.write(target, chunk)
        finally:
            os.close(staged)
            os.close(target)
        return True

    BlobStore.link = link  # type: ignore[method-assign]


def index_first() -> None:
    """Write the names before the blobs that they need."""
    pending: list[Any] = []
    real_link, real_name = StagingArea.link, publish._name

    def link(_stage: StagingArea, digests: Any) -> None:
        pending.extend(digests)

    def name(content: Any, catalog: Any, namings: Any, remember: Any) -> None:
        layout = content.layout
        named = [(each.name, each.descriptor) for each in namings]
        layout.replace_index(layout.index().naming(named))
        real_link(content.stage, pending)
        real_name(content, catalog, namings, remember)

    StagingArea.link = link  # type: ignore[method-assign]
    publish._name = name


def blobs_first() -> None:
    """Remove the blobs that only one image has before its name, as linuxkit and skopeo do."""
    real = remove.apply

    def apply(plan: Any, layout: Any, catalog: Any) -> Any:
        gone = {root.name for root in plan.roots}
        names = oracle.names_of(layout.root)
        needed = {name: oracle.closure(layout.root, digest) for name, digest in names.items()}
        kept = set().union(*(needed[name] for name in names if name not in gone))
        for digest in sorted(set().union(*(needed[name] for name in gone)) - kept):
            os.unlink(layout.root / "blobs" / digest.replace(":", "/", 1))
        return real(plan, layout, catalog)

    remove.apply = apply
