"""A real PostgreSQL server for tests, and catalogs in it."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

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


class Server:
    """A server without a port; its socket is in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._data = str(folder / "data")

    def make(self) -> None:
        """Make the cluster."""
        made = run(program("initdb"), "-D", self._data, "-A", "trust", "-U", "postgres", "-N",
                   "-E", "UTF8", "--locale=C.UTF-8")  # fmt: skip
        assert made.returncode == 0, made.stdout

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = f"-k {self.folder} -c listen_addresses= -F"
        log = str(self.folder / "log")
        run(program("pg_ctl"), "-D", self._data, "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        """Stop as a crash does."""
        run(program("pg_ctl"), "-D", self._data, "-m", "immediate", "-w", "stop")

    def url(self, cache: str = "", database: str = "postgres", **options: str) -> str:
        """Return the URL of a catalog; without a name, the layout gives it one."""
        every = {"host": str(self.folder), **options, **({"cache": cache} if cache else {})}
        query = "&".join(f"{key}={quote(value)}" for key, value in every.items())
        return f"postgresql+psycopg://postgres@/{database}?{query}"

    def psql(self, text: str, database: str = "postgres") -> str:
        """Run SQL as its superuser."""
        done = run(
            "psql", "-h", str(self.folder), "-U", "postgres", "-d", database,
            "-v", "ON_ERROR_STOP=1", "-Atc", text,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def fresh(self, **options: str) -> str:
        """Return the URL of a catalog that does not exist yet."""
        return self.url(f"c{uuid4().hex}", **options)


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server of this test alone."""
    require("psql", "setpriv")
    if shutil.which(program("initdb")) is None:
        require("initdb")
    with tempfile.TemporaryDirectory() as name:  # the path of a socket must be short
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        server = Server(folder)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def numbered(text: str) -> str:
    """Write the parameters of the driver as those of a prepared statement."""
    places: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        key = found[1] or f"position {found.start()}"
        return f"${places.setdefault(key, len(places) + 1)}"

    return re.sub(r"%(?:\((\w+)\))?s", place, text).replace("%%", "%")
