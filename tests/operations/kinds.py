"""An image of every kind of document that docs/explanation/content-graph.md tabulates."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from tests import build

WITHDRAWN = "application/vnd.oci.artifact.manifest.v1+json"
UNKNOWN = "application/vnd.example.notes"
CACHE_CONFIG = "application/vnd.buildkit.cacheconfig.v0"
ENCRYPTED = f"{build.OCI_LAYER_GZIP}+encrypted"
WASM = "application/wasm"
DEPTH = 400


@dataclass(frozen=True)
class KindOfImage:
    """An image, and what refers to it without being content of it; `referrers` are each whole."""

    thing: build.Thing
    referrers: tuple[build.Thing, ...] = ()

    @property
    def digests(self) -> set[str]:
        """All digests of the image and of its referrers."""
        return self.thing.digests.union(*(each.digests for each in self.referrers))


def image(salt: str, *, arch: str = "amd64", docker: bool = False) -> build.Thing:
    return build.image(build.layer({"salt": salt}), arch=arch, docker=docker)


def embedded(*, media_type: str = build.OCI_MANIFEST) -> build.Thing:
    """Make an image whose manifest embeds its config, which is there as a blob as well."""
    plain = image("embedded")
    data = base64.b64encode(plain.config.content).decode()
    value = plain.document | {"config": plain.config.descriptor(data=data)}
    return build.Thing(root=build.Blob(build.to_json(value), media_type), parts=plain.parts)


def embedded_layer() -> build.Thing:
    """Make an image whose manifest embeds its layer, which is there as a blob as well."""
    plain = image("embedded layer")
    (layer,) = plain.layers
    data = base64.b64encode(layer.content).decode()
    value = plain.document | {"layers": [layer.descriptor(data=data)]}
    return build.Thing(
        root=build.Blob(build.to_json(value), build.OCI_MANIFEST), parts=plain.parts
    )


def with_unknown_content() -> build.Thing:
    """Make an index that lists content of a type that no specification has, beside an image."""
    inner = image("beside")
    notes = build.Blob(b"no document", UNKNOWN)
    return build.index_of(inner.root, notes, parts=inner.parts)


def artifact_manifest(subject: build.Thing | None = None) -> build.Thing:
    """Make an artifact manifest, which image-spec 1.1 has withdrawn: blobs and no config."""
    blobs = (build.Blob(b"one", UNKNOWN), build.Blob(b"two", UNKNOWN))
    value = {
        "mediaType": WITHDRAWN,
        "artifactType": "application/vnd.example.thing",
        "blobs": [each.descriptor() for each in blobs],
    }
    if subject is not None:
        value["subject"] = subject.descriptor()
    return build.Thing(root=build.Blob(build.to_json(value), WITHDRAWN), parts=blobs)


def referred_by_artifact_manifest() -> KindOfImage:
    about = image("about")
    return KindOfImage(about, (artifact_manifest(about),))


def with_layer(media_type: str) -> build.Thing:
    """Make an image one of whose layers has another type."""
    layers = (build.layer({"base": "1"}), build.Blob(b"\0" + media_type.encode(), media_type))
    return build.image(*layers)


def silent_index() -> build.Thing:
    """Make an index that gives its images no platforms: only their configs have any."""
    images = [build.image(build.layer({"a": arch}), arch=arch, declared={}) for arch in _ARCHS]
    return build.index_of(
        *(each.root for each in images), parts=[b for i in images for b in i.parts]
    )


def mixed_index() -> build.Thing:
    """Make an index that lists a layer beside images."""
    inner = image("mixed")
    layer = build.layer({"loose": "1"})
    return build.index_of(inner.root, layer, parts=inner.parts)


def build_cache() -> build.Thing:
    """Make what BuildKit exports as a cache: an index of layers and of a cache config."""
    layers = [build.layer({"step": "1"}), build.layer({"step": "2"})]
    config = {"layers": [{"blob": each.digest, "parent": -1} for each in layers], "records": []}
    return build.index_of(*layers, build.Blob(build.to_json(config), CACHE_CONFIG))


def nested(depth: int) -> build.Thing:
    return reduce(lambda inner, _: build.index(inner), range(depth), image("nested"))


def referrers_in_a_chain(depth: int) -> KindOfImage:
    root = image("chain")
    chain = reduce(lambda made, _: [*made, build.signature(made[-1])], range(depth), [root])
    return KindOfImage(root, tuple(chain[1:]))


def referred_index() -> KindOfImage:
    index = build.index(image("referred"), image("referred", arch="arm64"))
    sbom = build.sbom(index)
    return KindOfImage(index, (build.signature(index), sbom, build.signature(sbom)))


_ARCHS = ("amd64", "arm64")
KINDS: dict[str, Callable[[], KindOfImage]] = {
    "image": lambda: KindOfImage(image("one")),
    "docker-image": lambda: KindOfImage(image("two", docker=True)),
    "index": lambda: KindOfImage(build.multi_platform(*_ARCHS)),
    "docker-list": lambda: KindOfImage(
        build.index(image("three", docker=True), image("four", docker=True), docker=True)
    ),
    "attested": lambda: KindOfImage(build.index(image("a"), build.attestation(image("a")))),
    "attested-by-artifact": lambda: KindOfImage(
        build.index(image("b"), build.attestation_artifact(image("b")))
    ),
    "artifact": lambda: KindOfImage(build.artifact()),
    "build-cache": lambda: KindOfImage(build_cache()),
    "mixed-index": lambda: KindOfImage(mixed_index()),
    "silent-index": lambda: KindOfImage(silent_index()),
    "embedded-config": lambda: KindOfImage(embedded()),
    "non-distributable-layer": lambda: KindOfImage(with_layer(build.FOREIGN_LAYER)),
    "encrypted-layer": lambda: KindOfImage(with_layer(ENCRYPTED)),
    "wasm-layer": lambda: KindOfImage(with_layer(WASM)),
    "embedded-layer": lambda: KindOfImage(embedded_layer()),
    "unknown-content": lambda: KindOfImage(with_unknown_content()),
    "referrers-of-referrers": lambda: referrers_in_a_chain(3),
    "nested-indexes": lambda: KindOfImage(nested(3)),
    "referred": referred_index,
}

# docker-registry takes none of these: a registry in memory does.
WITHDRAWN_KINDS: dict[str, Callable[[], KindOfImage]] = {
    "artifact-manifest": lambda: KindOfImage(artifact_manifest()),
    "referred-by-artifact-manifest": referred_by_artifact_manifest,
}

DEEP: dict[str, Callable[[], KindOfImage]] = {
    "indexes": lambda: KindOfImage(nested(DEPTH)),
    "referrers": lambda: referrers_in_a_chain(DEPTH),
}
