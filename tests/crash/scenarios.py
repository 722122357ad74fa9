"""Scenarios: small caches and the commands that a campaign kills."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cachedb.cache import Cache
from tests import build
from tests.crash.oracle import Expected, names_of

BASE = build.layer({"bin/sh": "#!base" * 50})
APP = build.index(
    build.image(BASE, build.layer({"app": "amd64" * 100}), labels={"team": "red"}),
    build.image(BASE, build.layer({"app": "arm64" * 100}), arch="arm64", variant="v8"),
)
TOOL = build.image(BASE, build.layer({"tool": "1" * 300}))
ORPHAN = build.layer({"orphan": ""})
OLD = build.layer({"old": "trash"})
SERVED = {"t/app:1": APP, "t/tool:2": TOOL}


@dataclass(frozen=True)
class Scenario:
    """A command, the cache that it starts from, and what it has to come to."""

    name: str
    arguments: tuple[str, ...]
    template: Path
    expected: Expected
    is_ready: bool = True
    """Whether the catalog is in step when the command begins."""


def make_all(folder: Path, host: str) -> dict[str, Scenario]:
    """Make the templates of every scenario; `host` is a registry that serves `SERVED`."""
    app, tool = f"{host}/t/app:1", f"{host}/t/tool:2"
    archive = folder / "app.tar"
    archive.write_bytes(build.archive({app: APP}))
    other = f"{host}/t/app:2"
    both, one = {tool: TOOL, app: APP}, {tool: TOOL}
    gc = ("gc", "--grace", "0")
    makers: dict[str, tuple[tuple[str, ...], dict[str, build.Thing], _Prepare, set[str]]] = {
        "open": (("ls",), both, _nothing, set()),
        "undo": (("ls",), one, _much_garbage, set()),
        "pull": (("pull", app), one, _half_a_pull, {app}),
        "import": (("import", str(archive)), one, _nothing, {app}),
        "rm": (("rm", app), both, _nothing, set()),
        "gc": (gc, one, _much_garbage, set()),
        "gc-into-trash": ((*gc, "--trash-ttl", "1h"), one, _much_garbage, set()),
        "repair": (("verify", "--repair"), both, _damage, set()),
        "rebuild": (("doctor", "--rebuild"), both, _nothing, set()),
        "pin": (("pin", app), both, _a_pin, set()),
        "unpin": (("unpin", tool), both, _a_pin, set()),
        "tag": (("tag", app, other), both, _nothing, {other}),
        "rm-and-rewrite": (("rm", app), both, _a_long_journal, set()),
    }
    return {
        name: _make(folder / name, name, *maker, gone={app} if name.startswith("rm") else set())
        for name, maker in makers.items()
    }


_Prepare = Callable[[build.Tree], dict[str, bytes | None]]


def _make(
    path: Path,
    name: str,
    arguments: tuple[str, ...],
    named: dict[str, build.Thing],
    prepare: _Prepare,
    added: set[str],
    gone: set[str],
) -> Scenario:
    tree = build.layout(path, named)
    Cache.open(path).close()
    unsound = prepare(tree)
    before = names_of(path)
    after = {key: digest for key, digest in before.items() if key not in gone}
    after |= dict.fromkeys(added, APP.digest)
    strays = frozenset({"oci-put-blob123"}) if (path / "oci-put-blob123").exists() else frozenset()
    expected = Expected(before=before, after=after, unsound=unsound, strays=strays)
    return Scenario(name, arguments, path, expected, is_ready=name not in {"open", "undo"})


def restore(scenario: Scenario, cache: Path) -> None:
    """Make a fresh copy of the cache that a scenario starts from."""
    shutil.rmtree(cache, ignore_errors=True)
    shutil.copytree(scenario.template, cache)


def _a_pin(tree: build.Tree) -> dict[str, bytes | None]:
    """Pin the tool, and leave a row of history."""
    with Cache.open(tree.path) as cache:
        (name,) = [listing.name for listing in cache.list() if "tool" in (listing.name or "")]
        cache.pin([name or ""])
        cache.packages(name or "")
    return {}


def _a_long_journal(tree: build.Tree) -> dict[str, bytes | None]:
    """Leave a journal that the next command rewrites."""
    _a_pin(tree)
    with Cache.open(tree.path) as cache:
        cache.layout.append_journal({"op": "use", "names": ["x" * (1 << 20)]})
    return {}


def _nothing(_tree: build.Tree) -> dict[str, bytes | None]:
    return {}


def _half_a_pull(tree: build.Tree) -> dict[str, bytes | None]:
    """Half of a layer is on the stage, and another blob is there and cut short."""
    stage = tree.path / ".cachedb" / "ingest"
    stage.mkdir()
    layer = _part_of_app(1)
    (stage / f"{layer.digest.replace(':', '-')}.part").write_bytes(layer.content[:40])
    config = _part_of_app(0)
    tree.put(config)
    tree.truncate(config.digest)
    return {config.digest: config.content[: config.size // 2]}


def _part_of_app(number: int) -> build.Blob:
    own = [blob for blob in APP.parts if blob.digest not in TOOL.digests]
    return own[number]


def _much_garbage(tree: build.Tree) -> dict[str, bytes | None]:
    """An image without a name, an orphan, and what killed operations have left."""
    tree.put(*APP.blobs, ORPHAN)
    private = tree.path / ".cachedb"
    left = {
        f"ingest/sha256-{'a' * 64}.part": b"half",
        "leases/0123456789abcdef": b"",
        "tmp/index.json.0123456789abcdef": b"half",
        f"trash/1000-old.done/{OLD.digest.replace(':', '-')}": OLD.content,
        f"trash/2000-killed/{ORPHAN.digest.replace(':', '-')}": ORPHAN.content,
    }
    for path, content in left.items():
        (private / path).parent.mkdir(parents=True, exist_ok=True)
        (private / path).write_bytes(content)
    (tree.path / "oci-put-blob123").write_bytes(b"half")
    return {}


def _damage(tree: build.Tree) -> dict[str, bytes | None]:
    tree.flip(BASE.digest)
    tree.delete(TOOL.config.digest)
    tree.truncate(APP.digest)
    return {
        BASE.digest: tree.blob_path(BASE.digest).read_bytes(),
        APP.digest: tree.blob_path(APP.digest).read_bytes(),
        TOOL.config.digest: None,
    }


def scratch(fallback: Path) -> Path:
    """Return a folder in memory where there is one: a crash of a process asks for no disk."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else fallback
