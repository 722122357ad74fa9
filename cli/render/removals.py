"""Results of removing names: removed, kept at the advice of a registry, and absent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cli.render import output
from cachedb.cli.render.tables import Column
from cachedb.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cachedb.operations.gc.remove import RemovalPlan
    from cachedb.operations.read.resolve import Root
    from cachedb.operations.transfer.remote_inspect import Published

REMOVALS = (
    Column("name", lambda name: name or "<none>"),
    Column("digest", output.digest),
    Column("action"),
    Column("reason"),
)


def rows_of_removal(
    removed: Iterable[Root], answers: Sequence[Published], *, is_done: bool
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of removed names, and of those that stay because they are unpublished."""
    action = "removed" if is_done else "would remove"
    for root in removed:
        yield root.name, root.digest, action, None
    for root, why in unpublished(answers):
        yield root.name, root.digest, "kept", why


def rows_of_unreadable(plan: RemovalPlan, *, is_done: bool) -> Iterator[tuple[object, ...]]:
    """Yield the rows of removed entries that cannot be read."""
    action = "removed" if is_done else "would remove"
    for entry in plan.unreadable:
        yield None, entry.digest, action, f"{entry.address} is unreadable"


def rows_of_absent(plan: RemovalPlan) -> Iterator[tuple[object, ...]]:
    """Yield the rows of names that do not exist."""
    for error in plan.absent:
        yield None, None, "absent", str(error)


def tell_unnamed(plan: RemovalPlan) -> None:
    """Print which entries without a name keep part of what the removed names contain."""
    if plan.unnamed:
        output.tell("kept entries without a name, which hold part of the content:")
        for root in plan.unnamed:
            output.tell(f"<none>  {root.digest}  (cachedb rm {root.digest})")


def unpublished(answers: Sequence[Published]) -> Iterator[tuple[Root, str]]:
    """Yield the roots that stay, each with the reason."""
    from cachedb.operations.transfer.remote_inspect import Publication

    reasons = {
        Publication.ABSENT: "not in its registry",
        Publication.DIFFERENT: "its registry has another image of that name",
    }
    for answer in answers:
        if not answer.is_published:
            yield answer.root, reasons.get(answer.publication) or str(answer.error)


def raise_registry_error(answers: Sequence[Published]) -> None:
    """Raise the first error of a registry that could not be asked about an image."""
    for answer in answers:
        if isinstance(answer.error, RegistryError):
            raise answer.error
