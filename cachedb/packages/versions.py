"""Versions as texts that sort: the order of each ecosystem, ready for an ORDER BY.

`key` turns a version into a text of the same order as the version has in its scheme, when two
texts are compared by code point, as SQLite's BINARY collation does. A version becomes a sequence
of items, each of which starts with a mark for its kind and ends in a known place, so that no key
is the beginning of another one of the same scheme and comparing texts is comparing item by item.

A text that is no version of its scheme sorts after all that are, and among its like by natural
order (numbers by value, the rest by code point): `version lt 2` never lists what nobody can
compare with 2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SCHEMES = ("apk", "deb", "pep440", "rpm", "semver")
"""The orders of versions that there are."""

_SCHEME_OF_TYPE = {
    "apk": "apk",
    "alpine": "apk",
    "deb": "deb",
    "opkg": "deb",  # opkg compares as dpkg does
    "rpm": "rpm",
    "alpm": "rpm",  # pacman's vercmp came from rpm
    "pypi": "pep440",
}

# Marks. The end of a list sorts before every item of it; what is absent sorts where its scheme
# says, so there is a mark below and one above all letters and digits.
_END = "!"
_LOWEST = "!"
_HIGHEST = "~"

# Not a character of any valid key, so that whatever is invalid comes last.
_INVALID = "\x7f"


def key(scheme: str, version: str) -> str:
    r"""Return a text that sorts as `version` does in `scheme`, one of `SCHEMES`.

    Versions that are equal in their scheme have equal keys. There is a key for every text,
    it encodes as UTF-8 and it holds no NUL.

    Example:
        >>> sorted(["1.10", "1.9", "1.0~rc1", "1.0"], key=lambda v: key("deb", v))
        ['1.0~rc1', '1.0', '1.9', '1.10']
        >>> key("deb", "1.0-1") == key("deb", "0:1.00-01")
        True
    """
    valid = _KEYS[scheme](version)
    return _INVALID + _natural(version) if valid is None else valid


def is_valid(scheme: str, version: str) -> bool:
    """Whether `version` follows the grammar of `scheme`; for rpm everything does."""
    return _KEYS[scheme](version) is not None


def scheme_of(purl_type: str) -> str:
    """Name the order of versions of a type of package URL.

    Types whose ecosystem has no order here get semver's, read loosely: it is what most of
    them (npm, golang, cargo, gem, nuget, …) follow.
    """
    return _SCHEME_OF_TYPE.get(purl_type.lower(), "semver")


def _number(digits: str) -> str:
    """Encode a natural number of any length: how many digits it has, then the digits."""
    digits = digits.lstrip("0")
    if len(digits) < len(_LENGTHS) - 1:
        return _LENGTHS[len(digits)] + digits
    return _LENGTHS[-1] + _number(str(len(digits))) + digits


_LENGTHS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _numbers(components: Iterable[str]) -> str:
    """Encode numbers joined by dots, where ``1.0`` is the same as ``1``."""
    found = list(components)
    while found and not found[-1].strip("0"):
        found.pop()
    return "".join("n" + _number(component) for component in found) + _END


def _natural(text: str) -> str:
    # Lone surrogates do not encode, NUL ends a text in some of SQLite's functions, and the end
    # of a run has to be less than every character in it.
    clean = text.encode("utf-8", "backslashreplace").decode().translate(_ESCAPES)
    runs = re.findall(r"([^0-9]*)([0-9]*)", clean)
    return "".join(f"{other}\x01{_number(digits)}" for other, digits in runs)


_ESCAPES = {code: "\x02" + chr(code + 0x10) for code in range(3)}


# deb: deb-version(7), as dpkg --compare-versions reads it.

_DEB = re.compile(
    r"(?:(?P<epoch>[0-9]+):)?(?P<upstream>[0-9][A-Za-z0-9.+~:-]*?)(?:-(?P<revision>[A-Za-z0-9.+~]+))?"
)
_DEB_LARGEST_EPOCH = 2**31 - 1


def _deb(version: str) -> str | None:
    text = version.strip(" \t")
    match = _DEB.fullmatch(text)
    if match is None or text.endswith("-") or (match["epoch"] is None and ":" in text):
        return None
    epoch = (match["epoch"] or "0").lstrip("0") or "0"
    if len(epoch) > len(str(_DEB_LARGEST_EPOCH)) or int(epoch) > _DEB_LARGEST_EPOCH:
        return None
    # No revision is the same as the revision 0.
    return _number(epoch) + _deb_part(match["upstream"]) + _deb_part(match["revision"] or "0")


def _deb_part(text: str) -> str:
    runs = [run for run in _DEB_RUN.findall(text) if run != ("", "")] or [("", "0")]
    return "".join(_deb_letters(other) + _number(digits) for other, digits in runs) + _DEB_END


_DEB_RUN = re.compile(r"([^0-9]*)([0-9]*)")
_DEB_END = "$"


def _deb_letters(text: str) -> str:
    # A tilde sorts before the end, the end before letters, letters before everything else.
    return "".join(_DEB_CHARACTERS.get(character, character) for character in text) + _DEB_END


_DEB_CHARACTERS = {"~": "!"} | {character: "~" + character for character in ".+:-"}


# rpm: rpmvercmp of epoch, version, release.

_RPM_SEGMENT = re.compile(r"([0-9]+)|([A-Za-z]+)|([~^])")
_RPM_MARKS = {"~": "!", "^": "%"}
_RPM_END = "$"  # after a tilde, before a caret


def _rpm(version: str) -> str:
    epoch, colon, rest = version.partition(":")
    if not colon or epoch.strip("0123456789"):
        epoch, rest = "0", version
    upstream, dash, release = rest.rpartition("-")
    if not dash:
        return _number(epoch) + _rpm_part(rest) + _LOWEST
    return _number(epoch) + _rpm_part(upstream) + "r" + _rpm_part(release)


def _rpm_part(text: str) -> str:
    # Whatever else stands between the segments separates them and counts for nothing.
    found = []
    for digits, letters, mark in _RPM_SEGMENT.findall(text):
        if digits:
            found.append("n" + _number(digits))
        elif letters:
            found.append("a" + letters + _END)
        else:
            found.append(_RPM_MARKS[mark])
    return "".join(found) + _RPM_END


# apk: apk-package(5). Where one version ends or goes on with another kind of item than the other,
# the kind decides: a pre-release suffix < the end < revision < hash < number of a suffix <
# suffix < letter < number.

_APK = re.compile(
    r"(?P<first>[0-9]+)(?P<numbers>(?:\.[0-9]+)*)(?P<letter>[a-z]?)"
    r"(?P<suffixes>(?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*)"
    r"(?:~(?P<hash>[0-9a-f]+))?(?:-r(?P<revision>[0-9]+))?"
)
_APK_SUFFIX = re.compile(r"_([a-z]+)([0-9]*)")
_APK_BEFORE = {"alpha": "!a", "beta": "!b", "pre": "!c", "rc": "!d"}
_APK_END = "$"
_APK_REVISION = "A"
_APK_HASH = "B"
_APK_SUFFIX_NUMBER = "C"
_APK_AFTER = {"cvs": "Da", "svn": "Db", "git": "Dc", "hg": "Dd", "p": "De"}
_APK_LETTER = "E"
_APK_NUMBER = "F"


def _apk(version: str) -> str | None:
    match = _APK.fullmatch(version)
    if match is None:
        return None
    found = [_number(match["first"])]
    found += [_APK_NUMBER + _apk_number(part) for part in match["numbers"].split(".")[1:]]
    if match["letter"]:
        found.append(_APK_LETTER + match["letter"])
    for name, number in _APK_SUFFIX.findall(match["suffixes"]):
        found.append(_APK_BEFORE.get(name) or _APK_AFTER[name])
        if number:
            found.append(_APK_SUFFIX_NUMBER + _number(number))
    if match["hash"] is not None:
        found.append(_APK_HASH + match["hash"] + _END)
    if match["revision"] is not None:
        found.append(_APK_REVISION + _number(match["revision"]))
    return "".join(found) + _APK_END


def _apk_number(digits: str) -> str:
    # A number after the first dot that starts with a zero is compared as a text, as a fraction
    # would be: 1.05 < 1.1.
    return "0" + digits + _END if digits.startswith("0") else _number(digits)


# semver: the precedence of 2.0.0 §11, on texts as loose as they are found in the wild: a leading
# v or =, one number or four, leading zeros.

_SEMVER = re.compile(
    r"[\s=vV]*(?P<core>[0-9]+(?:\.[0-9]+)*)"
    r"(?:-(?P<before>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?\s*",
    re.ASCII,
)


def _semver(version: str) -> str | None:
    match = _SEMVER.fullmatch(version)
    if match is None:
        return None
    before = match["before"]
    return _numbers(match["core"].split(".")) + (
        _HIGHEST if before is None else _identifiers(before.split("."), number="d", text="s")
    )


def _identifiers(identifiers: Iterable[str], *, number: str, text: str) -> str:
    return (
        "".join(
            number + _number(item) if item.isdecimal() else text + item + _END
            for item in identifiers
        )
        + _END
    )


# pep440: the order that the specification of version specifiers gives.

_PEP440 = re.compile(
    r"v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]*))?"
    r"(?P<post>-(?P<post_short>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
    re.ASCII | re.IGNORECASE,
)


def _pep440(version: str) -> str | None:
    match = _PEP440.fullmatch(version.strip())
    if match is None:
        return None
    return (
        _number(match["epoch"] or "0")
        + _numbers(match["release"].split("."))
        + _pep440_pre(match)
        + _pep440_post(match)
        + (_HIGHEST if match["dev"] is None else "d" + _number(match["dev_number"]))
        + _pep440_local(match["local"])
    )


def _pep440_pre(match: re.Match[str]) -> str:
    if match["pre"] is not None:
        # alpha, beta and everything that means release candidate: c, pre, preview, rc.
        letter = match["pre"][0].lower()
        return (letter if letter in "ab" else "c") + _number(match["pre_number"])
    is_only_dev = match["post"] is None and match["dev"] is not None
    return _LOWEST if is_only_dev else _HIGHEST


def _pep440_post(match: re.Match[str]) -> str:
    if match["post"] is None:
        return _LOWEST
    return "p" + _number(match["post_short"] or match["post_number"] or "0")


def _pep440_local(local: str | None) -> str:
    if local is None:
        return _LOWEST
    return _identifiers(re.split(r"[-_.]", local.lower()), number="n", text="a")


_KEYS: dict[str, Callable[[str], str | None]] = {
    "apk": _apk,
    "deb": _deb,
    "pep440": _pep440,
    "rpm": _rpm,
    "semver": _semver,
}
