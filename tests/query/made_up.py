"""Random caches as files: every kind of document, some of it damaged."""

import json
import random
from dataclasses import replace
from pathlib import Path

from tests import attested, build
from tests.packages import sboms
from tests.query import generate

PACKAGES = (
    ("openssl", ("3.0.2-1", "3.0.14-1~deb12u2", "1:1.1.1"), "deb"),
    ("musl", ("1.2.4-r0", "1.2.5_rc1-r0", "1.2.5-r1"), "apk"),
    ("glibc", ("2.36-9", "2.38-1.fc39"), "rpm"),
    ("requests", ("2.31.0", "2.32.0rc1", "2.32.0"), "pypi"),
    ("log4j-core", ("2.0.0", "2.17.1", "2.0.0-rc1"), "npm"),
)
LICENSES = ("GPL-3.0-only", "GPL-2.0-or-later", "MIT", "Apache-2.0")
CREATED = ("2026-10-24T00:30:00Z", "2025-01-01T00:00:00Z", "2023-05-06T07:08:09Z", "")
PLATFORMS = (
    ("amd64", "linux", ""),
    ("arm64", "linux", "v8"),
    ("arm64", "linux", ""),
    ("arm", "linux", "v7"),
    ("riscv64", "linux", ""),
    ("amd64", "windows", ""),
)


class Maker:
    """Makes images and what there is about them."""

    def __init__(self, rng: random.Random, tree: build.Tree) -> None:
        self.rng = rng
        self.tree = tree
        self.bases = [self.layer() for _ in range(3)]
        self.things: list[build.Thing] = []

    def layer(self) -> build.Blob:
        media_type = self.rng.choice(
            (build.OCI_LAYER, build.OCI_LAYER, build.OCI_LAYER, build.FOREIGN_LAYER)
        )
        content = "x" * self.rng.randrange(60_000)
        return build.layer({f"{self.rng.random()}": content}, media_type=media_type)

    def image(self) -> build.Thing:
        rng = self.rng
        arch, system, variant = rng.choice(PLATFORMS)
        labels = {}
        if rng.random() < 0.7:
            labels[generate.VENDOR] = rng.choice(("Acme", "Acme Corp", "Other"))
        if rng.random() < 0.2:
            labels["retention"] = rng.choice(("keep", "drop"))
        declared = None
        if rng.random() < 0.1:
            declared = build.platform_of(*rng.choice(PLATFORMS))
        return build.image(
            *rng.sample(self.bases, rng.randint(1, 2)),
            *(self.layer() for _ in range(rng.randint(0, 2))),
            arch=arch,
            os=system,
            variant=variant,
            labels=labels,
            env=["PATH=/usr/bin:/bin"] if rng.random() < 0.8 else [],
            entrypoint=rng.choice(((), ("/bin/sh",), ("/app",), ("/app", "--serve"))),
            annotations={"org.example.stage": "test"} if rng.random() < 0.2 else None,
            declared=declared,
            docker=rng.random() < 0.2,
            created=rng.choice(CREATED),
        )

    def document(self) -> build.Blob:
        """Make an SBOM, in one of the forms in which it stands in a layer."""
        rng = self.rng
        chosen = [(name, rng.choice(known), kind) for name, known, kind in rng.sample(PACKAGES, 2)]
        parts = [
            (name, version, f"pkg:{kind}/{name}@{version}", rng.choice(LICENSES))
            for name, version, kind in chosen
        ]
        if rng.random() < 0.5:
            components = (
                sboms.cyclonedx_component(
                    name=name, version=version, purl=purl, licenses=[{"license": {"id": licence}}]
                )
                for name, version, purl, licence in parts
            )
            return attested.blob(sboms.cyclonedx(*components), sboms.CYCLONEDX)
        packages = (
            {
                "name": name,
                "versionInfo": version,
                "licenseDeclared": licence,
                "externalRefs": [{"referenceType": "purl", "referenceLocator": purl}],
            }
            for name, version, purl, licence in parts
        )
        return attested.blob(sboms.spdx(*packages), sboms.SPDX)

    def statement(self) -> build.Blob:
        document = self.document()
        if document.media_type == sboms.SPDX:
            return attested.blob(sboms.statement(json.loads(document.content)))
        return attested.blob(sboms.statement({}, "https://slsa.dev/provenance/v1"))

    def index(self) -> build.Thing:
        rng = self.rng
        images = [self.image() for _ in range(rng.randint(1, 3))]
        listed = list(images)
        for each in images:
            if rng.random() < 0.3:
                listed.append(attested.annotated(each, self.statement()))
            if rng.random() < 0.2:
                listed.append(attested.artifact(each, self.statement()))
        if self.things and rng.random() < 0.15:
            listed.append(rng.choice(self.things))
        subject = rng.choice(images) if rng.random() < 0.1 else None
        return build.index(*listed, subject=subject)

    def about(self, thing: build.Thing) -> build.Thing:
        kind = self.rng.random()
        if kind < 0.4:
            return build.signature(thing)
        if kind < 0.7:
            return attested.referrer(thing, self.document())
        found = build.artifact(self.layer(), subject=thing)
        return replace(found, annotations={"org.example.role": "main"})

    def name(self, thing: build.Thing) -> None:
        rng = self.rng
        kind = rng.random()
        name: str | None = f"{rng.choice(generate.REGISTRIES)}/{rng.choice(generate.REPOS)}"
        if kind < 0.05:
            name = None
        elif kind < 0.1:
            name = rng.choice(generate.TAGS)
        elif kind < 0.13:
            name = "not/A reference"
        else:
            name += f":{rng.choice(generate.TAGS)}" if kind < 0.9 else f"@{thing.digest}"
        notes = {"io.cachedb.pin": ""} if rng.random() < 0.1 else {}
        if rng.random() < 0.1:
            notes["org.example.team"] = rng.choice(("red", "blue"))
        more = {"annotations": {**thing.annotations, **notes}} if notes else {}
        self.tree.name(thing, name, **more)


def make(rng: random.Random, folder: Path, images: int) -> build.Tree:
    """Make a layout of about so many images."""
    tree = build.Tree.make(folder)
    maker = Maker(rng, tree)
    for _ in range(images):
        thing = maker.index() if rng.random() < 0.55 else maker.image()
        maker.things.append(thing)
        # A part of what a pull of some platforms leaves out.
        absent = {part.digest for part in thing.parts if rng.random() < 0.04}
        tree.put(*(blob for blob in thing.blobs if blob.digest not in absent))
        for _ in range(rng.choice((0, 0, 1))):
            referrer = maker.about(thing)
            tree.put(*referrer.blobs)
            if rng.random() < 0.3:
                tree.put(*maker.about(referrer).blobs)
        for _ in range(rng.choice((0, 1, 1, 1, 2))):
            maker.name(thing)
    for digest in sorted(tree.blobs()):
        if rng.random() < 0.01:
            tree.flip(digest)
    return tree
