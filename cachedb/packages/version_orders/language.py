"""Sort keys of versions in language ecosystems: semver, pub, Go, NuGet, gems, pods and Python.

Each function returns the key of a version, or None if the text is no version of its scheme.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cachedb.packages.version_orders.encoding import (
    END,
    HIGHEST,
    LOWEST,
    identifiers,
    number,
    numbers,
)
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterator

# semver: the precedence of 2.0.0 §11, on texts as tools write them: a leading v or =, one number
# or four, leading zeros.

_SEMVER = lazy(
    r"[\s=vV]*(?P<core>[0-9]+(?:\.[0-9]+)*)"
    r"(?:-(?P<before>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?\s*",
    re.ASCII,
)


def semver(version: str) -> str | None:
    """Return the sort key of a semantic version."""
    match = _SEMVER.fullmatch(version)
    return None if match is None else _precedence(match["core"], match["before"])


def _precedence(core: str, before: str | None) -> str:
    return numbers(core.split(".")) + (
        HIGHEST if before is None else identifiers(before.split("."), numeric="d", textual="s")
    )


# pub and Julia: semver, where builds count: a version with one sorts after the one without.


def pub(version: str) -> str | None:
    """Return the sort key of a version of a Dart or Julia package (pub_semver, VersionNumber)."""
    bare, plus, build = version.strip().partition("+")
    precedence = semver(bare)
    if precedence is None or (plus and not _BUILD.fullmatch(build)):
        return None
    if not plus:
        return precedence + LOWEST
    return precedence + "b" + identifiers(build.split("."), numeric="d", textual="s")


_BUILD = lazy(r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*")


# golang: golang.org/x/mod/semver for modules, pseudo-versions included, and go/version for the
# toolchain and its standard library, which scanners list as pkg:golang/stdlib@1.22rc1.

_GO_NUMBER = r"(?:0|[1-9][0-9]*)"
_GO_BEFORE = r"(?!0[0-9]+(?:[.+]|\Z))[0-9A-Za-z-]+"
_GO_MODULE = lazy(
    rf"v?(?P<core>{_GO_NUMBER}(?:\.{_GO_NUMBER}){{0,2}}|(?P<whole>{_GO_NUMBER}(?:\.{_GO_NUMBER}){{2}})"
    rf"(?:-(?P<before>{_GO_BEFORE}(?:\.{_GO_BEFORE})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)"
)
_GO_TOOLCHAIN = lazy(
    rf"(?:go)?(?P<core>{_GO_NUMBER}\.{_GO_NUMBER})(?P<kind>beta|rc)(?P<count>{_GO_NUMBER})(?:-.*)?"
)
_GO_RELEASE = lazy(rf"go(?P<core>{_GO_NUMBER}(?:\.{_GO_NUMBER}){{0,2}})(?:-.*)?")


def golang(version: str) -> str | None:
    """Return the sort key of a version of a Go module, or of the Go toolchain.

    The v of a module and the go of a toolchain may be absent, since package URLs come with and
    without them. 1.21 is the release 1.21.0, never the language version that go/version sorts
    before 1.21rc1. The suffix of a custom toolchain (``go1.22.1-acme``) does not count.
    """
    if match := _GO_MODULE.fullmatch(version):
        return _precedence(match["whole"] or match["core"], match["before"])
    if match := _GO_TOOLCHAIN.fullmatch(version):
        return _precedence(match["core"], f"{match['kind']}.{match['count']}")
    if match := _GO_RELEASE.fullmatch(version):
        return _precedence(match["core"], None)
    return None


# nuget: NuGet.Versioning's NuGetVersion, compared by VersionComparer.Default.

_NUGET = lazy(
    r"\s*(?P<core>[0-9]+(?:\.[0-9]+){0,3})"
    r"(?:-(?P<before>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?\s*",
    re.ASCII,
)
_INT32_MAX = 2**31 - 1


def nuget(version: str) -> str | None:
    """Return the sort key of a version of a NuGet package.

    One to four numbers of 32 bits; labels are compared without regard to case, and one that is
    a number beyond 32 bits is compared as a text.
    """
    match = _NUGET.fullmatch(version)
    if match is None or not all(map(_is_int32, match["core"].split("."))):
        return None
    core = numbers(match["core"].split("."))
    if match["before"] is None:
        return core + HIGHEST
    labels = match["before"].lower().split(".")
    encoded = (
        "d" + number(label) if label.isdecimal() and _is_int32(label) else "s" + label + END
        for label in labels
    )
    return core + "".join(encoded) + END


def _is_int32(digits: str) -> bool:
    significant = digits.lstrip("0") or "0"
    return len(significant) <= len(str(_INT32_MAX)) and int(significant) <= _INT32_MAX


# gem: Gem::Version. Segments are numbers and runs of letters; a missing segment counts as a zero,
# and letters sort before every number. At each place the order is thus: zeros that lead to
# letters, the end, zeros that lead to a number.

_GEM = lazy(
    r"\s*(?P<version>[0-9]+(?:\.[0-9a-zA-Z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)?\s*",
    re.ASCII,
)
_GEM_SEGMENT = lazy(r"[0-9]+|[A-Za-z]+")
_GEM_BEFORE_END = "a"
_GEM_END = "e"
_GEM_AFTER_END = "n"
_GEM_LETTERS = "!"  # before the zero that a missing segment counts as


def gem(version: str) -> str | None:
    """Return the sort key of a version of a gem; '' is 0, as in RubyGems."""
    match = _GEM.fullmatch(version)
    if match is None:
        return None
    segments = _GEM_SEGMENT.findall((match["version"] or "0").replace("-", ".pre."))
    return "".join(_gem_runs(_canonical_gem_segments(segments))) + _GEM_END


# cocoapods: Pod::Version, which is a Gem::Version of 2013: a hyphen separates like a dot, and a
# zero in front of letters counts.

_POD = lazy(r"\s*(?P<version>[0-9]+(?:\.[0-9a-zA-Z-]+)*)?\s*", re.ASCII)


def cocoapods(version: str) -> str | None:
    """Return the sort key of a version of a pod."""
    match = _POD.fullmatch(version)
    if match is None:
        return None
    segments = _GEM_SEGMENT.findall(match["version"] or "0")
    while segments and not segments[-1].strip("0"):
        segments.pop()
    return "".join(_gem_runs(segments)) + _GEM_END


def _canonical_gem_segments(segments: list[str]) -> list[str]:
    """Drop the zeros that end the leading numbers, and those that end the version."""
    first = next((i for i, each in enumerate(segments) if each.isalpha()), len(segments))
    found = []
    for part in segments[:first], segments[first:]:
        while part and not part[-1].strip("0"):
            part.pop()
        found += part
    return found


def _gem_runs(segments: list[str]) -> Iterator[str]:
    zeros = ""
    for segment in segments:
        if not segment.strip("0"):
            zeros += number("0")
        elif segment.isalpha():
            yield _GEM_BEFORE_END + zeros + _GEM_LETTERS + segment + END
            zeros = ""
        else:
            yield _GEM_AFTER_END + zeros + number(segment)
            zeros = ""


# pep440: the order that the specification of version specifiers gives.

_PEP440 = lazy(
    r"v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]*))?"
    r"(?P<post>-(?P<post_short>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
    re.ASCII | re.IGNORECASE,
)


def pep440(version: str) -> str | None:
    """Return the sort key of a version of a Python distribution."""
    match = _PEP440.fullmatch(version.strip())
    if match is None:
        return None
    return (
        number(match["epoch"] or "0")
        + numbers(match["release"].split("."))
        + _pep440_pre(match)
        + _pep440_post(match)
        + (HIGHEST if match["dev"] is None else "d" + number(match["dev_number"]))
        + _pep440_local(match["local"])
    )


def _pep440_pre(match: re.Match[str]) -> str:
    if match["pre"] is not None:
        # alpha, beta and the spellings of release candidate: c, pre, preview, rc.
        letter = match["pre"][0].lower()
        return (letter if letter in "ab" else "c") + number(match["pre_number"])
    is_only_dev = match["post"] is None and match["dev"] is not None
    return LOWEST if is_only_dev else HIGHEST


def _pep440_post(match: re.Match[str]) -> str:
    if match["post"] is None:
        return LOWEST
    return "p" + number(match["post_short"] or match["post_number"] or "0")


def _pep440_local(local: str | None) -> str:
    if local is None:
        return LOWEST
    return identifiers(re.split(r"[-_.]", local.lower()), numeric="n", textual="a")
