"""Builder of images, indexes, attestations and layouts, with the standard library only.

This module does not import cachedb: its output is that of another tool, small, and the same in
every run. A *thing* is a document with all blobs that it contains:

    busybox = build.image(build.layer({"bin/sh": "#!"}), labels={"a": "b"})
    multi = build.index(busybox, build.image(arch="arm64", variant="v8"))
    tree = build.layout(tmp_path / "cache", {"example.com/app:1": multi})
"""

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD = f"{OCI_LAYER}+zstd"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
IN_TOTO = "application/vnd.in-toto+json"
DOCKER_ATTESTATION = "application/vnd.docker.attestation.manifest.v1+json"
COSIGN_SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"
SPDX = "application/spdx+json"

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"

CREATED = "2024-05-06T07:08:09Z"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes with a media type, and for a layer the digest of what it unpacks to."""

    content: bytes = field(repr=False)
    media_type: str
    diff_id: str = ""
    algorithm: str = "sha256"
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        return f"{self.algorithm}:{hashlib.new(self.algorithm, self.content).hexdigest()}"

    @property
    def size(self) -> int:
        return len(self.content)

    def descriptor(self, **more: Any) -> Json:
        found: Json = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        return found | more


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A document and what it contains; what its parent is to say of it comes along."""

    root: Blob
    parts: tuple[Blob, ...]
    """Children before their parents, each once, without the root."""
    platform: Json | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return self.root.digest

    @property
    def size(self) -> int:
        return self.root.size

    @property
    def media_type(self) -> str:
        return self.root.media_type

    @property
    def blobs(self) -> tuple[Blob, ...]:
        return (*self.parts, self.root)

    @property
    def digests(self) -> set[str]:
        return {blob.digest for blob in self.blobs}

    @property
    def document(self) -> Json:
        found: Json = json.loads(self.root.content)
        return found

    @property
    def config(self) -> Blob:
        return self._part(self.document["config"]["digest"])

    @property
    def layers(self) -> tuple[Blob, ...]:
        return tuple(self._part(layer["digest"]) for layer in self.document["layers"])

    def descriptor(self, **more: Any) -> Json:
        """Return the JSON that a parent holds; `more` is added or replaces."""
        found = self.root.descriptor()
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        if self.platform is not None:
            found["platform"] = dict(self.platform)
        return found | more

    def _part(self, digest: str) -> Blob:
        return next(blob for blob in self.parts if blob.digest == digest)


def to_json(value: Any) -> bytes:
    """Encode as Go's json.Marshal would write most documents."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# -- content ------------------------------------------------------------------------------------


def layer(
    files: Mapping[str, str | bytes] | None = None, *, media_type: str = OCI_LAYER_GZIP
) -> Blob:
    """Make a layer of some files, compressed if its media type says so."""
    files = {"etc/hostname": "cachedb\n"} if files is None else files
    archive = tar(files)
    diff_id = "sha256:" + hashlib.sha256(archive).hexdigest()
    is_zipped = media_type.endswith("gzip")
    return Blob(gzip.compress(archive, mtime=0) if is_zipped else archive, media_type, diff_id)


def tar(files: Mapping[str, str | bytes]) -> bytes:
    """Make a tar archive of regular files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def platform_of(arch: str, os: str = "linux", variant: str = "", os_version: str = "") -> Json:
    """Make the platform object of a descriptor."""
    said = {"architecture": arch, "os": os, "variant": variant, "os.version": os_version}
    return {key: value for key, value in said.items() if value}


def config_blob(
    layers: Iterable[Blob],
    platform: Json,
    *,
    run: Json | None = None,
    media_type: str = OCI_CONFIG,
    created: str = CREATED,
    history: Iterable[Json] = (),
) -> Blob:
    """Make the configuration of an image; `run` is its ``config`` object."""
    steps = list(history)
    value = {
        "created": created,
        **platform,
        "config": run or {},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        **({"history": steps} if steps else {}),
    }
    return Blob(to_json(value), media_type)


