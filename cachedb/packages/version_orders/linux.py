"""Sort keys of versions in Linux distributions: dpkg, rpm, apk and pacman.

Each function returns the key of a version, or None if the text is no version of its scheme.
"""

from __future__ import annotations

from cachedb.packages.version_orders.encoding import END, LOWEST, number
from cachedb.patterns import lazy

# deb: deb-version(7), as `dpkg --compare-versions` orders them.

# dpkg reads the epoch with strtol(3), which takes a sign.
_DEB_EPOCH = lazy(r"\+?[0-9]+|-0+")
_DEB_UPSTREAM = lazy(r"[0-9][A-Za-z0-9.+~:-]*")
_DEB_REVISION = lazy(r"[A-Za-z0-9.+~]+")
_DEB_LARGEST_EPOCH = 2**31 - 1


def deb(version: str) -> str | None:
    """Return the sort key of a version of a Debian package."""
    epoch, colon, rest = version.strip(" \t").partition(":")
    if not colon:
        epoch, rest = "0", epoch
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, "0"  # an absent revision equals the revision 0
    is_valid = (
        _is_deb_epoch(epoch)
        and _DEB_UPSTREAM.fullmatch(upstream)
        and _DEB_REVISION.fullmatch(revision)
    )
    if not is_valid:
        return None
    return number(epoch.lstrip("+-")) + _deb_part(upstream) + _deb_part(revision)


def _is_deb_epoch(text: str) -> bool:
    digits = text.lstrip("+-").lstrip("0") or "0"
    return (
        _DEB_EPOCH.fullmatch(text) is not None
        and len(digits) <= len(str(_DEB_LARGEST_EPOCH))
        and int(digits) <= _DEB_LARGEST_EPOCH
    )


def _deb_part(text: str) -> str:
    runs = [run for run in _DEB_RUN.findall(text) if run != ("", "")] or [("", "0")]
    return "".join(_deb_letters(other) + number(digits) for other, digits in runs) + _DEB_END


_DEB_RUN = lazy(r"([^0-9]*)([0-9]*)")
_DEB_END = "$"


def _deb_letters(text: str) -> str:
    # A tilde sorts before the end, the end before letters, letters before other characters.
    return "".join(_DEB_CHARACTERS.get(character, character) for character in text) + _DEB_END


_DEB_CHARACTERS = {"~": "!"} | {character: "~" + character for character in ".+:-"}


# rpm: rpmvercmp of epoch, version and release (rpm-version(7)).

_RPM_SEGMENT = lazy(r"([0-9]+)|([A-Za-z]+)|([~^])")
_RPM_MARKS = {"~": "!", "^": "%"}
_RPM_END = "$"  # after a tilde, before a caret


def rpm(version: str) -> str:
    """Return the sort key of a version of an rpm; every text is one.

    rpm ignores the release if one of two versions lacks it. That is not an order (1-1 equals 1, 1
    equals 1-2), so a version without a release sorts before the same one with any release.
    """
    epoch, colon, rest = version.partition(":")
    if not colon or epoch.strip("0123456789"):
        epoch, rest = "0", version
    upstream, dash, release = rest.rpartition("-")
    if not dash:
        return number(epoch) + _rpm_part(rest) + LOWEST
    return number(epoch) + _rpm_part(upstream) + "r" + _rpm_part(release)


def _rpm_part(text: str) -> str:
    # Every other character separates segments and is ignored otherwise.
    found = []
    for digits, letters, mark in _RPM_SEGMENT.findall(text):
        if digits:
            found.append("n" + number(digits))
        elif letters:
            found.append("a" + letters + END)
        else:
            found.append(_RPM_MARKS[mark])
    return "".join(found) + _RPM_END


# alpm: vercmp(8) of pacman. It began as a copy of rpmvercmp of 2006 and differs from today's: it
# has no tilde and no caret, letters behind the common part make a version older, and the length
# of a separator counts. At each place the order is: letters without a separator, the end, digits
# without a separator, letters behind one separator, digits behind one, letters behind two …

