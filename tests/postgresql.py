"""A real PostgreSQL server for tests, and catalogs in it."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from tests.programs import require


def program(name: str) -> str:
    """Find a program of the server, which Debian keeps out of PATH, or that of another version."""
    if other := os.environ.get("POSTGRESQL_BIN"):
        return str(Path(other) / name)
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else str(shutil.which(name))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a user other than root, whom the server refuses."""
    other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return subprocess.run(
        [*(other if os.geteuid() == 0 else []), *command],
        check=False, cwd="/", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


_ACCESS = """\
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
"""


class Server:
    """A server whose socket is in the folder; with a port, it asks for passwords there.

    At another address than that of loopback, its neighbours need none. `programs` is the directory
    of the programs of another server than the one that is installed.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        address: str = "127.0.0.1",
        programs: Path | None = None,
    ) -> None:
        self.folder = folder
        self.port = port
        self.address = address
        self.programs = programs
        self._data = str(folder / "data")

    def make(self) -> None:
        """Make the cluster."""
        made = self._run("initdb", "-D", self._data, "-A", "trust", "-U", "postgres", "-N",
                         "-E", "UTF8", "--locale=C.UTF-8")  # fmt: skip
        assert made.returncode == 0, made.stdout
        Path(self._data, "pg_hba.conf").write_text(
            f"{_ACCESS}host all all {self.address}/24 trust\n"
        )

    def copy(self, primary: "Server") -> None:
        """Make a standby of another server."""
        made = self._run("pg_basebackup", "-h", str(primary.folder), "-U", "postgres", "-R",
                         "-c", "fast", "-D", self._data)  # fmt: skip
        assert made.returncode == 0, made.stdout

    def promote(self) -> None:
        """Make a standby the primary."""
        self._run("pg_ctl", "-D", self._data, "-w", "promote")

    def start(self) -> None:
        """Start, and wait until it answers."""
        listen = "" if self.port is None else f"{self.address} -c port={self.port}"
        # Fixtures make whole schemas in one transaction, each table and index of which is a lock.
        locks = "-c max_locks_per_transaction=512"
        options = f"-k {self.folder} -c listen_addresses={listen} {locks} -F"
        log = self.folder / "log"
        done = self._run("pg_ctl", "-D", self._data, "-l", str(log), "-o", options, "-w", "start")
        assert done.returncode == 0, log.read_text()

    def stop(self) -> None:
        """Stop as a crash does."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def _run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        found = program(name) if self.programs is None else str(self.programs / name)
        return run(found, *arguments)

    def url(self, cache: str = "", database: str = "postgres", **options: str) -> str:
        """Return the URL of a catalog; without a name, the layout gives it one."""
        place = {"host": str(self.folder), **({} if self.port is None else {"port": self._port})}
        every = {**place, **options, **({"cache": cache} if cache else {})}
        query = "&".join(f"{key}={quote(value)}" for key, value in every.items())
        return f"postgresql+psycopg://postgres@/{database}?{query}"

    @property
    def _port(self) -> str:
        return str(self.port)

    def psql(self, text: str, database: str = "postgres") -> str:
        """Run SQL as its superuser."""
        done = self._run(
            "psql", "-h", str(self.folder), *([] if self.port is None else ["-p", self._port]),
            "-U", "postgres", "-d", database,
            "-v", "ON_ERROR_STOP=1", "-Atc", text,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def make_database(self) -> str:
        """Make a database of this test alone, and return its name."""
        name = f"d{uuid4().hex}"
        self.psql(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def fresh(self, **options: str) -> str:
        """Return the URL of a catalog that does not exist yet."""
        return self.url(f"c{uuid4().hex}", **options)


@contextmanager
def serving(
    *,
    standby_of: Server | None = None,
    has_port: bool = False,
    address: str = "127.0.0.1",
    programs: Path | None = None,
) -> Iterator[Server]:
    """Run a server of this test alone, or a standby of another one."""
    require("psql", "setpriv")
    if standby_of is not None:
        programs = standby_of.programs
    if programs is None and shutil.which(program("initdb")) is None:
        require("initdb")
    with tempfile.TemporaryDirectory() as name:  # the path of a socket must be short
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        server = Server(folder, _free_port() if has_port else None, address, programs)
        if standby_of is None:
            server.make()
        else:
            server.copy(standby_of)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def numbered(text: str) -> str:
    """Write the parameters of the driver as those of a prepared statement."""
    places: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        key = found[1] or f"position {found.start()}"
        return f"${places.setdefault(key, len(places) + 1)}"

    return re.sub(r"%(?:\((\w+)\))?s", place, text).replace("%%", "%")