def image(  # noqa: PLR0913  (each is a field of the image)
    *layers: Blob,
    arch: str = "amd64",
    os: str = "linux",
    variant: str = "",
    labels: Mapping[str, str] | None = None,
    env: Iterable[str] = (),
    entrypoint: Iterable[str] = (),
    cmd: Iterable[str] = (),
    annotations: Mapping[str, str] | None = None,
    declared: Json | None = None,
    docker: bool = False,
    created: str = CREATED,
    history: Iterable[Json] = (),
) -> Thing:
    """Make an image for one platform; without layers it gets one.

    `declared` is the platform that an index is to give it, when not that of the config.
    """
    layers = layers or (layer(),)
    platform = platform_of(arch, os, variant)
    said = {
        "Env": list(env),
        "Labels": dict(labels or {}),
        "Entrypoint": list(entrypoint),
        "Cmd": list(cmd),
    }
    if docker:
        layers = tuple(replace(blob, media_type=DOCKER_LAYER_GZIP) for blob in layers)
    config = config_blob(
        layers,
        platform,
        created=created,
        run={key: value for key, value in said.items() if value},
        media_type=DOCKER_CONFIG if docker else OCI_CONFIG,
        history=history,
    )
    return manifest(
        config,
        layers,
        annotations=annotations,
        platform=platform if declared is None else declared,
        media_type=DOCKER_MANIFEST if docker else OCI_MANIFEST,
    )


def manifest(
    config: Blob,
    layers: Iterable[Blob],
    *,
    annotations: Mapping[str, str] | None = None,
    subject: Thing | None = None,
    artifact_type: str = "",
    platform: Json | None = None,
    media_type: str = OCI_MANIFEST,
) -> Thing:
    """Make a manifest of a config and layers; the subject is pointed at, not contained."""
    layers = tuple(layers)
    value: Json = {"schemaVersion": 2, "mediaType": media_type}
    if artifact_type:
        value["artifactType"] = artifact_type
    value["config"] = config.descriptor()
    value["layers"] = [blob.descriptor() for blob in layers]
    if subject is not None:
        value["subject"] = subject.root.descriptor()
    if annotations:
        value["annotations"] = dict(annotations)
    return Thing(
        root=Blob(to_json(value), media_type),
        parts=_each_once((config, *layers)),
        platform=platform,
    )


def index(
    *things: Thing,
    annotations: Mapping[str, str] | None = None,
    subject: Thing | None = None,
    docker: bool = False,
) -> Thing:
    """Make an image index; what each thing says of itself stands in its descriptor."""
    media_type = DOCKER_LIST if docker else OCI_INDEX
    value: Json = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [thing.descriptor() for thing in things],
    }
    if subject is not None:
        value["subject"] = subject.root.descriptor()
    if annotations:
        value["annotations"] = dict(annotations)
    return Thing(
        root=Blob(to_json(value), media_type),
        parts=_each_once(blob for thing in things for blob in thing.blobs),
    )


def index_of(*blobs: Blob, parts: Iterable[Blob] = ()) -> Thing:
    """Make an index of any blobs, as BuildKit's caches are indexes of layers.

    `parts` are what the listed documents contain.
    """
    value: Json = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [blob.descriptor() for blob in blobs],
    }
    return Thing(root=Blob(to_json(value), OCI_INDEX), parts=_each_once((*parts, *blobs)))


def multi_platform(*archs: str, salt: str = "") -> Thing:
    """Make an index with one image an architecture, written as ``arm64`` or ``arm64/v8``."""
    images = []
    for name in archs or ("amd64", "arm64/v8"):
        arch, _, variant = name.partition("/")
        images.append(image(layer({"arch": name + salt}), arch=arch, variant=variant))
    return index(*images)


