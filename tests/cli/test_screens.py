"""What a person sees at 80 and 200 columns, in tmux: progress that is gone, and results."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import build, golden_files
from tests.cli.test_golden_output import APP, BASE, TOOL
from tests.programs import require

Screen = Callable[[str], str]
COMMANDS = [
    "ls",
    "ls --columns name,state",
    "du",
    "history docker.io/library/tool:2",
    "inspect example.com/app:1",
    "validate",
    "verify",
    "tag tool:2 example.com/a/very/long/name/of/an/image/that/fills/the/terminal:stable",
    "ls",
    "gc --dry-run --grace 0",
    "export tool:2 -o ../tool.tar",
    "import ../tool.tar",
    "rm --dry-run tool:2",
    "rm --where tag:stable --yes",
    "clean --yes",
    "ls",
]


@pytest.fixture(params=[80, 200])
def screen(
    request: pytest.FixtureRequest, tree: build.Tree, tmp_path: Path
) -> Iterator[tuple[int, Screen]]:
    """A terminal of some width in which a command is run; returns what it shows then."""
    require("tmux")
    tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    environment = {
        **os.environ,
        "CACHEDB_CACHE": ".",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PS1": "$ ",
        "TERM": "xterm",
    }
    environment.pop("COLUMNS", None)
    size = ["-x", str(request.param), "-y", "60"]
    subprocess.run(
        [*tmux, "new-session", "-d", "-s", "s", *size, "sh"],
        cwd=tree.path, env=environment, check=True,
    )  # fmt: skip

    def show(command: str) -> str:
        marker = tmp_path / "ended"
        marker.unlink(missing_ok=True)
        typed = f"clear; {command}; echo $? > {shlex.quote(str(marker))}"
        subprocess.run([*tmux, "send-keys", "-t", "s", typed, "Enter"], check=True)
        for _ in range(1200):
            if marker.exists() and marker.read_text().endswith("\n"):
                break
            time.sleep(0.05)
        time.sleep(0.1)  # the terminal draws the last lines
        shown = subprocess.run(
            [*tmux, "capture-pane", "-p", "-t", "s"], check=True, capture_output=True, text=True
        ).stdout
        lines = [line.rstrip() for line in shown.splitlines()]
        return "\n".join(
            line for line in lines if line not in {"", "$", "#"} and typed[:20] not in line
        )

    try:
        yield request.param, show
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)


def test_golden_screens(screen: tuple[int, Screen], tree: build.Tree) -> None:
    width, show = screen
    tree.add(APP, "example.com/app:1")
    tree.add(TOOL, "docker.io/library/tool:2")
    tree.put(BASE)
    told = []
    for command in COMMANDS:
        shown = show(f"cachedb {command}")
        assert all(len(line) <= width for line in shown.splitlines())
        told.append(f"$ cachedb {command}\n{shown}\n")
    golden_files.check(f"screens_{width}.txt", "\n".join(told))
