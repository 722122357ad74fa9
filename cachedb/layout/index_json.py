"""``index.json``: the names of a layout (image-spec, image-layout.md §index.json).

Other tools write this file too. A changed document keeps the fields and entries that cachedb does
not know; an entry that cannot be read is kept and reported, never dropped.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from cachedb.errors import InvalidManifest, Refused
from cachedb.limits import JSON_DEPTH
from cachedb.oci.descriptor import CONTAINERD_NAME, REF_NAME, Descriptor
from cachedb.oci.json_fields import Fields
from cachedb.oci.media_type import OCI_INDEX
from cachedb.oci.names.entry_name import claims_other_content, is_attached, name_in
from cachedb.oci.strict_json import decode_with_large_integers, encode, kind_of
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_BETWEEN: Final = b",\n"
_END: Final = b"\n]}\n"
_AROUND: Final = 2
"""Levels of nesting around an entry: the document and its list."""


class Ref(Record):
    """Entry of index.json that can be read: a descriptor, and its name, if any.

    The name is that of `oci.entry_name.name_in`.
    """

    name: str | None
    """Name; None without one."""
    descriptor: Descriptor

    @property
    def is_attached(self) -> bool:
        """Whether it is a signature, an attestation or an SBOM of the image of its name."""
        return is_attached(self.descriptor.annotations)


class Entry(Record):
    """Element of ``manifests``: its JSON, and its ref or the reason why it cannot be read."""

    json: Mapping[str, Any]
    """Object as decoded, with the fields that cachedb does not know."""
    ref: Ref | None
    """Descriptor and name; None if the entry cannot be read."""
    problem: str | None = None
    """Reason why it cannot be read; None if it can."""

    @property
    def text(self) -> str:
        """Its JSON in one form: keys sorted, without spaces."""
        return json.dumps(self.json, sort_keys=True, separators=(",", ":"))

    @classmethod
    def of(cls, name: str | None, descriptor: Descriptor) -> Entry:
        """Make an entry for `descriptor` with the name `name`, or without one.

        The name is `org.opencontainers.image.ref.name` (image-layout.md §index.json file); a
        containerd annotation that names something else is dropped.
        """
        annotations = {k: v for k, v in descriptor.annotations.items() if k != REF_NAME}
        if annotations.get(CONTAINERD_NAME) != name:
            annotations.pop(CONTAINERD_NAME, None)
        if name is not None:
            annotations[REF_NAME] = name
        value = {**descriptor.to_json(), "annotations": dict(sorted(annotations.items()))}
        if not annotations:
            del value["annotations"]
        return cls.read(value, "manifests")

    def annotated(self, key: str, value: str | None) -> Entry:
        """Return the entry with an annotation, or without it if `value` is None.

        Every other field stays as the file has it.
        """
        annotations = dict(self.json.get("annotations") or {})
        if annotations.get(key) == value:
            return self
        annotations.pop(key, None)
        if value is not None:
            annotations[key] = value
        json_value = {**self.json, "annotations": annotations}
        if not annotations:
            del json_value["annotations"]
        return Entry.read(json_value, "manifests")

    @classmethod
    def read(cls, value: Any, where: str) -> Entry:
        """Parse one element; `where` is its path in the document.

        An element that breaks a rule yields an entry with its `problem` and no ref, so that it is
        kept as it is.
        """
        if not isinstance(value, dict):
            return cls(
                json=value, ref=None, problem=f"{where}: expected object, found {kind_of(value)}"
            )
        try:
            descriptor = Descriptor.from_fields(Fields(value, where))
        except InvalidManifest as error:
            return cls(json=value, ref=None, problem=str(error))
        name = name_in(descriptor.annotations)
        return cls(json=value, ref=Ref(name=name, descriptor=descriptor))


class IndexJson(Record):
    """Whole document; immutable, changes return a new one."""

    entries: tuple[Entry, ...]
    """Elements of ``manifests``, in the order of the file."""
    rest: Mapping[str, Any]
    """Every other top-level field, in the order of the file."""

    @property
    def refs(self) -> tuple[Ref, ...]:
        """Return the entries that can be read, in the order of the file."""
        return tuple(entry.ref for entry in self.entries if entry.ref is not None)

    @property
    def problems(self) -> tuple[str, ...]:
        """Return the reasons why entries cannot be read, in the order of the file."""
        return tuple(entry.problem for entry in self.entries if entry.problem is not None)

    @classmethod
    def empty(cls) -> IndexJson:
        """Return the document of an empty layout."""
        return cls(entries=(), rest={"schemaVersion": 2, "mediaType": str(OCI_INDEX)})

    @classmethod
    def parse(cls, content: bytes) -> IndexJson:
        """Parse the bytes of an index.json (image-spec, image-index.md).

        Raises:
            InvalidManifest: The document is not an image index.
        """
        value = decode_with_large_integers(content)
        if not isinstance(value, dict):
            raise InvalidManifest(f"expected a JSON object, found {kind_of(value)}")
        fields = Fields(value)
        version = fields.require("schemaVersion", int)
        if version != 2:  # noqa: PLR2004
            raise InvalidManifest(f"expected 2, found {version}", "schemaVersion")
        stated = fields.get("mediaType", str)
        if stated and stated != OCI_INDEX:
            raise InvalidManifest(f"expected {str(OCI_INDEX)!r}, found {stated!r}", "mediaType")
        # linuxkit writes null for an empty list. A document without the field may be damaged, and
        # reading it as empty would make every blob unreferenced.
        if "manifests" not in value:
            raise InvalidManifest("missing", "manifests")
        listed = fields.get("manifests", list) or []
        return cls(
            entries=tuple(Entry.read(v, f"manifests[{i}]") for i, v in enumerate(listed)),
            rest={key: item for key, item in value.items() if key != "manifests"},
        )

    def encode(self) -> bytes:
        """Encode the document as JSON, one line an entry, which people and diff can read.

        Entries keep their order, and fields that cachedb does not know their values.
        """
        head = encode(self.rest)[:-1]
        comma = b"," if self.rest else b""
        lines = b",".join(b"\n" + encode(entry.json) for entry in self.entries)
        end = b"\n" if self.entries else b""
        return head + comma + b'"manifests":[' + lines + end + b"]}\n"

    def naming(self, named: Iterable[tuple[str | None, Descriptor]]) -> IndexJson:
        """Add entries at the end, several of one name if several are given.

        Images that had the same names are removed; entries attached to them stay. A
        descriptor without a name is added unless the document has an entry of its digest.

        Raises:
            Refused: A name has the digest of other content than it would be given to.
        """
        given = list(named)
        for name, descriptor in given:
            if name is not None and claims_other_content(name, descriptor.digest):
                raise Refused(f"{name!r} has another digest than {descriptor.digest}")
        moved = {name for name, _ in given if name is not None}
        kept = [e for e in self.entries if not (e.ref and _is_moved(e.ref, moved))]
        present = {e.text for e in kept}
        present |= {str(e.ref.descriptor.digest) for e in kept if e.ref is not None}
        # Names first: an unnamed entry is needed only where no named one has the digest.
        for name, descriptor in sorted(given, key=lambda pair: pair[0] is None):
            entry = Entry.of(name, descriptor)
            key = str(descriptor.digest) if name is None else entry.text
            if key not in present:
                kept.append(entry)
                present |= {entry.text, str(descriptor.digest)}
        return IndexJson(entries=tuple(kept), rest=self.rest)

    def annotating(self, chosen: Callable[[Ref], bool], key: str, value: str) -> IndexJson:
        """Set an annotation of the entries for whose refs `chosen` is true."""
        entries = tuple(
            entry.annotated(key, value) if entry.ref is not None and chosen(entry.ref) else entry
            for entry in self.entries
        )
        return IndexJson(entries=entries, rest=self.rest)

    def without_annotation(self, chosen: Callable[[Ref], bool], key: str) -> IndexJson:
        """Remove an annotation of the entries for whose refs `chosen` is true."""
        entries = tuple(
            entry.annotated(key, None) if entry.ref is not None and chosen(entry.ref) else entry
            for entry in self.entries
        )
        return IndexJson(entries=entries, rest=self.rest)

    def without(self, gone: Callable[[Ref], bool]) -> IndexJson:
        """Remove the refs for which `gone` is true; entries that cannot be read stay.

        The order of the others stays.
        """
        kept = tuple(e for e in self.entries if e.ref is None or not gone(e.ref))
        return IndexJson(entries=kept, rest=self.rest)

    def without_entries(self, texts: Iterable[str]) -> tuple[IndexJson, Counter[str]]:
        """Remove one entry for each of `texts`, which are as `Entry.text` has it.

        Returns the document, and the texts that had an entry. Each text removes one of several
        identical entries.
        """
        wanted, removed = Counter(texts), Counter[str]()
        kept = []
        for entry in self.entries:
            text = entry.text
            if removed[text] < wanted[text]:
                removed[text] += 1
            else:
                kept.append(entry)
        return IndexJson(entries=tuple(kept), rest=self.rest), +removed


def _is_moved(ref: Ref, names: set[str]) -> bool:
    return ref.name in names and not ref.is_attached


class ParsedIndex:
    """Document of index.json with the bytes that it was parsed from, for the next parse.

    cachedb writes an entry a line. A newline cannot stand inside of a JSON string, so a text
    between two separators that is one complete value is one element of the list, whatever stands
    around it.
    """

    def __init__(self, content: bytes, index: IndexJson) -> None:
        self.content: bytes = content
        """Bytes of the file."""
        self.index: IndexJson = index
        """Document that they hold."""

    @classmethod
    def of(cls, content: bytes) -> ParsedIndex:
        """Parse a document of which nothing is known.

        Raises:
            InvalidManifest: It is not an image index.
        """
        return cls(content, IndexJson.parse(content))

    def parse(self, content: bytes) -> ParsedIndex:
        """Parse the bytes that have taken the place of these; costs the lines that are new.

        A document that is not written an entry a line, or with other fields around the entries, is
        parsed as a whole. The result is the same either way.

        Raises:
            InvalidManifest: It is not an image index.
        """
        if content == self.content:
            return self
        head = _head(self.index.rest)
        lines, before = _lines(head, content), _lines(head, self.content)
        if not lines or len(before) != len(self.index.entries):
            return self.of(content)
        known = dict(zip(before, self.index.entries, strict=True))
        try:
            entries = tuple(_entry(known, line, at) for at, line in enumerate(lines))
        except InvalidManifest:
            return self.of(content)
        return ParsedIndex(content, IndexJson(entries=entries, rest=self.index.rest))


def _head(rest: Mapping[str, object]) -> bytes:
    return encode(rest)[:-1] + b',"manifests":[\n'


def _lines(head: bytes, content: bytes) -> list[bytes]:
    """Split the entries of a document; none if it is not one of an entry a line."""
    if not (content.startswith(head) and content.endswith(_END)):
        return []
    return content[len(head) : -len(_END)].split(_BETWEEN)


def _entry(known: Mapping[bytes, Entry], line: bytes, at: int) -> Entry:
    found = known.get(line)
    if found is not None and found.ref is not None:  # a problem names the place of its entry
        return found
    if line.count(b"{") + line.count(b"[") > JSON_DEPTH.value - _AROUND:
        raise InvalidManifest("it may be nested too deeply")
    return Entry.read(decode_with_large_integers(line), f"manifests[{at}]")