def attestation(about: Thing, *, predicate: str = "https://slsa.dev/provenance/v1") -> Thing:
    """Make what BuildKit puts into the index beside `about`: the annotated form."""
    statement = _statement(about, predicate)
    platform = platform_of("unknown", "unknown")
    thing = manifest(config_blob((), platform), (statement,), platform=platform)
    return replace(
        thing,
        annotations={
            "vnd.docker.reference.digest": about.digest,
            "vnd.docker.reference.type": "attestation-manifest",
        },
    )


def attestation_artifact(about: Thing, *, predicate: str = "https://spdx.dev/Document") -> Thing:
    """Make BuildKit's newer form: an artifact whose subject is `about`."""
    return manifest(
        Blob(b"{}", OCI_EMPTY),
        (_statement(about, predicate),),
        subject=about,
        artifact_type=DOCKER_ATTESTATION,
    )


def artifact(
    *layers: Blob,
    subject: Thing | None = None,
    artifact_type: str = "application/vnd.example.thing",
    annotations: Mapping[str, str] | None = None,
) -> Thing:
    """Make an artifact manifest as image-spec 1.1 has it: an empty config and any layers."""
    return manifest(
        Blob(b"{}", OCI_EMPTY),
        layers or (Blob(b"{}", OCI_EMPTY),),
        subject=subject,
        artifact_type=artifact_type,
        annotations=annotations,
    )


def signature(about: Thing) -> Thing:
    """Make a signature that refers to `about`."""
    payload = Blob(to_json({"critical": {"image": about.digest}}), COSIGN_SIGNATURE)
    return artifact(payload, subject=about, artifact_type="application/vnd.dev.cosign.artifact.v1")


def sbom(about: Thing, packages: Mapping[str, str] | None = None) -> Thing:
    """Make an SPDX document, as an artifact that refers to `about`."""
    listed = [{"name": name, "versionInfo": v} for name, v in (packages or {"musl": "1"}).items()]
    document = Blob(to_json({"spdxVersion": "SPDX-2.3", "packages": listed}), SPDX)
    return artifact(document, subject=about, artifact_type=SPDX)


def _statement(about: Thing, predicate: str) -> Blob:
    value = {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": predicate,
        "subject": [{"name": "_", "digest": {"sha256": about.digest.partition(":")[2]}}],
        "predicate": {},
    }
    return Blob(to_json(value), IN_TOTO)


def _each_once(blobs: Iterable[Blob]) -> tuple[Blob, ...]:
    return tuple({blob.digest: blob for blob in blobs}.values())


# -- layouts ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Style:
    """How a tool writes names and index.json."""

    named: Any
    """From a full name such as example.com/app:1 to the annotations of the descriptor."""
    indent: int | None = None
    media_type: bool = True
    renames: bool = False
    """Whether it replaces index.json by renaming instead of writing in place."""


def _tag(name: str) -> str:
    last = name.rpartition("/")[2]
    return last.partition(":")[2] or "latest"


LINUXKIT = Style(named=lambda name: {REF_NAME: name}, indent=3)
SKOPEO = Style(named=lambda name: {REF_NAME: _tag(name)})
UMOCI = Style(named=lambda name: {REF_NAME: _tag(name)}, media_type=False, renames=True)
CONTAINERD = Style(named=lambda name: {CONTAINERD_NAME: name, REF_NAME: _tag(name)})


