"""SBOMs of the shapes that generators document: each names its packages, and none is refused.

The documents are made here; only their shape is that of the generator.
"""

import json
from typing import Any

import pytest

from cachedb.errors import InvalidManifest
from cachedb.packages.document_types import DocumentTypes
from cachedb.packages.package import Package, SkippedElement
from tests.packages import sboms
from tests.packages.sboms import CYCLONEDX, DSSE, IN_TOTO, SPDX, read

_Named = tuple[str, str, str]


def _purl(text: str, category: str = "PACKAGE-MANAGER") -> list[Any]:
    reference = {"referenceType": "purl", "referenceLocator": text}
    return [{"referenceCategory": category, **reference}]


def _spdx(*packages: Any, version: str = "SPDX-2.3", **more: Any) -> dict[str, Any]:
    return {"SPDXID": "SPDXRef-DOCUMENT", "spdxVersion": version, "packages": [*packages], **more}


_CPE = {
    "referenceCategory": "SECURITY",
    "referenceType": "cpe23Type",
    "referenceLocator": "cpe:2.3:a:libc6:libc6:2.36-9:*:*:*:*:*:*:*",
}
_SYFT = _spdx(
    {
        "name": "libc6",
        "SPDXID": "SPDXRef-Package-deb-libc6",
        "versionInfo": "2.36-9",
        "supplier": "NOASSERTION",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "GPL-2.0-only AND LicenseRef-other",
        "externalRefs": [_CPE, *_purl("pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12")],
    },
    files=[{"fileName": "/etc/os-release", "SPDXID": "SPDXRef-File-1"}],
)
_TRIVY = {
    "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {
        "tools": {"components": [{"type": "application", "name": "trivy"}]},
        "component": {"type": "container", "name": "image"},
    },
    "components": [
        {"type": "operating-system", "name": "debian", "version": "12.1"},
        {"type": "application", "name": "app/package-lock.json"},
        {
            "type": "library",
            "name": "lodash",
            "version": "4.17.21",
            "purl": "pkg:npm/lodash@4.17.21",
            "licenses": [{"license": {"name": "MIT"}}],
        },
    ],
    "dependencies": [],
    "vulnerabilities": [],
}
_CDXGEN = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "components": [
        {
            "type": "library",
            "group": "org.acme",
            "name": "core",
            "version": "1.0",
            "purl": "pkg:maven/org.acme/core@1.0?type=jar",
            "licenses": [{"license": {"id": "MIT", "url": "https://opensource.org/MIT"}}],
            "evidence": {"identity": {"field": "purl", "confidence": 1}},
            "components": [{"type": "library", "name": "shaded", "version": "2"}],
        },
        {
            "type": "framework",
            "group": "@acme",
            "name": "web",
            "version": "3",
            "scope": "required",
        },
    ],
    "services": [],
    "formulation": [],
}
_KO = _spdx(
    {
        "SPDXID": "SPDXRef-Package-sha256",
        "name": "github.com/acme/app",
        "versionInfo": "v1.2.3",
        "filesAnalyzed": False,
        "externalRefs": _purl("pkg:golang/github.com/acme/app@v1.2.3", "PACKAGE_MANAGER"),
    }
)
_APKO = _spdx(
    {
        "SPDXID": "SPDXRef-Package-musl",
        "name": "musl",
        "versionInfo": "1.2.4-r2",
        "licenseInfoFromFiles": [],
        "licenseDeclared": "MIT",
        "copyrightText": "\n",
        "externalRefs": _purl("pkg:apk/wolfi/musl@1.2.4-r2?arch=x86_64", "PACKAGE_MANAGER"),
    }
)
_TERN = _spdx(
    {"name": "debian", "SPDXID": "SPDXRef-debian-11", "versionInfo": "11"},
    {"name": "adduser", "SPDXID": "SPDXRef-adduser", "versionInfo": "3.118"},
    version="SPDX-2.2",
    documentDescribes=["SPDXRef-debian-11"],
    hasExtractedLicensingInfos=[],
)
_SPDX_SBOM_GENERATOR = _spdx(
    {
        "name": "express",
        "SPDXID": "SPDXRef-Package-express",
        "versionInfo": "4.18.2",
        "supplier": "Organization: express",
        "downloadLocation": "NOASSERTION",
        "externalRefs": _purl("pkg:npm/express@4.18.2"),
    },
    version="SPDX-2.2",
)
# Packages before the key that names the format.
_SBOM_TOOL_2 = {
    "files": [],
    "packages": [
        {
            "name": "Newtonsoft.Json",
            "SPDXID": "SPDXRef-Package-1",
            "versionInfo": "13.0.3",
            "externalRefs": _purl("pkg:nuget/Newtonsoft.Json@13.0.3"),
        }
    ],
    "externalDocumentRefs": [],
    "spdxVersion": "SPDX-2.2",
}
# Identifiers are elements of their own, of which packages list the ids.
_SBOM_TOOL_3 = {
    "@context": ["https://spdx.org/rdf/3.0.1/spdx-context.jsonld"],
    "@graph": [
        {
            "type": "software_Package",
            "spdxId": "SPDXRef-software_Package-1",
            "name": "Newtonsoft.Json",
            "software_packageVersion": "13.0.3",
            "externalIdentifier": ["SPDXRef-ExternalIdentifier-2", "SPDXRef-ExternalIdentifier-1"],
        },
        {
            "type": "ExternalIdentifier",
            "spdxId": "SPDXRef-ExternalIdentifier-1",
            "externalIdentifierType": "purl",
            "identifier": "pkg:nuget/Newtonsoft.Json@13.0.3",
        },
        {
            "type": "ExternalIdentifier",
            "spdxId": "SPDXRef-ExternalIdentifier-2",
            "externalIdentifierType": "cpe23",
            "identifier": "cpe:2.3:a:newtonsoft:json:13.0.3:*:*:*:*:*:*:*",
        },
        {
            "type": "Relationship",
            "spdxId": "SPDXRef-Relationship-1",
            "relationshipType": "hasDeclaredLicense",
            "from": "SPDXRef-software_Package-1",
            "to": "SPDXRef-license",
        },
        {
            "type": "simplelicensing_LicenseExpression",
            "spdxId": "SPDXRef-license",
            "simplelicensing_licenseExpression": "MIT",
        },
    ],
}
_BUILDKIT = sboms.statement(_SYFT)
_COSIGN_1 = sboms.statement(
    {"Data": json.dumps(_CDXGEN), "Timestamp": "2022-01-01T00:00:00Z"},
    "https://cyclonedx.org/schema",
)

