"""What a person sees at 80 and 200 columns, in tmux: progress that is gone, and results."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import build, golden_files
from tests.cli.test_golden_output import APP, BASE, TOOL
from tests.programs import require

_MOST_LOOKS = 500
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
        typed = (
            f"clear; {command}; printf 'en%s\\n' ded; {shlex.join([*tmux, 'wait-for', '-S', 'e'])}"
        )
        subprocess.run([*tmux, "send-keys", "-t", "s", typed, "Enter"], check=True)
        subprocess.run([*tmux, "wait-for", "e"], check=True, timeout=60)
        lines: list[str] = []
        for _ in range(_MOST_LOOKS):  # the terminal may still be drawing the last lines
            lines = [line.rstrip() for line in captured().splitlines()]
            if "ended" in lines:
                break
        end = lines.index("ended")
        return "\n".join(line for line in lines[:end] if line and typed[:20] not in line)

    def captured() -> str:
        done = subprocess.run(
            [*tmux, "capture-pane", "-p", "-t", "s"], check=True, capture_output=True, text=True
        )
        return done.stdout

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