class Tree:
    """A layout directory, and the changes that another tool may make to it."""

    def __init__(self, path: Path, style: Style = LINUXKIT) -> None:
        self.path = path
        self.style = style

    @classmethod
    def make(cls, path: Path, style: Style = LINUXKIT) -> Self:
        """Make an empty layout."""
        (path / "blobs" / "sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        tree = cls(path, style)
        tree.write_entries([])
        return tree

    def blob_path(self, digest: str) -> Path:
        algorithm, _, encoded = digest.partition(":")
        return self.path / "blobs" / algorithm / encoded

    def blobs(self) -> set[str]:
        """List the blob files that there are."""
        return {f"{path.parent.name}:{path.name}" for path in self.path.glob("blobs/*/*")}

    def put(self, *blobs: Blob) -> None:
        """Write blobs where they belong; one that is there stays."""
        for blob in blobs:
            path = self.blob_path(blob.digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_bytes(blob.content)

    def add(self, thing: Thing, name: str | None = None, **descriptor: Any) -> Thing:
        """Write a thing with all its parts, and name it as the style does; takes the name over."""
        self.put(*thing.blobs)
        self.name(thing, name, **descriptor)
        return thing

    def name(self, thing: Thing, name: str | None = None, **descriptor: Any) -> None:
        """Write an entry of index.json; the one that had the name goes."""
        notes = {} if name is None else self.style.named(name)
        entry = thing.descriptor(**descriptor)
        if notes or "annotations" in entry:
            entry["annotations"] = entry.get("annotations", {}) | notes
        kept = [
            one
            for one in self.entries()
            if name is None or not notes.items() <= one.get("annotations", {}).items()
        ]
        self.write_entries([*kept, entry])

    def unname(self, name: str) -> None:
        """Drop the entries of a name."""
        notes = self.style.named(name).items()
        kept = [one for one in self.entries() if not notes <= one.get("annotations", {}).items()]
        self.write_entries(kept)

    def delete(self, digest: str) -> None:
        """Remove the file of a blob."""
        self.blob_path(digest).unlink()

    def overwrite(self, digest: str, content: bytes) -> None:
        """Write other bytes into the file of a blob, in place."""
        path = self.blob_path(digest)
        path.chmod(0o644)
        path.write_bytes(content)

    def flip(self, digest: str, position: int = 0) -> None:
        """Change one byte of a blob, in place; the size stays."""
        content = bytearray(self.blob_path(digest).read_bytes())
        content[position] ^= 0xFF
        self.overwrite(digest, bytes(content))

    def truncate(self, digest: str) -> None:
        """Cut a blob to half of its bytes."""
        content = self.blob_path(digest).read_bytes()
        self.overwrite(digest, content[: len(content) // 2])

    def document(self) -> Json:
        """Read index.json."""
        found: Json = json.loads((self.path / "index.json").read_bytes())
        return found

    def entries(self) -> list[Json]:
        """Read the entries of index.json."""
        try:
            return self.document().get("manifests") or []
        except FileNotFoundError:
            return []

    def write_entries(self, entries: list[Json]) -> None:
        """Replace the entries of index.json."""
        value: Json = {"schemaVersion": 2}
        if self.style.media_type:
            value["mediaType"] = OCI_INDEX
        self.write_index(json.dumps(value | {"manifests": entries}, indent=self.style.indent))

    def write_index(self, content: str | bytes) -> None:
        """Replace the bytes of index.json, in place or by rename, as the style does."""
        data = content.encode() if isinstance(content, str) else content
        path = self.path / "index.json"
        if self.style.renames:
            temporary = self.path / ".umoci-index"
            temporary.write_bytes(data)
            os.replace(temporary, path)
        else:
            path.write_bytes(data)


def layout(path: Path, named: Mapping[str, Thing] | None = None, style: Style = LINUXKIT) -> Tree:
    """Make a layout that holds some named things."""
    tree = Tree.make(path, style)
    for name, thing in (named or {}).items():
        tree.add(thing, name)
    return tree


def archive(named: Mapping[str, Thing], style: Style = LINUXKIT) -> bytes:
    """Make an OCI archive, uncompressed, that holds some named things."""
    entries = [
        thing.descriptor(annotations={**thing.annotations, **style.named(name)})
        for name, thing in named.items()
    ]
    files: dict[str, str | bytes] = {
        "oci-layout": '{"imageLayoutVersion": "1.0.0"}',
        "index.json": to_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}),
    }
    for thing in named.values():
        for blob in thing.blobs:
            files["blobs/" + blob.digest.replace(":", "/")] = blob.content
    return tar(files)