_LIBC: list[_Named] = [("libc6", "2.36-9", "deb")]
_ACME: list[_Named] = [("core", "1.0", "maven"), ("shaded", "2", ""), ("@acme/web", "3", "")]
_JSON_NET: list[_Named] = [("Newtonsoft.Json", "13.0.3", "nuget")]
GENERATORS: list[tuple[str, Any, str, list[_Named]]] = [
    ("syft", _SYFT, SPDX, _LIBC),
    ("buildkit", _BUILDKIT, IN_TOTO, _LIBC),
    ("cosign attest", sboms.envelope(_BUILDKIT), DSSE, _LIBC),
    ("cosign 1 attest", sboms.envelope(_COSIGN_1), DSSE, _ACME),
    (
        "trivy",
        _TRIVY,
        CYCLONEDX,
        [("debian", "12.1", ""), ("app/package-lock.json", "", ""), ("lodash", "4.17.21", "npm")],
    ),
    ("cdxgen", _CDXGEN, CYCLONEDX, _ACME),
    ("ko", _KO, "text/spdx+json", [("github.com/acme/app", "v1.2.3", "golang")]),
    ("apko", _APKO, SPDX, [("musl", "1.2.4-r2", "apk")]),
    ("tern", _TERN, SPDX, [("debian", "11", ""), ("adduser", "3.118", "")]),
    ("spdx-sbom-generator", _SPDX_SBOM_GENERATOR, SPDX, [("express", "4.18.2", "npm")]),
    ("sbom-tool with SPDX 2", _SBOM_TOOL_2, SPDX, _JSON_NET),
    ("sbom-tool with SPDX 3", _SBOM_TOOL_3, SPDX, _JSON_NET),
]


def _content(document: Any, encoding: str = "utf-8") -> bytes:
    return json.dumps(document).encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("document", "media_type", "named"),
    [pytest.param(*case[1:], id=case[0]) for case in GENERATORS],
)
def test_a_document_of_a_generator_names_its_packages(
    document: Any, media_type: str, named: list[_Named], encoding: str
) -> None:
    found = read(_content(document, encoding), media_type)
    assert [(each.name, each.version, each.type) for each in found] == named


def test_a_license_is_found_behind_a_relationship_with_one_target() -> None:
    (found,) = read(_content(_SBOM_TOOL_3), SPDX)
    assert (found.license, found.purl) == ("MIT", "pkg:nuget/Newtonsoft.Json@13.0.3")


@pytest.mark.parametrize(
    "empty",
    [
        {"bomFormat": "CycloneDX", "specVersion": "1.6"},
        {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": None},
        {"bomFormat": "CycloneDX", "specVersion": 1.4, "components": []},
        {"spdxVersion": "SPDX-2.3", "packages": None},
    ],
    ids=["absent", "null", "a version that is a number", "packages null"],
)
def test_a_document_without_packages_is_read(empty: Any) -> None:
    assert read(_content(empty), CYCLONEDX) == []


@pytest.mark.parametrize("subject", [[], None], ids=["empty", "null"])
def test_a_statement_without_subjects_names_its_packages_and_is_counted(subject: Any) -> None:
    package, skipped = read(_content({**_BUILDKIT, "subject": subject}), IN_TOTO)
    assert isinstance(package, Package)
    assert package.name == "libc6"
    assert skipped == SkippedElement("subject", "missing")


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("text/spdx+xml", b"<rdf/>"),
        ("application/vnd.cyclonedx+protobuf", b"\x0a\x031.6"),
    ],
)
def test_an_sbom_in_another_form_is_known_as_one_that_cannot_be_read(
    media_type: str, content: bytes
) -> None:
    assert DocumentTypes(layer=media_type).may_name_packages
    with pytest.raises(InvalidManifest, match="is not read: expected SPDX as JSON or tag-value"):
        read(content, media_type)
