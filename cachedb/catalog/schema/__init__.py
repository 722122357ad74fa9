"""Tables of the catalog.

A *blob* is a node of the content graph. A *link* is a descriptor: parent, child, and the
declarations of the parent about the child, so platform, media type, declared size and annotations
belong to the link. An *edge* is the part of a link that carries reachability: index to manifest,
manifest to config and layer, and subject to referrer (reversed). A *ref* is a descriptor in
index.json.

Edges are a table of their own, of two integers, because every query walks them and a filter in a
recursive step costs several orders of magnitude (docs/explanation/catalog.md). Every table is
STRICT. Times are microseconds since 1970 in UTC, sizes are bytes.
"""

from __future__ import annotations

from typing import Final, NewType

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Named,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
)

from cachedb.catalog import domains
from cachedb.catalog.enums import Kind, Reading, Role, State
from cachedb.catalog.schema.column_types import INT64, NAMING_CONVENTION

RowId = NewType("RowId", int)

metadata: Final = MetaData(naming_convention=NAMING_CONVENTION)


class PlatformColumns(TypedColumns):
    """A platform, normalised as containerd/platforms does; '' for an absent part."""

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the row, to which blobs, links and refs refer."""
    os: Named[str] = Column(Text, nullable=False)
    """Operating system, as GOOS: linux."""
    architecture: Named[str] = Column(Text, nullable=False)
    """Architecture, as GOARCH: arm64."""
    variant: Named[str] = Column(Text, nullable=False)
    """Variant of the architecture, as v7; '' for the default one."""
    os_version: Named[str] = Column(Text, nullable=False)
    """Version of the operating system, which images of Windows have."""


platform: Final = Table(
    "platform",
    metadata,
    PlatformColumns,
    UniqueConstraint("os", "architecture", "variant", "os_version"),
    sqlite_strict=True,
)


class BlobColumns(TypedColumns):
    """Content, present in the layout or only known from a descriptor."""

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the row; a rebuilt catalog may number its rows otherwise."""
    digest: Named[str] = Column(Text, nullable=False, unique=True, info=domains.DIGEST.info)
    """Digest of the content, as `algorithm:encoded`."""
    size: Named[int] = Column(INT64, nullable=False, info=domains.SIZE.info)
    """Size of the file, in bytes; without a file, the first declared size."""
    kind: Named[int] = Column(Integer, nullable=False, info=domains.of_codes(Kind).info)
    """A `Kind`."""
    state: Named[int] = Column(Integer, nullable=False, info=domains.of_codes(State).info)
    """A `State`."""
    media_type: Named[str] = Column(Text, nullable=False)
    """Declaration of its strongest parent; '' without a parent."""
    artifact_type: Named[str | None] = Column(Text)
    """Artifact type of a manifest or an index (image-spec, manifest.md); NULL if it has none."""
    platform_id: Named[int | None] = Column(INT64, ForeignKey("platform.id"))
    """Platform of a config; of an image manifest, that of its config."""
    parsed: Named[int] = Column(Integer, nullable=False, info=domains.of_codes(Reading).info)
    """A `Reading`."""
    problem: Named[str | None] = Column(Text)
    """Reason why the blob is corrupt or cannot be read, as text for users."""
    touched: Named[int | None] = Column(INT64, info=domains.ANY.info)
    """The newest of its file's mtime and ctime, in nanoseconds; NULL if there is no file.

    Together with the size it shows whether the file has changed."""
    verified: Named[int | None] = Column(INT64, info=domains.TIME.info)
    """Time at which its bytes were last hashed and found intact."""


blob: Final = Table("blob", metadata, BlobColumns, sqlite_strict=True)
Index("ix_blob_kind_size", blob.c.kind, blob.c.size)
Index(
    "ix_blob_unwell",
    blob.c.state,
    sqlite_where=blob.c.state != State.PRESENT.value,
    postgresql_where=blob.c.state != State.PRESENT.value,
)


class EdgeColumns(TypedColumns):
    """An owning link: a ref that reaches the parent reaches the child."""

    parent_id: Named[int] = Column(INT64, ForeignKey("blob.id"), primary_key=True)
    """Blob that owns: an index, a manifest, or the subject of a referrer."""
    child_id: Named[int] = Column(INT64, ForeignKey("blob.id"), primary_key=True)
    """Blob that is owned."""


edge: Final = Table("edge", metadata, EdgeColumns, sqlite_with_rowid=False, sqlite_strict=True)
Index("ix_edge_child_id_parent_id", edge.c.child_id, edge.c.parent_id)


