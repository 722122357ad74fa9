"""Derivation of kind, media type, state and platform of a blob from descriptors and its file.

Kind, media type, state and platform of a blob are functions of the refs, the links and the files;
they are stored because queries read them. After a change they are derived again for the blobs that
the change can have reached, and the result equals that of a new catalog.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cachedb.catalog.enums import DOCUMENTS, Kind, Reading, Role, State
from cachedb.oci import attestation, graph
from cachedb.oci.manifest import ChildRole
from cachedb.oci.media_type import MediaType
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.catalog.index.blob_rows import BlobRow, Claim
    from cachedb.catalog.index.working_set import WorkingSet

_STRENGTH = {
    kind: place
    for place, kind in enumerate((Kind.INDEX, Kind.MANIFEST, Kind.CONFIG, Kind.LAYER, Kind.OTHER))
}

_BEHIND_ALL = (len(_STRENGTH), "", 0, Kind.OTHER)
_NO_PLATFORMS: frozenset[int] = frozenset()
_MANIFESTS = frozenset({Kind.MANIFEST, Kind.ATTESTATION})
_BY_ITSELF = frozenset({Reading.AS_GUESSED, Reading.AS_STATED})


class _Traits(NamedTuple):
    """Properties of a blob that follow from its media type."""

    document: Kind
    """The kind of document: an index, a manifest, or neither."""
    is_config: bool
    is_file_system: bool
    may_be_absent: bool
    """Whether the blob may be absent where a manifest lists it as a layer."""
    is_statement: bool


class _Claims:
    """Declarations of one blob by all refs and links."""

    __slots__ = (
        "first", "is_attestation", "is_listed", "is_needed", "may_be_absent", "platforms",
    )  # fmt: skip

    def __init__(self) -> None:
        # The first by strength, media type and size, whatever the order of arrival is.
        self.first: tuple[int, str, int, Kind] = _BEHIND_ALL
        self.platforms: frozenset[int] = _NO_PLATFORMS
        # Some ref or present parent requires the blob.
        self.is_needed = False
        # No parent requires the blob, because of its kind.
        self.may_be_absent = False
        self.is_attestation = False
        # index.json or an index lists the blob, which is thus expected to be a document.
        self.is_listed = False

    def add(self, kind: Kind, claim: Claim) -> None:
        found = (_STRENGTH[kind], claim.media_type, claim.size, kind)
        if found < self.first:  # noqa: PLR1730  (a call takes longer)
            self.first = found
        if claim.platform_id is not None:
            self.platforms |= {claim.platform_id}

    def need(self, *, may_be_absent: bool) -> None:
        if may_be_absent:
            self.may_be_absent = True
        else:
            self.is_needed = True


def derive(working_set: WorkingSet, ids: Iterable[int]) -> tuple[list[BlobRow], set[int]]:
    """Derive the rows of `ids` again.

    Returns the blobs whose content has to be read, and the ids of the blobs that a change of these
    can have reached in turn. Rows without ref, link and file are dropped.
    """
    reached: set[int] = set()
    kept: list[tuple[BlobRow, _Claims | None]] = []
    gone: list[BlobRow] = []
    misread: list[BlobRow] = []
    for row in _rows(working_set, ids):
        found = _claims(working_set, row)
        if found is None and row.touched is None:
            gone.append(row)
            continue
        kept.append((row, found))
        kind, media_type = _identity(working_set, row, found)
        if row.parsed and _is_misread(row, found, (kind, media_type)):
            misread.append(row)
        if kind is not row.kind:
            reached |= _reached_by(working_set, row, kind)
            row.kind = kind
        row.media_type = media_type
    reached |= working_set.forget_documents([*misread, *gone])
    working_set.forget(gone)
    for row, found in kept:
        _set_state(working_set, row, found)
    unread = (pair for pair in kept if not pair[0].parsed)
    return [row for row, found in unread if _has_to_be_read(row, found)], reached


def neighbours(working_set: WorkingSet, ids: Iterable[int]) -> set[int]:
    """Return the ids of blobs whose rows depend on the presence of the files of `ids`.

    They are the other manifests of an index, which may be absent if one is present, and the
    manifest of a config, which has its platform. A new row has none yet.
    """
    found: set[int] = set()
    listing: dict[int, BlobRow] = {}
    for row in _rows(working_set, ids):
        if row.stored is None:
            continue
        for claim in working_set.claims(row):
            if claim.parent is not None and claim.role is Role.MANIFEST:
                listing[claim.parent.id] = claim.parent
        found |= _manifests_of(working_set, row)
    for index in listing.values():
        found.update(manifest.id for manifest in working_set.manifests(index))
    return found


def may_be_near_documents(working_set: WorkingSet, ids: Iterable[int]) -> set[int]:
    """Return those of `ids` that are, hold or describe documents in layers, or did before."""
    return {key for key in ids if _may_be_near_documents(working_set.find_id(key))}


def manifests_of_configs(working_set: WorkingSet, ids: Iterable[int]) -> set[int]:
    """Return the ids of the manifests that have a blob of `ids` as their config."""
    return {key for row in _rows(working_set, ids) for key in _manifests_of(working_set, row)}


def changed_by_reading(working_set: WorkingSet, rows: Iterable[BlobRow]) -> set[int]:
    """Return the ids of documents whose kind or platform is another since they were read.

    That of a config which is still to be read is derived after it (`manifests_of_configs`).
    """
    return {
        row.id
        for row in rows
        if row.kind in _MANIFESTS
        and row.parsed
        and (
            _is_statement(working_set, row) is not (row.kind is Kind.ATTESTATION)
            or _configured_platform(working_set, row) is not None
        )
    }


def with_wrong_size(working_set: WorkingSet, ids: Iterable[int]) -> list[BlobRow]:
    """Return blobs, not verified yet, whose file has another size than a descriptor declares."""
    return [
        row
        for row in _rows(working_set, ids)
        if row.state is State.PRESENT
        and row.parsed is Reading.NO
        and row.verified is None
        and any(claim.size != row.size for claim in working_set.claims(row))
    ]


def _rows(working_set: WorkingSet, ids: Iterable[int]) -> list[BlobRow]:
    wanted = sorted(ids)
    working_set.load_ids(wanted)
    # A row without ref, link and file may have been dropped in an earlier round.
    rows = [row for row in map(working_set.find_id, wanted) if row is not None]
    working_set.prepare(rows)
    return rows


def _may_be_near_documents(row: BlobRow | None) -> bool:
    if row is None or row.stored is not None or row.kind is Kind.ATTESTATION:
        return True
    # The layers of an artifact may be documents whatever their media type: oras gives every
    # file that of a tar archive.
    return any(one.role is Role.SUBJECT for one in row.links) or any(
        one.role is Role.LAYER and not _traits(one.media_type).is_file_system
        for one in (*row.links, *row.claims)
    )


def _manifests_of(working_set: WorkingSet, row: BlobRow) -> set[int]:
    return {
        claim.parent.id
        for claim in working_set.claims(row)
        if claim.role is Role.CONFIG and claim.parent is not None
    }


@lru_cache(maxsize=1024)
def _traits(text: str) -> _Traits:
    media_type = MediaType(text)
    document = Kind.MANIFEST if media_type.is_manifest else Kind.OTHER
    return _Traits(
        document=Kind.INDEX if media_type.is_index else document,
        is_config=media_type.is_config,
        is_file_system=media_type.is_layer,
        may_be_absent=graph.may_be_absent(ChildRole.LAYER, media_type, is_embedded=False),
        is_statement=attestation.is_statement(media_type),
    )


def _claims(working_set: WorkingSet, row: BlobRow) -> _Claims | None:
    claims: _Claims | None = None
    for claim in working_set.claims(row):
        if claims is None:
            claims = _Claims()
        _ADDERS[claim.role](working_set, claims, claim)
    return claims


def _add_ref(_working_set: WorkingSet, claims: _Claims, claim: Claim) -> None:
    claims.add(_traits(claim.media_type).document, claim)
    claims.is_needed = claims.is_listed = True


def _add_manifest(working_set: WorkingSet, claims: _Claims, claim: Claim) -> None:
    traits = _traits(claim.media_type)
    assert claim.parent is not None  # claims are loaded for all kinds but layers
    claims.add(traits.document, claim)
    claims.is_attestation |= claim.is_attestation
    claims.is_needed |= not working_set.is_sparse(claim.parent) or (
        traits.document is Kind.OTHER and working_set.is_of_layers(claim.parent)
    )
    claims.is_listed = True


def _add_subject(_working_set: WorkingSet, claims: _Claims, claim: Claim) -> None:
    claims.add(_traits(claim.media_type).document, claim)


def _add_config(_working_set: WorkingSet, claims: _Claims, claim: Claim) -> None:
    assert claim.parent is not None
    is_config = _traits(claim.media_type).is_config
    about_software = is_config and claim.parent.kind is not Kind.ATTESTATION
    claims.add(Kind.CONFIG if about_software else Kind.OTHER, claim)
    claims.need(may_be_absent=claim.is_embedded)


def _add_layer(_working_set: WorkingSet, claims: _Claims, claim: Claim) -> None:
    claims.add(Kind.LAYER, claim)
    claims.need(may_be_absent=claim.is_embedded or _traits(claim.media_type).may_be_absent)


_ADDERS = {
    None: _add_ref,
    Role.MANIFEST: _add_manifest,
    Role.SUBJECT: _add_subject,
    Role.CONFIG: _add_config,
    Role.LAYER: _add_layer,
}


def _is_misread(row: BlobRow, found: _Claims | None, identity: tuple[Kind, str]) -> bool:
    """Return whether its content was read as another type than claims declare now."""
    reading = Reading.AS_GUESSED if found is None else Reading.AS_DECLARED
    kind, media_type = identity
    is_read_so = row.parsed in {reading, Reading.AS_STATED}
    return not is_read_so or (_read_as(row.kind), row.media_type) != (_read_as(kind), media_type)


def _read_as(kind: Kind) -> Kind:
    """Return one representative of the kinds that one parser reads."""
    if kind in DOCUMENTS:
        return Kind.MANIFEST
    return Kind.CONFIG if kind is Kind.CONFIG else Kind.OTHER


def _reached_by(working_set: WorkingSet, row: BlobRow, kind: Kind) -> set[int]:
    """Return the ids of blobs that depend on the kind of a blob, if that changes."""
    reached: set[int] = set()
    # The config of an attestation is not that of an image.
    if (kind is Kind.ATTESTATION) != (row.kind is Kind.ATTESTATION):
        reached = {child.id for role, _, child in working_set.content(row) if role is Role.CONFIG}
    # The platform of a manifest is that of its config.
    if (kind is Kind.CONFIG) != (row.kind is Kind.CONFIG):
        reached |= _manifests_of(working_set, row)
    return reached


def _identity(working_set: WorkingSet, row: BlobRow, found: _Claims | None) -> tuple[Kind, str]:
    if found is not None:
        _, media_type, _, kind = found.first
    elif row.parsed in _BY_ITSELF:
        # Without a claim, the kind is the one that the reader of the content recorded.
        media_type, kind = row.media_type, row.kind
    else:
        return Kind.OTHER, ""
    if kind in _MANIFESTS:
        annotated = found is not None and found.is_attestation
        kind = Kind.ATTESTATION if annotated or _is_statement(working_set, row) else Kind.MANIFEST
    return kind, media_type


def _is_statement(working_set: WorkingSet, row: BlobRow) -> bool:
    """Return whether a manifest holds only statements about other content."""
    if not row.parsed:
        return False
    if attestation.is_artifact_type(row.artifact_type or ""):
        return True
    has_layers = False
    for role, media_type, _ in working_set.content(row):
        if role is Role.LAYER:
            if not _traits(media_type).is_statement:
                return False
            has_layers = True
    return has_layers


def _set_state(working_set: WorkingSet, row: BlobRow, found: _Claims | None) -> None:
    """Set platform, state and, without a file, size."""
    if row.kind is not Kind.CONFIG:
        configured = _configured_platform(working_set, row) if row.parsed else None
        if configured is None and found is not None and found.platforms:
            configured = working_set.first_platform(found.platforms)
        row.platform_id = configured
    if row.touched is not None:
        row.state = State.CORRUPT if row.state is State.CORRUPT else State.PRESENT
    else:
        row.state = _state_without_file(found)
        if found is not None:
            row.size = found.first[2]


def _configured_platform(working_set: WorkingSet, row: BlobRow) -> int | None:
    """Return the platform that the config of a read manifest names."""
    for role, _, child in working_set.content(row):
        if role is Role.CONFIG and child.kind is Kind.CONFIG:
            return child.platform_id
    return None


def _state_without_file(found: _Claims | None) -> State:
    if found is None or not found.is_needed:
        foreign = found is not None and found.may_be_absent
        return State.FOREIGN if foreign else State.ABSENT
    return State.MISSING


def _has_to_be_read(row: BlobRow, found: _Claims | None) -> bool:
    """Return whether the content of a blob that was not read has to be."""
    if row.touched is None or row.state is State.CORRUPT:
        return False
    if row.kind in DOCUMENTS or row.kind is Kind.CONFIG:
        return True
    # An orphan may be a referrer of a present blob, and a document of an unknown type may have
    # children. Only the content shows that.
    return found is None or (row.kind is Kind.OTHER and found.is_listed)
