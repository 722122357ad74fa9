"""Hosts: processes with an identity of their own, which run commands on a shared cache."""

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.hosts import worker

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.hosts.worker"])
_PATIENCE = 120


class Ended(NamedTuple):
    """How a process ended: its exit code, None if it was killed, and what it has written."""

    code: int | None
    output: str


class Running:
    """A process of a host."""

    def __init__(
        self, host: worker.Identity, output: Path, work: Callable[..., int], *arguments: Any
    ) -> None:
        self._output = output
        self._process = _CONTEXT.Process(
            target=worker.start, args=(host, str(output), work, arguments)
        )
        self._process.start()

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.is_alive()

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()

    def wait(self) -> Ended:
        """Wait for its end."""
        self._process.join(_PATIENCE)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            self._process.join()
            raise AssertionError(f"it does not end: {self._output.read_text()}")
        self._process.close()
        text = self._output.read_text(errors="replace") if self._output.exists() else ""
        return Ended(code if code >= 0 else None, text)


class Host(NamedTuple):
    """A host that runs commands; `periods` are those after which it counts as dead."""

    identity: worker.Identity
    output: Path

    def start(self, cache: Path, *arguments: str, catalog: str | None = None) -> Running:
        """Start a command."""
        return Running(self.identity, self.output, worker.command, str(cache), arguments, catalog)

    def run(self, cache: Path, *arguments: str, catalog: str | None = None) -> Ended:
        """Run a command to its end."""
        return self.start(cache, *arguments, catalog=catalog).wait()

    def call(self, work: Callable[..., int], *arguments: Any) -> list[str]:
        """Call a function in a process of the host that prints a list in JSON at last."""
        ended = Running(self.identity, self.output, work, *arguments).wait()
        last = ended.output.strip().rpartition("\n")[2]
        if ended.code != 0 or not last.startswith("["):
            return [f"{ended.code}: {ended.output[-3000:]}"]
        found: list[str] = json.loads(last)
        return [*found, ended.output[-3000:]] if found else []