class LinkColumns(TypedColumns):
    """A descriptor inside a document."""

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the row, to which its annotations refer."""
    parent_id: Named[int] = Column(INT64, ForeignKey("blob.id"), nullable=False)
    """Document that holds the descriptor."""
    child_id: Named[int] = Column(INT64, ForeignKey("blob.id"), nullable=False)
    """Blob that the descriptor points at."""
    role: Named[int] = Column(Integer, nullable=False, info=domains.of_codes(Role).info)
    """A `Role`."""
    position: Named[int] = Column(Integer, nullable=False, info=domains.COUNT.info)
    """Place of the descriptor in its list, from 0."""
    media_type: Named[str] = Column(Text, nullable=False)
    """Media type that the descriptor declares."""
    size: Named[int] = Column(INT64, nullable=False, info=domains.SIZE.info)
    """Size that the descriptor declares, in bytes."""
    platform_id: Named[int | None] = Column(INT64, ForeignKey("platform.id"))
    """Platform that the descriptor declares; NULL if it declares none."""
    artifact_type: Named[str | None] = Column(Text)
    """Artifact type that the descriptor declares; NULL if it declares none."""
    embedded: Named[int] = Column(Integer, nullable=False, info=domains.FLAG.info)
    """1 when the descriptor holds the content itself, in ``data``."""


link: Final = Table(
    "link",
    metadata,
    LinkColumns,
    UniqueConstraint("parent_id", "role", "position"),
    sqlite_strict=True,
)
Index("ix_link_child_id_role", link.c.child_id, link.c.role)
# Few links name a subject, and queries begin with all of them.
Index(
    "ix_link_subject",
    link.c.role,
    link.c.child_id,
    link.c.parent_id,
    sqlite_where=link.c.role == Role.SUBJECT.value,
    postgresql_where=link.c.role == Role.SUBJECT.value,
)


class RefColumns(TypedColumns):
    """An entry of index.json."""

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the row, to which its annotations refer."""
    position: Named[int] = Column(Integer, nullable=False, info=domains.COUNT.info)
    """Place of the entry in index.json, from 0."""
    entry: Named[str] = Column(Text, nullable=False)
    """The JSON of the descriptor, to detect changes."""
    name: Named[str | None] = Column(Text)
    """The value of the annotation, unchanged; NULL without one."""
    registry: Named[str | None] = Column(Text)
    """Registry of the name, docker.io where it names none; NULL if the name does not parse."""
    repo: Named[str | None] = Column(Text)
    """Path of the repository in its registry; NULL if the name does not parse."""
    tag: Named[str | None] = Column(Text)
    """Tag that the name has, or is; NULL without one."""
    target_id: Named[int] = Column(INT64, ForeignKey("blob.id"), nullable=False)
    """Blob that the entry points at."""
    media_type: Named[str] = Column(Text, nullable=False)
    """Media type that the entry declares."""
    size: Named[int] = Column(INT64, nullable=False, info=domains.SIZE.info)
    """Size that the entry declares, in bytes."""
    platform_id: Named[int | None] = Column(INT64, ForeignKey("platform.id"))
    """Platform that the entry declares; NULL if it declares none."""
    pinned: Named[int] = Column(Integer, nullable=False, info=domains.FLAG.info)
    """1 if the ref has the annotation or a row of `pin`."""
    source: Named[str | None] = Column(Text, info=domains.SOURCE.info)
    """User state: pull, import, build or tag; NULL if another tool wrote the entry."""
    origin: Named[str | None] = Column(Text)
    """User state: the canonical reference that the image was pulled from."""
    added: Named[int] = Column(INT64, nullable=False, info=domains.TIME.info)
    """Time at which the name got its digest, as far as the catalog has seen it."""
    pulled: Named[int | None] = Column(INT64, info=domains.TIME.info)
    """User state: time of the last pull of the name; NULL if it was not pulled."""
    used: Named[int | None] = Column(INT64, info=domains.TIME.info)
    """User state: time of the last use, as an export; NULL if it was not used."""


ref: Final = Table("ref", metadata, RefColumns, sqlite_strict=True)
Index("ix_ref_target_id", ref.c.target_id)
Index("ix_ref_name", ref.c.name)
Index("ix_ref_repo_tag", ref.c.repo, ref.c.tag)


class ConfigColumns(TypedColumns):
    """Run configuration of an image."""

    blob_id: Named[int] = Column(INT64, ForeignKey("blob.id"), primary_key=True)
    """Blob of the configuration."""
    created: Named[int | None] = Column(INT64, info=domains.TIME.info)
    """Time at which the image was made, as the configuration states it; NULL if it does not."""
    author: Named[str] = Column(Text, nullable=False)
    """Author of the image; '' if it states none."""
    user: Named[str] = Column(Text, nullable=False)
    """User of the process, as User states it; '' if it states none."""
    working_dir: Named[str] = Column(Text, nullable=False)
    """Folder in which the process starts; '' if it states none."""
    entrypoint: Named[str] = Column(Text, nullable=False)
    """The words of Entrypoint joined by one space."""
    cmd: Named[str] = Column(Text, nullable=False)
    """The words of Cmd joined by one space."""


