"""Flattening agrees with the simplest thing that could be right: a dictionary of dictionaries.

The model applies the whiteouts of a layer first and its entries after them. Entries that pass
through a symlink, or link to what is no file, are left out of the layers: what becomes of them is
in the tables.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.archive import build
from tests.archive.test_flatten import flat, tree


@dataclass
class Leaf:
    kind: str
    value: str


@dataclass
class Directory:
    mode: int = 0o755
    children: dict[str, "Leaf | Directory"] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    kind: str
    path: tuple[str, ...]
    value: str = ""
    mode: int = 0o755


NAMES = st.sampled_from("abc")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
STEPS = st.one_of(
    st.builds(Step, st.just("file"), PATHS),
    st.builds(Step, st.just("file"), PATHS),
    st.builds(Step, st.just("dir"), PATHS, mode=st.sampled_from([0o700, 0o711, 0o755])),
    st.builds(Step, st.just("symlink"), PATHS, st.sampled_from(["a", "b/c", "/", "../x"])),
    st.builds(lambda path, target: Step("hardlink", path, "/".join(target)), PATHS, PATHS),
    st.builds(Step, st.just("whiteout"), PATHS),
    st.builds(Step, st.just("opaque"), st.lists(NAMES, max_size=2).map(tuple)),
)


def find(root: Directory, path: tuple[str, ...]) -> Leaf | Directory | None:
    node: Leaf | Directory | None = root
    for name in path:
        node = node.children.get(name) if isinstance(node, Directory) else None
    return node


def passes_a_link(root: Directory, path: tuple[str, ...]) -> bool:
    parents = (find(root, path[:length]) for length in range(1, len(path)))
    return any(isinstance(node, Leaf) and node.kind == "symlink" for node in parents)


def hide(root: Directory, step: Step) -> None:
    if step.kind == "opaque":
        directory = find(root, step.path)
        if isinstance(directory, Directory):
            directory.children.clear()
    elif step.kind == "whiteout":
        parent = find(root, step.path[:-1])
        if isinstance(parent, Directory):
            parent.children.pop(step.path[-1], None)


def put(root: Directory, step: Step, content: str) -> bool:
    """Apply an entry; False if it is one that the model leaves out."""
    linked = find(root, tuple(step.value.split("/"))) if step.kind == "hardlink" else None
    if step.kind == "hardlink" and not (isinstance(linked, Leaf) and linked.kind == "file"):
        return False
    parent = root
    for name in step.path[:-1]:
        child = parent.children.get(name)
        if not isinstance(child, Directory):
            child = parent.children[name] = Directory()
        parent = child
    existing = parent.children.get(step.path[-1])
    if step.kind == "dir":
        kept = existing.children if isinstance(existing, Directory) else {}
        parent.children[step.path[-1]] = Directory(step.mode, kept)
    elif linked is not None:
        parent.children[step.path[-1]] = linked
    else:
        parent.children[step.path[-1]] = Leaf(step.kind, step.value or content)
    return True


def encode(step: Step, content: str) -> object:
    path = "/".join(step.path)
    match step.kind:
        case "whiteout":
            return build.file("/".join((*step.path[:-1], f".wh.{step.path[-1]}")))
        case "opaque":
            return build.file("/".join((*step.path, ".wh..wh..opq")))
        case "dir":
            return build.directory(path, mode=step.mode)
        case "file":
            return build.file(path, content.encode())
        case kind:
            return build.link(path, step.value, kind)


def apply(root: Directory, layer: int, steps: list[Step]) -> bytes:
    """Apply a layer to the model and return it as an archive, without what was left out."""
    hiding = {"whiteout", "opaque"}
    steps = [step for step in steps if not passes_a_link(root, (*step.path, "x"))]
    for step in steps:
        hide(root, step)
    entries = []
    for number, step in enumerate(steps):
        content = f"{layer}.{number}"
        if passes_a_link(root, (*step.path, "x")):
            continue
        # A target that a whiteout of this layer hides is found by one order and not by another.
        if step.kind in hiding or put(root, step, content):
            entries.append(encode(step, content))
    return build.tar(*entries)


def listing(root: Directory, prefix: str = "") -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for name, node in root.children.items():
        if isinstance(node, Directory):
            found[prefix + name] = ("dir", oct(node.mode))
            found |= listing(node, f"{prefix}{name}/")
        else:
            found[prefix + name] = (node.kind, node.value)
    return found


@pytest.mark.slow
@settings(max_examples=400)
@given(st.lists(st.lists(STEPS, max_size=7), min_size=1, max_size=4))
def test_layers_give_what_the_model_gives(layers: list[list[Step]]) -> None:
    root = Directory()
    archives = [apply(root, number, steps) for number, steps in enumerate(layers)]
    found = tree(flat(*archives))
    assert {
        path: (
            node["type"],
            {"dir": oct(node["info"].mode), "symlink": node["info"].linkname}.get(
                node["type"], node["content"].decode()
            ),
        )
        for path, node in found.items()
    } == listing(root)
    stored = [
        node["content"] for node in found.values() if node["type"] == "file" and "same" not in node
    ]
    assert len(stored) == len(set(stored))
