"""Notation of an SBOM: JSON, XML or tag-value, detected by its first character.

Media types do not determine it: cosign attaches ``application/vnd.cyclonedx`` as XML and as JSON,
and ``oras attach`` uses the type that its user typed.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, BinaryIO

from cachedb.packages.text_encoding import encoding_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# Long enough for a mark, white space and the comments of a generator.
_LOOK_AHEAD = 4096
_SPACE = b" \t\r\n\0"  # with the NULs of UTF-16


class Notation(Enum):
    """Notation of the fields of an SBOM."""

    JSON = "JSON"
    XML = "XML"
    TAG_VALUE = "tag-value"


_BY_FIRST: Mapping[bytes, Notation] = {b"{": Notation.JSON, b"<": Notation.XML}


def notation_of(stream: BinaryIO) -> Notation:
    """Return the notation of the document that `stream` holds, and seek to its start.

    A text that begins with a letter, or a comment with ``#``, is tag-value (SPDX 2.3, clause 4.4);
    any other text counts as JSON, whose reader reports the fault.
    """
    begin = stream.read(_LOOK_AHEAD)
    stream.seek(0)
    return notation_of_text(begin)


def notation_of_text(begin: bytes) -> Notation:
    """Return the notation of the document that begins with some bytes."""
    mark, _ = encoding_of(begin)
    first = begin.removeprefix(mark).lstrip(_SPACE)[:1]
    if first.isalpha() or first == b"#":
        return Notation.TAG_VALUE
    return _BY_FIRST.get(first, Notation.JSON)
