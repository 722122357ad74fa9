"""The packages in a document of any kind that is known here, read as a stream."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from cachedb.errors import InvalidManifest
from cachedb.limits import SBOM_PACKAGES
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import kind_of
from cachedb.packages import cyclonedx, in_toto, json_stream, spdx
from cachedb.packages.json_stream import Take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.packages.json_stream import Found
    from cachedb.packages.package import Package

_SBOMS = frozenset(
    [
        "application/spdx+json",
        "application/vnd.cyclonedx",
        "application/vnd.cyclonedx+json",
        "application/vnd.spdx+json",
        "text/spdx+json",
    ]
)
_STATEMENT = "application/vnd.in-toto+json"
_ENVELOPE = "application/vnd.dsse.envelope.v1+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle"
_PREDICATES = ("https://spdx.dev/document", "https://cyclonedx.org/bom")

MEDIA_TYPES = _SBOMS | {_STATEMENT, _ENVELOPE}
"""All that `may_hold_packages` looks for, in lower case, but for those of bundles."""
BUNDLES = _BUNDLE
"""What the media types of bundles begin with."""


def may_hold_packages(media_type: str, predicate_type: str = "") -> bool:
    """Whether a blob of that media type, with that predicate, is worth to be read.

    A statement or an envelope without a predicate type has to be looked into.
    """
    bare = _bare(media_type)
    if bare in _SBOMS:
        return True
    is_statement = bare == _STATEMENT or is_envelope(bare)
    return is_statement and (not predicate_type or is_sbom_predicate(predicate_type))


def packages_in(stream: BinaryIO, media_type: str, predicate_type: str = "") -> Iterator[Package]:
    """Yield the packages that a document names, in its order, as far as its format has one.

    The document is an SPDX or a CycloneDX document, or a statement about one, bare or in an
    envelope; one that turns out to be a statement of another sort has no packages. It is
    known to be good only when the iterator ends: what came before an error is not to be kept.
    The stream is left open.

    Raises:
        InvalidManifest: It is broken, or not the SBOM that its types say it is; the path says
            where.
        LimitExceeded: It, or something in it, is too large.
    """
    if not is_envelope(media_type):
        yield from _packages(stream, is_promised=promises_sbom(media_type, predicate_type))
        return
    statement = in_toto.open_envelope(stream)
    if statement is not None:
        is_promised = promises_sbom(media_type, predicate_type)
        yield from _packages(io.BytesIO(statement), is_promised=is_promised)


def _bare(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def is_envelope(media_type: str) -> bool:
    """Whether a document of that type is a statement in a signed envelope."""
    bare = _bare(media_type)
    return bare == _ENVELOPE or bare.startswith(_BUNDLE)


def is_sbom_predicate(predicate_type: str) -> bool:
    """Whether statements of that type are about an SBOM."""
    return predicate_type.lower().startswith(_PREDICATES)


def promises_sbom(media_type: str, predicate_type: str) -> bool:
    """Whether the types alone say that a document holds an SBOM."""
    return _bare(media_type) in _SBOMS or is_sbom_predicate(predicate_type)


class _Reader(Protocol):
    def read(self, element: Fields) -> Iterator[Package]: ...
    def finish(self) -> Iterator[Package]: ...


_SBOM: json_stream.Wanted = {
    "spdxVersion": Take.VALUE,
    "packages": Take.ELEMENTS,
    "bomFormat": Take.VALUE,
    "specVersion": Take.VALUE,
    "components": Take.ELEMENTS,
    "@context": Take.VALUE,
    "@graph": Take.ELEMENTS,
}
_WANTED: json_stream.Wanted = {
    **_SBOM,
    "_type": Take.VALUE,
    "subject": Take.ELEMENTS,
    "predicateType": Take.VALUE,
    "predicate": _SBOM,
}
# The array of each format, and what to call it.
_FORMATS = {"packages": "SPDX 2", "components": "CycloneDX", "@graph": "SPDX 3"}


def _packages(stream: BinaryIO, *, is_promised: bool) -> Iterator[Package]:
    document = _Document()
    count = 0
    for found in json_stream.read(stream, _WANTED):
        if _is_about_something_else(found):
            if is_promised:
                raise InvalidManifest(f"{found.value!r} is not an SBOM", found.path)
            return
        for package in document.take(found):
            count += 1
            SBOM_PACKAGES.check(count, "the document")
            yield package
    yield from document.finish(is_promised=is_promised)


class _Document:
    """What a document turns out to be while it is read.

    JSON does not order keys: the array may come before the key that says what it is, so it is
    read as its name says, and the last word is spoken at the end.
    """

    def __init__(self) -> None:
        self._readers: dict[str, _Reader] = {
            "packages": spdx.Spdx2Packages(),
            "components": cyclonedx.CycloneDXComponents(),
            "@graph": spdx.Spdx3Graph(),
        }
        self._level: tuple[str, ...] | None = None
        self._marks: dict[str, Any] = {}
        self._arrays: set[str] = set()
        self._subjects = 0

    def take(self, found: Found) -> Iterator[Package]:
        """Yield the packages of the next wanted value."""
        key = found.keys[-1]
        if key in _SBOM:
            self._stay_at(found.keys[:-1], found.path)
        if found.index is None:
            self._marks[key] = found.value
            _check_mark(found)
        elif key == "subject":
            in_toto.parse_subject(_fields(found))
            self._subjects += 1
        else:
            self._arrays.add(key)
            yield from self._readers[key].read(_fields(found))

    def finish(self, *, is_promised: bool) -> Iterator[Package]:
        """Yield the packages that only the end tells, if the document is what it looked like."""
        if "_type" in self._marks or self._level == ("predicate",):
            self._check_statement()
        formats = self._formats()
        if not formats:
            # A predicate type that is there is an SBOM's: reading had stopped at another one.
            if is_promised or self._arrays or "predicateType" in self._marks:
                raise InvalidManifest("neither an SPDX nor a CycloneDX document")
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
        if not self._subjects:
            raise InvalidManifest("missing", "subject")

    def _formats(self) -> set[str]:
        found = set()
        if "spdxVersion" in self._marks:
            found.add("SPDX 2")
        if "bomFormat" in self._marks:
            path = ".".join((*(self._level or ()), "specVersion"))
            cyclonedx.check_version(self._marks.get("specVersion"), path)
            found.add("CycloneDX")
        if spdx.is_context(self._marks.get("@context")):
            found.add("SPDX 3")
        return found

    def _stay_at(self, level: tuple[str, ...], path: str) -> None:
        if self._level not in (None, level):
            raise InvalidManifest("a second SBOM beside the first", path)
        self._level = level


def _is_about_something_else(found: Found) -> bool:
    """Whether this is the predicate type of a statement that holds no SBOM."""
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


def _fields(found: Found) -> Fields:
    if not isinstance(found.value, dict):
        raise InvalidManifest(f"expected object, found {kind_of(found.value)}", found.path)
    return Fields(found.value, found.path)
