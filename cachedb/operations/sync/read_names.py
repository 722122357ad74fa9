"""Names of a layout, compared with the rows of the catalog: of index.json, what has changed.

The catalog has a copy of the text that its rows are derived from. Where both begin and end with
the same entries, only those between are parsed and compared; otherwise, all of them are.
"""

from __future__ import annotations

import json
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from cachedb.catalog import state
from cachedb.catalog.enums import ENTRY_PLACES, INDEX_PROBLEMS, NAMES
from cachedb.catalog.index.ref_rows import NamedEntry, RefChanges, compare_between, compare_refs
from cachedb.catalog.statements.index.stored_refs import ATTACHABLE, AttachableRef
from cachedb.errors import InvalidManifest
from cachedb.layout.index_json import Entry
from cachedb.layout.unreadable_entry import unreadable_in
from cachedb.oci.changed_elements import changed_elements, places_of
from cachedb.oci.names.entry_name import KIND
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.index.working_set import WorkingSet
    from cachedb.layout import Layout

_NO_PROBLEMS = "[]"


class ReadNames(Record):
    """The names of a layout, and what makes the rows of the catalog theirs."""

    refs: RefChanges
    """Changes of the rows of refs."""
    attachable: Sequence[AttachableRef]
    """Names that may attach something to an image, among them all that do."""
    has_entries: bool
    """Whether a name can be read."""
    problems: str
    """JSON list of the entries that cannot be read."""
    text: str
    """Text of index.json."""
    is_kept: bool
    """Whether the catalog has this text, and its places, as its copy."""
    places: Sequence[int]
    """Places of the entries in the text, as `places_of` returns them."""

    def keep(self, connection: Connection) -> None:
        """Store the text as the copy of index.json, in the transaction of the caller.

        The copy is the text that the rows are derived from, also if another process has written it
        since the fingerprint of the layout was taken. An equal copy is left as it is.
        """
        if self.is_kept:
            return
        differences = [after - before for before, after in pairwise([0, *self.places])]
        state.write(connection, ENTRY_PLACES, json.dumps(differences))
        state.write(connection, NAMES, self.text)


def read_names(layout: Layout, working_set: WorkingSet, now: int) -> ReadNames:
    """Read index.json, and compare its entries with the rows; `now` is in microseconds.

    Raises:
        NotALayout: The file is not an image index.
    """
    copy, places = (state.read(working_set.connection, key) for key in (NAMES, ENTRY_PLACES))
    if not copy or not places:
        return _read_all(layout, working_set, now)
    changed = _read_changed(layout, working_set, now, (copy, places))
    return changed or _read_all(layout, working_set, now, copy)


def _read_changed(
    layout: Layout, working_set: WorkingSet, now: int, kept: tuple[str, str]
) -> ReadNames | None:
    """Read the entries that differ from the copy; None if all entries have to be read."""
    connection = working_set.connection
    copy, places = kept
    if state.read(connection, INDEX_PROBLEMS) != _NO_PROBLEMS:
        return None
    try:
        text = layout.read_index_json().decode()
        changed = changed_elements(copy, [*accumulate(json.loads(places))], text)
    except (InvalidManifest, UnicodeDecodeError):  # reading all of them tells what it is
        return None
    if changed is None:
        return None
    # None of these is shown as a problem: if one cannot be read, all are read again.
    entries = _named(Entry.read(each, "manifests") for each in changed.elements)
    if len(entries) < len(changed.elements):
        return None
    place = changed.first, changed.first + changed.removed
    refs = compare_between(working_set, place, entries, now)
    if refs is None:
        return None
    return ReadNames(
        refs=refs,
        attachable=[*connection.each(ATTACHABLE), *_attachable(entries)],
        has_entries=len(changed.places) > 1,
        problems=_NO_PROBLEMS,
        text=text,
        is_kept=text == copy,
        places=changed.places,
    )


def _read_all(
    layout: Layout, working_set: WorkingSet, now: int, copy: str | None = None
) -> ReadNames:
    index, content = layout.index_and_bytes()
    entries = _named(index.entries)
    text = content.decode()
    return ReadNames(
        refs=compare_refs(working_set, entries, now),
        attachable=list(_attachable(entries)),
        has_entries=bool(entries),
        problems=json.dumps([each.to_json() for each in unreadable_in(index)]),
        text=text,
        is_kept=text == copy,
        places=places_of(text),
    )


def _named(entries: Iterable[Entry]) -> list[NamedEntry]:
    """Return the entries that can be read."""
    return [
        NamedEntry(text=entry.text, name=entry.ref.name, descriptor=entry.ref.descriptor)
        for entry in entries
        if entry.ref is not None
    ]


def _attachable(entries: Iterable[NamedEntry]) -> Iterable[AttachableRef]:
    return (
        AttachableRef(one.name, one.descriptor.digest, one.descriptor.annotations.get(KIND))
        for one in entries
        if one.name is not None
    )
