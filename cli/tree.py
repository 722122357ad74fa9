"""``cachedb tree``: the documents, configs, layers and referrers of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import NameArgument, NestedFormatOption
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.operations.read.tree import TreeNode

    Pending: TypeAlias = list[str | tuple["TreeNode", int]]


def command(
    name: NameArgument,
    cache: CacheOption = None,
    form: NestedFormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Print the tree of an image: index, manifests, configs, layers, referrers."""
    with open_cache(cache) as opened:
        root = opened.tree(name)
    if quiet:
        for digest in _digests(root):
            output.print_stdout(digest)
    elif form is Format.TABLE:
        for line in _lines(root):
            output.print_stdout(line)
    else:
        tables.refuse_columns(form)
        text = "".join(_json_pieces(root, is_indented=form is Format.JSON))
        output.print_stdout(tables.printable_json(text))


# Iterative, because GRAPH_DEPTH allows more nesting than the recursion limit of Python and of its
# json module.


def _digests(root: TreeNode) -> Iterator[str]:
    stack = [root]
    while stack:
        node = stack.pop()
        if node.digest is not None and not node.is_repeated:
            yield node.digest
        stack += reversed(node.children)


def _lines(root: TreeNode) -> Iterator[str]:
    stack = [(root, "", "")]
    while stack:
        node, first, rest = stack.pop()
        yield first + output.show(_line(node))
        last = len(node.children) - 1
        for position in range(last, -1, -1):
            mark, space = ("`-- ", "    ") if position == last else ("|-- ", "|   ")
            stack.append((node.children[position], rest + mark, rest + space))


def _line(node: TreeNode) -> str:
    if node.digest is None:
        return f"{node.kind}  one manifest per platform"
    platform = f"  {node.platform}" if node.platform else ""
    state = "" if node.state == "present" else f"  {node.state.upper()}"
    again = "  (see above)" if node.is_repeated else ""
    text = f"{node.kind} {output.digest(node.digest)}  {output.size(node.size)}"
    return f"{text}{platform}{state}{again}"


def _json_pieces(root: TreeNode, *, is_indented: bool) -> Iterator[str]:
    """Yield the text that json.dumps writes for a node and what is below it."""
    import json

    def line(depth: int, space: str = "") -> str:
        return "\n" + "  " * depth if is_indented else space

    stack: Pending = [(root, 0)]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
            continue
        node, depth = item
        yield "{" + line(depth + 1)
        for key, value in _fields(node).items():
            text = json.dumps(value, ensure_ascii=False)
            yield f'"{key}": {text},' + line(depth + 1, " ")
        yield '"children": ['
        below: Pending = []
        for position, child in enumerate(node.children):
            space = line(depth + 2, " " if position else "")
            below += ["," + space if position else space, (child, depth + 2)]
        end = line(depth + 1) if node.children else ""
        stack += reversed([*below, end + "]" + line(depth) + "}"])


def _fields(node: TreeNode) -> dict[str, Any]:
    return {
        "digest": node.digest,
        "kind": node.kind,
        "role": node.role,
        "platform": str(node.platform) if node.platform else None,
        "size": node.size,
        "state": node.state,
    }
