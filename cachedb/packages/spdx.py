"""Packages in SPDX documents: 2.2 and 2.3 as JSON, and 3.0 as JSON-LD.

Each reader takes the elements of one array, one at a time, as they come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.errors import InvalidManifest
from cachedb.limits import SBOM_PACKAGES
from cachedb.packages.package import Package

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.oci.json_fields import Fields

_LISTED_LICENSES = "https://spdx.org/licenses/"


class Spdx2Packages:
    """Reads the elements of ``packages`` of SPDX 2."""

    def read(self, element: Fields) -> Iterator[Package]:
        """Yield the package that an element describes."""
        yield Package.stated(
            name=element.require("name", str),
            version=element.get("versionInfo", str) or "",
            purl=_purl_of(element, "externalRefs", "referenceType", "referenceLocator"),
            # What somebody concluded is better than what the package says of itself.
            licenses=(
                element.get("licenseConcluded", str) or "",
                element.get("licenseDeclared", str) or "",
            ),
            path=element.at("name"),
        )

    def finish(self) -> Iterator[Package]:
        """Yield what could not be told before: nothing."""
        yield from ()


class Spdx3Graph:
    """Reads the elements of ``@graph`` of SPDX 3.

    They come in any order, and the license of a package is said by an element of its own, so
    packages, relationships to licenses, and licenses are kept to the end.
    """

    def __init__(self) -> None:
        self._packages: list[tuple[str, str, str, str, str]] = []
        self._concluded: dict[str, str] = {}
        self._declared: dict[str, str] = {}
        self._licenses: dict[str, str] = {}

    def read(self, element: Fields) -> Iterator[Package]:
        """Take in an element; packages come with `finish`."""
        match element.get("type", str):
            case "software_Package":
                self._read_package(element)
            case "Relationship" | "LifecycleScopedRelationship":
                self._read_relationship(element)
            case "simplelicensing_LicenseExpression":
                expression = element.get("simplelicensing_licenseExpression", str)
                self._licenses[_id_of(element)] = expression or ""
            case "expandedlicensing_CustomLicense":
                self._licenses[_id_of(element)] = element.get("name", str) or ""
            case _:
                pass
        most = max(map(len, (self._packages, self._concluded, self._declared, self._licenses)))
        SBOM_PACKAGES.check(most, "an SPDX 3 document")
        yield from ()

    def finish(self) -> Iterator[Package]:
        """Yield the packages with their licenses."""
        for identifier, name, version, purl, path in self._packages:
            yield Package.stated(
                name=name,
                version=version,
                purl=purl,
                licenses=(
                    self._license(self._concluded.get(identifier, "")),
                    self._license(self._declared.get(identifier, "")),
                ),
                path=path,
            )

    def _read_package(self, element: Fields) -> None:
        name = element.require("name", str)
        version = element.get("software_packageVersion", str) or ""
        purl = element.get("software_packageUrl", str) or _purl_of(
            element, "externalIdentifier", "externalIdentifierType", "identifier"
        )
        self._packages.append((_id_of(element), name, version, purl, element.at("name")))

    def _read_relationship(self, element: Fields) -> None:
        found = {"hasConcludedLicense": self._concluded, "hasDeclaredLicense": self._declared}
        licenses = found.get(element.require("relationshipType", str))
        if licenses is not None:
            targets = element.strings("to")
            licenses[element.require("from", str)] = targets[0] if targets else ""

    def _license(self, identifier: str) -> str:
        if identifier.startswith(_LISTED_LICENSES):
            return identifier.removeprefix(_LISTED_LICENSES)
        return self._licenses.get(identifier, "")


def check_version(version: object, path: str) -> None:
    """Require the ``spdxVersion`` at `path` to be one that `Spdx2Packages` reads."""
    if not isinstance(version, str) or not version.startswith("SPDX-2."):
        raise InvalidManifest(f"unsupported version {version!r}", path)


def is_context(context: object) -> bool:
    """Whether a JSON-LD ``@context`` is that of SPDX 3."""
    contexts = context if isinstance(context, list) else [context]
    return any(isinstance(url, str) and "//spdx.org/rdf/3." in url for url in contexts)


def _id_of(element: Fields) -> str:
    return element.get("spdxId", str) or element.get("@id", str) or ""


def _purl_of(element: Fields, array: str, kind: str, value: str) -> str:
    for reference in element.objects(array):
        # 2.2 wrote a URL that ends in purl, 2.3 purl, 3.0 packageUrl or packageURL.
        name = (reference.get(kind, str) or "").rpartition("/")[2].lower()
        if name in ("purl", "packageurl"):
            return reference.get(value, str) or ""
    return ""
