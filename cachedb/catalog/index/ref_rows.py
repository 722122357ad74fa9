"""Rows of `ref`: entries of index.json, with the user state of each name."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from cachedb.catalog.index.blob_rows import Claim
from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import stored_refs
from cachedb.errors import InvalidReference
from cachedb.oci.reference import TAG, Reference
from cachedb.records import NamedTuple, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.index.working_set import WorkingSet
    from cachedb.catalog.statements.index.stored_refs import StoredRef
    from cachedb.oci.descriptor import Descriptor

PIN = "io.cachedb.pin"
"""An annotation of a descriptor in index.json that protects the ref from removal."""


class NamedEntry(Record):
    """A readable entry of index.json: its JSON in one form, its name, its descriptor."""

    text: str
    """JSON of the entry in one form: keys sorted, without spaces."""
    name: str | None
    """Name of the entry (`entry_name.name_in`); None without one."""
    descriptor: Descriptor


class RefChanges:
    """Changes that make the rows those of index.json again.

    `touched` are the ids of blobs that have gained or lost a ref, or of which a ref declares
    something else.
    """

    def __init__(self) -> None:
        self.touched: set[int] = set()
        self.shifted: tuple[int, int] | None = None
        """The first position behind the compared refs, and the number to add from it on."""
        self.gone: list[int] = []
        self.moved: list[dict[str, Any]] = []
        self.changed: list[dict[str, Any]] = []
        self.new: list[tuple[Any, ...]] = []
        """Rows to insert, in the order of the columns of `stored_refs.INSERT`."""
        self.notes: dict[int, Mapping[str, str]] = {}

    def write(self, connection: Connection) -> None:
        """Write the changes; the rows of their blobs exist."""
        rewritten = [*self.gone, *(values["row_id"] for values in self.changed)]
        if rewritten:
            connection.write(stored_refs.DELETE_ANNOTATIONS, ids=many(rewritten))
        if self.gone:
            connection.write(stored_refs.DELETE, ids=many(self.gone))
        if self.shifted is not None:
            start, by = self.shifted
            connection.write(stored_refs.SHIFT, start=start, by=by)
        connection.write_each(stored_refs.MOVE, self.moved)
        connection.write_each(stored_refs.UPDATE, self.changed)
        connection.insert(stored_refs.INSERT, self.new)
        connection.insert(
            stored_refs.INSERT_ANNOTATIONS,
            [(key, *pair) for key, pairs in self.notes.items() for pair in pairs.items()],
        )


def compare_refs(working_set: WorkingSet, entries: Sequence[NamedEntry], now: int) -> RefChanges:
    """Compare the rows with `entries`, and add the claims of the refs to `working_set`.

    A ref that keeps its name keeps its user state; `added` is the time at which the name got this
    digest.
    """
    stored = working_set.connection.rows(stored_refs.ALL)
    return _compare(working_set, stored, enumerate(entries), now)


def compare_between(
    working_set: WorkingSet, place: tuple[int, int], entries: Sequence[NamedEntry], now: int
) -> RefChanges | None:
    """Compare the rows from one position to before another with the entries in their place.

    Entries before and behind are the ones that the rows are derived from; `working_set` loads
    their claims when it needs them. None if the rows are not those of all entries.
    """
    first, end = place
    stored = working_set.connection.rows(stored_refs.BETWEEN, first=first, end=end)
    if [row.position for row in stored] != list(range(first, end)):
        return None
    working_set.load_refs_but({row.id for row in stored})
    changes = _compare(working_set, stored, enumerate(entries, first), now)
    if len(entries) != len(stored):
        changes.shifted = end, len(entries) - len(stored)
    return changes


def _compare(
    working_set: WorkingSet,
    stored: Sequence[StoredRef],
    entries: Iterable[tuple[int, NamedEntry]],
    now: int,
) -> RefChanges:
    changes = RefChanges()
    by_entry: dict[str, list[StoredRef]] = {}
    for row in reversed(stored):
        by_entry.setdefault(row.entry, []).append(row)
    claims: dict[int, list[Claim]] = defaultdict(list)
    others: list[_Place] = []
    for position, entry in entries:
        text = entry.text
        if same := by_entry.get(text):
            row = same.pop()
            claims[row.target_id].append(Claim(row.media_type, row.size, row.platform_id))
            if row.position != position:
                changes.moved.append({"row_id": row.id, "position": position})
        else:
            others.append(_Place(position, text, entry))
    left = sorted((row for rows in by_entry.values() for row in rows), key=lambda r: r.position)
    for target, claim in _pair(working_set, changes, others, left, now):
        claims[target].append(claim)
    working_set.refs = claims
    return changes


class _Place(NamedTuple):
    position: int
    text: str
    entry: NamedEntry


def _pair(
    working_set: WorkingSet,
    changes: RefChanges,
    others: list[_Place],
    left: list[StoredRef],
    now: int,
) -> Iterator[tuple[int, Claim]]:
    """Pair the remaining entries with the remaining rows, by name; yield targets and claims."""
    working_set.ensure({one.entry.descriptor.digest: one.entry.descriptor.size for one in others})
    columns = stored_refs.INSERT.columns
    by_key: dict[object, list[StoredRef]] = {}
    for row in reversed(left):
        by_key.setdefault(_key(row.name, row.target_id), []).append(row)
    next_id = working_set.connection.value(stored_refs.NEXT_ID) or 1
    for one in others:
        values = _values(working_set, one)
        target = values["target_id"]
        changes.touched.add(target)
        if matching := by_key.get(_key(one.entry.name, target)):
            row = matching.pop()
            changes.touched.add(row.target_id)
            added = row.added if row.target_id == target else now
            changes.changed.append({"row_id": row.id, **values, "added": added})
            key = row.id
        else:
            key, next_id = next_id, next_id + 1
            row_values = {"id": key, **values, "added": now}
            changes.new.append(tuple(row_values[name] for name in columns))
        changes.notes[key] = one.entry.descriptor.annotations
        yield target, Claim(values["media_type"], values["size"], values["platform_id"])
    for row in (row for rows in by_key.values() for row in rows):
        changes.gone.append(row.id)
        changes.touched.add(row.target_id)


def parts_of(name: str | None) -> tuple[str | None, str | None, str | None]:
    """Split a name into registry, repository path and tag, as far as it has them.

    A word without slash and colon is a tag (image-spec, annotations.md); a name that does not
    parse has no parts.
    """
    if name is None:
        return None, None, None
    if "/" not in name and ":" not in name:
        return None, None, name if TAG.fullmatch(name) else None
    try:
        parsed = Reference.parse(name)
    except InvalidReference:
        return None, None, None
    return parsed.domain, parsed.path, parsed.tag


def _key(name: str | None, target: int) -> object:
    return target if name is None else name


def _values(working_set: WorkingSet, one: _Place) -> dict[str, Any]:
    descriptor = one.entry.descriptor
    registry, repo, tag = parts_of(one.entry.name)
    target = working_set.find(descriptor.digest)
    assert target is not None  # `ensure` has added the row
    return {
        "position": one.position,
        "entry": one.text,
        "name": one.entry.name,
        "registry": registry,
        "repo": repo,
        "tag": tag,
        "target_id": target.id,
        "media_type": descriptor.media_type,
        "size": descriptor.size,
        "platform_id": working_set.platform_id(descriptor.platform),
        "pinned": int(PIN in descriptor.annotations),
    }