config: Final = Table("config", metadata, ConfigColumns, sqlite_strict=True)


class LabelColumns(TypedColumns):
    """A label of an image configuration."""

    blob_id: Named[int] = Column(INT64, ForeignKey("blob.id"), primary_key=True)
    """Blob of the configuration."""
    key: Named[str] = Column(Text, primary_key=True)
    """Key of the label."""
    value: Named[str] = Column(Text, nullable=False)
    """Value of the label."""


label: Final = Table("label", metadata, LabelColumns, sqlite_with_rowid=False, sqlite_strict=True)


class EnvColumns(TypedColumns):
    """An environment variable of an image configuration; the last of a name counts."""

    blob_id: Named[int] = Column(INT64, ForeignKey("blob.id"), primary_key=True)
    """Blob of the configuration."""
    key: Named[str] = Column(Text, primary_key=True)
    """Name of the variable."""
    value: Named[str] = Column(Text, nullable=False)
    """Text behind the first `=`; '' without one."""


env: Final = Table("env", metadata, EnvColumns, sqlite_with_rowid=False, sqlite_strict=True)


class AnnotationColumns(TypedColumns):
    """An annotation of a document: an index or a manifest."""

    blob_id: Named[int] = Column(INT64, ForeignKey("blob.id"), primary_key=True)
    """Document that has the annotation."""
    key: Named[str] = Column(Text, primary_key=True)
    """Key of the annotation."""
    value: Named[str] = Column(Text, nullable=False)
    """Value of the annotation."""


annotation: Final = Table(
    "annotation", metadata, AnnotationColumns, sqlite_with_rowid=False, sqlite_strict=True
)


class LinkAnnotationColumns(TypedColumns):
    """An annotation of a descriptor inside a document."""

    link_id: Named[int] = Column(
        INT64, ForeignKey("link.id", ondelete="CASCADE"), primary_key=True
    )
    """Link of the descriptor."""
    key: Named[str] = Column(Text, primary_key=True)
    """Key of the annotation."""
    value: Named[str] = Column(Text, nullable=False)
    """Value of the annotation."""


link_annotation: Final = Table(
    "link_annotation",
    metadata,
    LinkAnnotationColumns,
    sqlite_with_rowid=False,
    sqlite_strict=True,
)


class RefAnnotationColumns(TypedColumns):
    """An annotation of a descriptor in index.json."""

    ref_id: Named[int] = Column(INT64, ForeignKey("ref.id", ondelete="CASCADE"), primary_key=True)
    """Ref of the descriptor."""
    key: Named[str] = Column(Text, primary_key=True)
    """Key of the annotation."""
    value: Named[str] = Column(Text, nullable=False)
    """Value of the annotation."""


ref_annotation: Final = Table(
    "ref_annotation", metadata, RefAnnotationColumns, sqlite_with_rowid=False, sqlite_strict=True
)


class PackageColumns(TypedColumns):
    """A version of a package, as an SBOM names it."""

    id: Column[int] = Column(INT64, primary_key=True)
    """Id of the row; a combination of name, version, scheme, purl, license and type has one."""
    name: Named[str] = Column(Text, nullable=False)
    """Name of the package, as the SBOM writes it."""
    version: Named[str] = Column(Text, nullable=False)
    """Version, as the SBOM or the package URL states it; '' without one."""
    scheme: Named[str] = Column(Text, nullable=False)
    """Scheme that orders its versions, one of `packages.versions.SCHEMES`, or none."""
    vkey: Named[str] = Column(Text, nullable=False)
    """A text that sorts as the version does in its scheme."""
    purl: Named[str] = Column(Text, nullable=False)
    """Package URL, as the SBOM writes it; '' without one."""
    license: Named[str] = Column(Text, nullable=False)
    """First license that the SBOM states and that is known; '' without one."""
    type: Named[str] = Column(Text, nullable=False)
    """Type of the package URL: deb, npm; '' if it is unknown."""


package: Final = Table(
    "package",
    metadata,
    PackageColumns,
    UniqueConstraint("name", "version", "scheme", "purl", "license", "type"),
    sqlite_strict=True,
)
Index("ix_package_name_vkey", package.c.name, package.c.vkey)


