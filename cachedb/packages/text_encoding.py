"""Encoding of a document by its byte order mark.

UTF-8 without a mark is what RFC 8259 §8.1 demands of JSON; .NET tools write UTF-8 with a mark, and
PowerShell's redirection UTF-16 with one.
"""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LONGEST_MARK = len(codecs.BOM_UTF8)
"""Bytes that the start of a document has to have for its mark to be seen."""


def encoding_of(begin: bytes) -> tuple[bytes, str]:
    """Return the byte order mark that a document begins with, b'' if none, and its encoding."""
    return next((m for m in _MARKS if begin.startswith(m[0])), (b"", "utf-8"))


def without_mark(content: bytes) -> bytes:
    """Return a text as UTF-8 without a byte order mark.

    The text has been read before, so that it can be decoded.
    """
    mark, encoding = encoding_of(content)
    content = content[len(mark) :]
    return content if encoding == "utf-8" else content.decode(encoding).encode()
