"""Values of HTTP headers: Link, Warning, Retry-After, ranges and lengths."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from cachedb.errors import RegistryError
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DIGITS = lazy(r"[0-9]{1,18}")
_WORD = r"[!#$%&'+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LINK_TARGET = lazy(r"\s*(?:<([^<>]*)>|([^\s<>;,\"]+))\s*")
_LINK_PARAMETER = lazy(rf"\s*;\s*({_WORD}\*?)\s*(?:=\s*({_WORD}|{_QUOTED}))?\s*")
_LONGEST_HEADER = 16 * 1024
_WARNING = lazy(rb'299 - "((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*)"')
_CONTROLS = lazy(rb'[\x00-\x08\x0a-\x1f\x7f"]')
_CONTENT_RANGE = lazy(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_UPLOAD_RANGE = lazy(r"(?:bytes=)?([0-9]{1,18})-([0-9]{1,18})")


class Link(NamedTuple):
    """One entry of a Link header (RFC 8288); parameter names are lower-case."""

    target: str
    """URL, possibly relative."""
    parameters: Mapping[str, str] = MappingProxyType({})


def parse_links(lines: Sequence[str]) -> tuple[Link, ...]:
    """Parse the entries of all Link header lines.

    Raises:
        RegistryError: A line does not follow the grammar.
    """
    return tuple(link for line in lines for link in _links_of_line(line))


def _links_of_line(line: str) -> list[Link]:
    if len(line) > _LONGEST_HEADER:
        raise RegistryError("a Link header is too long")
    found = []
    position = 0
    while position < len(line):
        target = _LINK_TARGET.match(line, position)
        if target is None:
            raise RegistryError(f"malformed Link header at character {position}")
        position = target.end()
        parameters: dict[str, str] = {}
        while parameter := _LINK_PARAMETER.match(line, position):
            parameters.setdefault(parameter[1].lower(), unquoted(parameter[2] or ""))
            position = parameter.end()
        if position < len(line) and line[position] != ",":
            raise RegistryError(f"malformed Link header at character {position}")
        position += 1
        found.append(
            Link(target=target[1] if target[1] is not None else target[2], parameters=parameters)
        )
    return found


def unquoted(text: str) -> str:
    """Return the value of a token or of a quoted-string."""
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text


def warning_text(header: bytes) -> str | None:
    """Parse a Warning header of the form of the distribution-spec (Warnings).

    The form is ``299 - "text"``; any other, or a text with control characters, yields None.
    """
    matched = _WARNING.fullmatch(header)
    if matched is None:
        return None
    text = re.sub(rb"\\(.)", rb"\1", matched[1], flags=re.DOTALL)
    decoded = unquote_to_bytes(text)
    if decoded != text and _CONTROLS.search(decoded):
        return None
    return decoded.decode("utf-8", "replace")


def content_length(lines: Sequence[str]) -> int | None:
    """Return the length that all header lines state, None if they differ."""
    lengths = {int(line) if _DIGITS.fullmatch(line) else None for line in lines}
    return lengths.pop() if len(lengths) == 1 else None


def content_range_total(header: str) -> int | None:
    """Return the complete length in a ``Content-Range: bytes 5-9/10``, None for ``*``."""
    matched = _CONTENT_RANGE.fullmatch(header)
    return int(matched[3]) if matched and matched[3] != "*" else None


def content_range_start(header: str) -> int | None:
    """Return the first offset of a ``Content-Range: bytes 5-9/10``."""
    matched = _CONTENT_RANGE.fullmatch(header)
    return int(matched[1]) if matched else None


def upload_offset(header: str | None) -> int | None:
    """Return how many bytes of an upload the server has, from its ``Range: 0-41`` header.

    Registries send ``0-0`` both for an empty upload and for one byte; it counts as empty: the one
    byte is sent again, and the registry accepts or refuses it.
    """
    matched = _UPLOAD_RANGE.fullmatch(header or "")
    if matched is None or int(matched[1]) != 0:
        return None
    last = int(matched[2])
    return last + 1 if last else 0


def retry_after(header: str | None, now: datetime) -> datetime | None:
    """Parse a Retry-After header, in seconds or as a date (RFC 9110, 10.2.3)."""
    if not header:
        return None
    if re.fullmatch(r"[0-9]{1,9}", header):
        return now + timedelta(seconds=int(header))
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - slow to import

    try:
        found = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
