"""Sample archives for the tutorial and for first attempts: the same bytes in every run.

``app.tar`` contains an image for three platforms with provenance, ``tool.tar`` an image that
shares its base layer. Layers are not compressed: the output of compressors, and so the digests,
differ between versions of Python.
"""

from __future__ import annotations

import io
import json
import os
import random
import tarfile
from typing import TYPE_CHECKING, Any, NamedTuple

from cachedb.errors import Refused, StorageFailed
from cachedb.oci import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

APP, TOOL = "example.com/app:1", "example.com/tool:2"
ARCHIVES = ("app.tar", "tool.tar")

_BASE_BYTES, _OWN_BYTES = 3_000_000, 400_000
_CREATED = "2024-05-06T07:08:09Z"
_OCI = "application/vnd.oci.image."
_INDEX, _MANIFEST = f"{_OCI}index.v1+json", f"{_OCI}manifest.v1+json"
_CONFIG, _LAYER = f"{_OCI}config.v1+json", f"{_OCI}layer.v1.tar"
_STATEMENT = "application/vnd.in-toto+json"
_NAME = "org.opencontainers.image.ref.name"
_PLATFORMS = (("amd64", ""), ("arm64", "v8"), ("arm", "v7"))


class _Blob(NamedTuple):
    """Content with its media type, its children, and the fields of its descriptor."""

    media_type: str
    content: bytes
    parts: tuple[_Blob, ...] = ()
    said: Mapping[str, Any] = {}

    @property
    def digest(self) -> Digest:
        return Digest.of(self.content)

    def descriptor(self) -> dict[str, Any]:
        """Return the JSON that a parent holds."""
        size = len(self.content)
        return {"mediaType": self.media_type, "digest": self.digest, "size": size, **self.said}

    def walk(self) -> dict[Digest, bytes]:
        """Return content by digest, children before their parents."""
        found = {digest: text for part in self.parts for digest, text in part.walk().items()}
        return {**found, self.digest: self.content}


def write(folder: Path) -> tuple[Path, ...]:
    """Write both archives to a directory, which is created; return their paths.

    Raises:
        Refused: The directory has another file of that name.
        StorageFailed: The file system refused.
    """
    app, tool = _images()
    archives = dict(zip(ARCHIVES, (_archive(APP, app), _archive(TOOL, tool)), strict=True))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in archives.items():
            _write(folder / name, content)
    except OSError as error:
        raise StorageFailed.of(error, f"write the sample to {str(folder)!r}") from error
    return tuple(folder / name for name in archives)


def _write(path: Path, content: bytes) -> None:
    try:
        with open(path, "xb") as file:
            file.write(content)
    except FileExistsError:
        if os.path.getsize(path) != len(content) or path.read_bytes() != content:
            raise Refused(
                f"{str(path)!r} exists and is not the sample", hint="cachedb sample DIR"
            ) from None


def _images() -> tuple[_Blob, _Blob]:
    base = {arch: _layer(f"base for {arch}", _BASE_BYTES) for arch, _ in _PLATFORMS}
    images = [
        _image(
            [base[arch], _layer(f"app for {arch}", _OWN_BYTES)],
            {"architecture": arch, "os": "linux", **({"variant": variant} if variant else {})},
            {
                "Env": ["PATH=/usr/bin:/bin"],
                "Labels": {"org.opencontainers.image.title": "app"},
                "Entrypoint": ["/app"],
            },
        )
        for arch, variant in _PLATFORMS
    ]
    platform = {"architecture": "amd64", "os": "linux"}
    tool = _image([base["amd64"], _layer("tool", _OWN_BYTES)], platform, {"Entrypoint": ["/tool"]})
    listed = (*images, *map(_provenance, images))
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [b.descriptor() for b in listed],
    }
    return _Blob(_INDEX, _json(index), listed), tool


def _layer(name: str, size: int) -> _Blob:
    content = random.Random(name).randbytes(size)  # noqa: S311  (the same in every run)
    return _Blob(_LAYER, _tar({name: content}))


def _image(layers: list[_Blob], platform: Mapping[str, str], run: Mapping[str, Any]) -> _Blob:
    rootfs = {"type": "layers", "diff_ids": [layer.digest for layer in layers]}
    config = {"created": _CREATED, **platform, "config": run, "rootfs": rootfs}
    return _manifest(_Blob(_CONFIG, _json(config)), layers, {"platform": platform})


def _provenance(image: _Blob) -> _Blob:
    """Make the attestation that BuildKit puts into an index beside an image."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{"name": "_", "digest": {"sha256": image.digest.encoded}}],
        "predicate": {},
    }
    platform = {"architecture": "unknown", "os": "unknown"}
    rootfs = {"type": "layers", "diff_ids": []}
    config = {"created": _CREATED, **platform, "config": {}, "rootfs": rootfs}
    annotations = {
        "vnd.docker.reference.digest": image.digest,
        "vnd.docker.reference.type": "attestation-manifest",
    }
    return _manifest(
        _Blob(_CONFIG, _json(config)),
        [_Blob(_STATEMENT, _json(statement))],
        {"annotations": annotations, "platform": platform},
    )


def _manifest(config: _Blob, layers: list[_Blob], said: Mapping[str, Any]) -> _Blob:
    value = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": config.descriptor(),
        "layers": [layer.descriptor() for layer in layers],
    }
    return _Blob(_MANIFEST, _json(value), (config, *layers), said)


def _archive(name: str, root: _Blob) -> bytes:
    entry = {**root.descriptor(), "annotations": {_NAME: name}}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]}
    blobs = {f"blobs/{digest.replace(':', '/')}": text for digest, text in root.walk().items()}
    marker = b'{"imageLayoutVersion": "1.0.0"}'
    # skopeo, run by another user than root, cannot create a directory without an entry.
    directories = dict.fromkeys(("blobs", "blobs/sha256"))
    return _tar({"oci-layout": marker, "index.json": _json(index), **directories, **blobs})


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _tar(files: Mapping[str, bytes | None]) -> bytes:
    """Pack files, and a directory for each name without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            else:
                member.size, member.mode = len(content), 0o644
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
