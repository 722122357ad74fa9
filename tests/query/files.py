"""Reader of generated layouts: model of a cache from its files, without SQL and cachedb.

`read` converts a layout to the cache of `model`, which the evaluator queries. It supports what
`made_up` generates: documents of OCI and docker media types, SBOMs in SPDX and CycloneDX, missing
and corrupt files.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests import build
from tests.query.model import Blob, Cache, Config, Link, Package, Platform, Ref

INDEXES = {build.OCI_INDEX, build.DOCKER_LIST}
MANIFESTS = {build.OCI_MANIFEST, build.DOCKER_MANIFEST}
CONFIGS = {build.OCI_CONFIG, build.DOCKER_CONFIG}
STATEMENTS = (
    "application/vnd.docker.attestation.",
    "application/vnd.in-toto",
    "application/vnd.dev.cosign.",
    "application/spdx",
    "application/vnd.cyclonedx",
)
SBOMS = {build.IN_TOTO, build.SPDX, "application/vnd.cyclonedx+json"}
STRENGTH = ("index", "manifest", "config", "layer", "other")
ORDERS = {"deb": "deb", "apk": "apk", "rpm": "rpm", "pypi": "pep440", "npm": "semver"}
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")

Json = dict[str, Any]


@dataclass
class Claim:
    """What an entry of index.json or a descriptor says of a blob."""

    descriptor: Json
    role: str
    parent: str | None = None
    position: int = 0


@dataclass
class Layout:
    """The files of a layout, and what points at what."""

    files: dict[str, bytes]
    entries: list[Json]
    documents: dict[str, Json] = field(default_factory=dict)
    claims: dict[str, list[Claim]] = field(default_factory=lambda: defaultdict(list))


def read(path: Path) -> Cache:
    """Read a layout; times and sources of names are in no file, so they are left open."""
    files = {
        f"sha256:{file.name}": file.read_bytes() for file in (path / "blobs" / "sha256").iterdir()
    }
    entries = json.loads((path / "index.json").read_bytes())["manifests"]
    layout = Layout(files, entries)
    _read_documents(layout)
    cache = Cache()
    numbers = {digest: at for at, digest in enumerate(sorted({*files, *layout.claims}), 1)}
    for digest, number in numbers.items():
        cache.blobs[number] = _blob(layout, digest, number)
    for number, blob in list(cache.blobs.items()):
        blob.platform = _platform_of(layout, cache, numbers, blob)
        blob.links = _links(layout, blob.digest, number, numbers)
    for place, link in enumerate(cache.links, 1):
        link.id = place
    for about, packages in _packages(layout):
        cache.blobs[numbers[about]].packages |= packages
    for place, entry in enumerate(entries, 1):
        cache.refs[place] = _ref(entry, place, numbers[entry["digest"]])
    return cache


# -- documents ------------------------------------------------------------------------------


def _read_documents(layout: Layout) -> None:
    waiting = [(Claim(entry, ""), entry["digest"]) for entry in layout.entries]
    while waiting or (waiting := _orphans(layout)):
        claim, digest = waiting.pop()
        if claim.role != "orphan":
            layout.claims[digest].append(claim)
        is_document = claim.descriptor["mediaType"] in INDEXES | MANIFESTS
        if not is_document or digest in layout.documents or not _is_sound(layout, digest):
            continue
        document = layout.documents[digest] = json.loads(layout.files[digest])
        waiting += [(each, each.descriptor["digest"]) for each in _children(digest, document)]


def _orphans(layout: Layout) -> list[tuple[Claim, str]]:
    """Return one document at which nothing points, if there is one that has not been read."""
    for digest in sorted(layout.files.keys() - layout.claims.keys() - layout.documents.keys()):
        media_type = _said_of_itself(layout.files[digest])
        if media_type in INDEXES | MANIFESTS and _is_sound(layout, digest):
            return [(Claim({"mediaType": media_type}, "orphan"), digest)]
    return []


def _said_of_itself(content: bytes) -> str | None:
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return value.get("mediaType") if isinstance(value, dict) else None


def _is_sound(layout: Layout, digest: str) -> bool:
    content = layout.files.get(digest)
    return content is not None and f"sha256:{hashlib.sha256(content).hexdigest()}" == digest


def _children(parent: str, document: Json) -> Iterator[Claim]:
    for role, key in (("manifest", "manifests"), ("layer", "layers")):
        for position, descriptor in enumerate(document.get(key) or []):
            yield Claim(descriptor, role, parent, position)
    for role in ("config", "subject"):
        if document.get(role):
            yield Claim(document[role], role, parent)


# -- blobs ----------------------------------------------------------------------------------


def _blob(layout: Layout, digest: str, number: int) -> Blob:
    claims = layout.claims.get(digest, [])
    kind, media_type, size = _identity(layout, digest, claims)
    document = layout.documents.get(digest, {})
    content = layout.files.get(digest)
    found = Blob(
        id=number,
        digest=digest,
        size=size if content is None else len(content),
        kind=kind,
        media_type=media_type,
        state=_state(layout, digest, claims),
        artifact_type=document.get("artifactType"),
        annotations=document.get("annotations") or {},
    )
    if kind == "config" and _is_sound(layout, digest):
        found.config = _config(json.loads(layout.files[digest]))
    return found


def _identity(layout: Layout, digest: str, claims: list[Claim]) -> tuple[str, str, int]:
    if not claims:
        media_type = layout.documents.get(digest, {}).get("mediaType", "")
        kind = _kind_of(media_type)
        return _or_attestation(layout, digest, kind, claims), media_type, 0
    said = (
        (_claimed(layout, claim), claim.descriptor["mediaType"], claim.descriptor["size"])
        for claim in claims
    )
    kind, media_type, size = min(
        said, key=lambda each: (STRENGTH.index(each[0]), each[1], each[2])
    )
    return _or_attestation(layout, digest, kind, claims), media_type, size


def _claimed(layout: Layout, claim: Claim) -> str:
    media_type = claim.descriptor["mediaType"]
    if claim.role == "layer":
        return "layer"
    if claim.role == "config":
        assert claim.parent is not None
        is_config = media_type in CONFIGS and not _is_attestation(layout, claim.parent)
        return "config" if is_config else "other"
    return _kind_of(media_type)


def _kind_of(media_type: str) -> str:
    if media_type in INDEXES:
        return "index"
    return "manifest" if media_type in MANIFESTS else "other"


def _or_attestation(layout: Layout, digest: str, kind: str, claims: list[Claim]) -> str:
    if kind == "manifest" and _is_attestation(layout, digest, claims):
        return "attestation"
    return kind


def _is_attestation(layout: Layout, digest: str, claims: list[Claim] | None = None) -> bool:
    notes = [
        claim.descriptor.get("annotations") or {}
        for claim in layout.claims.get(digest, ())
        if claim.role == "manifest"
    ]
    if any(each.get("vnd.docker.reference.type") == "attestation-manifest" for each in notes):
        return True
    document = layout.documents.get(digest, {})
    types = [layer["mediaType"] for layer in document.get("layers") or []]
    return document.get("artifactType", "").startswith(STATEMENTS) or (
        bool(types) and all(each.startswith(STATEMENTS) for each in types)
    )


def _state(layout: Layout, digest: str, claims: list[Claim]) -> str:
    if digest in layout.files:
        return "present" if _is_sound(layout, digest) else "corrupt"
    owned = [claim for claim in claims if claim.role in {"config", "layer"}]
    is_free = [
        "nondistributable" in claim.descriptor["mediaType"] or "data" in claim.descriptor
        for claim in owned
    ]
    is_listed = any(
        claim.role == "" or (claim.role == "manifest" and not _is_sparse(layout, claim.parent))
        for claim in claims
    )
    if is_listed or not all(is_free):
        return "missing"
    return "foreign" if is_free else "absent"


def _is_sparse(layout: Layout, parent: str | None) -> bool:
    """Whether an index has a manifest that is here, so that others may have been left out."""
    listed = layout.documents[parent or ""].get("manifests") or []
    return any(each["digest"] in layout.files for each in listed)


def _config(value: Json) -> Config:
    run = value.get("config") or {}
    created = value.get("created")
    moment = datetime.fromisoformat(created) if created else None
    return Config(
        created=None if moment is None else int((moment - EPOCH).total_seconds()) * 1_000_000,
        entrypoint=" ".join(run.get("Entrypoint") or []),
        labels=run.get("Labels") or {},
        env=dict(each.split("=", 1) for each in run.get("Env") or []),
    )


def _platform_of(
    layout: Layout, cache: Cache, numbers: dict[str, int], blob: Blob
) -> Platform | None:
    if blob.kind == "config":
        return _configured(layout, blob.digest)
    config = layout.documents.get(blob.digest, {}).get("config")
    if config is not None and cache.blobs[numbers[config["digest"]]].kind == "config":
        found = _configured(layout, config["digest"])
        if found is not None:
            return found
    declared = [_normal(c.descriptor.get("platform")) for c in layout.claims.get(blob.digest, ())]
    return min((each for each in declared if each is not None), default=None)


def _configured(layout: Layout, digest: str) -> Platform | None:
    return _normal(json.loads(layout.files[digest])) if _is_sound(layout, digest) else None


def _normal(said: Json | None) -> Platform | None:
    if not said or not (said.get("os") or said.get("architecture")):
        return None
    variant = said.get("variant", "")
    is_usual = (said["architecture"], variant) == ("arm64", "v8")
    return said["os"], said["architecture"], "" if is_usual else variant


def _links(layout: Layout, digest: str, number: int, numbers: dict[str, int]) -> list[Link]:
    return [
        Link(
            id=0,
            parent=number,
            child=numbers[claim.descriptor["digest"]],
            role=claim.role,
            position=claim.position,
            media_type=claim.descriptor["mediaType"],
            size=claim.descriptor["size"],
            platform=_normal(claim.descriptor.get("platform")),
            artifact_type=claim.descriptor.get("artifactType"),
            annotations=claim.descriptor.get("annotations") or {},
        )
        for claim in _children(digest, layout.documents.get(digest, {}))
    ]


# -- names ----------------------------------------------------------------------------------


def _ref(entry: Json, place: int, target: int) -> Ref:
    notes = entry.get("annotations") or {}
    name = notes.get(build.REF_NAME)
    found = Ref(id=place, target=target, added=0, name=name, annotations=notes)
    found.pinned = "io.cachedb.pin" in notes
    if name is None or not re.fullmatch(r"[\w.:/@-]+", name, re.ASCII):
        return found
    if "/" not in name and ":" not in name:
        found.tag = name
        return found
    whole, _, _ = name.partition("@")
    found.registry, _, rest = whole.partition("/")
    head, colon, tag = rest.rpartition(":")
    found.repo, found.tag = (head, tag) if colon else (rest, None)
    if found.registry == "docker.io" and "/" not in found.repo:
        found.repo = f"library/{found.repo}"
    return found


# -- packages -------------------------------------------------------------------------------


def _packages(layout: Layout) -> Iterator[tuple[str, set[Package]]]:
    for digest, document in layout.documents.items():
        for about in _abouts(layout, digest, document):
            # Of what is not here nothing is said.
            if about in layout.files:
                for layer in document.get("layers") or []:
                    if layer["mediaType"] in SBOMS and _is_sound(layout, layer["digest"]):
                        yield about, _named_in(json.loads(layout.files[layer["digest"]]))


def _abouts(layout: Layout, digest: str, document: Json) -> Iterator[str]:
    if document.get("subject"):
        yield document["subject"]["digest"]
    for claim in layout.claims.get(digest, ()):
        notes = claim.descriptor.get("annotations") or {}
        if claim.role == "manifest" and "vnd.docker.reference.digest" in notes:
            yield notes["vnd.docker.reference.digest"]


def _named_in(document: Any) -> set[Package]:
    if not isinstance(document, dict):
        return set()
    if "predicate" in document:
        document = document["predicate"]
    if document.get("bomFormat"):
        return {
            _package(one["name"], one["version"], one["purl"], one["licenses"][0]["license"]["id"])
            for one in document["components"]
        }
    return {
        _package(
            one["name"],
            one["versionInfo"],
            one["externalRefs"][0]["referenceLocator"],
            one["licenseDeclared"],
        )
        for one in document.get("packages") or []
    }


def _package(name: str, version: str, purl: str, licence: str) -> Package:
    kind = purl.removeprefix("pkg:").partition("/")[0]
    return Package(
        name=name, version=version, scheme=ORDERS[kind], purl=purl, license=licence, type=kind
    )
