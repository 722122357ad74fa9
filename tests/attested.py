"""SBOMs about images, in every form of attestation and referrer."""

import json
from dataclasses import replace
from typing import Any

from tests import build
from tests.packages import sboms

PREDICATE_TYPE = "in-toto.io/predicate-type"


def package(name: str, version: str, kind: str = "deb/debian", **more: Any) -> dict[str, Any]:
    """Make a package of SPDX with a package URL of some type."""
    purl = {"referenceType": "purl", "referenceLocator": f"pkg:{kind}/{name}@{version}"}
    return {"name": name, "versionInfo": version, "externalRefs": [purl], **more}


def spdx(**versions: str) -> dict[str, Any]:
    """Make an SPDX document of Debian packages."""
    return sboms.spdx(*(package(name, version) for name, version in versions.items()))


def blob(document: Any, media_type: str = build.IN_TOTO) -> build.Blob:
    """Make a blob of a document, given as bytes or as a JSON value."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return build.Blob(content, media_type)


def annotated(about: build.Thing, *documents: build.Blob) -> build.Thing:
    """Make BuildKit's older form: a manifest that the index beside `about` annotates."""
    platform = build.platform_of("unknown", "unknown")
    thing = build.manifest(build.config_blob((), platform), documents, platform=platform)
    return replace(
        thing,
        annotations={
            "vnd.docker.reference.digest": about.digest,
            "vnd.docker.reference.type": "attestation-manifest",
        },
    )


def artifact(about: build.Thing, *documents: build.Blob) -> build.Thing:
    """Make BuildKit's newer form: an artifact whose subject is `about`."""
    return build.artifact(*documents, subject=about, artifact_type=build.DOCKER_ATTESTATION)


def referrer(about: build.Thing, document: build.Blob) -> build.Thing:
    """Make what oras and cosign attach: an artifact of the document's own type."""
    return build.artifact(document, subject=about, artifact_type=document.media_type)


def stating(thing: build.Thing, predicate_type: str) -> build.Thing:
    """Annotate the layers of an attestation with the type of their predicate, as BuildKit does."""
    document = thing.document
    for layer in document["layers"]:
        layer["annotations"] = {PREDICATE_TYPE: predicate_type}
    return replace(thing, root=build.Blob(build.to_json(document), thing.media_type))
