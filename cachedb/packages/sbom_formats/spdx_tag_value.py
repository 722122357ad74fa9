"""Packages in SPDX documents of 2.x as tag-value (SPDX 2.3, clause 4.4 and annex on formats).

A line is ``Tag: value``; a value of several lines stands between ``<text>`` and ``</text>``. A
package begins with ``PackageName`` and ends where the next package, file, snippet or license does.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from cachedb.errors import InvalidManifest
from cachedb.limits import SBOM_BYTES, SBOM_VALUE_CHARACTERS
from cachedb.oci.json_fields import Fields
from cachedb.packages.package import Package, SkippedElement
from cachedb.packages.sbom_formats import spdx
from cachedb.packages.text_encoding import LONGEST_MARK, encoding_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSION = "SPDXVersion"
_PACKAGE = "PackageName"
# Tags that begin an element which is not a package.
_OTHER_ELEMENTS = frozenset(["FileName", "SnippetSPDXID", "LicenseID"])
# Tags of a package that are read, and the key that JSON has for each.
_KEYS = {
    _PACKAGE: "name",
    "PackageVersion": "versionInfo",
    "PackageLicenseConcluded": "licenseConcluded",
    "PackageLicenseDeclared": "licenseDeclared",
}
_BEGIN, _END = "<text>", "</text>"
_PIECE = 64 * 1024


class _Line(NamedTuple):
    """A tag and its value; `tag` is '' where a line has none."""

    number: int
    tag: str
    value: str


def packages(stream: BinaryIO) -> Iterator[Package | SkippedElement]:
    """Yield the packages of a document in its order, and the lines without a tag.

    The stream is read once and stays open; memory holds one package. Packages yielded before an
    error are void.

    Raises:
        InvalidManifest: The text is in no known encoding, a value does not end, or the document
            does not state a version of SPDX 2.
        LimitExceeded: The document or one value is too long.
    """
    reader = spdx.Spdx2Packages()
    version: str | None = None
    for item in _elements(_lines(stream)):
        if isinstance(item, SkippedElement):
            yield item
        elif isinstance(item, _Line):
            version = item.value
            spdx.check_version(version, _VERSION)
        else:
            yield from reader.read(item)
    if version is None:
        raise InvalidManifest("missing", _VERSION)


def _elements(lines: Iterator[_Line]) -> Iterator[Fields | SkippedElement | _Line]:
    """Yield the packages in the keys of JSON, the line of the version, and lines without a tag."""
    package: dict[str, Any] | None = None
    count = 0
    for line in lines:
        if not line.tag:
            yield SkippedElement(f"line {line.number}", "expected a tag and a value")
        elif line.tag == _VERSION:
            yield line
        elif line.tag == _PACKAGE or line.tag in _OTHER_ELEMENTS:
            if package is not None:
                yield Fields(package, f"packages[{count - 1}]")
            package = {} if line.tag == _PACKAGE else None
            count += package is not None
        if package is not None:
            _keep(package, line)
    if package is not None:
        yield Fields(package, f"packages[{count - 1}]")


def _keep(package: dict[str, Any], line: _Line) -> None:
    if line.tag in _KEYS:
        package.setdefault(_KEYS[line.tag], line.value)
    elif line.tag == "ExternalRef":
        category, _, reference = line.value.partition(" ")
        kind, _, locator = reference.strip().partition(" ")
        package.setdefault("externalRefs", []).append(
            {
                "referenceCategory": category,
                "referenceType": kind,
                "referenceLocator": locator.strip(),
            }
        )


def _lines(stream: BinaryIO) -> Iterator[_Line]:
    """Yield each tag with its whole value, without comments and empty lines."""
    numbered = enumerate(_text_lines(stream), 1)
    for number, text in numbered:
        if not text.strip() or text.startswith("#"):
            continue
        tag, colon, value = text.partition(":")
        value = value.strip()
        if not colon or not tag.isidentifier():
            yield _Line(number, "", text)
            continue
        if value.startswith(_BEGIN):
            value = _whole_text(value.removeprefix(_BEGIN), number, numbered)
        yield _Line(number, tag, value)


def _whole_text(value: str, number: int, following: Iterator[tuple[int, str]]) -> str:
    """Return a value up to its end, which may be on a later line."""
    parts = [value]
    length = len(value)
    while _END not in parts[-1]:
        _, text = next(following, (0, None))
        if text is None:
            raise InvalidManifest("a text without its end", f"line {number}")
        parts.append(text)
        length += len(text)
        SBOM_VALUE_CHARACTERS.check(length, f"the text at line {number}")
    return "\n".join(parts).partition(_END)[0].strip()


def _text_lines(stream: BinaryIO) -> Iterator[str]:
    """Yield the lines of a text that is UTF-8, or UTF-16 behind a byte order mark."""
    mark, encoding = encoding_of(stream.read(LONGEST_MARK))
    stream.seek(len(mark))
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    count = read = 0
    rest = ""
    while chunk := stream.read(_PIECE):
        read += len(chunk)
        SBOM_BYTES.check(read, "the document")
        lines = (rest + _decoded(decoder, chunk, count, encoding)).split("\n")
        count += len(lines) - 1
        rest = lines.pop()
        yield from lines
        SBOM_VALUE_CHARACTERS.check(len(rest), f"line {count + 1}")
    yield rest + _decoded(decoder, b"", count, encoding)


def _decoded(decoder: codecs.IncrementalDecoder, chunk: bytes, lines: int, encoding: str) -> str:
    try:
        return decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError as error:
        raise InvalidManifest(f"not {encoding.upper()}, after line {lines}") from error
