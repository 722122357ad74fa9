"""Small SBOMs as common generators write them."""

import base64
import io
import json
from typing import Any

from cachedb.packages.package import Package
from cachedb.packages.sbom_documents import packages_in

IN_TOTO = "application/vnd.in-toto+json"
SPDX = "application/spdx+json"
CYCLONEDX = "application/vnd.cyclonedx+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
CYCLONEDX_XML = "application/vnd.cyclonedx+xml"
TAG_VALUE = "text/spdx"
SYFT = "application/vnd.syft+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SPDX_PREDICATE = "https://spdx.dev/Document"
CYCLONEDX_PREDICATE = "https://cyclonedx.org/bom/v1.5"

PURL = "pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12"


def spdx_package(**changes: Any) -> dict[str, Any]:
    return {
        "SPDXID": "SPDXRef-Package-deb-curl",
        "name": "curl",
        "versionInfo": "7.88.1-10",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "curl",
        "externalRefs": [
            {
                "referenceCategory": "SECURITY",
                "referenceType": "cpe23Type",
                "referenceLocator": "cpe:2.3:a:curl:curl:7.88.1-10:*:*:*:*:*:*:*",
            },
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": PURL,
            },
        ],
        **changes,
    }


def spdx(*packages: Any, **changes: Any) -> dict[str, Any]:
    return {
        "spdxVersion": "SPDX-2.3",
        "name": "image",
        "files": [{"fileName": "a", "checksums": [{"algorithm": "SHA1"}]}],
        "packages": list(packages),
        "relationships": [],
        **changes,
    }


def cyclonedx_component(**changes: Any) -> dict[str, Any]:
    return {
        "type": "library",
        "name": "curl",
        "version": "7.88.1-10",
        "purl": PURL,
        "licenses": [{"license": {"id": "curl"}}],
        **changes,
    }


def cyclonedx(*components: Any, **changes: Any) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "metadata": {"component": {"type": "container", "name": "image"}},
        "components": list(components),
        **changes,
    }


def spdx3(*elements: Any, **changes: Any) -> dict[str, Any]:
    return {
        "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
        "@graph": [{"type": "SpdxDocument", "spdxId": "urn:document"}, *elements],
        **changes,
    }


def syft(*artifacts: Any, **changes: Any) -> dict[str, Any]:
    return {
        "artifacts": list(artifacts),
        "artifactRelationships": [],
        "source": {"type": "image", "name": "image"},
        "schema": {
            "version": "16.0.18",
            "url": "https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema.json",
        },
        **changes,
    }


def syft_artifact(**changes: Any) -> dict[str, Any]:
    return {
        "id": "1746c7f3f068b6ad",
        "name": "curl",
        "version": "7.88.1-10",
        "type": "deb",
        "licenses": [{"value": "curl", "spdxExpression": "curl", "type": "declared"}],
        "purl": PURL,
        **changes,
    }


def tag_value(*lines: str, version: str = "SPDX-2.3") -> bytes:
    head = (f"SPDXVersion: {version}", "DocumentName: image", "", "##### Package", "")
    return "\n".join([*head, *lines, ""]).encode()


CURL_TAGS = (
    "PackageName: curl",
    "SPDXID: SPDXRef-Package-deb-curl",
    "PackageVersion: 7.88.1-10",
    "PackageLicenseConcluded: NOASSERTION",
    "PackageLicenseDeclared: curl",
    "ExternalRef: SECURITY cpe23Type cpe:2.3:a:curl:curl:7.88.1-10:*:*:*:*:*:*:*",
    f"ExternalRef: PACKAGE-MANAGER purl {PURL}",
)
CURL_COMPONENT = (
    '<component type="library" bom-ref="1"><name>curl</name><version>7.88.1-10</version>'
    "<licenses><license><id>curl</id></license></licenses>"
    f"<purl>{PURL.replace('&', '&amp;')}</purl></component>"
)


def xml(*components: str, version: str = "1.6", before: str = "") -> bytes:
    listed = "".join(components)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}'
        f'<bom xmlns="http://cyclonedx.org/schema/bom/{version}" version="1">'
        '<metadata><component type="container"><name>image</name></component></metadata>'
        f"<components>{listed}</components></bom>"
    ).encode()


def statement(predicate: Any, predicate_type: str = SPDX_PREDICATE, **changes: Any) -> Any:
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": predicate_type,
        "subject": [{"name": "pkg:docker/app@1", "digest": {"sha256": "ab" * 32}}],
        "predicate": predicate,
        **changes,
    }


def envelope(document: Any) -> dict[str, Any]:
    return {
        "payloadType": IN_TOTO,
        "payload": base64.b64encode(json.dumps(document).encode()).decode(),
        "signatures": [{"sig": "MEUCIQ=="}],
    }


def read(document: Any, media_type: str = IN_TOTO, predicate_type: str = "") -> list[Package]:
    """Read the packages of a document, given as bytes or as what JSON makes of it."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return list(packages_in(io.BytesIO(content), media_type, predicate_type))
