"""Packages in documents of any kind that names them, read as a stream."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from cachedb.errors import InvalidManifest
from cachedb.limits import SBOM_PACKAGES
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import kind_of
from cachedb.packages import in_toto, json_stream
from cachedb.packages.document_types import (
    check_readable,
    is_envelope,
    is_sbom_predicate,
    promises_sbom,
)
from cachedb.packages.json_stream import Embedded, Take
from cachedb.packages.package import Package, SkippedElement
from cachedb.packages.sbom_formats import (
    cyclonedx,
    cyclonedx_xml,
    spdx,
    spdx_tag_value,
    syft,
)
from cachedb.packages.sbom_formats.notation import Notation, notation_of, notation_of_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.packages.json_stream import Found


def packages_in(
    stream: BinaryIO, media_type: str, predicate_type: str = ""
) -> Iterator[Package | SkippedElement]:
    """Yield the packages that a document names and the elements that cannot be read, in its order.

    The document is one of SPDX (2 as JSON or tag-value, 3 as JSON-LD), CycloneDX (JSON or XML) or
    syft, or a statement about one, bare or in an envelope; a statement with any other predicate
    has no packages. An invalid element is yielded as unreadable and does not end the document. The
    document has been checked only when the iterator ends, so packages yielded before an error are
    void. The stream is read once, has to be seekable and stays open. Memory holds one element,
    with SPDX 3 every package, and a document that is a text in a statement as a whole.

    Raises:
        InvalidManifest: The document is malformed, or not the SBOM that its types promise; the
            path says where.
        LimitExceeded: The document, or a value other than an element, is too large.
    """
    check_readable(media_type)
    is_promised = promises_sbom(media_type, predicate_type)
    if is_envelope(media_type):
        payload = in_toto.open_envelope(stream)
        if payload is None:
            return
        found = _from_json(io.BytesIO(payload), is_promised=is_promised)
    elif is_promised:
        found = _of_any_notation(stream)
    else:
        found = _from_json(stream, is_promised=False)
    for count, package in enumerate(found, 1):
        SBOM_PACKAGES.check(count, "the document")
        yield package


def _of_any_notation(stream: BinaryIO) -> Iterator[Package | SkippedElement]:
    match notation_of(stream):
        case Notation.XML:
            return cyclonedx_xml.packages(stream)
        case Notation.TAG_VALUE:
            return spdx_tag_value.packages(stream)
        case Notation.JSON:
            return _from_json(stream, is_promised=True)


class _Reader(Protocol):
    def read(self, element: Fields) -> Iterator[Package | SkippedElement]: ...
    def finish(self) -> Iterator[Package | SkippedElement]: ...


_SBOM: json_stream.Wanted = {
    "spdxVersion": Take.VALUE,
    "packages": Take.ELEMENTS,
    "bomFormat": Take.VALUE,
    "specVersion": Take.VALUE,
    "components": Take.ELEMENTS,
    "@context": Take.VALUE,
    "@graph": Take.ELEMENTS,
    "schema": Take.VALUE,
    "artifacts": Take.ELEMENTS,
}
_WANTED: json_stream.Wanted = {
    **_SBOM,
    "_type": Take.VALUE,
    "subject": Take.ELEMENTS,
    "predicateType": Take.VALUE,
    # cosign 1 puts the SBOM into Data, as an object or as its text, beside a timestamp; cosign 2
    # has the text of tag-value in place of the predicate.
    "predicate": Embedded({**_SBOM, "Data": Embedded(_SBOM)}),
}
_WRAPPERS = frozenset(["predicate", "Data"])
# The array of each format, and the name of the format.
_FORMATS = {
    "packages": "SPDX 2",
    "components": "CycloneDX",
    "@graph": "SPDX 3",
    "artifacts": "syft",
}


def _from_json(stream: BinaryIO, *, is_promised: bool) -> Iterator[Package | SkippedElement]:
    document = _Document()
    for found in json_stream.read(stream, _WANTED):
        if _is_about_something_else(found):
            if is_promised:
                raise InvalidManifest(f"{found.value!r} is not an SBOM", found.path)
            return
        yield from document.take(found)
    yield from document.finish(is_promised=is_promised)


class _Document:
    """State of reading one document whose format is known at its end only.

    JSON does not order keys: an array may come before the key that names the format, so it is
    read as its own name suggests, and `finish` checks the format.
    """

    def __init__(self) -> None:
        self._readers: dict[str, _Reader] = {
            "packages": spdx.Spdx2Packages(),
            "components": cyclonedx.CycloneDXComponents(),
            "@graph": spdx.Spdx3Graph(),
            "artifacts": syft.SyftArtifacts(),
        }
        self._level: tuple[str, ...] | None = None
        self._marks: dict[str, Any] = {}
        self._arrays: set[str] = set()
        self._texts: set[str] = set()
        self._subjects = 0

    def take(self, found: Found) -> Iterator[Package | SkippedElement]:
        """Yield the packages of the next wanted value."""
        key = found.keys[-1]
        if key in _WRAPPERS:
            yield from self._take_text(found)
            return
        if key in _SBOM:
            self._stay_at(found.keys[:-1], found.path)
        if found.position is None:
            self._marks[key] = found.value
            _check_mark(found)
        elif key == "subject":
            self._subjects += 1
            yield from _problem_of_subject(found)
        else:
            self._arrays.add(key)
            if isinstance(found.value, dict):
                yield from self._readers[key].read(Fields(found.value, found.path))
            else:
                yield _skipped(found)

    def _take_text(self, found: Found) -> Iterator[Package | SkippedElement]:
        """Yield the packages of a document whose text is a predicate."""
        content = found.value.encode(errors="replace")
        self._stay_at(found.keys, found.path)
        match notation_of_text(content):
            case Notation.XML:
                self._texts.add("CycloneDX")
                yield from cyclonedx_xml.packages(io.BytesIO(content))
            case Notation.TAG_VALUE:
                self._texts.add("SPDX 2")
                yield from spdx_tag_value.packages(io.BytesIO(content))
            case Notation.JSON:
                raise InvalidManifest("expected object, found string", found.path)

    def finish(self, *, is_promised: bool) -> Iterator[Package | SkippedElement]:
        """Check the document as a whole, and yield the packages that are known at its end."""
        if "_type" in self._marks or (self._level or ("",))[0] == "predicate":
            self._check_statement()
            if not self._subjects:  # the manifest that holds it has a subject all the same
                yield SkippedElement("subject", "missing")
        formats = self._formats()
        if not formats:
            # A predicate type that was read is an SBOM's: reading stops at any other one.
            if is_promised or self._arrays or "predicateType" in self._marks:
                raise InvalidManifest("not a document of SPDX, CycloneDX or syft")
            return
        strange = {_FORMATS[array] for array in self._arrays} - formats
        if len(formats) > 1 or strange:
            names = " and ".join(sorted(formats | strange))
            raise InvalidManifest(f"more than one kind of document at once: {names}")
        for reader in self._readers.values():
            yield from reader.finish()

    def _check_statement(self) -> None:
        for key in ("_type", "predicateType"):
            if key not in self._marks:
                raise InvalidManifest("missing", key)

    def _formats(self) -> set[str]:
        found = set(self._texts)
        if "spdxVersion" in self._marks:
            found.add("SPDX 2")
        if "bomFormat" in self._marks:
            path = ".".join((*(self._level or ()), "specVersion"))
            cyclonedx.check_version(self._marks.get("specVersion"), path)
            found.add("CycloneDX")
        if spdx.is_context(self._marks.get("@context")):
            found.add("SPDX 3")
        if syft.is_schema(self._marks.get("schema")):
            found.add("syft")
        return found

    def _stay_at(self, level: tuple[str, ...], path: str) -> None:
        if self._level not in (None, level):
            raise InvalidManifest("a second SBOM beside the first", path)
        self._level = level


def _is_about_something_else(found: Found) -> bool:
    """Return whether this is the predicate type of a statement that holds no SBOM."""
    return found.keys == ("predicateType",) and not (
        isinstance(found.value, str) and is_sbom_predicate(found.value)
    )


def _check_mark(found: Found) -> None:
    match found.keys[-1]:
        case "spdxVersion":
            spdx.check_version(found.value, found.path)
        case "bomFormat" if found.value != "CycloneDX":
            raise InvalidManifest(f"{found.value!r} is not 'CycloneDX'", found.path)
        case "_type":
            in_toto.check_type(found.value, found.path)
        case _:
            pass


def _problem_of_subject(found: Found) -> Iterator[SkippedElement]:
    if not isinstance(found.value, dict):
        yield _skipped(found)
        return
    try:
        in_toto.parse_subject(Fields(found.value, found.path))
    except InvalidManifest as error:
        yield SkippedElement(error.path, error.why)


def _skipped(found: Found) -> SkippedElement:
    why = found.problem or f"expected object, found {kind_of(found.value)}"
    return SkippedElement(found.path, why)
