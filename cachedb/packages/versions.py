"""Sort keys of versions: the order of each packaging scheme, for an ORDER BY.

`key` turns a version into a text of the same order as the version has in its scheme, when two
texts are compared by code point, as SQLite's BINARY collation does.

A text that is not a version of its scheme sorts after all versions, and among such texts by
natural order (numbers by value, the rest by code point), so that `version lt 2` never selects a
version that cannot be compared with 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.packages.version_orders import language, linux, maven
from cachedb.packages.version_orders.encoding import natural

if TYPE_CHECKING:
    from collections.abc import Callable

_KEYS: dict[str, Callable[[str], str | None]] = {
    "alpm": linux.alpm,
    "apk": linux.apk,
    "cocoapods": language.cocoapods,
    "deb": linux.deb,
    "gem": language.gem,
    "golang": language.golang,
    "maven": maven.maven,
    "nuget": language.nuget,
    "pep440": language.pep440,
    "pub": language.pub,
    "rpm": linux.rpm,
    "semver": language.semver,
}

SCHEMES = tuple(sorted(_KEYS))
"""The schemes whose order of versions is known, in alphabetical order."""
UNORDERED = "none"
"""The scheme of the types of package URLs whose order of versions is not known here."""

_SCHEME_OF_TYPE = {
    "alpine": "apk",
    "alpm": "alpm",
    "apk": "apk",
    "cocoapods": "cocoapods",
    "deb": "deb",
    "gem": "gem",
    "golang": "golang",
    "julia": "pub",  # VersionNumber compares builds as pub_semver does
    "maven": "maven",
    "nuget": "nuget",
    "opkg": "deb",  # opkg compares as dpkg does
    "pub": "pub",
    "pypi": "pep440",
    "rpm": "rpm",
} | dict.fromkeys(
    "bitnami cargo elm hex npm otp swift terraform vscode-extension".split(), "semver"
)
# A package without a package URL, or of no ecosystem, has no scheme: semantic versioning, read
# loosely, orders its numbers.
_SCHEME_OF_TYPE |= {"": "semver", "generic": "semver", "github": "semver"}

# Not a character of any valid key, so that invalid versions sort last.
_INVALID = "\x7f"


def key(scheme: str, version: str) -> str:
    r"""Return a text that sorts as `version` does in `scheme`, one of `SCHEMES` or `UNORDERED`.

    Versions that are equal in their scheme have equal keys. Every text has a key; it encodes as
    UTF-8, holds no NUL, and takes time and space linear in the length of the text.

    Example:
        >>> sorted(["1.10", "1.9", "1.0~rc1", "1.0"], key=lambda v: key("deb", v))
        ['1.0~rc1', '1.0', '1.9', '1.10']
        >>> key("deb", "1.0-1") == key("deb", "0:1.00-01")
        True
        >>> key("alpm", "1.0rc1") < key("alpm", "1.0") < key("alpm", "1.0.1")
        True
    """
    valid = None if scheme == UNORDERED else _KEYS[scheme](version)
    return _INVALID + natural(version) if valid is None else valid


def is_valid(scheme: str, version: str) -> bool:
    """Return whether `version` follows the grammar of `scheme`; every text does in rpm."""
    return _KEYS[scheme](version) is not None


def scheme_of(purl_type: str) -> str:
    """Return the scheme that orders the versions of a type of package URL.

    `UNORDERED` if the type has an order that is not implemented (composer, conda, cran, …).
    """
    return _SCHEME_OF_TYPE.get(purl_type.lower(), UNORDERED)
