"""PostgreSQL takes every compiled statement on the compiled tables."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.catalog import compiled
from tests.programs import require


def program(name: str) -> str:
    """Find a program of the server, which Debian keeps out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else str(shutil.which(name))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a user other than root, whom the server refuses."""
    other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return subprocess.run(
        [*(other if os.geteuid() == 0 else []), *command],
        check=False, cwd="/", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.fixture
def server() -> Iterator[Path]:
    """A server without a port; its socket is in the directory."""
    require("psql", "setpriv")
    if shutil.which(program("initdb")) is None:
        require("initdb")
    with tempfile.TemporaryDirectory() as name:  # the path of a socket must be short
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        data = str(folder / "data")
        made = run(program("initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-N")
        assert made.returncode == 0, made.stdout
        options = f"-k {folder} -c listen_addresses= -F"
        log = str(folder / "log")
        run(program("pg_ctl"), "-D", data, "-l", log, "-o", options, "-w", "start")
        yield folder
        run(program("pg_ctl"), "-D", data, "-m", "immediate", "stop")


def test_postgresql_prepares_every_statement(server: Path) -> None:
    lines = [f"{text};" for _, _, text in compiled.tables("postgresql")]
    lines += ["CREATE SCHEMA files;"]
    lines += [f"{text};" for _, _, text in compiled.file_tables("postgresql")]
    statements = compiled.statements("postgresql")
    lines += [f'PREPARE "{name}" AS {numbered(text)};' for name, text in statements.items()]

    done = run(
        "psql", "-h", str(server), "-U", "postgres", "-v", "ON_ERROR_STOP=1",
        "-c", "\n".join(lines),
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PREPARE") == len(statements)


def numbered(text: str) -> str:
    """Write the parameters of the driver as those of a prepared statement."""
    places: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        key = found[1] or f"position {found.start()}"
        return f"${places.setdefault(key, len(places) + 1)}"

    return re.sub(r"%(?:\((\w+)\))?s", place, text).replace("%%", "%")
