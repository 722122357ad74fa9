"""Check of a catalog: its consistency as a database, and against the files of its layout."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from cachedb.catalog import codecs, domains, state
from cachedb.catalog.connect import Catalog
from cachedb.catalog.enums import FINGERPRINT, State
from cachedb.catalog.index.derived_rows import facts, files
from cachedb.catalog.statements import blobs, leases, refs, validation
from cachedb.catalog.statements.index import column_checks, sbom_rows
from cachedb.catalog.user_state import leases as user_leases
from cachedb.errors import CacheError, CatalogMismatch, SchemaTooNew, StorageFailed
from cachedb.layout.blobs import path_of
from cachedb.layout.fingerprint import Fingerprint
from cachedb.operations.check.findings import Code, error, note, warning
from cachedb.operations.sync import reconcile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.place import CatalogPlace
    from cachedb.catalog.statements.blobs import StateRow
    from cachedb.layout import Layout
    from cachedb.operations.check.findings import Finding

_REBUILD = "cachedb doctor --rebuild"


def check(layout: Layout, place: CatalogPlace, *, is_layout: bool) -> list[Finding]:
    """Check a catalog; with a readable layout also its rows against the files."""
    found: list[Finding] = []
    stored = _open(place, found)
    try:
        if stored is not None:
            found += _consistency(stored, place.shown)
        if is_layout:
            found += _content(layout, stored, place.shown)
    finally:
        if stored is not None:
            stored.close()
    return found


def _open(place: CatalogPlace, found: list[Finding]) -> Catalog | None:
    name = place.shown
    try:
        if not place.exists():
            found.append(note(Code.CATALOG_MISSING, name, "the next command creates it"))
            return None
    except PermissionError:
        detail = "permission denied; commands of this user use a catalog of their own"
        found.append(note(Code.CATALOG_UNREADABLE, name, detail))
        return None
    except StorageFailed as problem:
        found.append(error(Code.CATALOG_UNREACHABLE, name, str(problem), problem.hint))
        return None
    except (CatalogMismatch, SchemaTooNew):
        pass  # which opening it reports
    try:
        return place.open_read_only()
    except SchemaTooNew as problem:
        found.append(error(Code.CATALOG_UNUSABLE, name, str(problem), problem.hint))
    except (CatalogMismatch, StorageFailed) as problem:
        found.append(error(Code.CATALOG_UNUSABLE, name, str(problem), problem.hint or _REBUILD))
    return None


def _consistency(catalog: Catalog, name: str) -> Iterator[Finding]:
    try:
        with catalog.reading() as connection:
            damage = [*connection.faults(), *_values_out_of_range(connection)]
            for fault in damage:
                yield error(Code.CATALOG_DAMAGED, name, fault, _REBUILD)
            yield from _overlong_leases(connection, name)
        for remark in catalog.remarks():
            yield note(Code.CATALOG_SERVER, name, remark)
    except CacheError as problem:
        yield error(Code.CATALOG_DAMAGED, name, str(problem), _REBUILD)


def _values_out_of_range(connection: Connection) -> Iterator[str]:
    """Describe the columns that hold a value that no version of cachedb writes."""
    for row in connection.each(column_checks.OUT_OF_RANGE):
        yield f"{row.place} holds {row.example:.80} and is out of range in {row.rows} rows"
    for text in connection.values(column_checks.DIGESTS):
        if not domains.DIGEST.holds(text):
            yield f"a column of digests holds {text!r:.80}"
            return


def _overlong_leases(connection: Connection, name: str) -> Iterator[Finding]:
    """Yield the leases of other hosts that last longer than the longest valid lease."""
    now = time.time_ns() // 1000
    for row in connection.each(leases.ALL):
        if user_leases.is_overlong(row.host, row.expires, now):
            what = f"the lease {row.id!r:.80} of host {row.host!r:.80} expires too late"
            detail = f"{what}; gc keeps what it holds until then"
            yield warning(Code.LEASE_OVERLONG, name, detail, _REBUILD)


def _content(layout: Layout, stored: Catalog | None, name: str) -> list[Finding]:
    """Derive the rows from the layout again, in memory, and compare the catalog with them."""
    fresh = Catalog.in_memory()
    try:
        reconcile.reconcile(layout, fresh)
        found: list[Finding] = []
        corrupt: dict[str, str] = {}
        if stored is not None:
            try:
                found += _differences(layout, stored, fresh, name)
                corrupt = _known_corrupt(stored)
                found += _unreadable_sboms(stored, corrupt)
            except CacheError as problem:
                found.append(error(Code.CATALOG_DAMAGED, name, str(problem), _REBUILD))
        with fresh.reading() as connection:
            found += _images(layout, connection, corrupt)
        return found
    finally:
        fresh.close()


def _differences(layout: Layout, stored: Catalog, fresh: Catalog, name: str) -> Iterator[Finding]:
    with stored.reading() as connection:
        ours, our_files = facts(connection), files(connection)
        recorded = Fingerprint.parse(state.read(connection, FINGERPRINT) or "")
    with fresh.reading() as connection:
        difference, their_files = ours ^ facts(connection), files(connection)
    changed = [d for d, file in their_files.items() if our_files.get(d, file) != file]
    current = layout.fingerprint()
    stamps = (current.index_json, current.blobs)
    if recorded is None or stamps != (recorded.index_json, recorded.blobs):
        if difference or changed:
            what = "another tool has changed the layout; the next command reconciles the catalog"
            yield note(Code.CATALOG_BEHIND, name, what)
    elif changed:
        for digest in sorted(changed):
            what = "was replaced by another file since it was read"
            path = path_of(codecs.digest(digest))
            yield warning(Code.BLOB_CHANGED, path, what, "cachedb verify")
    elif difference:
        kinds = Counter(fact[0] for fact in difference)
        counted = ", ".join(f"{number} of {kind}" for kind, number in sorted(kinds.items()))
        first = min(difference, key=repr)[1]
        what = f"differs from the files: {counted}, first about {first}"
        yield error(Code.CATALOG_WRONG, name, what, _REBUILD)


def _known_corrupt(stored: Catalog) -> dict[str, str]:
    """Return the blobs found corrupt whose file has not changed since, with reasons."""
    with stored.reading() as connection:
        return {
            row.digest: row.problem or "it is corrupt" for row in connection.each(blobs.CORRUPT)
        }


def _unreadable_sboms(stored: Catalog, corrupt: dict[str, str]) -> Iterator[Finding]:
    """Yield the SBOMs whose packages are not indexed; a corrupt blob is a finding of its own."""
    with stored.reading() as connection:
        for row in connection.each(sbom_rows.UNREADABLE):
            if row.problem is not None and row.digest not in corrupt:
                level = note if row.packages else warning
                yield level(Code.SBOM_UNREADABLE, path_of(codecs.digest(row.digest)), row.problem)


def _images(layout: Layout, connection: Connection, corrupt: dict[str, str]) -> Iterator[Finding]:
    """Yield the findings on referenced blobs; `corrupt` are digests with reasons."""
    for row in connection.rows(blobs.REFERENCED):
        found = _of_blob(layout, row, corrupt.get(row.digest))
        if found is not None:
            yield _with_names(connection, row.digest, found)
    yield from _misdeclared(connection)
    for ref in connection.each(refs.PARTIAL):
        found = note(Code.IMAGE_PARTIAL, "index.json", "not every platform was pulled")
        yield found.replace(names=(ref.name,))


def _of_blob(layout: Layout, row: StateRow, corrupt: str | None) -> Finding | None:
    digest, state = codecs.digest(row.digest), codecs.state(row.state)
    path = path_of(digest)
    if state is State.MISSING:
        return error(Code.BLOB_MISSING, path, layout.blobs.obstacle(digest) or "is missing")
    if state is State.CORRUPT or (state is State.PRESENT and corrupt is not None):
        return error(Code.BLOB_CORRUPT, path, row.problem or corrupt or "is corrupt")
    if row.problem is not None:
        return warning(Code.DOCUMENT_INVALID, path, row.problem)
    return None


def _misdeclared(connection: Connection) -> Iterator[Finding]:
    """Yield the documents, and index.json, that declare a wrong size."""
    for row in connection.rows(validation.MISDECLARED_REFERENCED):
        what = f"declares {row.declared} bytes for {row.digest}, which has {row.size}"
        found = error(Code.SIZE_MISDECLARED, path_of(codecs.digest(row.parent_digest)), what)
        yield _with_names(connection, row.parent_digest, found)
    for named in connection.each(validation.MISDECLARED_REFS):
        what = f"declares {named.declared} bytes for {named.digest}, which has {named.size}"
        yield error(Code.SIZE_MISDECLARED, "index.json", what).replace(names=(named.name,))


def _with_names(connection: Connection, digest: str, found: Finding) -> Finding:
    names = tuple(row.name for row in connection.each(refs.CONTAINING_DIGEST, digest=digest))
    return found.replace(names=names, hint="cachedb verify --repair")