_ALPM_SEGMENT = lazy(rb"([^0-9A-Za-z]*)(?:([0-9]+)|([A-Za-z]+)|\Z)")
_ALPM_LETTERS = "!"
_ALPM_END = "$"
_ALPM_DIGITS = "n"
_ALPM_SEPARATED = "s"


def alpm(version: str) -> str | None:
    """Return the sort key of a version of a pacman package.

    A version whose parts end in a separator (``1.0.``) has none: pacman orders 1.0a < 1.0 and
    1.0.a < 1.0. but also 1.0 < 1.0.a, so such versions have no place among the others. As with
    rpm, a version without a release sorts before the same one with any release.
    """
    epoch, colon, rest = version.partition(":")
    if not colon or epoch.strip("0123456789"):
        epoch, rest = "0", version
    upstream, dash, release = rest.rpartition("-")
    if not dash:
        upstream, release = rest, ""
    upstream_key, release_key = _alpm_part(upstream), _alpm_part(release)
    if upstream_key is None or release_key is None:
        return None
    return number(epoch) + upstream_key + ("r" + release_key if dash else LOWEST)


def _alpm_part(text: str) -> str | None:
    found = []
    # Separators are counted in bytes, as strlen(3) does.
    for separator, digits, letters in _ALPM_SEGMENT.findall(text.encode(errors="replace")):
        if not (digits or letters):
            if separator:
                return None
            break
        if separator:
            found.append(_ALPM_SEPARATED + number(str(len(separator))))
        if digits:
            found.append(_ALPM_DIGITS + number(digits.decode()))
        else:
            found.append(_ALPM_LETTERS + letters.decode() + END)
    return "".join(found) + _ALPM_END


# apk: apk-package(5). Where one version ends or continues with another kind of item than the
# other, the kind decides: a pre-release suffix < the end < revision < hash < number of a suffix <
# suffix < letter < number.

_APK = lazy(
    r"(?P<first>[0-9]+)(?P<numbers>(?:\.[0-9]+)*)(?P<letter>[a-z]?)"
    r"(?P<suffixes>(?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*)"
    r"(?:~(?P<hash>[0-9a-f]+))?(?:-r(?P<revision>[0-9]+))?"
)
_APK_SUFFIX = lazy(r"_([a-z]+)([0-9]*)")
_APK_BEFORE = {"alpha": "!a", "beta": "!b", "pre": "!c", "rc": "!d"}
_APK_END = "$"
_APK_REVISION = "A"
_APK_HASH = "B"
_APK_SUFFIX_NUMBER = "C"
_APK_AFTER = {"cvs": "Da", "svn": "Db", "git": "Dc", "hg": "Dd", "p": "De"}
_APK_LETTER = "E"
_APK_NUMBER = "F"


def apk(version: str) -> str | None:
    """Return the sort key of a version of an Alpine package."""
    match = _APK.fullmatch(version)
    if match is None:
        return None
    found = [number(match["first"])]
    found += [_APK_NUMBER + _apk_number(part) for part in match["numbers"].split(".")[1:]]
    if match["letter"]:
        found.append(_APK_LETTER + match["letter"])
    for name, digits in _APK_SUFFIX.findall(match["suffixes"]):
        found.append(_APK_BEFORE.get(name) or _APK_AFTER[name])
        if digits:
            found.append(_APK_SUFFIX_NUMBER + number(digits))
    if match["hash"] is not None:
        found.append(_APK_HASH + match["hash"] + END)
    if match["revision"] is not None:
        found.append(_APK_REVISION + number(match["revision"]))
    return "".join(found) + _APK_END


def _apk_number(digits: str) -> str:
    # A number after the first dot that starts with a zero is compared as a text, as a fraction
    # would be: 1.05 < 1.1.
    return "0" + digits + END if digits.startswith("0") else number(digits)
