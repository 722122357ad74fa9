"""`diff --format unified`: GNU patch makes the files of one image from those of the other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import build as images
from tests.archive import build
from tests.interop.tools import succeed
from tests.operations.test_image_files import NAME, OTHER, layer
from tests.programs import require

TEXTS = {
    "changed": (b"a\nb\nc\n", b"a\nB\nc\n"),
    "no newline at the end": (b"a\nb", b"a\nc"),
    "newline appended": (b"a\nb", b"a\nb\n"),
    "newline removed": (b"a\n", b"a"),
    "carriage returns": (b"a\r\nb\r\n", b"a\r\nc\r\n"),
    "only carriage returns": (b"a\rb\rc", b"a\rx\rc"),
    "form feeds": (b"a\x0cb\nc\n", b"a\x0cB\nc\n"),
    "separators of Unicode": ("a\u2028b\x85c\n".encode(), "a\u2028B\x85c\n".encode()),
    "blank lines": (b"\n\n\na\n", b"\n\nb\n\n"),
    "lines like headers": (b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n", b"--- a/x\n+++ b/y\n"),
    "added": (None, b"new\n"),
    "removed": (b"old\n", None),
    "emptied": (b"old\n", b""),
    "unchanged": (b"same", b"same"),
}
NAMES = [
    "with blanks  in it",
    "tab\tname",
    'quote"s',
    "back\\slash",
    "caf\u00e9",
    "caf\udce9",
    "esc\x1b[1m",
]


def entries(side: int) -> list[object]:
    texts = [(f"d/{name}", contents[side]) for name, contents in TEXTS.items()]
    texts += [(f"names/{name}", (b"one\n", b"two\n")[side]) for name in NAMES]
    return [build.file(name, content) for name, content in texts if content is not None]


def tree(folder: Path, side: int) -> dict[bytes, bytes]:
    for info, content in entries(side):
        path = os.fsencode(folder / info.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    return contents(folder)


def contents(folder: Path) -> dict[bytes, bytes]:
    root = os.fsencode(folder)
    found = {}
    for above, _, names in os.walk(root):
        for name in names:
            path = os.path.join(above, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = file.read()
    return found


@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 0)], ids=["forth", "back"])
def test_patch_makes_the_files_of_the_other_image(tmp_path: Path, before: int, after: int) -> None:
    require("patch")
    made = {
        name: images.image(layer(*entries(side)))
        for name, side in ((NAME, before), (OTHER, after))
    }
    cache = images.layout(tmp_path / "cache", made).path
    command = [sys.executable, "-m", "cachedb", "diff", "--format", "unified", NAME, OTHER]
    environment = {**os.environ, "CACHEDB_CACHE": str(cache)}
    difference = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=environment
    ).stdout
    tree(tmp_path / "files", before)

    patched = subprocess.run(
        ["patch", "-p1", "--binary"],
        check=False, cwd=tmp_path / "files", input=difference, capture_output=True,
    )  # fmt: skip

    assert patched.returncode == 0, patched.stdout.decode(errors="replace")
    assert contents(tmp_path / "files") == tree(tmp_path / "expected", after)


def test_a_name_cannot_end_the_line_of_a_header(tmp_path: Path) -> None:
    name = "x\n--- a/etc/passwd\n+++ b/etc/passwd\n@@ -0,0 +1 @@\n+root::0:0::/:/bin/sh"
    one, two = (
        images.image(layer(build.file("kept"))),
        images.image(layer(build.file("kept"), build.file(name, b"1\n"))),
    )
    cache = images.layout(tmp_path / "cache", {NAME: one, OTHER: two}).path

    lines = succeed(cache, "diff", "--format", "unified", NAME, OTHER).splitlines()

    assert len(lines) == 4
    assert lines[0] == "--- /dev/null"
    assert lines[1].startswith('+++ "b/x\\n--- a/etc/passwd\\n')
    assert lines[2:] == ["@@ -0,0 +1 @@", "+1"]
