"""Versions of pieces of software, as SBOMs name them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from cachedb.errors import InvalidManifest, InvalidPackageURL, LimitExceeded
from cachedb.limits import PACKAGE_TEXT_CHARACTERS
from cachedb.packages.purl import PackageURL
from cachedb.packages.versions import key, scheme_of
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONE_SURROGATE = lazy("[\ud800-\udfff]")
_UNKNOWN_LICENSES = frozenset(["", "NOASSERTION", "NONE"])


class Package(NamedTuple):
    """A package; a property that its document does not state is ''.

    `purl` is the package URL in canonical form, or the text of the document if it is not valid,
    since libraries encode the same URL differently. `type` is the type of the package URL, and
    `scheme` the scheme that orders its versions.
    """

    name: str
    """Name, never ''."""
    version: str = ""
    purl: str = ""
    license: str = ""
    """First license that is stated and known."""
    type: str = ""
    scheme: str = "semver"

    @property
    def vkey(self) -> str:
        """Return a text that sorts as the version does in its scheme."""
        return key(self.scheme, self.version)

    @classmethod
    def stated(
        cls, *, name: str, version: str, purl: str, licenses: tuple[str, ...], path: str
    ) -> Package:
        """Build a package from the properties that a document states at `path`.

        The first known license of `licenses` counts. An invalid package URL is kept as a text; a
        valid one supplies a missing name or version.

        Raises:
            InvalidManifest: The name is missing, or a text holds a NUL or a lone surrogate.
            LimitExceeded: A text is too long.
        """
        url, canonical = _parse(purl)
        if url is not None:
            name = name or url.name
            version = _with_epoch(version or url.version, url)
        if not name:
            raise InvalidManifest("missing", path)
        stated = (text for text in licenses if text not in _UNKNOWN_LICENSES)
        package = cls(
            name=name,
            version=version,
            purl=canonical,
            license=next(filter(_is_short, stated), ""),
            type=url.type if url else "",
            scheme=scheme_of(url.type if url else ""),
        )
        package._check(path)
        return package

    def _check(self, path: str) -> None:
        for text in (self.name, self.version, self.purl, self.license):
            # SQLite's operators stop at a NUL: two names would be one.
            if "\0" in text:
                raise InvalidManifest("a text holds a NUL character", path)
            if not text.isascii() and _LONE_SURROGATE.search(text):
                raise InvalidManifest("a text holds a lone surrogate", path)
            PACKAGE_TEXT_CHARACTERS.check(len(text), path)


class SkippedElement(NamedTuple):
    """An element of an SBOM that cannot be read: its place, and why."""

    path: str
    """Place of the element in the document."""
    why: str


def unless_unreadable(
    read: Callable[[], Package | None], path: str
) -> Iterator[Package | SkippedElement]:
    """Yield the package that `read` returns, or the element at `path` as unreadable."""
    try:
        found = read()
    except InvalidManifest as error:
        yield SkippedElement(error.path or path, error.why)
    except LimitExceeded as error:
        yield SkippedElement(path, str(error))
    else:
        if found is not None:
            yield found


# Cached, because the packages of a base image occur in every image that is built on it.
@lru_cache(maxsize=8192)
def _parse(purl: str) -> tuple[PackageURL | None, str]:
    """Read a package URL, and return its canonical text with it, or `purl` if it is invalid."""
    # Scanners write URLs that break a rule of their type; such a package is listed all the same.
    try:
        url = PackageURL.parse(purl) if purl else None
    except InvalidPackageURL:
        return None, purl
    return url, str(url or "")


def _with_epoch(version: str, url: PackageURL) -> str:
    # The URL of an rpm has the epoch in a qualifier, and the epoch decides the order.
    epoch = url.qualifier("epoch")
    if url.type != "rpm" or not version or not epoch.isdecimal() or ":" in version:
        return version
    return version if epoch == "0" else f"{epoch}:{version}"


def _is_short(license_text: str) -> bool:
    # Some scanners put the whole text of a license where its name belongs.
    return len(license_text) <= PACKAGE_TEXT_CHARACTERS.value
