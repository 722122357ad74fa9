"""Model of a cache: documents, names and user state, without SQL.

The evaluator reads it; `store` writes the rows that a catalog of it contains.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert

from cachedb.catalog import schema
from cachedb.catalog.enums import Kind, Role, State
from cachedb.catalog.files.file_codes import NAME_BITS, FileKind, HiddenBy
from cachedb.catalog.schema import file_tables
from cachedb.packages import versions

Platform = tuple[str, str, str]


@dataclass
class Config:
    created: int | None = None
    entrypoint: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    scheme: str = "deb"
    purl: str = ""
    license: str = ""
    type: str = "deb"


@dataclass
class Blob:
    id: int
    digest: str
    size: int
    kind: str
    media_type: str
    state: str = "present"
    artifact_type: str | None = None
    platform: Platform | None = None
    config: Config | None = None
    annotations: dict[str, str] = field(default_factory=dict)
    links: list["Link"] = field(default_factory=list)
    packages: set[Package] = field(default_factory=set)


@dataclass
class Link:
    id: int
    parent: int
    child: int
    role: str
    position: int
    media_type: str
    size: int
    platform: Platform | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass
class Ref:
    id: int
    target: int
    added: int
    name: str | None = None
    registry: str | None = None
    repo: str | None = None
    tag: str | None = None
    pinned: bool = False
    source: str | None = None
    origin: str | None = None
    pulled: int | None = None
    used: int | None = None
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class File:
    id: int
    layer: int | None
    path: str
    type: str = "file"
    bits: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    modified: int = 0
    """In seconds."""
    target: str | None = None
    sha256: bytes | None = None
    images: frozenset[int] | None = None
    """Of a file that only some images have at this path: these images."""
    stored: int | None = None
    """The file of a layer that it is there."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def mode(self) -> str:
        return f"{self.bits:04o}"

    @property
    def digest(self) -> str | None:
        return None if self.sha256 is None else f"sha256:{self.sha256.hex()}"

    @property
    def is_whiteout(self) -> bool:
        return self.type in {"whiteout", "opaque"}


@dataclass
class Cache:
    blobs: dict[int, Blob] = field(default_factory=dict)
    refs: dict[int, Ref] = field(default_factory=dict)
    files: dict[int, File] = field(default_factory=dict)
    indexed_layers: list[int] = field(default_factory=list)
    """Blobs, in the order of their ids in the index of files, from 1."""
    hidden: dict[int, dict[int, str]] = field(default_factory=dict)
    """Of each indexed image: the state of each file that it hides."""

    @property
    def links(self) -> Iterable[Link]:
        for blob in self.blobs.values():
            yield from blob.links

    def packages(self) -> list[Package]:
        """Every package, in a fixed order; its place from 1 is its id."""
        found = {package for blob in self.blobs.values() for package in blob.packages}
        return sorted(found, key=lambda one: (one.name, one.version, one.purl, one.license))

    def edges(self) -> set[tuple[int, int]]:
        """Owner and owned: a subject owns those that refer to it."""
        return {
            (link.child, link.parent) if link.role == "subject" else (link.parent, link.child)
            for link in self.links
        }


def store(cache: Cache, connection: Connection) -> None:
    """Write the rows of a catalog of this cache."""
    platforms = _store_platforms(cache, connection)
    _insert(connection, schema.blob, (_blob_row(one, platforms) for one in cache.blobs.values()))
    pairs = sorted(cache.edges())
    _insert(connection, schema.edge, ({"parent_id": a, "child_id": b} for a, b in pairs))
    _insert(connection, schema.link, (_link_row(one, platforms) for one in cache.links))
    _insert(connection, schema.ref, (_ref_row(one) for one in cache.refs.values()))
    _store_configs(cache, connection)
    _store_annotations(cache, connection)
    _store_packages(cache, connection)
    _store_files(cache, connection)


def _insert(connection: Connection, table: object, rows: Iterable[dict[str, object]]) -> None:
    found = list(rows)
    if found:
        connection.execute(insert(table), found)


def _store_platforms(cache: Cache, connection: Connection) -> dict[Platform | None, int | None]:
    found = {one.platform for one in (*cache.blobs.values(), *cache.links) if one.platform}
    numbers = {platform: number for number, platform in enumerate(sorted(found), 1)}
    ids: dict[Platform | None, int | None] = {None: None, **numbers}
    _insert(
        connection,
        schema.platform,
        (
            {
                "id": number,
                "os": platform[0],
                "architecture": platform[1],
                "variant": platform[2],
                "os_version": "",
            }
            for platform, number in ids.items()
            if platform
        ),
    )
    return ids


def _blob_row(one: Blob, platforms: dict[Platform | None, int | None]) -> dict[str, object]:
    return {
        "id": one.id,
        "digest": one.digest,
        "size": one.size,
        "kind": int(Kind[one.kind.upper()]),
        "state": int(State[one.state.upper()]),
        "media_type": one.media_type,
        "artifact_type": one.artifact_type,
        "platform_id": platforms[one.platform],
        "parsed": int(bool(one.links)),
    }


def _link_row(one: Link, platforms: dict[Platform | None, int | None]) -> dict[str, object]:
    return {
        "id": one.id,
        "parent_id": one.parent,
        "child_id": one.child,
        "role": int(Role[one.role.upper()]),
        "position": one.position,
        "media_type": one.media_type,
        "size": one.size,
        "platform_id": platforms[one.platform],
        "artifact_type": one.artifact_type,
        "embedded": 0,
    }


