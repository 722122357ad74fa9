"""``cachedb tree``: what an image is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachedb.cli import output
from cachedb.cli.options import CacheOption, FormatOption, NameArgument, open_cache
from cachedb.cli.output import Format

if TYPE_CHECKING:
    from cachedb.operations.read.inspect import Node


def command(
    name: NameArgument, cache: CacheOption = None, form: FormatOption = Format.TABLE
) -> None:
    """Draw an image: index, manifests, configs, layers, referrers."""
    with open_cache(cache) as opened:
        root = opened.tree(name)
    if form is Format.TABLE:
        _draw(root, "", "")
    else:
        output.render_tree(_object(root), form)


def _draw(node: Node, first: str, rest: str) -> None:
    platform = f"  {node.platform}" if node.platform else ""
    state = "" if node.state == "present" else f"  {node.state.upper()}"
    again = "  (see above)" if node.is_repeated else ""
    text = f"{node.kind} {output.digest(node.digest)}  {output.size(node.size)}"
    output.say(first + output.show(f"{text}{platform}{state}{again}"))
    for position, child in enumerate(node.children):
        is_last = position == len(node.children) - 1
        _draw(
            child,
            rest + ("`-- " if is_last else "|-- "),
            rest + ("    " if is_last else "|   "),
        )


def _object(node: Node) -> dict[str, Any]:
    return {
        "digest": node.digest,
        "kind": node.kind,
        "role": node.role,
        "platform": str(node.platform) if node.platform else None,
        "size": node.size,
        "state": node.state,
        "children": [_object(child) for child in node.children],
    }
