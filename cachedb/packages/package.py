"""A version of a piece of software, as an SBOM names it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cachedb.errors import InvalidManifest, InvalidPackageURL
from cachedb.limits import PACKAGE_TEXT_CHARACTERS
from cachedb.packages.purl import PackageURL
from cachedb.packages.versions import key, scheme_of

_UNKNOWN_LICENSES = frozenset(["", "NOASSERTION", "NONE"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package; what its document does not say is ''.

    `purl` stands as it does in the document. `type` is the type of the package URL, and
    `scheme` names the order of its versions.
    """

    name: str
    version: str = ""
    purl: str = ""
    license: str = ""
    type: str = ""
    scheme: str = "semver"

    @property
    def vkey(self) -> str:
        """A text that sorts as the version does in its scheme."""
        return key(self.scheme, self.version)

    @classmethod
    def stated(
        cls, *, name: str, version: str, purl: str, licenses: tuple[str, ...], path: str
    ) -> Package:
        """Make a package of what a document says at `path`.

        The first of `licenses` that says something is taken. A package URL that is none is
        kept as a text; one that is good fills in for a missing name or version.

        Raises:
            InvalidManifest: There is no name, or a text holds a NUL.
            LimitExceeded: A text is too long.
        """
        url = _parse(purl)
        if url is not None:
            name = name or url.name
            version = _with_epoch(version or url.version, url)
        if not name:
            raise InvalidManifest("a package has no name", path)
        stated = (text for text in licenses if text not in _UNKNOWN_LICENSES)
        package = cls(
            name=name,
            version=version,
            purl=purl,
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
            PACKAGE_TEXT_CHARACTERS.check(len(text), path)


# The packages of a base image are those of every image that is made on it.
@lru_cache(maxsize=8192)
def _parse(purl: str) -> PackageURL | None:
    # Scanners write URLs that break a rule of their type; the package is there all the same.
    try:
        return PackageURL.parse(purl) if purl else None
    except InvalidPackageURL:
        return None


def _with_epoch(version: str, url: PackageURL) -> str:
    # The URL of an rpm keeps the epoch out of the version, and it decides the order.
    epoch = url.qualifier("epoch")
    if url.type != "rpm" or not version or not epoch.isdecimal() or ":" in version:
        return version
    return version if epoch == "0" else f"{epoch}:{version}"


def _is_short(license_text: str) -> bool:
    # Some scanners put the whole text of a license where its name belongs.
    return len(license_text) <= PACKAGE_TEXT_CHARACTERS.value
