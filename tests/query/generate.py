"""Random caches as rows: small ones for laws, large ones for plans and timings."""

import dataclasses
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cachedb.catalog.files.file_codes import ENTRY_BITS
from tests.query.model import Blob, Cache, Config, File, Link, Package, Platform, Ref

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = 24 * 3600 * 1_000_000

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"
SBOM = "application/spdx+json"
STATEMENT = "application/vnd.in-toto+json"
EMPTY = "application/vnd.oci.empty.v1+json"

PLATFORMS: tuple[Platform, ...] = (
    ("linux", "amd64", ""),
    ("linux", "arm64", ""),
    ("linux", "arm", "v7"),
    ("linux", "riscv64", ""),
    ("windows", "amd64", ""),
    ("linux", "amd64", "v2"),
)
REGISTRIES = ("docker.io", "docker.io", "docker.io", "quay.io", "ghcr.io", "localhost:5000")
REPOS = (
    "library/alpine",
    "library/busybox",
    "library/nginx",
    "acme/web",
    "acme/team/api",
    "grafana/grafana",
    "linuxkit/init",
    "linuxkit/kernel",
    "tmp/build",
    "my-alpine",
)
TAGS = ("latest", "v1.0", "v1.1", "v1.2", "v2.0", "3.19", "3.20", "sha-0123abc", "edge")
VENDOR = "org.opencontainers.image.vendor"
ENTRYPOINTS = ("/bin/sh", "/app", "/app --serve", "")
LICENSES = ("GPL-3.0-only", "GPL-2.0-or-later", "MIT", "Apache-2.0", "")
PACKAGES = (
    ("openssl", ("3.0.2-1", "3.0.14-1~deb12u2", "3.0.15", "1:1.1.1"), "deb"),
    ("musl", ("1.2.4-r0", "1.2.5_rc1-r0", "1.2.5-r1"), "apk"),
    ("log4j-core", ("2.0.0", "2.1.0", "2.17.1", "2.0.0-rc1"), "maven"),
    ("requests", ("2.31.0", "2.32.0rc1", "2.32.0"), "pep440"),
    ("glibc", ("2.36-9", "2.38-1.fc39"), "rpm"),
)


