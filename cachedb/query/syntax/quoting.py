"""Quoting: texts of a query as bare words where that is safe, else in quotes."""

from __future__ import annotations

import re
from typing import Final

from cachedb.patterns import lazy
from cachedb.query.vocabulary import FIELD_NAMES, FUNCTIONS, KEYED_FIELDS, NOUNS, RELATION_NAMES
from cachedb.query.words import KEYWORDS

# Characters of a bare word. A comma separates values.
BARE: Final = lazy(r"""[^\s(),&|"'$]+""")
BARE_KEY: Final = lazy(r"""[^\s(),&|"'$=<>!~]+""")
BARE_SELECTOR: Final = lazy(r"""[^\s()"'<>=!&|,$@~-][^\s()"'<>=!&|,$]*""")
# Characters of an unquoted reference, digest or pattern of them.
REFERENCE: Final = lazy(r"[\w.:/@*?\[\]^+\\-]+", re.ASCII)
# After a colon these begin the port of a registry: registry:5000/repo is a reference.
PORT: Final = r"\d{1,5}/"

PATH: Final = r"(?P<path>(?:[a-z]+\.)*)(?P<field>[a-z]+)"
COLON: Final = rf"(?P<colon>:)(?!{PORT})"
_PATH_AND_COLON: Final = lazy(PATH + COLON)
_FIELDS: Final = frozenset((*FIELD_NAMES, *KEYED_FIELDS, "is"))
_RELATIONS: Final = frozenset(RELATION_NAMES)
SINGULARS: Final = {
    "image": "images",
    "ref": "refs",
    "reference": "refs",
    **{noun.removesuffix("s"): noun for noun in NOUNS},
    "index": "indexes",
}
SINGULAR_OF: Final = {plural: one for one, plural in SINGULARS.items() if one in RELATION_NAMES}
RESERVED: Final = frozenset(
    (
        *KEYWORDS,
        *FIELD_NAMES,
        *KEYED_FIELDS,
        *NOUNS,
        *SINGULARS,
        *RELATION_NAMES,
        *FUNCTIONS,
        "is",
    )
)
"""Bare words that are references only in quotes."""


def value(text: str) -> str:
    """Write a value; `""` is the empty one."""
    return text if BARE.fullmatch(text) else _quoted(text)


def first_value(written: str) -> str:
    """Protect a written value that would make a reference of the field before it."""
    return f'"{written}"' if re.match(PORT, written) else written


def key(text: str) -> str:
    """Write a key, which an operator may follow."""
    return text if BARE_KEY.fullmatch(text) else _quoted(text)


def selector(text: str) -> str:
    """Write a reference so that it parses as nothing else."""
    return text if is_selector(text) else _quoted(text)


def is_selector(text: str) -> bool:
    """Return whether a bare word is a reference, a digest or a pattern of them."""
    return bool(
        BARE_SELECTOR.fullmatch(text)
        and REFERENCE.fullmatch(text)
        and text not in RESERVED
        and not _is_like_a_field(text)
        and text[0] not in "^+"
    )


def are_relations(path: str) -> bool:
    """Return whether every word of a path, each with its dot, is a relation."""
    return not path or set(path[:-1].split(".")) <= _RELATIONS


def _is_like_a_field(text: str) -> bool:
    found = _PATH_AND_COLON.match(text)
    return found is not None and found["field"] in _FIELDS and are_relations(found["path"])


def escape(text: str) -> str:
    r"""Escape the wildcards of a literal text.

    Example:
        >>> print(escape("a*b"))
        a\*b
    """
    return re.sub(r"([\\*?\[])", r"\\\1", text)


def _quoted(text: str) -> str:
    if "'" not in text:
        return f"'{text}'" if set('"\\') & set(text) else f'"{text}"'
    pieces = re.findall(r"'+|[^']+", text)
    return "".join(f'"{piece}"' if "'" in piece else _quoted(piece) for piece in pieces)
