"""Replacements of the syntax of other tools that need more than a template."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cachedb.patterns import lazy
from cachedb.query.tools.rewrite import words
from cachedb.query.vocabulary import FLAGS, NOUNS

if TYPE_CHECKING:
    from re import Match

SEPARATOR: Final = lazy(r"[|;]")
_OR: Final = lazy(r"\s+or\s+", re.IGNORECASE)
_AND: Final = lazy(r"[\s,]+(?:and\s+)?")
_PLACEHOLDER: Final = lazy(r"\{\{\s*\.(\w+)\s*\}\}")
_COLUMNS: Final = {
    "repository": "repository",
    "tag": "tag",
    "id": "digest",
    "digest": "digest",
    "size": "size",
    "createdat": "created",
    "createdsince": "created",
    "name": "name",
}
"""Columns of the templates of docker."""
_FLAGS: Final = {flag for flags in FLAGS.values() for flag in flags}


def columns_of_template(found: Match[str]) -> str:
    """Read `{{.Repository}}:{{.Tag}}` as columns; a column without an equivalent as it is."""
    names = [name.lower() for name in _PLACEHOLDER.findall(found[2])]
    return f"show {','.join(dict.fromkeys(_COLUMNS.get(name, name) for name in names))}"


def alternatives(found: Match[str]) -> str:
    """Read `arch:(amd64 OR arm64)` as a list of values."""
    return f"{found[1]}:{','.join(_OR.split(found[2]))}"


def span(found: Match[str]) -> str:
    """Read `size:[1M TO *]` as a range."""
    low, high = (end.removeprefix("*") for end in (found[2], found[3]))
    if low.startswith("now-") and high in {"now", ""}:
        return f"{found[1]} since {low.removeprefix('now-')}"
    return f"{found[1]}:{low}..{high}"


def flag(found: Match[str]) -> str:
    """Read `is:unsigned`, which is no flag, as the word; a flag as it is."""
    word = found[1].lower()
    return f"is:{word}" if word in _FLAGS else word


def flag_of_boolean(found: Match[str]) -> str:
    """Read `signed=true` as the flag."""
    return found[1] if found[1] in _FLAGS or found[1] in words.FLAGS else found[0]


def no_flag_of_boolean(found: Match[str]) -> str:
    """Read `signed=false` as the complement of the flag."""
    # Docker's filter has rules of its own.
    is_flag = found[1] in _FLAGS or found[1] in words.FLAGS
    return f"not {found[1]}" if is_flag and found[1] not in words.DOCKER else found[0]


def without_alias(found: Match[str]) -> str:
    """Drop the alias of a table: `from images i where i.size > 1`."""
    whole = f"{found[1].rstrip()}{found[4]}"
    return re.sub(rf"\b{found[3]}\.(?=\w)", "", whole)


def without_name(found: Match[str]) -> str:
    """Write an expression in place of its name: `sum(size) as s … order by s`."""
    return found[1] + found[2] + re.sub(rf"\b{found[3]}\b", lambda _: found[2], found[4])


def column_of_number(found: Match[str]) -> str:
    """Write a column in place of its number: `order by 2`."""
    columns = [column.strip() for column in found[2].split(",")]
    place = int(found[3]) - 1
    return found[1] + (columns[place] if 0 <= place < len(columns) else found[3])


def of_extreme(found: Match[str]) -> str:
    """Read `where size = (select max(size) from layers)` as the first row of that order."""
    return f"order by {found[1]}{' desc' if found[2].lower() == 'max' else ''} limit 1"


def method(found: Match[str]) -> str:
    """Read `tag.startsWith("v")` as a pattern."""
    name = found[2].lower()
    before = "" if name.startswith(("start", "hasp", "has_p")) else "%"
    after = "" if name.startswith(("end", "hass", "has_s")) else "%"
    return f"{found[1]} like {before}{found[3]}{after}"


def counted(found: Match[str]) -> str:
    """Read `count(nginx)` as a count of that image; `count(layers)` as it is."""
    return found[0] if found[1] in NOUNS else f"count {found[1]}"


def shown(found: Match[str]) -> str:
    """Read `name and size of all images` as columns."""
    return f"{found[2] or ''} show {','.join(_AND.split(found[1]))}"


def missing(found: Match[str]) -> str:
    """Read `arm64 missing` as `missing arm64`; a word that is no architecture as it is."""
    word = found[1].lower()
    is_platform = word in words.ARCHITECTURES or word.partition("/")[0] in words.SYSTEMS
    return f"missing {word}" if is_platform else found[0]
