"""Results of commands on names: pinned, removed, kept as unpublished, absent."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cachedb.cli.render import output
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cachedb.operations.gc.remove import RemovalPlan
    from cachedb.operations.read.resolve import Root
    from cachedb.operations.transfer.remote_inspect import Published

ACTIONS = (
    Column("name", lambda name: name or "<none>"),
    Column("digest", output.digest),
    Column("action"),
)
REMOVALS = (*ACTIONS, Column("reason"))


def print_changed_names(roots: Sequence[Root], action: str, form: str, *, quiet: bool) -> None:
    """Print the names that pin, unpin or untag has changed, and their number."""
    if quiet:
        for root in roots:
            output.print_stdout(root.digest)
        return
    if form is not Format.TABLE:
        rows = ((root.name, root.digest, action) for root in roots)
        print_items(ACTIONS, rows, {action: len(roots)}, form)
        return
    for root in roots:
        output.print_stdout(f"{output.show(root.name or '<none>')}  {root.digest}")
    output.print_stderr(f"{action} {output.count(len(roots), 'name')}")


def rows_of_removal(
    removed: Iterable[Root], answers: Sequence[Published], *, is_done: bool
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of removed names, and of those that stay because they are unpublished."""
    action = "removed" if is_done else "would remove"
    for root in removed:
        yield root.name, root.digest, action, None
    for root, why in _unpublished(answers):
        yield root.name, root.digest, "kept", why


def rows_of_unreadable(plan: RemovalPlan, *, is_done: bool) -> Iterator[tuple[object, ...]]:
    """Yield the rows of removed entries that cannot be read."""
    action = "removed" if is_done else "would remove"
    for entry in plan.unreadable:
        yield None, entry.digest, action, f"{entry.address} is unreadable"


def rows_of_others(plan: RemovalPlan) -> Iterator[tuple[object, ...]]:
    """Yield the rows of entries that stay, with the reason, and of names that do not exist."""
    yield from rows_of_pinned(plan)
    for root in plan.unnamed:
        yield root.name, root.digest, "kept", "holds part of the content"
    for root in plan.tagged:
        yield root.name, root.digest, "kept", "its tag is the digest of a removed image"
    for error in plan.absent:
        yield None, None, "absent", str(error)


def rows_of_pinned(plan: RemovalPlan) -> Iterator[tuple[object, ...]]:
    """Yield the rows of names that a query matches and that stay because they are pinned."""
    for root in plan.pinned:
        yield root.name, root.digest, "kept", "pinned"


def print_pinned(plan: RemovalPlan) -> None:
    """Print how many pinned names stay."""
    if plan.pinned:
        names = output.count(len(plan.pinned), "pinned name")
        output.print_stderr(f"kept {names} (cachedb ls is:pinned)")


def print_kept(plan: RemovalPlan) -> None:
    """Print how many pinned names stay, and which other entries a removal leaves behind.

    These are entries without a name that hold part of the content, and tags with the digest of a
    removed image.
    """
    print_pinned(plan)
    if plan.unnamed:
        output.print_stderr("kept entries without a name, which hold part of the content:")
        for root in plan.unnamed:
            output.print_stderr(f"<none>  {root.digest}  (cachedb rm {root.digest})")
    if plan.tagged:
        output.print_stderr("kept tags that refer to what was removed, by its digest:")
        for root in plan.tagged:
            name = output.show(root.name or "")
            output.print_stderr(f"{name}  {root.digest}  (cachedb rm {shlex.quote(name)})")


def print_removed(plan: RemovalPlan, removed: Sequence[Root], *, quiet: bool) -> None:
    """Print the names and unreadable entries that rm has removed, or would remove."""
    if quiet:
        output.print_digests(root.digest for root in removed)
        output.print_digests(entry.digest for entry in plan.unreadable)
        return
    for root in removed:
        output.print_stdout(f"{output.show(root.name or '<none>')}  {root.digest}")
    for entry in plan.unreadable:
        output.print_stdout(f"<unreadable>  {entry.address}")


def print_outcome(
    plan: RemovalPlan, answers: Sequence[Published], names: int, *, is_done: bool
) -> None:
    """Print which names stay, how many do not, and what gc can free."""
    _print_names_that_stay(plan, answers)
    done = "removed" if is_done else "would remove"
    output.print_stderr(
        f"{done} {output.count(names, 'name')}; gc can free {output.size(plan.freed)}"
    )


def _print_names_that_stay(plan: RemovalPlan, answers: Sequence[Published]) -> None:
    """Print the names of a removal that do not exist, and those that stay, with the reasons."""
    for error in plan.absent:
        output.print_stderr(f"{error}" + (f" ({error.hint})" if error.hint else ""))
    print_unpublished(answers)
    print_kept(plan)


def print_unpublished(answers: Sequence[Published]) -> None:
    """Print the names that stay because their registry lacks the image, with the reason."""
    for root, why in _unpublished(answers):
        output.print_stderr(f"kept {root.name or root.digest}: {why}")


def _unpublished(answers: Sequence[Published]) -> Iterator[tuple[Root, str]]:
    """Yield the roots that stay, each with the reason."""
    if not answers:
        return
    from cachedb.operations.transfer.remote_inspect import Publication

    reasons = {
        Publication.ABSENT: "not in its registry",
        Publication.DIFFERENT: "its registry has another image of that name",
    }
    for answer in answers:
        if not answer.is_published:
            yield answer.root, reasons.get(answer.publication) or str(answer.error)


def raise_registry_error(answers: Sequence[Published]) -> None:
    """Raise the first error of a request to a registry about an image."""
    for answer in answers:
        if isinstance(answer.error, RegistryError):
            raise answer.error
