"""Workers of the soak of hosts: each is a host of its own, and runs commands until it is killed.

A host reports each change before and after: ``try`` or ``done``, ``add`` or ``rm``, the name, the
digest; a command that ended with an error leaves it open which of both there is.
"""

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests import build
from tests.crash import oracle
from tests.hosts import worker
from tests.hosts.worker import Identity
from tests.soak.workers import image

NAMES = 4
SERVED = 3
LEASE, BEAT = 5.0, 1.0
_BUSY, _STORAGE = 5, 9

Say = Callable[[tuple[str, ...]], None]


class Farm(NamedTuple):
    """What all hosts share: the URL of the catalog, and a registry."""

    catalog: str
    registry: str


def served(hosts: int) -> dict[str, build.Thing]:
    """Return the images of the registry: some for each host, so that each name has one writer."""
    return {
        f"host{host}/app{number}:1": image(host * SERVED + number)
        for host in range(hosts)
        for number in range(SERVED)
    }


class SharedHost:
    """Work of one host; `number` counts how often it was killed."""

    def __init__(self, farm: Farm) -> None:
        self.farm = farm
        self.output = Path(os.devnull)

    def __call__(self, say: Say, root: Path, owner: str, number: int) -> None:
        """Run commands for ever."""
        # Half of the hosts that were killed have booted: their leases end with the heartbeat only.
        worker.become(Identity(owner, LEASE, LEASE, BEAT, boot=f"{owner}-{number // 2}"))
        self._write_to(root.parent / f"{owner}.output")
        chosen = random.Random(f"{owner} {number}")
        while True:
            kind = chosen.choices(
                ("import", "pull", "rm", "prune", "gc"), weights=(4, 3, 3, 1, 1)
            )[0]
            getattr(self, f"_{kind}")(say, root, owner, chosen)

    def _write_to(self, output: Path) -> None:
        """Keep what the command that runs now writes, for the report of a failure."""
        self.output = output
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(descriptor, stream)
        sys.stdout.flush()

    def _run(self, root: Path, *arguments: str) -> int:
        os.truncate(1, 0)
        code = worker.command(str(root), arguments, self.farm.catalog)
        if code not in {0, _BUSY, _STORAGE}:
            sys.stderr.flush()
            said = self.output.read_text(errors="replace")
            raise AssertionError(f"{arguments} ends with {code}: {said[-2000:]}")
        return code

    def _change(self, say: Say, root: Path, what: tuple[str, str, str], *arguments: str) -> None:
        say(("try", *what))
        code = self._run(root, *arguments)
        say(("done", *what) if code == 0 else ("error", str(code), *arguments[:1]))

    def _import(self, say: Say, root: Path, owner: str, chosen: random.Random) -> None:
        name = f"example.com/{owner}:{chosen.randrange(NAMES)}"
        thing = image(chosen.randrange(1 << 16))
        archive = root.parent / f"{owner}.tar"
        archive.write_bytes(build.archive({name: thing}))
        self._change(say, root, ("add", name, thing.digest), "import", "--replace", str(archive))

    def _pull(self, say: Say, root: Path, owner: str, chosen: random.Random) -> None:
        host, number = int(owner.removeprefix("host")), chosen.randrange(SERVED)
        name = f"{self.farm.registry}/{owner}/app{number}:1"
        digest = image(host * SERVED + number).digest
        self._change(say, root, ("add", name, digest), "pull", name)

    def _rm(self, say: Say, root: Path, owner: str, chosen: random.Random) -> None:
        mine = [name for name in oracle.names_of(root) if f"/{owner}" in str(name)]
        if mine:
            name = str(chosen.choice(mine))
            self._change(say, root, ("rm", name, ""), "rm", name)

    def _prune(self, say: Say, root: Path, owner: str, chosen: random.Random) -> None:
        name = f"example.com/{owner}:{chosen.randrange(NAMES)}"
        if name in oracle.names_of(root):
            prune = ("prune", "--yes", "--all", "--drop", f"name:{name}", "--grace", "0")
            self._change(say, root, ("rm", name, ""), *prune)

    def _gc(self, say: Say, root: Path, *_: object) -> None:
        code = self._run(root, "gc", "--grace", "0")
        say(("collected" if code == 0 else "error", str(code), "gc"))
