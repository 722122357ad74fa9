"""Processes of a soak test: started, observed, killed and started again."""

import multiprocessing
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from tests.soak import workers

# Each process is forked from one that has imported everything: a start of Python takes longer
# than most of them live.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["cachedb.operations.archives.import_", "tests.soak.workers"])

Said = tuple[str, ...]


@dataclass
class Worker:
    """A worker that may be killed and started again, and what its runs have said."""

    work: Callable[..., None]
    root: Path
    owner: str = "-"
    said: list[Said] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    kills: int = 0
    _heard: int = 0

    def start(self, number: int = 0) -> None:
        """Start a run; `number` is the last argument of its work."""
        self._heard = len(self.said)
        here, there = _CONTEXT.Pipe(duplex=False)
        arguments = (self.work, there.send, self.root, self.owner, number)
        self._process = _CONTEXT.Process(target=workers.main, args=arguments)
        self._process.start()
        there.close()
        self._listener = threading.Thread(target=self._listen, args=[here])
        self._listener.start()

    def kill(self) -> None:
        """Kill the run, and hear all that it had to say."""
        self._process.kill()
        self.wait()
        self.kills += 1

    def wait(self) -> None:
        """Wait for the end of the run."""
        self._listener.join()
        self._process.join()
        self._process.close()

    @property
    def did(self) -> int:
        """How many things it has done, in all of its runs."""
        return sum(words[0] == "done" for words in self.said)

    @property
    def has_spoken(self) -> bool:
        """Whether this run has begun to work."""
        return len(self.said) > self._heard

    def _listen(self, connection: Connection) -> None:
        with connection:
            while True:
                try:
                    words = connection.recv()
                except (EOFError, OSError):  # ended, perhaps in the middle of a word
                    return
                if words[0] == "failed":
                    self.errors.append(words[1])
                else:
                    self.said.append(words)


def names_after(said: list[Said]) -> dict[str, set[str | None]]:
    """Return which digests each name may stand for after all that was said; None is no name."""
    found: dict[str, set[str | None]] = {}
    for stage, action, name, digest in said:
        new = digest if action == "add" else None
        if stage == "done":
            found[name] = {new}
        else:
            found[name] = found.get(name, {None}) | {new}
    return found
