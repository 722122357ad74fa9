"""Retention half of `Cache`: pins, removal of names, retention policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb import arguments
from cachedb.cache_reader import CacheReader
from cachedb.feedback.progress import as_step
from cachedb.operations.gc.grace import GRACE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.arguments import Connect, Names
    from cachedb.catalog.connect import Catalog
    from cachedb.oci import Reference
    from cachedb.operations.gc.remove import RemovalPlan
    from cachedb.operations.gc.retention import Policy, RetentionPlan
    from cachedb.operations.gc.sweep import GCReport
    from cachedb.operations.gc.tag import Tagged
    from cachedb.operations.prune.plan import PrunePlan
    from cachedb.operations.prune.rules import PruneRules
    from cachedb.operations.read.resolve import Root
    from cachedb.operations.transfer.remote_inspect import Published
    from cachedb.query.syntax.tree import Query


class CacheRetention(CacheReader):
    """Pin names, and remove others; blobs stay until a collection."""

    @as_step("write names")
    def pin(self, names: Names) -> tuple[Root, ...]:
        """Pin names, durably; return the entries that were not pinned before.

        A pin belongs to the name, whichever image it has. It outlives the catalog, and an
        index.json that another tool has rewritten.

        Raises:
            NotFound: A name does not exist; nothing is pinned.
            Refused: A digest has no entry of its own.
        """
        from cachedb.operations.gc import pins

        given = arguments.names(names)
        return pins.pin(self.layout, self.catalog, self.targets(given) if given else ())

    @as_step("write names")
    def unpin(self, names: Names) -> tuple[Root, ...]:
        """Remove the pins of names, durably; return the entries that were pinned.

        A pinned name that is no longer in the cache loses its pin as well. Raises as `pin`.
        """
        from cachedb.operations.gc import pins
        from cachedb.operations.read.targets import find_targets

        given = arguments.names(names)
        roots, absent = find_targets(self._with_uses(), given) if given else ([], ())
        with self.catalog.reading() as connection:
            left = pins.left_behind(connection, absent)
        return pins.unpin(self.layout, self.catalog, roots, left)

    @as_step("write names")
    def tag(self, source: str, target: str | Reference) -> Tagged:
        """Add a name to an image; a name of another image moves to this one.

        Raises:
            RefNotFound: No image, or several, have the name `source`.
            InvalidReference: `target` is not a reference.
        """
        from cachedb.operations.gc import tag

        return tag.tag(self.layout, self.catalog, source, arguments.reference(target))

    @as_step("write names")
    def untag(self, names: Names) -> tuple[Root, ...]:
        """Remove names and keep their images, if need be as entries without a name.

        Raises:
            RefNotFound: A name does not exist.
            Refused: A name is pinned.
        """
        from cachedb.operations.gc import tag

        return tag.untag(self.layout, self.catalog, arguments.names(names))

    @as_step("select images")
    def plan_removal(self, names: Names = (), where: Query | str | None = None) -> RemovalPlan:
        """Plan the removal of names, with the bytes that gc can free afterwards.

        A name that does not exist is no error; the plan lists it as absent. Pinned names that the
        query matches stay. Without names and a query, the plan removes nothing. An entry that
        cannot be read is removed by its address, ``index.json[2]@0123456789ab``, or by the digest
        that it declares.

        Raises:
            AmbiguousName: Several images have one of the names.
            Refused: One of the names is pinned; or the entry at an address can be read, or has
                changed.
            QueryError: The query is not one of refs.
        """
        from cachedb.operations.gc import remove
        from cachedb.operations.read.targets import find_targets

        given, query = arguments.names(names), self._parsed(where)
        unreadable, others = remove.find_unreadable_targets(self.layout, self.catalog, given)
        named, absent = find_targets(self.catalog, others) if others else ([], ())
        selected = () if query is None else self.targets((), query)
        return remove.plan(self.catalog, named, absent, unreadable, selected=selected)

    @as_step("select images")
    def plan_clean(self) -> RemovalPlan:
        """Plan the removal of every name that is not pinned."""
        from cachedb.operations.gc import remove

        return remove.plan(self.catalog, (), selected=self.targets())

    def plan_published_removal(
        self,
        names: Names,
        connect: Connect,
        where: Query | str | None = None,
    ) -> tuple[RemovalPlan, tuple[Published, ...]]:
        """Plan the removal of names whose registry has the same image; of all without names.

        Returns the plan, and the state of every name in its registry.
        """
        from cachedb.operations.gc import remove
        from cachedb.operations.read.targets import find_targets
        from cachedb.operations.transfer import remote_inspect

        given = arguments.names(names)
        roots, absent = find_targets(self._with_uses(), given, self._parsed(where))
        answers = remote_inspect.check_published(roots, connect)
        published = [each.root for each in answers if each.is_published]
        if given:
            return remove.plan(self.catalog, published, absent), answers
        return remove.plan(self.catalog, (), selected=published), answers

    @as_step("select images")
    def plan_retention(self, policy: Policy) -> RetentionPlan:
        """Plan which refs the queries of a policy remove.

        Raises:
            Refused: The policy would remove every ref, or more than its limit; or the clock is far
                ahead of the last activity in the cache.
        """
        from cachedb.operations.gc import retention

        return retention.plan(self.layout, self._with_all_uses(), policy)

    @as_step("select images")
    def plan_prune(self, rules: PruneRules | str, *, grace: float = GRACE_SECONDS) -> PrunePlan:
        """Plan which names some rules remove, and how many bytes that frees; changes nothing.

        Text is a policy in TOML: ``version = 1``, ``unused-for = "90d"``.
        Blobs that a collection with that grace period would free count as free space already.

        Raises:
            InvalidInput: The rules remove nothing, or contradict each other.
            QueryError: A query of the rules is not a set of refs.
            Refused: A keep query matches nothing; a limit cannot be met; every name would be
                removed; or the clock is far ahead of the last activity in the cache.
        """
        from cachedb.operations.gc import mark
        from cachedb.operations.prune import limits, plan

        if isinstance(rules, str):
            rules = self.policy_rules(rules)
        catalog = self._with_all_uses()
        disk = limits.space(self.layout)
        if rules.min_free is not None:
            found = mark.plan(self.layout, catalog, grace=grace)
            collectable = found.size + sum(each.size for each in found.leftovers)
            disk = disk.replace(free=disk.free + collectable)
        return plan.plan(self.layout, catalog, rules, disk)

    @as_step("write names")
    def prune(self, plan: PrunePlan) -> tuple[Root, ...]:
        """Remove the names of a plan that have not changed since; blobs stay until `collect`."""
        from cachedb.operations.gc import remove
        from cachedb.operations.sync import history

        gone = remove.apply(plan.removal, self.layout, self.catalog, history.PRUNE)
        if not gone:  # the clock guard of the next one reads the time of this one
            history.record(self.layout, self.catalog, history.USE)
        return gone

    def policy(self) -> str | None:
        """Return the text of the policy of this cache; None without one."""
        from cachedb.operations.prune import policy_file

        return policy_file.read(self.layout)

    def policy_rules(self, text: str) -> PruneRules:
        """Parse the text of a policy, with the saved queries of this cache.

        Raises:
            InvalidInput: The text is not TOML, or of another version; a key or a value is unknown.
            QueryError: A query in it is not valid.
        """
        from cachedb.operations.prune import policy_file

        return policy_file.parse(text, self.parse)

    def set_policy(self, text: str) -> None:
        """Replace the policy of this cache, atomically; an empty text removes it.

        Raises:
            InvalidInput: As of `policy_rules`; the policy stays as it was.
        """
        from cachedb.operations.prune import policy_file

        if text.strip():
            self.policy_rules(text).check()
        policy_file.write(self.layout, text)

    @as_step("write names")
    def remove(self, plan: RemovalPlan) -> tuple[Root, ...]:
        """Remove the refs of a plan in one write of index.json; blobs stay until `collect`."""
        from cachedb.operations.gc import remove

        return remove.apply(plan, self.layout, self.catalog)

    @as_step("write names")
    def discard(self, roots: Sequence[Root]) -> GCReport:
        """Remove refs, and at once the blobs that only they reference.

        Raises:
            Refused: One of them is pinned.
        """
        from cachedb.operations.gc import discard

        return discard.discard(self.layout, self.catalog, roots)

    def _with_all_uses(self) -> Catalog:
        """Return the catalog after entering all uses and pins; fail if that is impossible.

        A policy must not treat an image as unused because a record of its use was not read.
        """
        from cachedb.operations.sync import history

        if self.layout.is_writable:
            history.bring_up_to_date(self.layout, self.catalog)
            return self.catalog
        return self._with_uses()
