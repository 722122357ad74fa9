"""Conditions of a typed tree: boolean expressions on a row, and the sets that they refer to.

A set about the graph is a common table expression at the top of the statement that does not depend
on the row: seeds, then a walk, then `key IN (SELECT id FROM set)`. Complements are NOT EXISTS.
Negation is pushed down to the leaves, and a leaf that can be unknown is compared with true there:
every condition is two-valued and the complement exact. Leaves that are not negated stay bare, so
that indexes serve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, false, not_, or_, select, true, union, union_all

from cachedb.catalog.enums import Kind
from cachedb.catalog.queries import graph
from cachedb.catalog.schema import blob, blob_package, config, platform
from cachedb.catalog.schema.file_tables import attributes, link_target
from cachedb.query.semantics.describe import describe
from cachedb.query.semantics.slots import (
    DigestSlots,
    NameSlots,
    PathSlots,
    PlatformSlots,
    VersionSlots,
)
from cachedb.query.semantics.typed import (
    Complement,
    ContainsTest,
    CountTest,
    Everything,
    FieldTest,
    FlagTest,
    FunctionResult,
    Intersection,
    MapTest,
    RelationTest,
    SelectorTest,
    SortKey,
    TargetsOf,
    TopRanked,
    TypedExpression,
    Union,
)
from cachedb.query.sql import counts, dialect, files, flags, predicates, ranks
from cachedb.query.sql.cte import SetBuilder
from cachedb.query.sql.expressions import (
    MAPS,
    Row,
    aliased,
    is_of_config,
    is_of_platform,
    is_on_target,
    platform_part,
)
from cachedb.query.sql.ranks import Ranking, RankKey
from cachedb.query.vocabulary import FIELDS
from cachedb.query.words import Field, Sort

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Select

    from cachedb.query.semantics.slots import Slot, TestSlots


class ConditionBuilder(SetBuilder):
    """Builds the conditions of one statement."""

    def ids(self, found: TypedExpression) -> Select[Any]:
        """Select the ids of the members of a set."""
        row = self.row(found.sort)
        return select(row.id.label("id")).where(self.holds(found, row))

    def holds(
        self, found: TypedExpression, row: Row, *, negated: bool = False
    ) -> ColumnElement[bool]:
        """Test whether a row is in a set, or is not; the condition is never unknown."""
        match found:
            case Everything():
                return false() if negated else true()
            case Complement():
                return self.holds(found.operand, row, negated=not negated)
            case SelectorTest():
                return self.holds(found.test, row, negated=negated)
            case Intersection() | Union():
                parts = self._cheapest_first(found, row, negated=negated)
                is_and = isinstance(found, Intersection) is not negated
                return and_(*parts) if is_and else or_(*parts)
            case FieldTest() | MapTest():
                return self._own(found, row, negated=negated)
            case FlagTest():
                return flags.holds(self, row, found.word, negated=negated)
            case CountTest():
                condition = predicates.numbers(counts.count(self, found, row), found.slots)
                return not_(condition) if negated else condition
            case _:
                key, members = self._members(found, row)
                return flags.member(key, members, negated=negated)

    def _cheapest_first(
        self, found: Intersection | Union, row: Row, *, negated: bool
    ) -> list[ColumnElement[bool]]:
        """Put operands that walk the graph for every row last: SQLite evaluates from the left."""
        ordered = sorted(found.operands, key=counts.is_walked_per_row)
        return [self.holds(operand, row, negated=negated) for operand in ordered]

    # -- fields of the row ------------------------------------------------------------------------

    def _own(self, found: FieldTest | MapTest, row: Row, *, negated: bool) -> ColumnElement[bool]:
        if isinstance(found, MapTest):
            return self._pair(found, row, negated=negated)
        field, test = found.field, found.slots
        elsewhere = self._elsewhere(row, field, test, describe(found))
        if elsewhere is not None:
            return flags.member(*elsewhere, negated=negated)
        condition = self._on_row(row, field, test)
        if not negated:
            return condition
        return dialect.not_true(condition) if field.nullable else not_(condition)

    def _on_row(self, row: Row, field: Field, test: TestSlots) -> ColumnElement[bool]:
        if isinstance(test, NameSlots):
            return predicates.names_hold(
                row.table, test, lambda digests: self._has_digest(row, digests)
            )
        if isinstance(test, VersionSlots):
            return predicates.versions_hold(row.table, test)
        return predicates.holds(self.expressions.value(row, field), test)

    def _has_digest(self, row: Row, digests: DigestSlots) -> ColumnElement[bool]:
        field = FIELDS[Sort.REF]["digest"]
        elsewhere = self._elsewhere(row, field, digests, "blobs of the digest after @")
        assert elsewhere is not None
        return flags.member(*elsewhere, negated=False)

    def _elsewhere(
        self, row: Row, field: Field, test: TestSlots, meaning: str
    ) -> tuple[ColumnElement[int], CTE] | None:
        """Return a key of the row and the set for a field of another table."""
        if field.sort is Sort.FILE:
            return self._of_entry(row, field, test)
        if isinstance(test, DigestSlots) and test.begun:
            return row.content, self._beginning(test, meaning)
        if is_on_target(field):
            target = self.row(Sort.BLOB)
            own = FIELDS[Sort.BLOB][field.name]
            found = select(target.id.label("id")).where(self._on_row(target, own, test))
            return row.table.c.target_id, self.set("target", found, (field, test), "targets")
        if is_of_platform(field):
            fitting = _platforms(field, test)
            made = self.set("platform", fitting, (field.name, test), "platforms")
            return row.table.c.platform_id, made
        if field.sort is Sort.REF and field.name == "exclusive":
            owned = self.expressions.owned()
            fitting = select(owned.c.root.label("id")).where(predicates.holds(owned.c.bytes, test))
            made = self.set("exclusive", fitting, test, "targets")
            return self.expressions.image_of(row), made
        if is_of_config(field):
            column = config.c[field.name]
            fitting = select(config.c.blob_id.label("id")).where(predicates.holds(column, test))
            return row.id, self.set("config", fitting, (field.name, test), "configs")
        return None

    def _of_entry(
        self, row: Row, field: Field, test: TestSlots
    ) -> tuple[ColumnElement[int], CTE] | None:
        if field.name == "path" and (plain := _one_path(test)) is not None:
            found = files.paths_of(
                *(dialect.parameter(plain, part) for part in ("folder", "leaf"))
            )
            return row.table.c.path_id, self.set("path", found, (field.name, test), "paths")
        if field.name in files.OF_PATH:
            condition = predicates.holds(files.text_of(field.name), test)
            found = files.matching_paths(field.name, condition)
            return row.table.c.path_id, self.set("path", found, (field.name, test), "paths")
        if field.name == "target":
            found = files.matching_targets(predicates.holds(link_target.c.target, test))
            return row.id, self.set("target", found, (field.name, test), "links")
        if field.name in files.OF_ATTRIBUTES:
            condition = predicates.holds(attributes.c[field.name], test)
            found = files.matching_attributes(condition)
            made = self.set("attributes", found, (field.name, test), "types, modes and owners")
            return row.table.c.attributes_id, made
        return None

    def _beginning(self, test: DigestSlots, meaning: str) -> CTE:
        """Collect blobs by the beginnings of their digests: one index search for each beginning.

        For several ranges in one condition SQLite scans all blobs.
        """
        ranges = [dialect.begins(blob.c.digest, text) for text in test.begun]
        searches = (*ranges, *dialect.among(blob.c.digest, test.whole))
        found = [select(blob.c.id).where(search) for search in searches]
        union = found[0] if len(found) == 1 else union_all(*found)
        return self.set("digest", union, test, meaning)

    def _pair(self, found: MapTest, row: Row, *, negated: bool) -> ColumnElement[bool]:
        parts = []
        for table, owner, key in MAPS[found.field.sort, found.field.name]:
            pairs = aliased(table, self.names.next("m"))
            condition = dialect.globbed_any(pairs.c.key, found.key_slots)
            if found.slots is not None:
                condition = and_(condition, predicates.holds(pairs.c.value, found.slots))
            column = row.table.c[key]
            if negated:
                parts.append(~exists(select(1).where(pairs.c[owner] == column, condition)))
            else:
                parts.append(column.in_(select(pairs.c[owner]).where(condition)))
        return and_(*parts) if negated else or_(*parts)

    # -- sets -------------------------------------------------------------------------------

    def _members(self, found: TypedExpression, row: Row) -> tuple[ColumnElement[int], CTE]:
        """Return a key of the row and the set that has to contain it."""
        match found:
            case ContainsTest():
                return self.holding(row, self.above(self.seed(found.operand, found.kinds)))
            case RelationTest():
                return self._related(found, row)
            case FunctionResult():
                return self._applied(found, row)
            case TargetsOf():
                return row.id, self._pointed(found)
            case TopRanked():
                return row.id, self.ranked(found)
        raise AssertionError(found)

    def _related(self, found: RelationTest, row: Row) -> tuple[ColumnElement[int], CTE]:
        relation = found.relation
        if relation.to is Sort.FILE:
            holders = self._file_holders(found.operand, relation.sort)
            if relation.sort is Sort.REF:
                return self.holding(row, self.above(holders))
            return row.content, holders
        if relation.sort is Sort.FILE:
            seed = self.seed(found.operand, ())
            return row.id, self._entries(seed, relation.name)
        if relation.contained and relation.to is Sort.PACKAGE:
            return self.holding(row, self.above(self._holders(found.operand)))
        kinds = (relation.kind,) if relation.kind else ()
        if relation.contained:
            return self.holding(row, self.above(self.seed(found.operand, kinds)))
        if (relation.sort, relation.name) == (Sort.REF, "referrer"):
            referrers = None if found.operand is None else self.seed(found.operand, ())
            subjects = self.step("subject", referrers)
            return self.holding(row, self.above(subjects))
        if relation.sort is Sort.REF:
            return row.content, self.seed(found.operand, ())
        if relation.sort is Sort.LINK:
            return row.table.c[f"{relation.name}_id"], self.seed(found.operand, ())
        if relation.sort is Sort.PACKAGE:
            seed = self.seed(found.operand, ())
            listed = select(blob_package.c.package_id.label("id")).where(
                blob_package.c.blob_id.in_(select(seed.c.id))
            )
            return row.id, self.set("package", listed, seed, "the packages found in them")
        return row.id, self._back(found)

    def _back(self, found: RelationTest) -> CTE:
        """Collect the blobs with a direct relation to a member."""
        name, operand = found.relation.name, found.operand
        if name == "ref":
            refs = self._pointed_refs(operand)
            return self.set("target", refs, (name, operand), "targets of these references")
        if name == "link":
            inner = self.row(Sort.LINK)
            condition = true() if operand is None else self.holds(operand, inner)
            links = select(inner.table.c.child_id.label("id")).where(condition)
            return self.set("child", links, (name, operand), "children of these links")
        back = {"child": "parent", "parent": "child", "subject": "referrer"}
        members = None if operand is None else self.seed(operand, ())
        return self.step(back.get(name, "subject"), members)

    def _pointed_refs(self, operand: TypedExpression | None) -> Select[Any]:
        inner = self.row(Sort.REF)
        condition = true() if operand is None else self.holds(operand, inner)
        return select(inner.table.c.target_id.label("id")).where(condition)

    def _applied(self, found: FunctionResult, row: Row) -> tuple[ColumnElement[int], CTE]:
        argument = found.argument
        match found.function:
            case "refs":
                return self.holding(row, self.above(self.seed(argument, ())))
            case "ancestors":
                return row.id, self.above(self.seed(argument, ()))
            case "blobs" | "descendants":
                return row.id, self.below(self.seed(argument, ()))
            case "targets":
                pointed = TargetsOf(argument=argument, sort=Sort.BLOB, span=found.span)
                return row.id, self._pointed(pointed)
            case "exclusive":
                return row.id, self._exclusive(argument)
            case "packages":
                return row.id, self._packages(argument)
            case "files":
                return row.id, self._files(argument)
            case "parents" | "children" | "referrers" | "subjects":
                step = {"children": "child"}.get(found.function, found.function[:-1])
                return row.id, self.step(step, self.seed(argument, ()))
        raise AssertionError(found.function)

    def _exclusive(self, argument: TypedExpression) -> CTE:
        key = ("exclusive", argument)
        if key not in self._made:
            name = self.names.next("exclusive")
            self._made[key] = graph.exclusive(self.ids(argument), name)
            self._note(name, f"blobs that only {describe(argument)} reach", self._made[key])
        return self._made[key]

    def _packages(self, argument: TypedExpression) -> CTE:
        if argument.sort is Sort.PACKAGE:
            return self.set("package", self.ids(argument), argument, describe(argument))
        below = self.below(self.seed(argument, ()))
        listed = select(blob_package.c.package_id.label("id")).where(
            blob_package.c.blob_id.in_(select(below.c.id))
        )
        return self.set("package", listed, below, "the packages found in them")

    def _files(self, argument: TypedExpression) -> CTE:
        """Collect the entries of layers of a set, and the visible files of images in it."""
        if argument.sort is Sort.FILE:
            return self.set("file", self.ids(argument), argument, describe(argument))
        seed = self.seed(argument, ())
        shown = self._entries(self.below(seed), "manifest")
        held = self._entries(seed, "layer")
        both = union(select(shown.c.id), select(held.c.id))
        return self.set("file", both, ("files", seed), "the files in them")

    def _entries(self, holders: CTE, relation: str) -> CTE:
        """Collect the entries that layers hold, or that images show."""
        make = files.held_pairs if relation == "layer" else files.shown_pairs
        chosen = files.ChosenPairs(holders=select(holders.c.id))
        pairs = make(self.names.next("pairs"), chosen)
        found = select(pairs.c.entry_id.label("id"))
        word = "layers hold" if relation == "layer" else "images show"
        return self.set("file", found.distinct(), (relation, holders), f"what these {word}")

    def _file_holders(self, operand: TypedExpression | None, sort: Sort) -> CTE:
        """Collect the images that show files of a set, and for blobs the layers that hold them."""
        make = files.shown_pairs if sort is Sort.REF else files.direct_pairs
        name, chosen = self.names.next("pairs"), files.ALL_PAIRS
        if operand is not None:
            members = self.set("file", self.ids(operand), ("files", operand), describe(operand))
            chosen = files.ChosenPairs(entries=select(members.c.id))
        found = select(make(name, chosen).c.holder_id.label("id")).distinct()
        meaning = "any file" if operand is None else describe(operand)
        key = ("file holders", sort, operand)
        return self.set("holder", found, key, f"what shows or holds {meaning}")

    def _pointed(self, found: TargetsOf) -> CTE:
        argument = found.argument
        inner = self.row(argument.sort)
        condition = self.holds(argument, inner)
        if argument.sort is Sort.FILE:
            chosen = files.ChosenPairs(entries=select(inner.id).where(condition))
            pairs = files.held_pairs(self.names.next("pairs"), chosen)
            layers = select(pairs.c.holder_id.label("id"))
            return self.set("pointed", layers, ("pointed", argument), describe(found))
        if argument.sort is Sort.PACKAGE:
            ids = select(inner.id).where(condition)
            pointed: Select[Any] = select(blob_package.c.blob_id.label("id")).where(
                blob_package.c.package_id.in_(ids)
            )
        else:
            column = "target_id" if argument.sort is Sort.REF else "child_id"
            pointed = select(inner.table.c[column].label("id")).where(condition)
        return self.set("pointed", pointed, ("pointed", argument), describe(found))

    def ranked(self, found: TopRanked) -> CTE:
        """Collect the rows of `top N by KEYS per FIELDS`."""
        ranking = self.ranking(found)
        if ranking.image is None:
            ranked = ranks.of_rows(ranking)
        else:
            ranked = ranks.of_images(ranking, ranking.image)
        top = select(ranked.c.id).where(ranked.c.place <= dialect.parameter(found.count_slot))
        return self.set("top", top, found, describe(found))

    def ranking(self, found: TopRanked) -> Ranking:
        """Return the rows that are ranked, their keys and their groups."""
        inner = self.row(found.sort)
        condition = true() if found.of is None else self.holds(found.of, inner)
        used = (*found.per, *(item.column.field for item in found.order if item.column.field))
        is_split = self.split is not None and found.sort is Sort.REF
        return Ranking(
            row_id=inner.id,
            image=self.split.first_entry(inner.table) if self.split and is_split else None,
            keys=tuple(self._rank_key(inner, item) for item in found.order),
            per=tuple(self.expressions.value(inner, field) for field in found.per),
            source=self.expressions.source(inner, used),
            condition=condition,
        )

    def _rank_key(self, row: Row, item: SortKey) -> RankKey:
        assert item.column.field is not None
        key = self.expressions.sort_key(row, item.column.field)
        return RankKey(value=key, descending=item.descending)

    # -- steps and walks ---------------------------------------------------------------------

    def seed(self, operand: TypedExpression | None, kinds: tuple[str, ...]) -> CTE:
        """Collect the blobs of the set, of some kinds if any are given."""
        inner = self.row(Sort.BLOB)
        parts: list[ColumnElement[bool]] = []
        if kinds:
            numbers = [int(Kind[kind.upper()]) for kind in kinds]
            parts.append(dialect.one_of(inner.table.c.kind, numbers))
        if operand is not None:
            parts.append(self.holds(operand, inner))
        whole = select(inner.id.label("id")).where(*parts)
        meaning = describe(operand) if operand is not None else "blobs"
        shown = f"{' or '.join(kinds)}: {meaning}" if kinds else meaning
        return self.set("seed", whole, (operand, kinds), shown)

    def _holders(self, operand: TypedExpression | None) -> CTE:
        """Collect the blobs in which packages of the set were found."""
        holders = select(blob_package.c.blob_id.label("id"))
        if operand is not None:
            inner = self.row(Sort.PACKAGE)
            fitting = select(inner.id).where(self.holds(operand, inner))
            holders = holders.where(blob_package.c.package_id.in_(fitting))
        meaning = "any package" if operand is None else describe(operand)
        return self.set("seed", holders, ("holders", operand), f"what {meaning} was found in")


def _one_path(test: TestSlots) -> Slot | None:
    """Return the slot of a test for one literal path."""
    if not isinstance(test, PathSlots) or test.patterns or test.plain is None:
        return None
    return None if test.plain.is_list else test.plain


def _platforms(field: Field, test: TestSlots) -> Select[Any]:
    if isinstance(test, PlatformSlots):
        return predicates.of_platforms(test)
    column = platform_part(field.name)
    return select(platform.c.id).where(predicates.holds(column, test))
