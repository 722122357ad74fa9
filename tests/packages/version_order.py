"""Comparison of two versions, implemented from the rules of each ecosystem.

No function computes a sort key: each compares two versions up to the first difference, or as
tuples. Arguments are valid versions.
"""

import re
from itertools import zip_longest

from packaging.version import Version
from univers.versions import GolangVersion, NugetVersion, RubygemsVersion


def _compare(one: object, other: object) -> int:
    return (one > other) - (one < other)  # type: ignore[operator]


def deb(one: str, other: str) -> int:
    """deb-version(7): epoch, upstream version, revision."""

    def parts(version: str) -> tuple[int, str, str]:
        epoch, colon, rest = version.strip().partition(":")
        if not colon:
            epoch, rest = "0", version.strip()
        upstream, dash, revision = rest.rpartition("-")
        return int(epoch), *((upstream, revision) if dash else (rest, ""))

    first, second = parts(one), parts(other)
    return (
        _compare(first[0], second[0])
        or _deb_part(first[1], second[1])
        or _deb_part(first[2], second[2])
    )


def _deb_part(one: str, other: str) -> int:
    def weight(character: str) -> tuple[int, str]:
        if character == "~":
            return (-1, "")
        if not character:
            return (0, "")
        return (1 if character.isalpha() else 2, character)

    while one or other:
        first, second = (re.match(r"\D*", text, re.ASCII)[0] for text in (one, other))
        for a, b in zip_longest(first, second, fillvalue=""):
            if weight(a) != weight(b):
                return _compare(weight(a), weight(b))
        one, other = one[len(first) :], other[len(second) :]
        first, second = (re.match(r"\d*", text, re.ASCII)[0] for text in (one, other))
        if int(first or 0) != int(second or 0):
            return _compare(int(first or 0), int(second or 0))
        one, other = one[len(first) :], other[len(second) :]
    return 0


def rpm(one: str, other: str) -> int:
    """rpmvercmp of the epochs, the versions, and the releases if both have one."""

    def parts(version: str) -> tuple[int, str, str | None]:
        match = re.match(r"([0-9]*):", version)
        rest = version[match.end() :] if match else version
        upstream, dash, release = rest.rpartition("-")
        epoch = int(match[1] or 0) if match else 0
        return epoch, *((upstream, release) if dash else (rest, None))

    first, second = parts(one), parts(other)
    order = _compare(first[0], second[0]) or _rpm_part(first[1], second[1])
    if order or (first[2] is None and second[2] is None):
        return order
    if first[2] is None or second[2] is None:
        return -1 if first[2] is None else 1
    return _rpm_part(first[2], second[2])


def _rpm_part(one: str, other: str) -> int:
    while True:
        one, other = (re.sub(r"^[^0-9A-Za-z~^]+", "", text) for text in (one, other))
        for mark, worth in (("~", lambda _: -1), ("^", lambda rest: -1 if rest else 1)):
            if one.startswith(mark) and other.startswith(mark):
                one, other = one[1:], other[1:]
                break
            if one.startswith(mark):
                return worth(other)
            if other.startswith(mark):
                return -worth(one)
        else:
            if not one or not other:
                return _compare(bool(one), bool(other))
            kind = r"[0-9]+" if one[0].isdigit() else r"[A-Za-z]+"
            first, second = re.match(kind, one), re.match(kind, other)
            if not second:
                return 1 if one[0].isdigit() else -1
            a, b = first[0], second[0]
            order = _compare(int(a), int(b)) if a[0].isdigit() else _compare(a, b)
            if order:
                return order
            one, other = one[len(a) :], other[len(b) :]


_APK_TOKEN = re.compile(
    r"\.(?P<number>[0-9]+)|(?P<letter>[a-z])|_(?P<suffix>[a-z]+)|(?P<count>[0-9]+)"
    r"|~(?P<hash>[0-9a-f]+)|-r(?P<revision>[0-9]+)"
)
_APK_KINDS = ("number", "letter", "suffix", "count", "hash", "revision", "end")
_APK_SUFFIXES = ("alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p")


def apk(one: str, other: str) -> int:
    """apk-tools: token by token, where the kind of a token that the other lacks decides."""

    def tokens(version: str) -> list[tuple[str, str]]:
        first = re.match(r"[0-9]+", version)[0]
        found = [("first", first)]
        position = len(first)
        while position < len(version):
            match = _APK_TOKEN.match(version, position)
            found.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        return [*found, ("end", "")]

    for (kind, a), (other_kind, b) in zip(tokens(one), tokens(other), strict=False):
        if kind != other_kind:
            return _apk_kinds(kind, a, other_kind, b)
        order = _apk_token(kind, a, b)
        if order:
            return order
    return 0


def _apk_token(kind: str, one: str, other: str) -> int:
    if kind == "suffix":
        return _compare(_APK_SUFFIXES.index(one), _APK_SUFFIXES.index(other))
    is_text = kind == "number" and (one[0] == "0" or other[0] == "0")
    if is_text or kind in ("letter", "hash", "end"):
        return _compare(one, other)
    return _compare(int(one), int(other))


def _apk_kinds(kind: str, value: str, other_kind: str, other: str) -> int:
    before = _APK_SUFFIXES[:4]
    if kind == "suffix" and value in before:
        return -1
    if other_kind == "suffix" and other in before:
        return 1
    return _compare(_APK_KINDS.index(other_kind), _APK_KINDS.index(kind))


