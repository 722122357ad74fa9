"""Validation of images: declared blobs and platforms, compared with those that are present.

It reads the catalog only; `verify` hashes blobs, and `deep_validation` unpacks layers.
"""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from cachedb.catalog import codecs
from cachedb.catalog.enums import Kind, State
from cachedb.catalog.statement import many
from cachedb.catalog.statements import validation
from cachedb.operations.read import resolve
from cachedb.operations.read.listing import manifests_below
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.oci.digest import Digest
    from cachedb.oci.platform.model import Platform
    from cachedb.operations.read.listing import ManifestEntry
    from cachedb.operations.read.resolve import ResolvedImage, Root


class Condition(StrEnum):
    """State of one platform of an image; the first that applies counts."""

    CORRUPT = "corrupt"
    """A blob of the platform has wrong bytes or cannot be read."""
    INCOMPLETE = "incomplete"
    """The manifest is present and a blob that it needs is not."""
    MISSING = "missing"
    """The manifest is absent, and so are all other platforms of the image."""
    NOT_PULLED = "not pulled"
    """The manifest is absent; other platforms of the image are present."""
    MISMATCHED = "mismatched"
    """Index and config name different platforms."""
    WRONG_LAYERS = "wrong layers"
    """The layers differ from the diff IDs of the config; found by unpacking only."""
    FALSE_TOC = "false table of contents"
    """A layer has other files than its table of contents lists; found by unpacking only."""
    COMPLETE = "complete"
    """All required blobs are present."""

    @property
    def is_finding(self) -> bool:
        """Whether the image has to be repaired or pulled again."""
        return self not in {Condition.COMPLETE, Condition.NOT_PULLED}


class LayerFault(NamedTuple):
    """Fault of an unpacked layer of an image: a condition, and a sentence."""

    condition: Condition
    why: str
    """Sentence for users."""


class PlatformReport(Record):
    """One platform: its declaration, and its faults."""

    declared: Platform | None
    """Platform that the index declares; None without one."""
    configured: Platform | None
    """Platform that the config names; None without one."""
    digest: Digest
    is_attestation: bool
    """Whether the manifest holds statements about another one."""
    condition: Condition
    missing: tuple[Digest, ...]
    """Required blobs without a file, in the order of the manifest."""
    corrupt: tuple[Digest, ...]
    """Required blobs with wrong content, in the order of the manifest."""
    problem: str | None
    """Fault of a document, as text for users; None without one."""

    @property
    def platform(self) -> Platform | None:
        """The platform by which the index lists the manifest."""
        return self.declared or self.configured

    @property
    def is_whole(self) -> bool:
        """Whether every required blob of the platform is present, according to the catalog."""
        return self.condition is Condition.COMPLETE and not self.is_attestation


class Validation(Record):
    """An image, platform by platform; `wanted` are requested platforms that are not complete.

    `digest` is that of its document, the first one if it is one manifest a platform.
    """

    name: str | None
    """Name of the image; None for content without one."""
    digest: Digest
    platforms: tuple[PlatformReport, ...]
    wanted: tuple[Platform, ...]
    problem: str | None
    """Fault of the document of the image, as text for users; None without one."""

    @property
    def is_valid(self) -> bool:
        """Whether every wanted platform is complete and correct."""
        if self.wanted or self.problem:
            return False
        return not any(each.condition.is_finding or each.problem for each in self.platforms)


def validate(
    connection: Connection,
    roots: Sequence[Root],
    wanted: Sequence[Platform] = (),
    wrong_layers: Mapping[Digest, LayerFault] = MappingProxyType({}),
) -> list[Validation]:
    """Report the state of every platform of each root, and of the `wanted` ones.

    `wrong_layers` maps manifests to the faults found while unpacking their layers.
    """
    images = resolve.images_of(connection, roots)
    entries = manifests_below(connection, roots)
    leaves = {entry.blob_id for found in entries.values() for entry in found}
    faults = _faults(connection, leaves)
    misdeclared = _misdeclared(connection, leaves)
    configs = _config_problems(connection, leaves)
    reports = {
        key: [
            _report(
                entry,
                faults.get(entry.blob_id, []),
                wrong_layers.get(entry.digest),
                misdeclared.get(entry.blob_id),
                configs.get(entry.blob_id),
            )
            for entry in found
        ]
        for key, found in entries.items()
    }
    problems = _problems_of_roots(connection, roots)
    return [_of(image, problems, reports, wanted) for image in images]


def is_whole(connection: Connection, root: Root, wanted: Sequence[Platform]) -> bool:
    """Return whether all platforms of a root are complete, or those that are wanted."""
    (found,) = validate(connection, [root], wanted)
    is_complete = all(each.condition is Condition.COMPLETE for each in found.platforms)
    return found.is_valid and (bool(wanted) or is_complete)