class BlobPackageColumns(TypedColumns):
    """A package that the SBOM in a document names in the image of a manifest."""

    blob_id: Named[int] = Column(INT64, ForeignKey("blob.id"), primary_key=True)
    """Manifest of the image."""
    package_id: Named[int] = Column(INT64, ForeignKey("package.id"), primary_key=True)
    """Package that it contains."""
    document_id: Named[int] = Column(INT64, ForeignKey("blob.id"), primary_key=True)
    """Blob of the SBOM."""


blob_package: Final = Table(
    "blob_package", metadata, BlobPackageColumns, sqlite_with_rowid=False, sqlite_strict=True
)
Index("ix_blob_package_package_id_blob_id", blob_package.c.package_id, blob_package.c.blob_id)
Index("ix_blob_package_document_id", blob_package.c.document_id)


class SbomColumns(TypedColumns):
    """A document that may name packages, and describes a present manifest or index."""

    document_id: Named[int] = Column(INT64, ForeignKey("blob.id"), primary_key=True)
    """Blob of the document."""
    media_type: Named[str] = Column(Text, nullable=False)
    """Media type by which the document is read."""
    predicate_type: Named[str] = Column(Text, nullable=False)
    """Predicate type of the statement, as its link declares it; '' if not declared."""
    packages: Named[int | None] = Column(Integer, info=domains.COUNT.info)
    """Number of packages that the document names; NULL while it is unread."""
    problem: Named[str | None] = Column(Text)
    """Reason why the document cannot be read, as text for users."""


sbom: Final = Table("sbom", metadata, SbomColumns, sqlite_strict=True)
Index(
    "ix_sbom_unread",
    sbom.c.document_id,
    sqlite_where=sbom.c.packages.is_(None),
    postgresql_where=sbom.c.packages.is_(None),
)


class RepositoryBlobColumns(TypedColumns):
    """User state: a repository that was seen to hold a blob, for cross-repository mounts."""

    blob_id: Named[int] = Column(
        INT64, ForeignKey("blob.id", ondelete="CASCADE"), primary_key=True
    )
    """Blob that was seen."""
    repository: Named[str] = Column(Text, primary_key=True)
    """Repository with its registry, as registry.example.com/team/app."""
    seen: Named[int] = Column(INT64, nullable=False, info=domains.TIME.info)
    """Time at which it was last seen there."""


repository_blob: Final = Table(
    "repository_blob",
    metadata,
    RepositoryBlobColumns,
    sqlite_with_rowid=False,
    sqlite_strict=True,
)


class PinColumns(TypedColumns):
    """A pin of the journal: a name, or the digest of an entry without one, that is kept."""

    key: Named[str] = Column(Text, primary_key=True)
    """Name, or digest of an entry without a name."""


pin: Final = Table("pin", metadata, PinColumns, sqlite_with_rowid=False, sqlite_strict=True)


class LeaseColumns(TypedColumns):
    """A running operation; its digests are not collected while its process lives."""

    id: Named[str] = Column(Text, primary_key=True)
    """Random identifier of the lease, and the name of its file."""
    host: Named[str] = Column(Text, nullable=False)
    """Host of the process; in a server, the process itself (`LeaseOwner`)."""
    pid: Named[int] = Column(Integer, nullable=False, info=domains.COUNT.info)
    """Process id on its host."""
    created: Named[int] = Column(INT64, nullable=False, info=domains.TIME.info)
    """Time at which the operation began."""
    expires: Named[int] = Column(INT64, nullable=False, info=domains.TIME.info)
    """End of the lease for owners on other hosts; on this host the lock on its file decides."""


lease: Final = Table("lease", metadata, LeaseColumns, sqlite_with_rowid=False, sqlite_strict=True)


class LeaseItemColumns(TypedColumns):
    """A digest that a lease holds, present or being written."""

    lease_id: Named[str] = Column(
        Text, ForeignKey("lease.id", ondelete="CASCADE"), primary_key=True
    )
    """Lease that holds the digest."""
    digest: Named[str] = Column(Text, primary_key=True, info=domains.DIGEST.info)
    """Digest of a blob, which need not have a row."""


lease_item: Final = Table(
    "lease_item", metadata, LeaseItemColumns, sqlite_with_rowid=False, sqlite_strict=True
)


class StateColumns(TypedColumns):
    """State of the catalog: the fingerprint of the layout, the last readable index.json."""

    key: Named[str] = Column(Text, primary_key=True)
    """Name of the state, a constant of `catalog.enums`."""
    value: Named[str] = Column(Text, nullable=False)
    """Text or JSON, by key."""


state: Final = Table("state", metadata, StateColumns, sqlite_with_rowid=False, sqlite_strict=True)
