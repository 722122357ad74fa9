"""Ranges of semantic versions in files of skopeo sync: `>= 1.2, < 3`, `^1.2`, `~1.2`, `1.x`.

The rules are those of Masterminds/semver, which skopeo uses: a comma or a blank between two
constraints is an *and*, `||` an *or*, and a version with a pre-release matches only a constraint
that has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.errors import InvalidInput
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Callable

_TAG = lazy(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_SPACE_BEHIND_OPERATOR = lazy(r"([<>=!^~]+)\s+")


def in_range(text: str) -> Callable[[str], bool]:
    """Return a function that tests whether a tag is a version in a range.

    Raises:
        InvalidInput: The range is malformed.
    """
    alternatives = [_alternative(each, text) for each in text.split("||")]

    def is_in(tag: str) -> bool:
        version = _version(tag)
        return version is not None and any(each(version) for each in alternatives)

    return is_in


def _alternative(text: str, whole: str) -> Callable[[object], bool]:
    from semantic_version import NpmSpec  # noqa: PLC0415  (only `sync` needs it)

    words = _SPACE_BEHIND_OPERATOR.sub(r"\1", text.replace(",", " ")).split()
    excluded = [word[2:] for word in words if word.startswith("!=")]
    required = " ".join(word for word in words if not word.startswith("!=")) or "*"
    try:
        wanted = NpmSpec(required)
        unwanted = [NpmSpec(each) for each in excluded]
    except ValueError as error:
        raise InvalidInput(
            f"invalid range of versions {whole!r}: {error}", hint="write '>= 1.2, < 3.0'"
        ) from error
    return lambda version: version in wanted and not any(version in each for each in unwanted)


def _version(tag: str) -> object:
    from semantic_version import Version  # noqa: PLC0415

    found = _TAG.fullmatch(tag)
    if found is None:
        return None
    major, minor, patch, pre, build = found.groups()
    numbers = ".".join(str(int(each or 0)) for each in (major, minor, patch))
    try:
        return Version(f"{numbers}{pre or ''}{build or ''}")
    except ValueError:  # a pre-release with a leading zero
        return None
