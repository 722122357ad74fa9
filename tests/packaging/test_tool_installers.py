"""The wheel as uv and pipx install a program, with dependencies from the index."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cachedb.version import VERSION
from tests.packaging.installed import build

pytestmark = pytest.mark.slow
_COMMANDS = {
    "uv": ("uv", "tool", "install", "--python", sys.executable),
    "pipx": (sys.executable, "-m", "pipx", "install", "--python", sys.executable),
}


@pytest.mark.parametrize("installer", _COMMANDS)
def test_the_program_is_installed_for_a_user(installer: str, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "UV_TOOL_DIR": str(tmp_path / "tools"),
        "UV_TOOL_BIN_DIR": str(programs),
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(programs),
        "PIPX_MAN_DIR": str(tmp_path / "man"),
    }
    done = subprocess.run(
        [*_COMMANDS[installer], str(build(tmp_path / "dist"))],
        env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0 and os.environ.get("CI") != "true":
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    printed = subprocess.run([programs / "cachedb", "--version"], check=True, capture_output=True)
    assert printed.stdout.decode() == f"cachedb {VERSION}\n"
    if installer == "pipx":
        assert (tmp_path / "man" / "man1" / "cachedb-pull.1").exists()
