"""Address of a catalog in a PostgreSQL server: a URL without secrets in what is printed of it."""

from __future__ import annotations

from typing import Self
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from cachedb.errors import InvalidInput
from cachedb.patterns import lazy
from cachedb.records import Record

SCHEMES = frozenset({"postgresql+psycopg", "postgresql"})
_NAME = lazy(r"[a-z0-9_][a-z0-9_.-]{0,54}")
"""Shorter than the 63 bytes of an identifier: a rebuild makes schemas with a longer name."""
_EXAMPLE = "postgresql+psycopg://USER@HOST/DATABASE?cache=NAME"


class ServerAddress(Record, uncompared=("url",)):
    """URL of a catalog for libpq, and the name of the cache, which is that of its schema."""

    url: str
    shown: str
    """The URL without user information that is secret, for messages."""
    cache: str | None = None
    """None if the URL names none: the identifier of the layout is taken."""

    def __repr__(self) -> str:
        return f"<ServerAddress {self.shown}>"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a URL of SQLAlchemy's form; all parameters but `cache` are those of libpq.

        Raises:
            InvalidInput: It is no URL of PostgreSQL, or the name of the cache is not one.
        """
        try:
            parts = urlsplit(text)
            is_url = parts.port is None or parts.port > 0
        except ValueError:
            is_url = False
        if not is_url or not text.startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
            # The text is not repeated: a mistyped URL may hold a password.
            raise InvalidInput("the catalog is no URL of PostgreSQL", hint=_EXAMPLE)
        options = parse_qsl(parts.query, keep_blank_values=True)
        names = [value for key, value in options if key == "cache"]
        for name in names:
            if not _NAME.fullmatch(name) or name.startswith("pg_"):
                what = f"the name of a cache is lower case, digits, '_', '.' and '-': {name!r:.80}"
                raise InvalidInput(what, hint=_EXAMPLE)
        rest = [(key, value) for key, value in options if key != "cache"]
        return cls(
            url=parts._replace(scheme="postgresql", query=urlencode(rest), fragment="").geturl(),
            shown=_shown(parts),
            cache=names[-1] if names else None,
        )


def _shown(parts: SplitResult) -> str:
    """Return host, port and database: neither user nor any parameter."""
    place = parts.netloc.rpartition("@")[2]
    return f"postgresql://{place}{parts.path}"
