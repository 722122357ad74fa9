"""Policy of a cache: the rules of prune in a TOML file that is kept with the cache.

The file is ``.cachedb/policy.toml``. Its keys are the options of prune, and ``version``. It is
part of the layout, which may be another user's: it is read if it belongs to this user or to root
and no other user can write it.
"""

from __future__ import annotations

import difflib
import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cachedb.errors import InvalidInput, Refused
from cachedb.limits import CONFIG_BYTES
from cachedb.operations.prune import rules
from cachedb.operations.prune.rules import Age, PruneRules, SizeLimit
from cachedb.operations.read.targets import refuse_lists, refuse_other_sorts
from cachedb.query.semantics.check import check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cachedb.layout import Layout
    from cachedb.query.syntax.tree import Query

POLICY: Final = "policy.toml"
PATH: Final = f".cachedb/{POLICY}"
VERSION: Final = 1
TEMPLATE: Final = """\
# Retention policy of this cache; `cachedb policy apply` removes names by it.
# The keys are the options of `cachedb prune`. Pinned names always stay.
version = 1

# Keep the newest names of each repository, and those pulled or added lately.
# keep-last = 3
# group-by = "repo"
# keep-within = "30d"
# keep = ["tag:latest"]

# Remove names that no rule keeps.
unused-for = "90d"
# untagged = true
# drop = ["tag:tmp-*"]

# Then the least recently used ones, until what is left fits.
# max-size = "50G"
# min-free = "10%"
"""
_KINDS: Final[dict[str, tuple[type, str]]] = {
    "version": (int, "a number"),
    "keep": (list, "a list of queries"),
    "drop": (list, "a list of queries"),
    "keep-last": (int, "a number"),
    "group-by": (str, 'a text such as "repo,platform"'),
    "keep-within": (str, 'a text such as "30d"'),
    "unused-for": (str, 'a text such as "90d"'),
    "untagged": (bool, "true or false"),
    "max-size": (str, 'a text such as "50G" or "30%"'),
    "min-free": (str, 'a text such as "20G" or "10%"'),
}


def read(layout: Layout) -> str | None:
    """Return the text of the policy; None if there is none.

    Raises:
        Refused: Another user owns or can write the file.
        InvalidInput: The file is not UTF-8.
    """
    content = layout.read_own(POLICY, CONFIG_BYTES)
    if content is None:
        return None
    _refuse_untrusted(layout)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{PATH}: {error}") from error


def write(layout: Layout, text: str) -> None:
    """Replace the file, atomically and durably.

    Raises:
        Refused: Another user owns or can write the file.
    """
    _refuse_untrusted(layout)
    layout.replace_own(POLICY, text.encode())


def parse(text: str, query: Callable[[str], Query]) -> PruneRules:
    """Parse the text of a policy; `query` parses the queries in it.

    Raises:
        InvalidInput: The text is not TOML, of another version, or has an unknown key or value.
        QueryError: A query in it is not valid.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"policy: {error}") from error
    _check(found)
    chosen = _Values(found)
    parsed = PruneRules(
        keep=tuple(query(each) for each in chosen.queries("keep")),
        drop=tuple(query(each) for each in chosen.queries("drop")),
        keep_last=chosen.read("keep-last", rules.keep_last),
        group_by=chosen.read("group-by", rules.group_by) or ("repo",),
        keep_within=chosen.read("keep-within", Age.parse),
        unused_for=chosen.read("unused-for", Age.parse),
        is_untagged=bool(found.get("untagged", False)),
        max_size=chosen.read("max-size", SizeLimit.parse),
        min_free=chosen.read("min-free", SizeLimit.parse),
    )
    for each in (*parsed.keep, *parsed.drop):
        refuse_other_sorts(each)
        refuse_lists(each)
        check(each, now=datetime.now(UTC))
    return parsed


def _check(found: Mapping[str, Any]) -> None:
    version = found.get("version")
    if version is None:
        raise InvalidInput("policy: version is missing", hint="version = 1")
    if version != VERSION or isinstance(version, bool):
        raise InvalidInput(
            f"policy: version {version!r} is unknown; this cachedb knows {VERSION}",
            hint="use the newer cachedb",
        )
    for key, value in found.items():
        if key not in _KINDS:
            near = difflib.get_close_matches(key, _KINDS, n=1)
            known = f"did you mean {near[0]}?" if near else f"one of {', '.join(_KINDS)}"
            raise InvalidInput(f"policy: unknown key {key!r}", hint=known)
        kind, what = _KINDS[key]
        if type(value) is not kind:
            raise InvalidInput(f"policy: {key} has to be {what}")


class _Values:
    def __init__(self, found: Mapping[str, Any]) -> None:
        self._found = found

    def read(self, key: str, parser: Callable[[Any], Any]) -> Any:
        """Parse the value of a key, None without it; an error names the key."""
        if key not in self._found:
            return None
        try:
            return parser(self._found[key])
        except InvalidInput as error:
            raise InvalidInput(f"policy: {key}: {error}", hint=error.hint) from error

    def queries(self, key: str) -> list[str]:
        """Return the texts of a list of queries."""
        found = self._found.get(key, [])
        if not all(isinstance(each, str) for each in found):
            raise InvalidInput(f"policy: {key} has to be a list of queries")
        return list(found)


def _refuse_untrusted(layout: Layout) -> None:
    if not layout.is_own_trusted(POLICY):
        raise Refused(
            f"{PATH} belongs to another user, or other users can write it",
            hint=f"chmod go-w {PATH}",
        )
