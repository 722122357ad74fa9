"""History of a cache: the operations in its journal, and the user state derived from them.

An operation appends one record to the journal of the layout (`layout.journal`). The catalog reads
the records that it has not seen, in the transaction of a reconciliation or before a query: pins,
and when names were used and pulled. A new catalog reads the whole journal, so that this outlives
the one before it.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cachedb.catalog import state
from cachedb.catalog.enums import JOURNAL
from cachedb.catalog.index.ref_rows import PIN
from cachedb.catalog.statement import many
from cachedb.catalog.statements import refs, user_state
from cachedb.errors import CacheError, InvalidInput
from cachedb.layout.journal import Position
from cachedb.oci.names.short_name import ShortName
from cachedb.operations.sync.freshness import is_behind
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout
    from cachedb.layout.journal import Tail

PULL, IMPORT, EXPORT, PUSH, COPY = "pull", "import", "export", "push", "copy"
USE, REMOVE, COLLECT, PRUNE, CLEAN = "use", "rm", "gc", "prune", "clean"
PIN_NAMES, UNPIN_NAMES = "pin", "unpin"
TAG, UNTAG = "tag", "untag"
_STATE, _PINS = "state", "pins"  # the first record of a rewritten journal

LISTED: Final = frozenset({
    PULL, IMPORT, EXPORT, PUSH, COPY, REMOVE, COLLECT, PRUNE, CLEAN, PIN_NAMES, UNPIN_NAMES,
    TAG, UNTAG,
})  # fmt: skip
"""The operations that `log` lists."""
_USES: Final = frozenset({PULL, EXPORT, PUSH, COPY, USE})
_MOST_EVENTS: Final = 2_000
_MOST_NAMES: Final = 20
_ABSENT_DAYS: Final = 30
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = 253_402_300_799_000_000  # the end of the year 9999, in microseconds


class Event(Record):
    """An operation on a cache; `size` is its transferred or freed bytes, None if it has none.

    `more` counts the names of an old event that are not listed.
    """

    operation: str
    at: datetime
    """Time at which the operation ended, in UTC."""
    user: str
    """Name of the user, as the journal has it."""
    names: tuple[str, ...]
    size: int | None
    more: int = 0


class EventFilter(Record):
    """Operations to list: of some kinds, on some names, since a time; empty means any.

    A name is one as it was recorded, a repository, a short name (`nginx`, `team/nginx:1.25`), or
    the beginning of a digest. The name need not exist any longer.
    """

    operations: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    since: datetime | None = None

    def check(self) -> None:
        """Refuse unknown operations.

        Raises:
            InvalidInput: There is no such operation.
        """
        unknown = min(self.operations - LISTED, default=None)
        if unknown is not None:
            known = ", ".join(sorted(LISTED))
            raise InvalidInput(f"unknown operation {unknown!r}", hint=f"one of {known}")

    def matches(self, event: Event) -> bool:
        """Return whether an operation matches the filter."""
        return (
            (not self.operations or event.operation in self.operations)
            and (self.since is None or event.at >= self.since)
            and (not self.names or any(_is_meant(t, n) for t in self.names for n in event.names))
        )


def _is_meant(text: str, name: str) -> bool:
    if text.startswith("sha256:"):
        return name.startswith(text) or name.partition("@")[2].startswith(text)
    if name == text or name.startswith((f"{text}:", f"{text}@")):
        return True
    short = ShortName.parse(text)
    return short is not None and short.matches(name)


def record(
    layout: Layout,
    catalog: Catalog,
    operation: str,
    *,
    names: Iterable[str] = (),
    digests: Iterable[str] = (),
    size: int | None = None,
) -> None:
    """Append an operation to the journal; do nothing if it cannot be written.

    `digests` are those of images without a name. Costs one write and no fsync. Not to be called
    inside a transaction of the catalog.
    """
    with suppress(CacheError):
        if layout.append_journal(_entry(operation, names, digests, size)):
            with catalog.writing() as connection:
                catch_up(layout, connection)


def record_durably(
    layout: Layout, operation: str, *, names: Iterable[str], digests: Iterable[str]
) -> None:
    """Append an operation that has to survive a power loss.

    Raises:
        SchemaTooNew: A newer cachedb has written the journal.
        StorageFailed: The file system refused.
    """
    layout.append_journal_durably(_entry(operation, names, digests, None))


def events(layout: Layout, wanted: EventFilter | None = None) -> tuple[Event, ...]:
    """Return the operations in the journal, newest first; none if it cannot be trusted.

    Raises:
        InvalidInput: There is no such operation.
    """
    chosen = wanted or EventFilter()
    chosen.check()
    tail = layout.read_journal()
    found = () if tail is None else tuple(filter(None, map(_event, tail.records)))
    return tuple(event for event in reversed(found) if chosen.matches(event))


def last_activity(layout: Layout) -> int | None:
    """Return when the last operation was recorded, in microseconds since 1970."""
    tail = layout.read_journal()
    found = [] if tail is None else filter(None, map(_moment, tail.records))
    return max(found, default=None)


def bring_up_to_date(layout: Layout, catalog: Catalog) -> None:
    """Enter new records of the journal into the catalog, in a transaction if there are any."""
    with catalog.reading() as connection:
        behind = is_behind(layout, connection)
    if behind:
        with catalog.writing() as connection:
            catch_up(layout, connection)


def catch_up(layout: Layout, connection: Connection) -> None:
    """Enter new records of the journal inside a write transaction of the caller.

    Names and digests without a ref are skipped. A journal that has grown is rewritten.
    """
    recorded = Position.parse(state.read(connection, JOURNAL))
    tail = layout.read_journal(recorded)
    if tail is None or tail.position == recorded:
        return
    folded = _Folded.of(tail.records, () if tail.is_whole else pins(connection))
    _write(connection, folded)
    position: Position | None = tail.position
    if tail.is_due and layout.is_writable:
        with suppress(CacheError):  # the next one tries again
            position = layout.rewrite_journal(lambda whole: _rewritten(whole, connection))
    state.write(connection, JOURNAL, str(position or ""))


def pins(connection: Connection) -> frozenset[str]:
    """Return the pinned names, and the digests of pinned entries without a name."""
    return frozenset(connection.values(user_state.PINS))


def now() -> int:
    """Return the time in microseconds since 1970."""
    return time.time_ns() // 1000


def _entry(
    operation: str, names: Iterable[str], digests: Iterable[str], size: int | None
) -> dict[str, Any]:
    parts = {"names": sorted(set(names)), "digests": sorted(set(digests)), "size": size}
    said = {key: value for key, value in parts.items() if value not in ([], None)}
    return {"op": operation, "at": now(), "by": _user(), **said}


def _user() -> str:
    import pwd  # noqa: PLC0415  (only for operations that are recorded)

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _event(entry: Mapping[str, Any]) -> Event | None:
    if entry["op"] not in LISTED:
        return None
    user, more = entry.get("by"), entry.get("more")
    return Event(
        operation=entry["op"],
        at=_EPOCH + timedelta(microseconds=_moment(entry) or 0),
        user=user if isinstance(user, str) else "",
        names=(*_texts(entry, "names"), *_texts(entry, "digests")),
        size=_number(entry.get("size")),
        more=_number(more) or 0,
    )


class _Folded:
    """State derived from the records of a journal: pins, and the last times of names."""

    def __init__(self, pinned: Collection[str]) -> None:
        self.pins = set(pinned)
        self.used: dict[str, int] = {}
        self.pulled: dict[str, int] = {}
        self.used_digests: dict[str, int] = {}

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]], pinned: Collection[str]) -> _Folded:
        """Fold records, oldest first, into a state that begins with some pins."""
        found = cls(pinned)
        for entry in records:
            found.add(entry)
        return found

    def add(self, entry: Mapping[str, Any]) -> None:
        """Add one record; skip fields of an unexpected type."""
        operation, names = entry["op"], _texts(entry, "names")
        keys = {*names, *_texts(entry, "digests")}
        if operation == PIN_NAMES:
            self.pins |= keys
        elif operation == UNPIN_NAMES:
            self.pins -= keys
        elif operation == _PINS:
            self.pins = keys
        elif operation == _STATE:
            _advance(self.used, names, _number(entry.get("used")))
            _advance(self.pulled, names, _number(entry.get("pulled")))
            _advance(self.used_digests, _texts(entry, "digests"), _number(entry.get("used")))
        elif operation in _USES:
            at = _moment(entry)
            _advance(self.used, names, at)
            _advance(self.used_digests, _texts(entry, "digests"), at)
            if operation == PULL:
                _advance(self.pulled, names, at)


def _advance(times: dict[str, int], keys: Iterable[str], at: int | None) -> None:
    if at is not None:
        times.update((key, max(at, times.get(key, 0))) for key in keys)


def _write(connection: Connection, folded: _Folded) -> None:
    times = [
        {"name": name, "used": folded.used.get(name), "pulled": folded.pulled.get(name)}
        for name in folded.used.keys() | folded.pulled.keys()
    ]
    connection.write_each(user_state.SET_TIMES, times)
    connection.write_each(
        user_state.SET_USED,
        [{"digest": digest, "used": at} for digest, at in folded.used_digests.items()],
    )
    stored = pins(connection)
    if folded.pins != stored:
        connection.write(user_state.DELETE_PINS, keys=many(stored - folded.pins))
        connection.insert(user_state.INSERT_PINS, [(key,) for key in sorted(folded.pins - stored)])
        connection.write(user_state.CLEAR_PINNED, annotation=PIN)
        connection.write(user_state.MARK_PINNED)


def _rewritten(whole: Tail, connection: Connection) -> Iterator[Mapping[str, Any]]:
    """Yield the records of a rewritten journal: the last events, and the state of all.

    Times of names that are in no entry are kept for a while: a name may come back.
    """
    folded = _Folded.of(whole.records, ())
    yield from _last_events(whole.records)
    present = set(connection.values(refs.NAMES))
    horizon = now() - _ABSENT_DAYS * 86_400_000_000
    for name in sorted(folded.used.keys() | folded.pulled.keys()):
        used, pulled = folded.used.get(name), folded.pulled.get(name)
        if name in present or max(used or 0, pulled or 0) >= horizon:
            yield {"op": _STATE, "names": [name], "used": used, "pulled": pulled}
    for digest, at in sorted(folded.used_digests.items()):
        if at >= horizon:
            yield {"op": _STATE, "digests": [digest], "used": at}
    yield {"op": _PINS, "names": sorted(folded.pins)}


def _last_events(records: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    events = [entry for entry in records if entry["op"] not in {_STATE, _PINS, USE}]
    for entry in events[-_MOST_EVENTS:]:
        names = _texts(entry, "names")
        if len(names) > _MOST_NAMES:
            more = (_number(entry.get("more")) or 0) + len(names) - _MOST_NAMES
            yield {**entry, "names": names[:_MOST_NAMES], "more": more}
        else:
            yield entry


def _texts(entry: Mapping[str, Any], key: str) -> list[str]:
    found = entry.get(key)
    return [each for each in found if _is_text(each)] if isinstance(found, list) else []


def _is_text(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no database takes
        return False
    return True


def _moment(entry: Mapping[str, Any]) -> int | None:
    return _number(entry.get("at"))


def _number(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _LAST else None