def semver(one: str, other: str) -> int:
    """semver.org §11, on one to many numbers; a missing number is a zero."""

    def parts(version: str) -> tuple[list[int], list[str]]:
        bare = version.strip().lstrip("vV=").strip().lstrip("vV= ").partition("+")[0]
        core, dash, before = bare.partition("-")
        return [int(number) for number in core.split(".")], before.split(".") if dash else []

    (core, before), (other_core, other_before) = parts(one), parts(other)
    for a, b in zip_longest(core, other_core, fillvalue=0):
        if a != b:
            return _compare(a, b)
    if not before or not other_before:
        return _compare(not before, not other_before)
    for first, second in zip(before, other_before, strict=False):
        if first.isdigit() != second.isdigit():
            return -1 if first.isdigit() else 1
        order = _compare(int(first), int(second)) if first.isdigit() else _compare(first, second)
        if order:
            return order
    return _compare(len(before), len(other_before))


def pub(one: str, other: str) -> int:
    """semver, then the builds by the same rules, none before any."""
    order = semver(one, other)
    builds = [text.strip().partition("+")[2] for text in (one, other)]
    if order or not all(builds):
        return order or _compare(bool(builds[0]), bool(builds[1]))
    return -1 * semver(f"0-{builds[1]}", f"0-{builds[0]}")


def cocoapods(one: str, other: str) -> int:
    """Segment by segment, a missing one being zero, letters before numbers."""
    first, second = (
        [int(part) if part.isdigit() else part for part in re.findall("[0-9]+|[A-Za-z]+", text)]
        for text in (one, other)
    )
    for a, b in zip_longest(first, second, fillvalue=0):
        if a != b:
            if isinstance(a, str) != isinstance(b, str):
                return -1 if isinstance(a, str) else 1
            return _compare(a, b)
    return 0


def pep440(one: str, other: str) -> int:
    """PEP 440, by the reference implementation."""
    return _compare(Version(one), Version(other))


def gem(one: str, other: str) -> int:
    """RubyGems, by univers."""
    return _compare(RubygemsVersion(one), RubygemsVersion(other))


def nuget(one: str, other: str) -> int:
    """NuGet, by univers."""
    return _compare(NugetVersion(one), NugetVersion(other))


def golang(one: str, other: str) -> int:
    """Go modules, by univers."""
    return _compare(GolangVersion(one), GolangVersion(other))


def alpm(one: str, other: str) -> int:
    """vercmp(8): epochs, versions, and the releases if both have one."""

    def parts(version: str) -> tuple[str, str, str | None]:
        match = re.match(r"([0-9]*):", version)
        rest = version[match.end() :] if match else version
        upstream, dash, release = rest.rpartition("-")
        return (match[1] if match else "0"), *((upstream, release) if dash else (rest, None))

    first, second = parts(one), parts(other)
    order = _compare(int(first[0] or 0), int(second[0] or 0)) or _alpm_part(first[1], second[1])
    if order or (first[2] is None and second[2] is None):
        return order
    if first[2] is None or second[2] is None:
        return -1 if first[2] is None else 1
    return _alpm_part(first[2], second[2])


def _alpm_part(one: str, other: str) -> int:
    while one and other:
        separators = [re.match(r"[^0-9A-Za-z]*", text, re.ASCII)[0] for text in (one, other)]
        one, other = one[len(separators[0]) :], other[len(separators[1]) :]
        lengths = [len(text.encode()) for text in separators]
        if lengths[0] != lengths[1]:
            return _compare(*lengths)
        kind = r"[0-9]+" if one[0].isdigit() else r"[A-Za-z]+"
        first, second = re.match(kind, one, re.ASCII), re.match(kind, other, re.ASCII)
        if not second:
            return 1 if one[0].isdigit() else -1
        a, b = first[0], second[0]
        order = _compare(int(a), int(b)) if a[0].isdigit() else _compare(a, b)
        if order:
            return order
        one, other = one[len(a) :], other[len(b) :]
    if one == other:
        return 0
    rest = one or other
    is_older = re.match(r"[A-Za-z]", rest) is not None
    return -1 if bool(one) == is_older else 1


_MAVEN_RANKS = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"]


def maven(one: str, other: str) -> int:
    """The POM reference, for numbers joined by dots and one qualifier, which may have a number."""

    def parts(version: str) -> tuple[list[int], tuple[int, str, int]]:
        match = re.fullmatch(
            r"([0-9]+(?:\.[0-9]+)*)(?:[.-]?([a-z]+)-?([0-9]*)|-([0-9]+))?", version.lower()
        )
        numbers = [int(number) for number in match[1].split(".")]
        if int(match[4] or 0):  # zeros in front of a number count
            return numbers, (len(_MAVEN_RANKS) + 1, "", int(match[4]))
        while numbers and not numbers[-1]:
            numbers.pop()
        short = {"a": "alpha", "b": "beta", "m": "milestone"} if match[3] else {}
        name = short.get(match[2], match[2]) or ""
        name = {"cr": "rc", "ga": "", "final": "", "release": ""}.get(name, name)
        if not name:
            return numbers, (_MAVEN_RANKS.index(""), "", int(match[3] or 0))
        if name in _MAVEN_RANKS:
            return numbers, (_MAVEN_RANKS.index(name), "", int(match[3] or -1))
        return numbers, (len(_MAVEN_RANKS), name, int(match[3] or -1))

    (numbers, qualifier), (others, other_qualifier) = parts(one), parts(other)
    for a, b in zip_longest(numbers, others):
        if a != b:
            if a is None or b is None:
                break
            return _compare(a, b)
    if len(numbers) != len(others):
        return _compare(len(numbers), len(others))
    return _compare(qualifier, other_qualifier)
