"""Ranges of semantic versions in files of skopeo sync: `>= 1.2, < 3`, `^1.2`, `~1.2`, `1.x`.

The rules are those of Masterminds/semver 3, to which skopeo-sync(1) refers for `images-by-semver`:
a comma or a blank between two constraints is an *and*, `||` an *or*, and a version with a
pre-release matches only a constraint that has one. Unlike in the ranges of npm, such a constraint
then matches pre-releases of every version in its range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cachedb.errors import InvalidInput
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Callable

_PRE = r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
_BUILD = r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_NUMBER = r"([0-9]+|[xX*])"
_WANTED = rf"v?{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?{_PRE}{_BUILD}"
_TAG = lazy(rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?{_PRE}{_BUILD}")
_CONSTRAINT = lazy(rf"\s*(=>|=<|>=|<=|!=|~>|[=<>~^]|)\s*{_WANTED}")
_SEPARATOR = lazy(r"\s*$|\s*,\s*(?=\S)|\s+")
_HYPHEN_RANGE = lazy(r"(\S+)\s+-\s+(\S+)")
_LEADING_ZERO = lazy(r"0[0-9]+")

_MAJOR, _MINOR, _ALL = 1, 2, 3
"""Numbers of a version that a constraint can state."""
_Key = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


class _Version(NamedTuple):
    major: int
    minor: int
    patch: int
    pre: str

    @property
    def key(self) -> _Key:
        """Sort key: the precedence of semantic versioning 2.0.0, section 11."""
        words = self.pre.split(".") if self.pre else []
        order = tuple(
            (not word.isdigit(), int(word) if word.isdigit() else 0, word) for word in words
        )
        return (self.major, self.minor, self.patch, not self.pre, order)


class _Constraint(NamedTuple):
    """An operator and a version, of which only the first `given` numbers are stated."""

    operator: str
    version: _Version
    given: int

    def allows(self, found: _Version) -> bool:
        is_exclusion = self.operator == "!=" and self.given == _ALL
        if found.pre and not self.version.pre and not is_exclusion:
            return False
        return _OPERATORS[self.operator](found, self)


def in_range(text: str) -> Callable[[str], bool]:
    """Return a function that tests whether a tag is a version in a range.

    Raises:
        InvalidInput: The range is malformed.
    """
    alternatives = [_constraints(each, text) for each in text.split("||")]

    def is_in(tag: str) -> bool:
        version = _version(tag)
        return version is not None and any(
            all(each.allows(version) for each in constraints) for constraints in alternatives
        )

    return is_in


def _constraints(text: str, whole: str) -> list[_Constraint]:
    """Parse constraints that all have to hold."""
    text = _HYPHEN_RANGE.sub(r">= \1, <= \2", text if whole.strip() else "*")
    found: list[_Constraint] = []
    at = 0
    while at < len(text) or not found:
        constraint = _CONSTRAINT.match(text, at)
        end = None if constraint is None else _SEPARATOR.match(text, constraint.end())
        if constraint is None or end is None or _has_leading_zero(constraint[5] or ""):
            raise InvalidInput(
                f"invalid range of versions {whole!r}: {text[at:].strip()!r} is no constraint",
                hint="write '>= 1.2, < 3.0'",
            )
        operator, *numbers, pre = constraint.groups()
        found.append(_constraint(operator, numbers, pre or ""))
        at = end.end()
    return found


def _constraint(operator: str, numbers: list[str | None], pre: str) -> _Constraint:
    stated: list[int] = []
    for number in numbers:
        if number is None or not number.isdigit():
            break
        stated.append(int(number))
    major, minor, patch = [*stated, 0, 0, 0][:3]
    return _Constraint(operator, _Version(major, minor, patch, pre), len(stated))


def _version(tag: str) -> _Version | None:
    found = _TAG.fullmatch(tag)
    if found is None:
        return None
    major, minor, patch, pre = found.groups()
    if _has_leading_zero(pre or ""):
        return None
    return _Version(int(major), int(minor or 0), int(patch or 0), pre or "")


def _has_leading_zero(pre: str) -> bool:
    """Return whether a number of a pre-release has a leading zero, which no version has."""
    return any(_LEADING_ZERO.fullmatch(word) for word in pre.split("."))


# -- operators ----------------------------------------------------------------------------------


def _equals(found: _Version, wanted: _Constraint) -> bool:
    return _near(found, wanted) if wanted.given < _ALL else found.key == wanted.version.key


def _differs(found: _Version, wanted: _Constraint) -> bool:
    """Compare the numbers that are stated; with two of them also the pre-release."""
    given = wanted.given
    if given in {0, _ALL}:
        return found.key != wanted.version.key
    if found[:given] != wanted.version[:given]:
        return True
    return given == _MINOR and found.pre != wanted.version.pre


def _is_newer(found: _Version, wanted: _Constraint) -> bool:
    """Compare as numbers that are stated: 11.1 is not newer than 11."""
    if wanted.given in {_MAJOR, _MINOR}:
        return found[: wanted.given] > wanted.version[: wanted.given]
    return found.key > wanted.version.key


def _is_not_newer(found: _Version, wanted: _Constraint) -> bool:
    if wanted.given == _ALL:
        return found.key <= wanted.version.key
    stated = 1 if wanted.given == _MAJOR else 2
    return found[:stated] <= wanted.version[:stated]


def _near(found: _Version, wanted: _Constraint) -> bool:
    """Allow newer patches, and newer minor versions if none is stated; `~0.0.0` allows all."""
    least = wanted.version
    if found.key < least.key:
        return False
    if wanted.given in {0, _ALL} and least[:3] == (0, 0, 0):
        return True
    stated = 1 if wanted.given == _MAJOR else 2
    return found[:stated] == least[:stated]


def _compatible(found: _Version, wanted: _Constraint) -> bool:
    """Allow newer versions up to the first stated number that is not 0."""
    least = wanted.version
    if found.key < least.key or found.major != least.major:
        return False
    if least.major > 0 or wanted.given == _MAJOR:
        return True
    if least.minor > 0 or wanted.given == _MINOR:
        return found.minor == least.minor
    return found[1:3] == least[1:3]


_OPERATORS: dict[str, Callable[[_Version, _Constraint], bool]] = {
    "": _equals,
    "=": _equals,
    "!=": _differs,
    ">": _is_newer,
    "<": lambda found, wanted: found.key < wanted.version.key,
    ">=": lambda found, wanted: found.key >= wanted.version.key,
    "=>": lambda found, wanted: found.key >= wanted.version.key,
    "<=": _is_not_newer,
    "=<": _is_not_newer,
    "~": _near,
    "~>": _near,
    "^": _compatible,
}
