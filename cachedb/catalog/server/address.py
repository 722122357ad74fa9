"""Address of a catalog in a PostgreSQL server: a URL, printed without secrets."""

from __future__ import annotations

from typing import Self
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from cachedb.errors import InvalidInput
from cachedb.patterns import lazy
from cachedb.records import Record

SCHEMES = frozenset({"postgresql+psycopg", "postgresql"})
_NAME = lazy(r"[a-z0-9_][a-z0-9_.-]{0,54}")
"""Name of a schema, below the 63 bytes of an identifier: a rebuild appends to it."""
NEW = ".new"
"""End of the name of a schema in which a catalog is being rebuilt."""
OLD = ".bak"
"""End of the name of a schema that was replaced by a rebuild."""
FILES = ".files"
"""End of the name of the schema that has the index of files of a cache."""
_SECRET = frozenset({"password", "sslpassword"})
_HIDDEN = "***"
_EXAMPLE = "postgresql+psycopg://USER@HOST/DATABASE?cache=NAME"


class ServerAddress(Record, uncompared=("url",)):
    """URL of a catalog for libpq, and the name of the cache, which names its schema."""

    url: str
    """URL for libpq, with its secrets and without the name of the cache."""
    shown: str
    """The URL without user information that is secret, for messages."""
    cache: str | None = None
    """Name of the schema; None if the URL has none, and the identifier of the layout is used."""

    def __repr__(self) -> str:
        return f"<ServerAddress {self.shown}>"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a URL of SQLAlchemy's form; all parameters but `cache` are those of libpq.

        Raises:
            InvalidInput: The text is not a URL of PostgreSQL, or the name of the cache is invalid.
        """
        parts = _split(text)
        if parts is None:
            # The text is not repeated: a mistyped URL may hold a password.
            raise InvalidInput("the catalog is not a PostgreSQL URL", hint=_EXAMPLE)
        options = parse_qsl(parts.query, keep_blank_values=True)
        names = [value for key, value in options if key == "cache"]
        for name in names:
            check_name(name)
        rest = [(key, value) for key, value in options if key != "cache"]
        return cls(
            url=f"postgresql://{parts.netloc}{parts.path}?{urlencode(rest, quote_via=quote)}",
            shown=_shown(parts, dict(options)),
            cache=names[-1] if names else None,
        )


def files_schema(name: str) -> str:
    """Return the name of the schema that has the index of files of a cache.

    A catalog that is being rebuilt under another name has the index of the one that it replaces.
    """
    return f"{name.removesuffix(NEW)}{FILES}"


def is_name(name: str) -> bool:
    """Return whether a text can be the name of a cache in a server."""
    is_ours = name.startswith("pg_") or name.endswith((NEW, OLD, FILES))
    return _NAME.fullmatch(name) is not None and not is_ours


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a cache in a server.

    Raises:
        InvalidInput: It has other characters, is too long, or is a name of PostgreSQL or of ours.
    """
    if not is_name(name):
        what = f"the name of a cache is lower case, digits, '_', '.' and '-': {name!r:.80}"
        raise InvalidInput(what, hint=_EXAMPLE)


def without_secrets(text: str) -> str:
    """Return the URL of a catalog with its passwords replaced; of any other text nothing."""
    parts = _split(text)
    if parts is None:
        return _HIDDEN
    user, at, place = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    options = [
        (key, _HIDDEN if key in _SECRET else value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    netloc = f"{name}{colon}{_HIDDEN if colon else ''}{at}{place}"
    query = f"?{urlencode(options, safe='*/:')}" if options else ""
    return f"{parts.scheme}://{netloc}{parts.path}{query}"


def has_password(text: str) -> bool:
    """Return whether a URL has a password, in its user information or its parameters.

    Raises:
        InvalidInput: The text is not a URL of PostgreSQL.
    """
    ServerAddress.parse(text)
    parts = _split(text)
    assert parts is not None
    options = {key for key, _ in parse_qsl(parts.query, keep_blank_values=True)}
    return parts.password is not None or bool(options & _SECRET)


def _split(text: str) -> SplitResult | None:
    """Split a URL of PostgreSQL; None if it is not one.

    A password with a character that ends the part of the host (`/`, `?`, `#`) leaves an `@`
    behind: such a URL is refused, or its password would be taken for a part that is shown.
    """
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in SCHEMES and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    fields = [field.partition("=")[0] for field in parts.query.split("&")]
    is_cut = "@" in parts.path or parts.fragment or any("@" in field for field in fields)
    return parts if is_url and "://" in text and not is_cut else None


def _shown(parts: SplitResult, options: dict[str, str]) -> str:
    """Return host, port and database, wherever the URL names them: neither user nor password."""
    place = parts.netloc.rpartition("@")[2] or options.get("host", "")
    if parts.port is None and "port" in options:
        place = f"{place}:{options['port']}"
    database = parts.path.lstrip("/") or options.get("dbname", "")
    if not place and "service" in options:
        return f"service {options['service']!r}"
    return f"postgresql://{place}/{database}"