def _ref_row(one: Ref) -> dict[str, object]:
    return {
        "id": one.id,
        "position": one.id,
        "entry": "{}",
        "name": one.name,
        "registry": one.registry,
        "repo": one.repo,
        "tag": one.tag,
        "target_id": one.target,
        "media_type": "",
        "size": 0,
        "pinned": int(one.pinned),
        "source": one.source,
        "origin": one.origin,
        "added": one.added,
        "pulled": one.pulled,
        "used": one.used,
    }


def _store_configs(cache: Cache, connection: Connection) -> None:
    configs = [(one.id, one.config) for one in cache.blobs.values() if one.config]
    _insert(
        connection,
        schema.config,
        (
            {
                "blob_id": key,
                "created": one.created,
                "author": "",
                "user": "",
                "working_dir": "",
                "entrypoint": one.entrypoint,
                "cmd": "",
            }
            for key, one in configs
        ),
    )
    _insert(connection, schema.label, (row for k, c in configs for row in _pairs(k, c.labels)))
    _insert(connection, schema.env, (row for k, c in configs for row in _pairs(k, c.env)))


def _store_annotations(cache: Cache, connection: Connection) -> None:
    for table, owner, owners in (
        (schema.annotation, "blob_id", cache.blobs.values()),
        (schema.link_annotation, "link_id", cache.links),
        (schema.ref_annotation, "ref_id", cache.refs.values()),
    ):
        _insert(
            connection,
            table,
            (row for one in owners for row in _pairs(one.id, one.annotations, owner)),
        )


def _pairs(key: int, pairs: dict[str, str], owner: str = "blob_id") -> Iterable[dict[str, object]]:
    for name, value in pairs.items():
        yield {owner: key, "key": name, "value": value}


def _store_packages(cache: Cache, connection: Connection) -> None:
    found = {package: number for number, package in enumerate(cache.packages(), 1)}
    _insert(
        connection,
        schema.package,
        (
            {
                "id": number,
                "name": one.name,
                "version": one.version,
                "scheme": one.scheme,
                "vkey": versions.key(one.scheme, one.version),
                "purl": one.purl,
                "license": one.license,
                "type": one.type,
            }
            for one, number in found.items()
        ),
    )
    _insert(
        connection,
        schema.blob_package,
        (
            {"blob_id": one.id, "package_id": found[package], "document_id": one.id}
            for one in cache.blobs.values()
            for package in one.packages
        ),
    )


def _store_files(cache: Cache, connection: Connection) -> None:
    layers = {key: number for number, key in enumerate(cache.indexed_layers, 1)}
    images = {key: number for number, key in enumerate(cache.hidden, 1)}
    folders = sorted({one.path.rpartition("/")[0] for one in cache.files.values()})
    directories = {folder: number for number, folder in enumerate(folders, 1)}
    paths = {
        path: (directories[path.rpartition("/")[0]] << NAME_BITS) + n
        for n, path in enumerate(sorted({f.path for f in cache.files.values()}))
    }
    owned = sorted({(f.type, f.bits, f.uid, f.gid) for f in cache.files.values()})
    attributes = {one: number for number, one in enumerate(owned, 1)}
    digests = {key: cache.blobs[key].digest for key in (*layers, *images)}
    _insert(
        connection,
        file_tables.indexed_layer,
        (
            {
                "id": number,
                "digest": digests[key],
                "entries": sum(f.layer == key and f.id > 0 for f in cache.files.values()),
            }
            for key, number in layers.items()
        ),
    )
    _insert(
        connection,
        file_tables.ancestor,
        ({"id": number, "path": folder[:number]} for folder, number in directories.items()),
    )
    _insert(
        connection,
        file_tables.directory,
        (
            {"id": number, "ancestor_id": number, "below": folder[number:]}
            for folder, number in directories.items()
        ),
    )
    _insert(
        connection,
        file_tables.path,
        ({"id": number, "name": path.rpartition("/")[2]} for path, number in paths.items()),
    )
    _insert(
        connection,
        file_tables.attributes,
        (
            {
                "id": number,
                "kind": _FILE_KINDS[one[0]],
                "type": one[0],
                "bits": one[1],
                "mode": f"{one[1]:04o}",
                "uid": one[2],
                "gid": one[3],
            }
            for one, number in attributes.items()
        ),
    )
    _insert(
        connection,
        file_tables.entry,
        (
            {
                "id": one.id,
                "path_id": paths[one.path],
                "attributes_id": attributes[one.type, one.bits, one.uid, one.gid],
                "size": one.size,
                "modified": one.modified,
                "sha256": one.sha256,
            }
            for one in cache.files.values()
        ),
    )
    _insert(
        connection,
        file_tables.link_target,
        (
            {"entry_id": one.id, "target": one.target}
            for one in cache.files.values()
            if one.target is not None
        ),
    )
    _insert(
        connection,
        file_tables.shown_image,
        ({"id": number, "digest": digests[key]} for key, number in images.items()),
    )
    _insert(
        connection,
        file_tables.hidden,
        (
            {"image_id": images[key], "entry_id": one, "state": int(HiddenBy[state.upper()])}
            for key, states in cache.hidden.items()
            for one, state in states.items()
        ),
    )
    placed = [one for one in cache.files.values() if one.images is not None]
    _insert(
        connection,
        file_tables.placed_entry,
        (
            {"entry_id": one.id, "stored_id": one.stored}
            for one in placed
            if one.stored is not None
        ),
    )
    _insert(
        connection,
        file_tables.placement,
        (
            {"image_id": images[key], "entry_id": one.id}
            for one in placed
            for key in sorted(one.images or ())
        ),
    )


_FILE_KINDS = {kind.name.lower().replace("_", ""): int(kind) for kind in FileKind}
