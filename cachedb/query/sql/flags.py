"""Flags, the words after `is:`, as conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import and_, func, not_, or_, select

from cachedb.catalog.enums import Kind, Role, State
from cachedb.catalog.queries import graph
from cachedb.catalog.queries.index import attached
from cachedb.catalog.schema import blob, blob_package, link, platform, ref
from cachedb.query.sql import dialect, files
from cachedb.query.sql.expressions import Row, aliased, pairs_below
from cachedb.query.words import Sort

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import CTE, ColumnElement

    from cachedb.query.sql.conditions import ConditionBuilder

_HARM: Final = (State.MISSING, State.CORRUPT)
_NOT_THERE: Final = (State.MISSING, State.ABSENT)
_SIGNATURE_TYPES: Final = (
    "application/vnd.dev.cosign.artifact.sig.",
    "application/vnd.dev.sigstore.bundle.",
    "application/vnd.cncf.notary.signature",
)
_SIGNATURE_LAYER: Final = "application/vnd.dev.cosign.simplesigning.v1+json"


def holds(
    conditions: ConditionBuilder, row: Row, word: str, *, negated: bool
) -> ColumnElement[bool]:
    """Test a row for a flag, or for its absence; the condition is never unknown."""
    own = _OWN.get((row.sort, word))
    if own is not None:
        condition = own(row)
        return not_(condition) if negated else condition
    return _BY_SETS[row.sort, word](conditions, row, negated=negated)


def member(key: ColumnElement[Any], found: CTE, *, negated: bool) -> ColumnElement[bool]:
    """Test whether a key is in the first column of a set, or is not."""
    return graph.outside(key, found) if negated else key.in_(select(found.c[0]))


def _in_states(row: Row, *states: State) -> ColumnElement[bool]:
    numbers = dialect.one_of(row.table.c.state, [int(state) for state in states])
    if State.PRESENT in states:
        return numbers
    # The first part says that the partial index serves.
    return and_(row.table.c.state != int(State.PRESENT), numbers)


_OWN: Final[dict[tuple[Sort, str], Callable[[Row], ColumnElement[bool]]]] = {
    (Sort.REF, "pinned"): lambda row: row.table.c.pinned != 0,
    (Sort.REF, "untagged"): lambda row: row.table.c.tag.is_(None),
    (Sort.BLOB, "present"): lambda row: _in_states(row, State.PRESENT),
    (Sort.BLOB, "missing"): lambda row: _in_states(row, *_NOT_THERE),
    (Sort.BLOB, "corrupt"): lambda row: _in_states(row, State.CORRUPT),
    (Sort.FILE, "setuid"): lambda row: files.is_flagged(row.table, "setuid"),
    (Sort.FILE, "setgid"): lambda row: files.is_flagged(row.table, "setgid"),
    (Sort.FILE, "executable"): lambda row: files.is_flagged(row.table, "executable"),
    (Sort.FILE, "writable"): lambda row: files.is_flagged(row.table, "writable"),
}


# -- contained blobs -----------------------------------------------------------------------


def _containing(conditions: ConditionBuilder, *states: State) -> CTE:
    """Collect the blobs that contain a blob in one of the states, that blob included."""
    words = " or ".join(state.name.lower() for state in states)
    inner = conditions.row(Sort.BLOB)
    found = select(inner.id.label("id")).where(_in_states(inner, *states))
    return conditions.above(conditions.set("seed", found, states, f"{words} blobs"))


def _broken(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    found = _containing(conditions, *_HARM)
    return member(*conditions.holding(row, found), negated=negated)


def _complete(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    lacking = _containing(conditions, *_HARM, State.ABSENT)
    return member(*conditions.holding(row, lacking), negated=not negated)


def _partial(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    lacking = conditions.holding(row, _containing(conditions, State.ABSENT))
    absent = member(*lacking, negated=negated)
    harmed = _broken(conditions, row, negated=not negated)
    return or_(absent, harmed) if negated else and_(absent, harmed)


# -- refs ----------------------------------------------------------------------------------


def _multiarch(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    inner = conditions.row(Sort.BLOB)
    indexes = select(inner.id.label("id")).where(inner.table.c.kind == int(Kind.INDEX))
    found = conditions.set("seed", indexes, "multiarch", "indexes")
    by_index = member(row.content, found, negated=negated)
    if conditions.split is None:
        return by_index
    entries = select(conditions.split.entries.c.ref_id.label("id"))
    several = conditions.set("several", entries, "several", "one of several manifests of an image")
    by_entries = member(row.id, several, negated=negated)
    return and_(by_index, by_entries) if negated else or_(by_index, by_entries)


def _signed(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    signed, attached_to = _above_signed(conditions), _above_attached(conditions)
    by_referrer = member(*conditions.holding(row, signed), negated=negated)
    by_name = member(*conditions.holding(row, attached_to), negated=negated)
    return and_(by_referrer, by_name) if negated else or_(by_referrer, by_name)


def _above_signed(conditions: ConditionBuilder) -> CTE:
    inner = conditions.row(Sort.BLOB)
    simple = aliased(link, conditions.names.next("l"))
    types = [
        dialect.begins_with(inner.table.c.artifact_type, prefix) for prefix in _SIGNATURE_TYPES
    ]
    layers = select(simple.c.parent_id).where(
        simple.c.parent_id == inner.id,
        simple.c.role == int(Role.LAYER),
        simple.c.media_type == _SIGNATURE_LAYER,
    )
    # In the catalog, a manifest that holds only signatures has the kind attestation.
    is_attestation = inner.table.c.kind == int(Kind.ATTESTATION)
    signed_by = or_(*types, layers.exists())
    signatures = select(inner.id.label("id")).where(is_attestation, signed_by)
    seed = conditions.set("seed", signatures, "signatures", "signatures")
    return conditions.above(conditions.step("subject", seed))


def _above_attached(conditions: ConditionBuilder) -> CTE:
    """Collect the blobs that contain one with a signature by name: by tag or by kind."""
    pairs = attached.pairs(attached.SIGNATURES).subquery("signed")
    found = select(pairs.c.target_id.label("id"))
    signed = conditions.set("attached", found, "attached", "blobs with a signature by name")
    return conditions.above(signed)


def _indexed(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    """Test for packages, as the coverage of a query of packages counts them."""
    described = select(blob_package.c.blob_id.label("id")).distinct()
    seed = conditions.set("seed", described, "indexed", "what packages were found in")
    return member(*conditions.holding(row, conditions.above(seed)), negated=negated)


# -- blobs ---------------------------------------------------------------------------------


def _targets(conditions: ConditionBuilder) -> CTE:
    found = graph.targets()
    return conditions.set("target", found, "targets", "what references point at")


def _root(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    return member(row.id, _targets(conditions), negated=negated)


def _reachable(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    return member(row.id, conditions.below(_targets(conditions)), negated=negated)


def _garbage(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    return _reachable(conditions, row, negated=not negated)


def _without_subject(
    conditions: ConditionBuilder, row: Row, *, negated: bool
) -> ColumnElement[bool]:
    subject = conditions.row(Sort.BLOB)
    gone = (
        select(link.c.parent_id.label("id"))
        .join(subject.table, subject.id == link.c.child_id)
        .where(link.c.role == int(Role.SUBJECT), _in_states(subject, *_NOT_THERE))
    )
    found = conditions.set("dangling", gone, "dangling", "referrers whose subject is absent")
    return member(row.id, found, negated=negated)


def _shared(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    seed = select(ref.c.target_id.label("root"), ref.c.target_id.label("id")).distinct()
    pairs = pairs_below(seed, conditions.names.next("pairs"))
    several = select(pairs.c.id).group_by(pairs.c.id).having(func.count() > 1)
    found = conditions.set("shared", several, "shared", "what several targets contain")
    return member(row.id, found, negated=negated)


# -- links ---------------------------------------------------------------------------------


def _mismatched(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    inner = conditions.row(Sort.LINK)
    child = aliased(blob, conditions.names.next("b"))
    declared, configured = (aliased(platform, conditions.names.next("p")) for _ in range(2))
    variants = (declared.c.variant, configured.c.variant)
    differ = or_(
        declared.c.os != configured.c.os,
        declared.c.architecture != configured.c.architecture,
        and_(variants[0] != variants[1], variants[0] != "", variants[1] != ""),
    )
    found = (
        select(inner.id.label("id"))
        .join(declared, declared.c.id == inner.table.c.platform_id)
        .join(child, child.c.id == inner.table.c.child_id)
        .join(configured, configured.c.id == child.c.platform_id)
        .where(
            child.c.kind == int(Kind.MANIFEST),
            child.c.platform_id != inner.table.c.platform_id,
            differ,
        )
    )
    made = conditions.set("mismatched", found, "mismatched", "links of another platform")
    return member(row.id, made, negated=negated)


def _dangling(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    inner = conditions.row(Sort.BLOB)
    gone = select(inner.id.label("id")).where(_in_states(inner, *_NOT_THERE))
    found = conditions.set("seed", gone, _NOT_THERE, "missing or absent blobs")
    return member(row.table.c.child_id, found, negated=negated)


# -- files ---------------------------------------------------------------------------------


def _visible(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    pairs = files.shown_pairs(conditions.names.next("pairs"))
    found = select(pairs.c.entry_id.label("id")).distinct()
    shown = conditions.set("visible", found, "visible", "files that an indexed image shows")
    return member(row.id, shown, negated=negated)


def _overwritten(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    return _hidden(conditions, row, "overwritten", negated=negated)


def _deleted(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    return _hidden(conditions, row, "deleted", negated=negated)


def _hidden(
    conditions: ConditionBuilder, row: Row, word: str, *, negated: bool
) -> ColumnElement[bool]:
    found = files.hidden_entries(word)
    made = conditions.set("hidden", found, word, f"files that are {word} in an indexed image")
    return member(row.id, made, negated=negated)


def _listed_blob(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    found = files.indexed_blobs()
    return member(
        row.id, conditions.set("listed", found, "blobs", "indexed images and layers"),
        negated=negated,
    )  # fmt: skip


def _listed_ref(conditions: ConditionBuilder, row: Row, *, negated: bool) -> ColumnElement[bool]:
    images = conditions.set("listed", files.indexed_images(), "images", "indexed images")
    return member(*conditions.holding(row, conditions.above(images)), negated=negated)


class _Made(Protocol):
    def __call__(
        self, conditions: ConditionBuilder, row: Row, *, negated: bool
    ) -> ColumnElement[bool]: ...


_BY_SETS: Final[dict[tuple[Sort, str], _Made]] = {
    (Sort.REF, "listed"): _listed_ref,
    (Sort.BLOB, "listed"): _listed_blob,
    (Sort.BLOB, "indexed"): _listed_blob,
    (Sort.FILE, "visible"): _visible,
    (Sort.FILE, "overwritten"): _overwritten,
    (Sort.FILE, "deleted"): _deleted,
    (Sort.REF, "complete"): _complete,
    (Sort.REF, "partial"): _partial,
    (Sort.REF, "broken"): _broken,
    (Sort.REF, "multiarch"): _multiarch,
    (Sort.REF, "signed"): _signed,
    (Sort.REF, "indexed"): _indexed,
    (Sort.BLOB, "complete"): _complete,
    (Sort.BLOB, "partial"): _partial,
    (Sort.BLOB, "broken"): _broken,
    (Sort.BLOB, "root"): _root,
    (Sort.BLOB, "reachable"): _reachable,
    (Sort.BLOB, "garbage"): _garbage,
    (Sort.BLOB, "dangling"): _without_subject,
    (Sort.BLOB, "shared"): _shared,
    (Sort.LINK, "mismatched"): _mismatched,
    (Sort.LINK, "dangling"): _dangling,
}
KNOWN: Final = frozenset((*_OWN, *_BY_SETS))
"""Flags that have SQL."""
