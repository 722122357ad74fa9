"""Tab in bash, zsh and fish on a terminal: commands, options, names, and words of queries."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import build
from tests.programs import require

PATIENCE = 120
PROMPT = "ready>"
SHELLS = {
    "bash": (["bash", "--norc", "-i"], f"PS1='{PROMPT} '"),
    "zsh": (["zsh", "-f", "-i"], f"PROMPT='{PROMPT} '; autoload -Uz compinit; compinit -u -D"),
    "fish": (
        ["fish", "--no-config", "-i"],
        f"function fish_prompt; echo -n '{PROMPT} '; end; set -g fish_autosuggestion_enabled 0",
    ),
}
"""Command of a shell without files of the user, and what sets its prompt."""
COMPLETED = {
    "cachedb find-r": "cachedb find-root",
    "cachedb ls --colum": "cachedb ls --columns",
    "cachedb show docker.io/libr": "cachedb show docker.io/library/tool:2",
    "cachedb query refs is:multi": "cachedb query refs is:multiarch",
    "cachedb query refs not repo:library/": "cachedb query refs not repo:library/tool",
}


class Pane:
    """A shell in tmux."""

    def __init__(self, tmux: list[str]) -> None:
        self._tmux = tmux

    def press(self, *keys: str) -> None:
        subprocess.run([*self._tmux, "send-keys", "-t", "s", *keys], check=True)

    def shows(self, text: str) -> bool:
        """Wait until the screen shows a text."""
        end = time.monotonic() + PATIENCE
        while text not in self.screen():
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def screen(self) -> str:
        command = [*self._tmux, "capture-pane", "-p", "-t", "s"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def shell(name: str, folder: Path, environment: dict[str, str]) -> Iterator[Pane]:
    """Run a shell that has sourced the completion which the program prints for it."""
    program = Path(sys.executable).with_name("cachedb")
    asked = os.environ | {"_CACHEDB_COMPLETE": f"source_{name}"}
    script = folder / f"completion.{name}"
    script.write_bytes(subprocess.check_output([program], env=asked))
    (folder / "bin").mkdir()
    (folder / "bin" / "cachedb").symlink_to(program)
    settings = environment | {
        "HOME": str(folder),
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
    }
    command, setup = SHELLS[name]
    tmux = ["tmux", "-f", "/dev/null", "-S", str(folder / "tmux")]
    started = ["env", "-i", *(f"{key}={value}" for key, value in settings.items()), *command]
    inside = shlex.join(["env", "TERM=screen", *started[:2], "TERM=screen", *started[2:]])
    subprocess.run(
        [*tmux, "new-session", "-d", "-s", "s", "-x", "100", "-y", "24", inside], check=True
    )
    try:
        pane = Pane(tmux)
        pane.press(f"{setup}; source {script}; clear", "Enter")
        assert pane.shows(PROMPT), pane.screen()
        yield pane
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)


@pytest.mark.parametrize("name", SHELLS)
def test_a_tab_completes_commands_options_names_and_queries(
    name: str, populated: build.Tree, tmp_path: Path
) -> None:
    require("tmux", name)
    Cache.open(populated.path).close()
    with shell(name, tmp_path, {"CACHEDB_CACHE": str(populated.path)}) as pane:
        for typed, completed in COMPLETED.items():
            pane.press("-l", typed)
            assert pane.shows(f"{PROMPT} {typed}"), pane.screen()
            pane.press("Tab")
            assert pane.shows(f"{PROMPT} {completed}"), pane.screen()
            pane.press("C-u")
