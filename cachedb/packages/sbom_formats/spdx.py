"""Packages in SPDX documents: 2.2 and 2.3 as JSON, and 3.0 as JSON-LD.

Each reader receives the elements of one array, in the order of the document.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cachedb.errors import InvalidManifest
from cachedb.limits import SBOM_PACKAGES
from cachedb.oci.json_fields import Fields
from cachedb.packages.package import Package, SkippedElement, unless_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTED_LICENSES = "https://spdx.org/licenses/"


class Spdx2Packages:
    """Reader of the elements of ``packages`` of SPDX 2."""

    def read(self, element: Fields) -> Iterator[Package | SkippedElement]:
        """Yield the package that an element describes."""
        yield from unless_unreadable(partial(_package, element), element.path)

    def finish(self) -> Iterator[Package | SkippedElement]:
        """Yield nothing: every package is known when its element has been read."""
        yield from ()


def _package(element: Fields) -> Package:
    return Package.stated(
        name=element.get("name", str) or "",
        version=element.get("versionInfo", str) or "",
        purl=_purl_of(element, "externalRefs", "referenceType", "referenceLocator"),
        # The license that the author of the SBOM concluded wins over the declared one.
        licenses=(
            element.get("licenseConcluded", str) or "",
            element.get("licenseDeclared", str) or "",
        ),
        path=element.at("name"),
    )


class _Software(NamedTuple):
    """A package of SPDX 3 without its licenses."""

    path: str
    identifier: str
    name: str
    version: str
    purl: str
    identifiers: tuple[str, ...] = ()
    """The ids of elements that may have the package URL."""

    def completed(self, purl: str, concluded: str, declared: str) -> Package:
        """Return the package with its URL and its license, which relationships state."""
        return Package.stated(
            name=self.name,
            version=self.version,
            purl=self.purl or purl,
            licenses=(concluded, declared),
            path=f"{self.path}.name",
        )


class Spdx3Graph:
    """Reader of the elements of ``@graph`` of SPDX 3.

    They have any order, and separate elements state the license and the package URL of a package.
    Packages, relationships and licenses are thus kept until the end.
    """

    def __init__(self) -> None:
        self._packages: list[_Software] = []
        self._concluded: dict[str, str] = {}
        self._declared: dict[str, str] = {}
        self._licenses: dict[str, str] = {}
        self._purls: dict[str, str] = {}

    def read(self, element: Fields) -> Iterator[Package | SkippedElement]:
        """Keep an element; yield it if it cannot be read. `finish` yields the packages."""
        yield from unless_unreadable(partial(self._keep, element), element.path)
        kept = (self._packages, self._concluded, self._declared, self._licenses, self._purls)
        SBOM_PACKAGES.check(max(map(len, kept)), "an SPDX 3 document")

    def finish(self) -> Iterator[Package | SkippedElement]:
        """Yield the packages with their licenses."""
        for software in self._packages:
            concluded = self._license(self._concluded.get(software.identifier, ""))
            declared = self._license(self._declared.get(software.identifier, ""))
            purl = next(filter(None, map(self._purls.get, software.identifiers)), "")
            read = partial(software.completed, purl, concluded, declared)
            yield from unless_unreadable(read, software.path)

    def _keep(self, element: Fields) -> None:
        match element.get("type", str):
            case "software_Package":
                self._keep_package(element)
            case "Relationship" | "LifecycleScopedRelationship":
                self._keep_relationship(element)
            case "ExternalIdentifier":
                if purl := _purl_in(element, "externalIdentifierType", "identifier"):
                    self._purls[_id_of(element)] = purl
            case "simplelicensing_LicenseExpression":
                expression = element.get("simplelicensing_licenseExpression", str)
                self._licenses[_id_of(element)] = expression or ""
            case "expandedlicensing_CustomLicense":
                self._licenses[_id_of(element)] = element.get("name", str) or ""
            case _:
                pass

    def _keep_package(self, element: Fields) -> None:
        purl, identifiers = _external_identifiers(element)
        found = _Software(
            path=element.path,
            identifier=_id_of(element),
            name=element.get("name", str) or "",
            version=element.get("software_packageVersion", str) or "",
            purl=element.get("software_packageUrl", str) or purl,
            identifiers=identifiers,
        )
        self._packages.append(found)

    def _keep_relationship(self, element: Fields) -> None:
        found = {"hasConcludedLicense": self._concluded, "hasDeclaredLicense": self._declared}
        licenses = found.get(element.require("relationshipType", str))
        if licenses is not None:
            # One target may stand without an array (JSON-LD).
            to = element.damaged().get("to", str)
            targets = element.strings("to") if to is None else (to,)
            licenses[element.require("from", str)] = targets[0] if targets else ""

    def _license(self, identifier: str) -> str:
        if identifier.startswith(_LISTED_LICENSES):
            return identifier.removeprefix(_LISTED_LICENSES)
        return self._licenses.get(identifier, "")


def check_version(version: object, path: str) -> None:
    """Require the ``spdxVersion`` at `path` to be one that `Spdx2Packages` reads.

    Raises:
        InvalidManifest: It is another one.
    """
    if not isinstance(version, str) or not version.startswith("SPDX-2."):
        raise InvalidManifest(f"unsupported version {version!r}", path)


def is_context(context: object) -> bool:
    """Return whether a JSON-LD ``@context`` is that of SPDX 3."""
    contexts = context if isinstance(context, list) else [context]
    return any(isinstance(url, str) and "//spdx.org/rdf/3." in url for url in contexts)


def _id_of(element: Fields) -> str:
    return element.get("spdxId", str) or element.get("@id", str) or ""


def _external_identifiers(element: Fields) -> tuple[str, tuple[str, ...]]:
    """Return the package URL among the identifiers of a package, and the ids of others.

    Microsoft's sbom-tool writes the identifiers as elements, and lists their ids.
    """
    listed = element.get("externalIdentifier", list) or []
    inline = Fields(
        {"items": [each for each in listed if not isinstance(each, str)]}, element.path
    )
    purls = (
        _purl_in(each, "externalIdentifierType", "identifier")
        for each in inline.present_objects("items")
    )
    ids = tuple(each for each in listed if isinstance(each, str))
    return next(filter(None, purls), ""), ids


def _purl_of(element: Fields, array: str, kind: str, value: str) -> str:
    for reference in element.present_objects(array):
        if purl := _purl_in(reference, kind, value):
            return purl
    return ""


def _purl_in(reference: Fields, kind: str, value: str) -> str:
    # 2.2 wrote a URL that ends in purl, 2.3 purl, 3.0 packageUrl or packageURL.
    name = (reference.get(kind, str) or "").rpartition("/")[2].lower()
    return reference.get(value, str) or "" if name in ("purl", "packageurl") else ""
