"""Package URLs: names of packages across ecosystems (ECMA-427, the purl specification)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from cachedb.errors import InvalidPackageURL
from cachedb.patterns import lazy
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPE = lazy(r"[a-z][a-z0-9.-]*")
_KEY = lazy(r"[a-z][a-z0-9._-]*")
_NOTHING: Mapping[str, str] = {}


class PackageURL(Record):
    """A package URL in canonical form; an absent part is ''.

    `str()` is the canonical text, which `parse` reads back to an equal value. `qualifiers`
    are pairs in the order of their keys.

    `type`, `namespace`, `name`, `version` and `subpath` are the components of purl-spec, decoded.

    Example:
        >>> url = PackageURL.parse("pkg:deb/Debian/curl@7.50.3-1?distro=jessie&arch=i386")
        >>> url.type, url.namespace, url.name, url.version, url.qualifier("arch")
        ('deb', 'debian', 'curl', '7.50.3-1', 'i386')
        >>> str(url)
        'pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie'
    """

    type: str
    namespace: str = ""
    name: str
    version: str = ""
    qualifiers: tuple[tuple[str, str], ...] = ()
    subpath: str = ""

    def __str__(self) -> str:
        text = f"pkg:{self.type}/"
        if self.namespace:
            text += _encode_path(self.namespace) + "/"
        text += _encode(self.name)
        if self.version:
            text += "@" + _encode(self.version)
        if self.qualifiers:
            text += "?" + "&".join(f"{key}={_encode(value)}" for key, value in self.qualifiers)
        if self.subpath:
            text += "#" + _encode_path(self.subpath)
        return text

    def qualifier(self, key: str) -> str:
        """Return the value of a qualifier, '' if it is absent."""
        return dict(self.qualifiers).get(key, "")

    @classmethod
    def parse(cls, text: str) -> PackageURL:
        """Read a package URL, canonical or not.

        Raises:
            InvalidPackageURL: The text is not a package URL, or breaks a rule of its type.
        """
        rest, _, subpath = text.partition("#")
        rest, _, query = rest.partition("?")
        scheme, colon, rest = rest.partition(":")
        if not colon or scheme.lower() != "pkg":
            raise InvalidPackageURL(text, "it does not begin with pkg:")
        purl_type, _, rest = rest.strip("/").partition("/")
        path, version = _split_version(rest)
        namespace, _, name = path.rpartition("/")
        try:
            return cls.of(
                type=purl_type,
                namespace="/".join(map(_decode, namespace.split("/"))),
                name=_decode(name),
                version=_decode(version),
                qualifiers=_parse_qualifiers(query),
                subpath="/".join(map(_decode, subpath.split("/"))),
            )
        except UnicodeDecodeError as error:
            raise InvalidPackageURL(text, "it is not UTF-8 once it is decoded") from error
        except InvalidPackageURL as error:
            raise InvalidPackageURL(text, error.why) from error

    @classmethod
    def of(
        cls,
        *,
        type: str,  # noqa: A002 - the word of the specification
        name: str,
        namespace: str = "",
        version: str = "",
        qualifiers: Mapping[str, str] = _NOTHING,
        subpath: str = "",
    ) -> PackageURL:
        """Build a package URL from its parts, not encoded, in canonical form.

        Raises:
            InvalidPackageURL: A part is missing, malformed, or breaks a rule of its type.
        """
        purl_type = type.lower()
        if not _TYPE.fullmatch(purl_type):
            raise InvalidPackageURL(type, "expected a type of letters, digits, dots and dashes")
        if not name:
            raise InvalidPackageURL(purl_type, "the name is missing")
        url = cls(
            type=purl_type,
            namespace="/".join(filter(None, namespace.split("/"))),
            name=name,
            version=version,
            qualifiers=_canonical_qualifiers(qualifiers),
            subpath="/".join(part for part in subpath.split("/") if part not in _NO_SEGMENT),
        )
        _check_type(url)
        _check_encodes(url)
        return _normalize_type(url)


_NO_SEGMENT = ("", ".", "..")


def _encode(text: str) -> str:
    return quote(text, safe=":")


def _encode_path(path: str) -> str:
    return "/".join(map(_encode, path.split("/")))


def _decode(text: str) -> str:
    return unquote(text, errors="strict")


def _split_version(text: str) -> tuple[str, str]:
    path, at, version = text.rpartition("@")
    # npm's scopes begin with an @ that many tools do not encode: pkg:npm/@babel/core.
    if not at or ((path.endswith("/") or not path) and "/" in version):
        return text, ""
    return path, version


def _parse_qualifiers(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, text.split("&")):
        key, _, value = pair.partition("=")
        if key.lower() in found:
            raise InvalidPackageURL(text, f"the qualifier {key!r} occurs twice")
        found[key.lower()] = _decode(value)
    return found


def _canonical_qualifiers(qualifiers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    found = {key.lower(): value for key, value in qualifiers.items() if value}
    for key in found:
        if not _KEY.fullmatch(key):
            raise InvalidPackageURL(key, "a qualifier has a key of letters, digits, '.', '-', '_'")
    return tuple(sorted(found.items()))


# The rules of each type for its parts (purl-spec, types/). A type that is not named has no rules.

_LOWER_NAMESPACE = frozenset(
    "alpm apk bitbucket brew composer deb github gitlab golang hex luarocks npm qpkg rpm "
    "vscode-extension".split()
)
_LOWER_NAME = frozenset(
    "alpm apk bitbucket bitnami brew composer deb github gitlab golang hex luarocks npm oci otp "
    "pub pypi vscode-extension".split()
)
_LOWER_VERSION = frozenset(["huggingface", "pypi", "vscode-extension"])
_UPPER_NAMESPACE = frozenset(["cpan"])
_NEEDS_NAMESPACE = frozenset("swift vscode-extension".split())
_NO_NAMESPACE = frozenset("bitnami cran opam otp pypi vcpkg".split())
_NAMES = {
    "chrome-extension": (lazy(r"[a-p]{32}"), "32 letters from a to p"),
    "cpan": (lazy(r"(?!.*::).*", re.DOTALL), "the name of a distribution, without '::'"),
}
_VERSIONS = {"chrome-extension": (lazy(r"|[0-9]+(\.[0-9]+){0,3}"), "one to four numbers")}
_QUALIFIERS = {"julia": "uuid"}


def _check_type(url: PackageURL) -> None:
    def refuse(why: str) -> None:
        raise InvalidPackageURL(url.type, why)

    if url.type in _NEEDS_NAMESPACE and not url.namespace:
        refuse("this type needs a namespace")
    if url.type in _NO_NAMESPACE and url.namespace:
        refuse("this type has no namespace")
    if (rule := _NAMES.get(url.type)) and not rule[0].fullmatch(url.name):
        refuse(f"its name is to be {rule[1]}")
    if (rule := _VERSIONS.get(url.type)) and not rule[0].fullmatch(url.version):
        refuse(f"its version is to be {rule[1]}")
    if (key := _QUALIFIERS.get(url.type)) and not url.qualifier(key):
        refuse(f"this type needs the qualifier {key}")


def _check_encodes(url: PackageURL) -> None:
    try:
        str(url)
    except UnicodeEncodeError as error:
        raise InvalidPackageURL(url.type, "it holds a lone surrogate") from error


def _normalize_type(url: PackageURL) -> PackageURL:
    namespace, name, version = url.namespace, url.name, url.version
    if url.type in _LOWER_NAMESPACE:
        namespace = namespace.lower()
    elif url.type in _UPPER_NAMESPACE:
        namespace = namespace.upper()
    if url.type in _LOWER_NAME or _is_databricks(url):
        name = name.lower()
    if url.type == "pypi":
        name = re.sub(r"[-_.]+", "-", name)
    if url.type in _LOWER_VERSION:
        version = version.lower()
    return PackageURL(
        type=url.type,
        namespace=namespace,
        name=name,
        version=version,
        qualifiers=url.qualifiers,
        subpath=url.subpath,
    )


def _is_databricks(url: PackageURL) -> bool:
    # Databricks folds the names of models, Azure does not.
    return url.type == "mlflow" and "databricks" in url.qualifier("repository_url")
