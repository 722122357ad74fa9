"""What commands print, word for word: read the golden file to see it."""

import shlex

from tests import build, golden_files
from tests.cli.conftest import Run


def plain(files: dict[str, str]) -> build.Blob:
    """Make a layer that no compressor has to make twice alike."""
    return build.layer(files, media_type=build.OCI_LAYER)


BASE = plain({"bin/sh": "#!base"})
APP = build.index(
    build.image(BASE, plain({"app": "amd64"}), labels={"team": "red"}, env=["A=1"]),
    build.image(BASE, plain({"app": "arm64"}), arch="arm64", variant="v8"),
)
TOOL = build.image(BASE, plain({"tool": "1"}), entrypoint=["/bin/tool", "--help"])

SESSION = [
    "ls",
    "ls arch:arm64",
    "show example.com/app:1",
    "tree example.com/app:1",
    f"find-root {BASE.digest}",
    f"why {BASE.digest}",
    "du",
    "du example.com/app:1",
    "validate",
    "validate --platform linux/s390x tool:2",
    "verify",
    "query refs created lt 2025-01-01 show name,size",
    "query blobs kind:layer sort -size",
    "query refs arhc:arm64",
    "rm --dry-run example.com/app:1",
    "rm example.com/app:1",
    "gc --dry-run --grace 0",
    "gc",
    "gc --grace 0",
    "ls",
    "show app",
]


def test_golden_session(run: Run, tree: build.Tree) -> None:
    tree.add(APP, "example.com/app:1")
    tree.add(TOOL, "docker.io/library/tool:2")
    tree.put(plain({"orphan": ""}))
    told = []
    for command in SESSION:
        done = run(tree.path, *shlex.split(command))
        ended = f"[exit code {done.code}]\n" if done.code else ""
        told.append(f"$ cachedb {command}\n{done.out}{done.err}{ended}")
    golden_files.check("cli_session.txt", "\n".join(told))