def _of(
    image: ResolvedImage,
    problems: Mapping[Root, str],
    reports_of: Mapping[int, list[PlatformReport]],
    wanted: Sequence[Platform],
) -> Validation:
    reports = [report for root in image.roots for report in reports_of[root.blob_id]]
    images = [report for report in reports if not report.is_attestation]
    lacking = [platform for platform in wanted if not _has(images, platform)]
    asked = [r for r in reports if not wanted or _is_asked(r, wanted)]
    return Validation(
        name=image.name,
        digest=image.roots[0].digest,
        platforms=tuple(asked),
        wanted=tuple(lacking),
        problem=next((problems[root] for root in image.entries if root in problems), None),
    )


def _is_asked(report: PlatformReport, wanted: Sequence[Platform]) -> bool:
    if report.is_attestation or report.platform is None:
        return False
    return any(platform.is_same_as(report.platform) for platform in wanted)


def _has(reports: list[PlatformReport], platform: Platform) -> bool:
    return any(
        report.platform is not None
        and platform.is_same_as(report.platform)
        and report.condition is Condition.COMPLETE
        for report in reports
    )


def _report(
    entry: ManifestEntry,
    faults: list[tuple[Digest, State]],
    wrong_layers: LayerFault | None,
    misdeclared: str | None,
    config_problem: str | None,
) -> PlatformReport:
    missing = tuple(digest for digest, state in faults if state is not State.CORRUPT)
    corrupt = tuple(digest for digest, state in faults if state is State.CORRUPT)
    return PlatformReport(
        declared=entry.declared,
        configured=entry.configured,
        digest=entry.digest,
        is_attestation=entry.kind is Kind.ATTESTATION,
        condition=(
            wrong_layers.condition
            if wrong_layers
            else _condition(entry, missing, is_corrupt=bool(corrupt or misdeclared))
        ),
        missing=missing,
        corrupt=corrupt,
        problem=(wrong_layers.why if wrong_layers else None)
        or entry.problem
        or misdeclared
        or config_problem,
    )


def _condition(
    entry: ManifestEntry, missing: tuple[Digest, ...], *, is_corrupt: bool
) -> Condition:
    if entry.state is State.CORRUPT or is_corrupt:
        return Condition.CORRUPT
    if entry.state is State.ABSENT:
        return Condition.NOT_PULLED
    if entry.state is State.MISSING:
        return Condition.MISSING
    if missing:
        return Condition.INCOMPLETE
    if entry.kind is Kind.MANIFEST and _disagree(entry):
        return Condition.MISMATCHED
    return Condition.COMPLETE


def _disagree(entry: ManifestEntry) -> bool:
    if entry.declared is None or entry.configured is None or entry.declared.is_unknown:
        return False
    return _contradict(entry.declared, entry.configured)


@lru_cache(maxsize=256)  # thousands of images are for a few platforms
def _contradict(declared: Platform, configured: Platform) -> bool:
    ours, theirs = declared.normalized(), configured.normalized()
    if (ours.os, ours.architecture) != (theirs.os, theirs.architecture):
        return True
    # Many builders omit the variant in the config; that is not a contradiction.
    return bool(ours.variant and theirs.variant) and ours.variant != theirs.variant


def _faults(
    connection: Connection, manifests: Collection[int]
) -> dict[int, list[tuple[Digest, State]]]:
    """Return the config and layers of each manifest that are missing, corrupt or absent."""
    found: dict[int, list[tuple[Digest, State]]] = defaultdict(list)
    for row in connection.each(validation.FAULTS, parents=many(manifests)):
        found[row.parent_id].append((codecs.digest(row.digest), codecs.state(row.state)))
    return found


def _misdeclared(connection: Connection, manifests: Collection[int]) -> dict[int, str]:
    """Return the manifests that declare another size than the file of a blob has."""
    found: dict[int, str] = {}
    for row in connection.each(validation.MISDECLARED, parents=many(manifests)):
        what = f"{row.digest} has {row.size} bytes, and {row.declared} are declared"
        found.setdefault(row.parent_id, what)
    return found


def _config_problems(connection: Connection, manifests: Collection[int]) -> dict[int, str]:
    """Return the problems of the configs of manifests."""
    rows = connection.each(validation.CONFIG_PROBLEMS, parents=many(manifests))
    return {row.id: f"the config: {row.problem}" for row in rows}


def _problems_of_roots(connection: Connection, roots: Sequence[Root]) -> dict[Root, str]:
    """Return the problems of documents, indexes included, and of their entries in index.json."""
    targets = many({root.blob_id for root in roots})
    misdeclared = {
        row.id: f"it has {row.size} bytes, and index.json declares {row.declared}"
        for row in connection.each(validation.MISDECLARED_REFS_OF, targets=targets)
    }
    unreadable = {
        row.id: row.problem for row in connection.each(validation.PROBLEMS, targets=targets)
    }
    found = {
        root: unreadable.get(root.blob_id) or misdeclared.get(root.ref_id or 0) for root in roots
    }
    return {root: problem for root, problem in found.items() if problem}
