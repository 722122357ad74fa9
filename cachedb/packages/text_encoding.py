"""Encoding of a document by its byte order mark.

RFC 8259 §8.1 demands UTF-8 without a mark for JSON; .NET tools write UTF-8 with a mark, and
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
"""Number of bytes at the start of a document that can hold a mark."""


def encoding_of(begin: bytes) -> tuple[bytes, str]:
    """Return the byte order mark that a document begins with, b'' if none, and its encoding."""
    return next((m for m in _MARKS if begin.startswith(m[0])), (b"", "utf-8"))


def without_mark(content: bytes) -> bytes:
    """Return a text as UTF-8 without a byte order mark.

    The text has been decoded before, so decoding cannot fail.
    """
    mark, encoding = encoding_of(content)
    content = content[len(mark) :]
    return content if encoding == "utf-8" else content.decode(encoding).encode()
