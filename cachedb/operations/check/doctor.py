"""Examination of a cache: its files, its catalog, and leftovers of interrupted operations.

It changes no file and takes no lock: it runs at any moment, on a cache that no other command can
open, and on one that is read-only.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.errors import LimitExceeded, NotALayout, StorageFailed
from cachedb.feedback.progress import UNCOUNTED
from cachedb.layout.health import GC_LOCK
from cachedb.layout.temporary_files import LEASES, OURS, STAGE, TRASH
from cachedb.layout.unreadable_entry import unreadable_in
from cachedb.operations.check import catalog_check
from cachedb.operations.check.findings import Code, Level, error, note, warning
from cachedb.operations.sync import index_backup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachedb.catalog.place import CatalogPlace
    from cachedb.layout import Layout
    from cachedb.layout.temporary_files import TemporaryFile
    from cachedb.operations.check.findings import Finding

RESTORE_NAMES = "cachedb doctor --restore-names"
_COLLECT = "cachedb gc"
_NEXT_WRITER = "the next pull, import or gc removes it"
_STALE_SECONDS = 3600
_LITTLE_SPACE = 0.02


def examine(layout: Layout, catalog: CatalogPlace) -> tuple[Finding, ...]:
    """Examine a directory that should be a layout, and its catalog; errors come first."""
    with layout.progress.task("examine", unit=UNCOUNTED):
        return _examine(layout, catalog)


def _examine(layout: Layout, catalog: CatalogPlace) -> tuple[Finding, ...]:
    found = [*_names(layout, catalog)]
    are_names_readable = not any(f.code is Code.NAMES_UNREADABLE for f in found)
    unreachable = list(_blob_directories(layout))
    found += unreachable
    is_layout = are_names_readable and not any(f.level is Level.ERROR for f in unreachable)
    found += catalog_check.check(layout, catalog, is_layout=is_layout)
    found += _access(layout)
    found += _strays(layout)
    found += _volume(layout)
    levels = list(Level)
    return tuple(sorted(found, key=lambda finding: levels.index(finding.level)))


def _names(layout: Layout, catalog: CatalogPlace) -> Iterator[Finding]:
    try:
        layout.check_marker()
    except (NotALayout, LimitExceeded, StorageFailed) as failed:
        yield error(Code.MARKER_INVALID, "oci-layout", str(failed))
    else:
        if not layout.has_marker:
            yield warning(Code.MARKER_MISSING, "oci-layout", "other tools may refuse the layout")
    try:
        index = layout.index()
    except (NotALayout, LimitExceeded, StorageFailed) as failed:
        copy, hint = index_backup.find(catalog), None
        if copy is not None:
            hint = f"{RESTORE_NAMES} brings back {len(copy.entries)} names"
        yield error(Code.NAMES_UNREADABLE, "index.json", str(failed), hint)
        return
    for entry in unreadable_in(index):
        what = f"{entry.problem}; gc refuses to work"
        yield error(Code.NAME_UNREADABLE, "index.json", what, f"cachedb rm '{entry.address}'")


def _access(layout: Layout) -> Iterator[Finding]:
    for exposure in layout.health.exposures():
        more = f" (and {exposure.count - 1} more)" if exposure.count > 1 else ""
        yield error(Code.EXPOSED, exposure.path, f"{exposure.why}{more}")
    for holder in layout.health.holders():
        if holder.pid != os.getpid():
            how = "exclusively" if holder.is_exclusive else "shared"
            what = f"process {holder.pid} ({holder.program}) holds it {how}"
            yield note(Code.LOCK_HELD, holder.lock, what)


def _blob_directories(layout: Layout) -> Iterator[Finding]:
    for path, why in layout.blobs.unreachable_directories():
        yield error(Code.BLOBS_UNREACHABLE, path, why, "replace it by the directory itself")
    if any(not digest.startswith("sha256:") for digest in _stamps(layout)):
        detail = "linuxkit, crane, umoci and skopeo cannot read a layout with such digests"
        yield note(Code.ALGORITHM_UNCOMMON, "blobs", detail)


def _stamps(layout: Layout) -> Iterable[str]:
    try:
        return dict(layout.blobs.stamps())
    except NotALayout:
        return ()


def _strays(layout: Layout) -> Iterator[Finding]:
    known = set()
    is_sweeping = any(h.lock == GC_LOCK and h.is_exclusive for h in layout.health.holders())
    for leftover in layout.temporary_files.find():
        known.add(leftover.path)
        yield _judge(leftover, is_sweeping=is_sweeping)
    with suppress(NotALayout):
        for path in layout.blobs.foreign_files():
            if path not in known:
                yield warning(Code.STRAY, path, "is not a blob; other tools may fail on it")


def _judge(leftover: TemporaryFile, *, is_sweeping: bool) -> Finding:
    path, folder = leftover.path, leftover.path.rpartition("/")[0]
    is_old = time.time_ns() - leftover.touched_ns > _STALE_SECONDS * 10**9
    size = f"{leftover.size} bytes"
    match folder:
        case _ if folder == STAGE:
            return _judge_staged(leftover, size, is_old=is_old)
        case _ if folder == LEASES:
            if leftover.is_in_use:
                return note(Code.LEASE_HELD, path, "an operation is running")
            return note(Code.LEASE_DEAD, path, f"an operation was killed; {_NEXT_WRITER}")
        case _ if folder == TRASH:
            if path.endswith(".done"):
                return note(Code.TRASH, path, f"removed, and can be restored; {size}")
            if is_sweeping:
                return note(Code.TRASH, path, "a collection is running")
            what = "a collection was killed; the next command restores its blobs"
            return note(Code.SWEEP_UNFINISHED, path, what)
    if leftover.is_in_use:
        return note(Code.LEFTOVER_IN_USE, path, f"{leftover.tool} is writing it")
    what = f"left by {leftover.tool}, {size}"
    if leftover.tool == OURS:
        return note(Code.LEFTOVER, path, f"{what}; {_NEXT_WRITER}")
    if is_old:
        return warning(Code.LEFTOVER, path, what, _COLLECT)
    return warning(Code.LEFTOVER, path, what, f"{_COLLECT}, when it is an hour old")


def _judge_staged(leftover: TemporaryFile, size: str, *, is_old: bool) -> Finding:
    if leftover.is_in_use or not is_old:
        what = f"blob that is being ingested, {size}"
        return note(Code.STAGE_ACTIVE, leftover.path, what)
    what = f"a partial download, {size}; its next pull or import resumes it"
    return note(Code.STAGE_STALE, leftover.path, what, _COLLECT)


def _volume(layout: Layout) -> Iterator[Finding]:
    volume = layout.health.volume()
    if volume.is_remote:
        detail = f"the cache is on {volume.kind}, where locks between hosts cannot be relied on"
        yield warning(Code.VOLUME_REMOTE, ".", detail)
    if volume.size and volume.free < _LITTLE_SPACE * volume.size:
        detail = f"{volume.free} bytes are free"
        yield warning(Code.SPACE_LOW, ".", detail, f"{_COLLECT} --grace 0")
