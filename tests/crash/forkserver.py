"""Fork server: a process with all imports done, which forks one child per command line.

Starting Python takes longer than the commands that are killed. A request is one line of JSON on
stdin. The response is one line on stdout with the id of the child, which waits for SIGCONT, and
another with its wait status after it has ended.
"""

import json
import os
import signal
import sys
import tempfile
from concurrent.futures import Executor, Future
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config

import cachedb.cli.app
import cachedb.operations.archives.import_
import cachedb.operations.check.doctor
import cachedb.operations.check.repair
import cachedb.operations.sync.rebuild
import cachedb.operations.transfer.pull
import cachedb.registry.client
from cachedb.cache import Cache
from cachedb.layout import fingerprint
from tests import build
from tests.crash import aftermath, mutants

_LOADED = (alembic.command, alembic.config, cachedb)


class Inline(Executor):
    """Runs what it is given at once, so that every run makes the same system calls in order."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take what a pool of threads takes."""

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:  # noqa: BLE001  (as a pool does)
            future.set_exception(error)
        return future


def _prepare() -> None:
    """Make this process one whose children do the same on every run, and soon."""
    for module in (
        "operations.transfer.workers",
        "operations.check.verify",
        "operations.check.repair",
    ):
        loaded = sys.modules.get(f"cachedb.{module}")
        if hasattr(loaded, "ThreadPoolExecutor"):
            loaded.ThreadPoolExecutor = Inline  # type: ignore[union-attr]
    # A cache that was copied a moment ago is to be taken for one that is unchanged for long.
    fingerprint._RACY_NS = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        build.layout(Path(folder, "cache"), {"example.com/app:1": build.multi_platform()})
        for arguments in (["ls"], ["verify"], ["rm", "example.com/app:1"], ["gc", "--grace", "0"]):
            _command(Path(folder, "cache"), arguments)


def _command(cache: Path, arguments: list[str]) -> int:
    os.environ["CACHEDB_CACHE"] = str(cache)
    sys.argv = ["cachedb", *arguments]
    try:
        cachedb.cli.app.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _run(request: dict[str, Any]) -> int:
    cache = Path(request["cache"])
    match request["do"]:
        case "settle":
            Cache.open(cache).close()
            return 0
        case "examine":
            return aftermath.examine(cache, request["arguments"])
    if request["mutant"] is not None:
        getattr(mutants, request["mutant"])()
    if request["do"] == "wait and run":
        os.kill(os.getpid(), signal.SIGSTOP)
    return _command(cache, request["arguments"])


def _child(request: dict[str, Any]) -> None:
    """Run in the forked process, and end it without the rest of the program."""
    code = 99
    try:
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = _run(request)
    except BaseException:  # noqa: BLE001  (whatever it is, the oracle has to see it)
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = code or 98
        os._exit(code)


def _answer(value: int) -> None:
    sys.stdout.write(f"{value}\n")
    sys.stdout.flush()


def serve() -> None:
    """Answer requests until stdin ends."""
    _prepare()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _child(request)
        if request["do"] == "wait and run":
            os.waitpid(pid, os.WUNTRACED)  # it has stopped, and waits for the parent
        _answer(pid)
        _, status = os.waitpid(pid, 0)
        _answer(status)


if __name__ == "__main__":
    serve()
