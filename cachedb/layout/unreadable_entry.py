"""Entries of index.json that cannot be read: their positions, and texts that address them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from cachedb.errors import NotFound, Refused
from cachedb.oci.names.entry_name import whole_digest
from cachedb.patterns import lazy
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachedb.layout.index_json import IndexJson

_ADDRESS = lazy(r"index\.json\[(\d{1,9})\](?:@([0-9a-f]{4,64}))?")
_FINGERPRINT = 12


class UnreadableEntry(Record):
    """Entry that cannot be read: its position, from 0, and why.

    `fingerprint` is the beginning of the SHA-256 of its JSON, `digest` the digest that it
    declares, None if that is invalid.
    """

    position: int
    """Place in ``manifests``, from 0."""
    fingerprint: str
    digest: str | None
    problem: str
    """Reason why it cannot be read."""

    @property
    def address(self) -> str:
        """The text that addresses it as long as neither the entry nor its position changes."""
        return f"index.json[{self.position}]@{self.fingerprint}"

    def to_json(self) -> Mapping[str, Any]:
        """Return plain values, from which `read_recorded` restores it."""
        return {
            "position": self.position,
            "fingerprint": self.fingerprint,
            "digest": self.digest,
            "problem": self.problem,
        }


def read_recorded(text: str) -> tuple[UnreadableEntry, ...]:
    """Read a JSON list of results of `UnreadableEntry.to_json`."""
    return tuple(UnreadableEntry(**each) for each in json.loads(text))


def unreadable_in(index: IndexJson) -> tuple[UnreadableEntry, ...]:
    """Return the entries of a document that cannot be read, in the order of the file."""
    found = []
    for position, entry in enumerate(index.entries):
        if entry.problem is not None:
            stated = entry.json.get("digest") if isinstance(entry.json, dict) else None
            digest = whole_digest(stated) if isinstance(stated, str) else None
            found.append(
                UnreadableEntry(
                    position=position,
                    fingerprint=_fingerprint(entry.text),
                    digest=None if digest is None else str(digest),
                    problem=entry.problem,
                )
            )
    return tuple(found)


def find_unreadable(index: IndexJson, text: str) -> list[UnreadableEntry]:
    """Return the unreadable entry at an address, or those that declare a digest; possibly none.

    An address is ``index.json[2]`` or ``index.json[2]@0123456789ab``, with the fingerprint of the
    entry.

    Raises:
        NotFound: No entry has that position.
        Refused: The entry there can be read, or has another fingerprint.
    """
    found = unreadable_in(index)
    matched = _ADDRESS.fullmatch(text)
    if matched is None:
        digest = whole_digest(text)
        return [each for each in found if digest is not None and each.digest == digest]
    position, fingerprint = int(matched[1]), matched[2] or ""
    if position >= len(index.entries):
        raise NotFound(f"index.json has no entry {position}: it has {len(index.entries)}")
    if not _fingerprint(index.entries[position].text).startswith(fingerprint):
        moved = [each.address for each in found if each.fingerprint.startswith(fingerprint)]
        hint = f"cachedb rm '{moved[0]}'" if moved else "cachedb ls"
        raise Refused(f"entry {position} of index.json has changed since it was listed", hint=hint)
    entry = next((each for each in found if each.position == position), None)
    if entry is None:
        ref = index.entries[position].ref
        assert ref is not None  # an entry without a ref is unreadable
        digest_or_name = ref.descriptor.digest if ref.name is None else ref.name
        raise Refused(
            f"entry {position} of index.json can be read", hint=f"cachedb rm {digest_or_name}"
        )
    return [entry]


def texts_of(index: IndexJson, entries: Iterable[UnreadableEntry]) -> list[str]:
    """Return the JSON of each entry, in the form of `Entry.text`, if the document still has it."""
    wanted = [each.fingerprint for each in entries]
    texts = {_fingerprint(entry.text): entry.text for entry in index.entries if entry.ref is None}
    return [texts[each] for each in wanted if each in texts]


def is_address(text: str) -> bool:
    """Return whether a text is the address of an entry: a position, and possibly a fingerprint."""
    return _ADDRESS.fullmatch(text) is not None


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_FINGERPRINT]