@dataclass
class Builder:
    """Adds blobs, images and names to a cache."""

    rng: random.Random
    cache: Cache = field(default_factory=Cache)
    images: list[int] = field(default_factory=list)
    bases: list[list[int]] = field(default_factory=list)
    last_link: int = 0
    repos: tuple[str, ...] = REPOS
    own_layers: tuple[int, int] = (0, 4)
    base_layers: tuple[int, int] = (1, 3)
    empty_id: int = 0

    def blob(self, kind: str, media_type: str, size: int) -> Blob:
        number = len(self.cache.blobs) + 1
        digest = f"sha256:{self.rng.getrandbits(256):064x}"
        found = Blob(id=number, digest=digest, size=size, kind=kind, media_type=media_type)
        self.cache.blobs[number] = found
        return found

    def link(
        self,
        parent: Blob,
        child: int,
        role: str,
        media_type: str = "",
        platform: Platform | None = None,
    ) -> Link:
        self.last_link += 1
        target = self.cache.blobs[child]
        found = Link(
            id=self.last_link,
            parent=parent.id,
            child=child,
            role=role,
            position=sum(link.role == role for link in parent.links),
            media_type=media_type or target.media_type,
            size=target.size,
            platform=platform,
        )
        parent.links.append(found)
        return found

    def layer(self) -> int:
        kind = self.rng.choice((LAYER, LAYER, LAYER, DOCKER_LAYER, FOREIGN))
        # Sizes spread over powers of ten, as those of real layers do.
        size = int(10 ** self.rng.uniform(2, 9.5))
        found = self.blob("layer", kind, size)
        if kind == FOREIGN:
            found.state = "foreign"
        return found.id

    def base(self) -> list[int]:
        if not self.bases or self.rng.random() < 0.06:
            self.bases.append([self.layer() for _ in range(self.rng.randint(*self.base_layers))])
        return self.rng.choice(self.bases[: max(3, len(self.bases) // 4)])

    def image(self, platform: Platform) -> Blob:
        rng = self.rng
        config = self.blob("config", CONFIG, rng.randint(300, 9000))
        config.platform = platform
        config.config = self.config()
        manifest = self.blob("manifest", MANIFEST, rng.randint(300, 3000))
        manifest.platform = platform
        self.link(manifest, config.id, "config")
        for layer in self.base():
            self.link(manifest, layer, "layer")
        for _ in range(rng.randint(*self.own_layers)):
            self.link(manifest, self.layer(), "layer")
        if rng.random() < 0.2:
            manifest.annotations["org.example.stage"] = rng.choice(("test", "production"))
        if rng.random() < 0.6:
            manifest.packages |= {self.package() for _ in range(rng.randint(1, 6))}
        return manifest

    def config(self) -> Config:
        rng = self.rng
        labels = {}
        if rng.random() < 0.7:
            labels[VENDOR] = rng.choice(("Acme", "Acme Corp", "Other"))
        if rng.random() < 0.2:
            labels["retention"] = rng.choice(("keep", "drop"))
        created = None if rng.random() < 0.1 else self.past(1500)
        env = {"PATH": "/usr/bin:/bin"} if rng.random() < 0.8 else {}
        return Config(created=created, entrypoint=rng.choice(ENTRYPOINTS), labels=labels, env=env)

    def package(self) -> Package:
        rng = self.rng
        name, known, scheme = rng.choice(PACKAGES)
        version = rng.choice(known)
        kind = {"pep440": "pypi"}.get(scheme, scheme)
        return Package(
            name=name,
            version=version,
            scheme=scheme,
            purl=f"pkg:{kind}/{name}@{version}",
            license=rng.choice(LICENSES),
            type=kind,
        )

    def past(self, days: int) -> int:
        now = int(NOW.timestamp()) * 1_000_000
        return now - self.rng.randrange(days * DAY) if days else now

    def index(self) -> Blob:
        rng = self.rng
        index = self.blob("index", INDEX, rng.randint(300, 5000))
        for platform in rng.sample(PLATFORMS, rng.randint(1, 4)):
            manifest = self.image(platform)
            declared = platform if rng.random() > 0.05 else rng.choice(PLATFORMS)
            link = self.link(index, manifest.id, "manifest", platform=declared)
            if rng.random() < 0.1:
                link.annotations["org.example.role"] = "main"
            if rng.random() < 0.15:
                self.leave_out(manifest)
            elif rng.random() < 0.3:
                self.attest(index, manifest)
        return index

    def leave_out(self, manifest: Blob) -> None:
        """Make it a platform that was not pulled: its content is not known."""
        manifest.state = "absent"
        manifest.links.clear()
        manifest.packages.clear()
        manifest.annotations.clear()

    def attest(self, index: Blob, about: Blob) -> None:
        statement = self.blob("layer", STATEMENT, self.rng.randint(1000, 90000))
        config = self.blob("other", CONFIG, 167)
        found = self.blob("attestation", MANIFEST, 840)
        self.link(found, config.id, "config")
        self.link(found, statement.id, "layer")
        link = self.link(index, found.id, "manifest", platform=("unknown", "unknown", ""))
        found.platform = link.platform
        link.annotations["vnd.docker.reference.digest"] = about.digest

    def refer(self, subject: Blob, artifact_type: str) -> Blob:
        """Add a referrer: the subject owns it."""
        found = self.blob("attestation", MANIFEST, self.rng.randint(400, 900))
        found.artifact_type = artifact_type
        self.link(found, self.empty(), "config")
        payload = self.blob("layer", "application/octet-stream", self.rng.randint(100, 5000))
        self.link(found, payload.id, "layer")
        self.link(found, subject.id, "subject")
        return found

    def empty(self) -> int:
        """Return the one empty config that thousands share."""
        if not self.empty_id:
            self.empty_id = self.blob("other", EMPTY, 2).id
        return self.empty_id

    def name(self, target: int) -> Ref:
        rng = self.rng
        number = len(self.cache.refs) + 1
        found = Ref(id=number, target=target, added=self.past(900))
        self.cache.refs[number] = found
        kind = rng.random()
        if kind < 0.05:
            pass  # an entry of index.json without a name
        elif kind < 0.1:
            found.name = found.tag = rng.choice(TAGS)
        elif kind < 0.13:
            found.name = "not/A reference"
        else:
            found.registry, found.repo = rng.choice(REGISTRIES), rng.choice(self.repos)
            found.tag = rng.choice(TAGS) if kind > 0.18 else None
            digest = self.cache.blobs[target].digest
            suffix = f":{found.tag}" if found.tag else f"@{digest}"
            found.name = f"{found.registry}/{found.repo}{suffix}"
        found.pinned = rng.random() < 0.1
        found.source = rng.choice(("pull", "pull", "build", "import", "import", None))
        if found.source == "pull":
            found.origin = found.name
            found.pulled = self.past(900)
        found.used = self.past(400) if rng.random() < 0.7 else None
        if rng.random() < 0.1:
            found.annotations["org.example.team"] = rng.choice(("red", "blue"))
        return found

    def index_files(self) -> None:
        """Index the files of most layers, and of the images all of whose layers are indexed."""
        rng, cache = self.rng, self.cache
        for blob in list(cache.blobs.values()):
            if blob.kind == "layer" and rng.random() < 0.9:
                cache.indexed_layers.append(blob.id)
                first = len(cache.indexed_layers) << ENTRY_BITS
                for key in range(first, first + rng.randint(0, 4)):
                    cache.files[key] = self.file(key, blob.id)
        for blob in cache.blobs.values():
            layers = [link.child for link in blob.links if link.role == "layer"]
            if blob.kind != "manifest" or not set(layers) <= set(cache.indexed_layers):
                continue
            if rng.random() < 0.9:
                cache.hidden[blob.id] = {
                    one.id: rng.choice(("overwritten", "deleted"))
                    for one in cache.files.values()
                    if one.layer in layers and not one.is_whiteout and rng.random() < 0.2
                }
        for number in range(rng.randint(0, 3) if cache.hidden else 0):
            self.place(-1 - number)

    def place(self, key: int) -> None:
        """Let some images show a file of a layer, or a directory, where no layer has it."""
        rng, cache = self.rng, self.cache
        images = frozenset(rng.sample(sorted(cache.hidden), rng.randint(1, len(cache.hidden))))
        layers = {
            link.child
            for image in images
            for link in cache.blobs[image].links
            if link.role == "layer"
        }
        stored = [f for f in cache.files.values() if f.layer in layers and not f.is_whiteout]
        path = rng.choice(PATHS)
        if not stored or rng.random() < 0.3:
            cache.files[key] = File(
                id=key, layer=None, path=path, type="directory", bits=0o755, images=images
            )
            return
        one = rng.choice([f for f in stored if f.images is None] or stored)
        cache.files[key] = dataclasses.replace(
            one, id=key, path=path, images=images, stored=one.stored or one.id
        )
        for image in images:
            cache.hidden[image][one.id] = "moved"

    def file(self, key: int, layer: int) -> File:
        rng = self.rng
        kind = rng.choice(FILE_TYPES)
        is_file = kind == "file"
        return File(
            id=key,
            layer=layer,
            path=rng.choice(PATHS),
            type=kind,
            bits=rng.choice((0o644, 0o755, 0o4755, 0o2711, 0o666)),
            uid=rng.choice((0, 0, 1000)),
            gid=rng.choice((0, 0, 50)),
            size=int(10 ** rng.uniform(0, 7)) if is_file else 0,
            modified=self.past(900) // 1_000_000,
            target="/usr/bin/bash" if kind in {"symlink", "hardlink"} else None,
            sha256=rng.choice((b"a", b"b", b"c")) * 32 if is_file else None,
        )

    def damage(self) -> None:
        """Lose and spoil some of what is there."""
        for blob in self.cache.blobs.values():
            if blob.state == "present" and self.rng.random() < 0.03:
                blob.state = self.rng.choice(("missing", "corrupt"))


PATHS = (
    "/etc/motd",
    "/etc/passwd",
    "/usr/bin/bash",
    "/usr/bin/sudo",
    "/usr/lib/libssl.so.3",
    "/opt/app/log4j-core-2.17.1.jar",
    "/motd",
    "/usr/lib",
)
FILE_TYPES = (
    "file", "file", "file", "file", "symlink", "hardlink", "directory", "whiteout", "opaque",
    "character",
)  # fmt: skip


def build(rng: random.Random, images: int) -> Cache:
    """Make a cache of about so many images."""
    return _filled(Builder(rng), images)


def build_large(images: int) -> Cache:
    """Make a cache with as many layers and repositories as real ones have."""
    apps = (f"{owner}/app{number}" for owner in ("acme", "tmp") for number in range(400))
    return _filled(
        Builder(
            random.Random(20261123),
            repos=(*REPOS, *apps),
            own_layers=(2, 16),
            base_layers=(10, 25),
        ),
        images,
    )


def _filled(builder: Builder, images: int) -> Cache:
    rng = builder.rng
    for _ in range(images):
        whole = rng.random() < 0.55
        root = builder.index() if whole else builder.image(rng.choice(PLATFORMS))
        builder.images.append(root.id)
        if rng.random() < 0.25:
            builder.refer(root, rng.choice((SIGNATURE, SBOM)))
        for _ in range(rng.choice((0, 1, 1, 1, 1, 2))):
            builder.name(root.id)
    _add_oddities(builder)
    for _ in range(rng.randint(0, 2)):
        _add_split_image(builder)
    builder.damage()
    builder.index_files()
    return builder.cache


def _add_oddities(builder: Builder) -> None:
    """Add what is rare and legal: cycles, nested indexes, chains, shared digests, dangling."""
    rng, blobs = builder.rng, builder.cache.blobs
    manifests = [blob for blob in blobs.values() if blob.kind == "manifest" and blob.links]
    if not manifests:
        return
    first = rng.choice(manifests)
    chain = builder.refer(builder.refer(first, SBOM), SIGNATURE)
    builder.name(chain.id)
    nested = builder.blob("index", INDEX, 400)
    builder.link(nested, rng.choice(builder.images), "manifest")
    # An index about one of its own children: both own each other.
    builder.link(nested, first.id, "manifest", platform=first.platform)
    builder.link(nested, first.id, "subject")
    builder.name(nested.id)
    gone = builder.blob("manifest", MANIFEST, 500)
    gone.state = "absent"
    builder.refer(gone, SIGNATURE)
    signature = builder.blob("manifest", MANIFEST, 500)
    builder.link(signature, builder.empty(), "config")
    full = [one for one in builder.cache.refs.values() if one.repo][:1]
    bare = [one for one in builder.cache.refs.values() if one.tag and not one.repo][:1]
    for ref in (*full, *bare):
        beside = builder.name(signature.id)
        beside.registry, beside.repo = ref.registry, ref.repo
        beside.tag = blobs[ref.target].digest.replace(":", "-") + ".sig"
        beside.name = f"{ref.registry}/{ref.repo}:{beside.tag}" if ref.repo else beside.tag
    inner = builder.name(signature.id)  # of a part of an image, perhaps in another repository
    inner.tag = inner.name = first.digest.replace(":", "-") + ".sig"
    for ref in [one for one in builder.cache.refs.values() if one.name][:2]:
        ref.annotations["kind"] = rng.choice(("dev.hauler/image", "dev.hauler/file", "imageIndex"))
        beside = builder.name(signature.id)
        beside.registry, beside.repo, beside.tag = ref.registry, ref.repo, ref.tag
        beside.name = ref.name
        beside.annotations["kind"] = rng.choice(("dev.cosignproject.cosign/sigs", "sigs", "atts"))


def _add_split_image(builder: Builder) -> None:
    """Add an image that is one manifest a platform under one name, without an index."""
    rng = builder.rng
    manifests = [builder.image(each) for each in rng.sample(PLATFORMS, rng.randint(2, 3))]
    named = builder.name(rng.choice(manifests).id)
    if named.name is None:
        named.name = named.tag = "split"
    for manifest in (*manifests, *rng.sample(manifests, rng.randint(0, 1))):
        part = builder.name(manifest.id)
        part.name, part.registry = named.name, named.registry
        part.repo, part.tag = named.repo, named.tag
    if rng.random() < 0.3:  # of one of them alone
        builder.name(rng.choice(manifests).id)


def days_ago(days: int) -> int:
    return int((NOW - timedelta(days=days)).timestamp()) * 1_000_000
