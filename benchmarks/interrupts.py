"""Time from Ctrl-C to the end of each command, at moments spread over its run, as Markdown.

    python -m benchmarks.interrupts [ROW…] [--points 5] [--megabytes 1024] [--images 2000]

A cache with one large layer, one gzip layer as large, and many small images. Each command runs to
its end once; then it is started again and interrupted at a random moment of each of `points` equal
parts of that time. Rows that begin with `hang` wait for a server, a lock or a pipe that never
answers. A row has the load of the machine, the median and the longest time in milliseconds, and
each end by an exception. Before the program itself has started, Ctrl-C ends Python by the signal,
or by an exception in its module `site`.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import io
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.layouts import Writer
from tests.registry.servers import docker_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHEDB = str(Path(sys.executable).with_name("cachedb"))
ROWS = {
    "pull": "pull {host}/t/big:1 --cache fresh",
    "push": "push big:1 --remote-name {empty}/t/big:1",
    "copy": "copy {host}/t/big:1 {empty}/t/big:1 --cache fresh",
    "sync": "sync list.txt --cache fresh",
    "tags": "tags {host}/t/big",
    "inspect": "inspect --remote {host}/t/big:1",
    "import archive": "import big.tar --cache fresh",
    "import folder": "import cache --cache fresh",
    "export": "export big:1 -o out.tar",
    "export docker": "export big:1 --format docker -o out.tar",
    "export filesystem": "export big:1 --format filesystem -o out.tar",
    "ls, first open": "ls --cache fresh-copy",
    "ls": "ls",
    "show": "show big:1",
    "history": "history big:1",
    "tree": "tree big:1",
    "files": "files big:1",
    "files gzip": "files gzip:1",
    "cat": "cat gzip:1:/last",
    "diff": "diff big:1 gzip:1",
    "index": "index files --all",
    "waste": "waste",
    "sbom": "sbom big:1",
    "find-root": "find-root big:1",
    "why": "why {digest}",
    "du": "du",
    "du grouped": "du --group-by repository",
    "report": "report",
    "report html": "report --html report.html",
    "report json": "report --format json",
    "validate": "validate",
    "validate deep": "validate --deep",
    "check": "check rules.toml",
    "verify": "verify",
    "doctor": "doctor",
    "doctor rebuild": "doctor --rebuild",
    "gc dry run": "gc --grace 0 --dry-run",
    "gc": "gc --grace 0 --cache fresh-garbage",
    "prune": "prune --keep-last 1 --grace 0 --yes --cache fresh-copy",
    "policy": "policy check policy.toml",
    "pin": "pin big:1",
    "unpin": "unpin big:1",
    "log": "log",
    "tag": "tag big:1 other:1",
    "untag": "untag other:1",
    "rm": "rm --where name:many --yes --cache fresh-copy",
    "clean": "clean --yes --cache fresh-copy",
    "query": "query blobs sort -size",
    "query regex": "query refs name~'(a|b)*(an|y)+:'",
    "query json": "query links --format json",
    "config": "config list",
    "sample": "sample sample",
    "cache": "cache dir",
    "hang: connect": "pull {full}/t/big:1 --cache fresh",
    "hang: headers": "pull {silent}/t/big:1 --cache fresh",
    "hang: tags": "tags {silent}/t/big",
    "hang: inspect": "inspect --remote {silent}/t/big:1",
    "hang: archive": "import fifo --cache fresh",
    "hang: lock": "tag big:1 more:1 --cache locked",
}
"""Commands by the name of their row; `fresh…` is made anew and `{empty}` emptied for each run."""
_CONFIG = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_HANGS_AFTER = 2.0
_INTERRUPTED = (130, -signal.SIGINT)


@dataclass(slots=True)
class Ended:
    """End of one row: milliseconds from each signal to the end, and other ends than 130."""

    seconds: float
    waits: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Bench:
    """A folder with caches, and the hosts of servers."""

    def __init__(self, folder: Path, values: dict[str, str]) -> None:
        self._folder = folder
        self._values = values

    def interrupt(self, row: str, points: int) -> Ended:
        """Run a command once to its end, then interrupt it at several moments."""
        hangs = row.startswith("hang")
        ended = Ended(_HANGS_AFTER if hangs else self._whole(row))
        for point in range(points):
            moment = (point + random.random()) / points * ended.seconds
            process = self._start(row)
            time.sleep(_HANGS_AFTER if hangs else moment)
            before = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=600)
            waited = 1000 * (time.monotonic() - before)
            if process.returncode not in _INTERRUPTED and "KeyboardInterrupt" not in error:
                continue  # it had ended before, well or not
            ended.waits.append(waited)
            if process.returncode == 1:
                ended.wrong.append(error.strip().rpartition("\n")[2])
                sys.stderr.write(error)
        return ended

    def _whole(self, row: str) -> float:
        started = time.monotonic()
        self._start(row).communicate(timeout=600)
        return time.monotonic() - started

    def _start(self, row: str) -> subprocess.Popen[str]:
        shutil.rmtree(self._folder / "fresh", ignore_errors=True)
        shutil.rmtree(self._folder / "empty" / "storage", ignore_errors=True)
        (self._folder / "out.tar").unlink(missing_ok=True)
        words = ROWS[row].format(**self._values).replace("'", "").split()
        for name in ("copy", "garbage"):
            if f"fresh-{name}" in words:
                target = self._folder / f"fresh-{name}"
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(self._folder / name, target, copy_function=os.link)
        return subprocess.Popen(
            [CACHEDB, *words],
            cwd=self._folder,
            env={**os.environ, "CACHEDB_CACHE": "cache", "CACHEDB_LIMIT_LOCK_SECONDS": "600"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # A shell ignores SIGINT in its background, which is inherited.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )


def prepare(folder: Path, megabytes: int, images: int) -> str:
    """Write caches and archives; return the digest of the large layer."""
    large, zipped = folder / "layer", folder / "layer.gz"
    _write_layer(large, megabytes)
    _compress(large, zipped)
    plain = _writer(folder / "cache", images)
    for name, file, kind in (("big:1", large, _LAYER), ("gzip:1", zipped, f"{_LAYER}+gzip")):
        layer = _put(folder / "cache", file, kind)
        plain.name(plain.image(_CONFIG | {"author": name}, [layer]), name)
    plain.finish()
    _writer(folder / "copy", images).finish()
    _writer(folder / "garbage", images).finish(slice(1))
    _writer(folder / "locked", 1).finish()
    digest = "sha256:" + _digest(large)
    _run(folder, "export", "big:1", "-o", "big.tar")
    (folder / "rules.toml").write_text('[rules.a]\nquery = "refs is:broken"\nexpect = "none"\n')
    (folder / "policy.toml").write_text("version = 1\nkeep-last = 3\n")
    os.mkfifo(folder / "fifo")
    return digest


def _run(folder: Path, *words: str) -> None:
    subprocess.run(
        [CACHEDB, *words], cwd=folder, env={**os.environ, "CACHEDB_CACHE": "cache"},
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def _writer(folder: Path, images: int) -> Writer:
    made = Writer(folder)
    for number in range(images):
        layer = made.layer(_archive({f"file-{number}": b"1"}), level=1)
        made.name(made.image(_CONFIG | {"author": str(number)}, [layer]), f"many:{number}")
    return made


def _archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, files)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def _write_layer(path: Path, megabytes: int) -> None:
    content = random.Random(1).randbytes(1 << 16) * 16
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, {f"part-{number}": content for number in range(megabytes)} | {"last": b"1"})


def _compress(path: Path, target: Path) -> None:
    encoder = zlib.compressobj(1, wbits=31)
    with path.open("rb") as source, target.open("wb") as file:
        while chunk := source.read(1 << 20):
            file.write(encoder.compress(chunk))
        file.write(encoder.flush())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put(cache: Path, path: Path, media_type: str) -> dict[str, object]:
    digest = _digest(path)
    os.link(path, cache / "blobs" / "sha256" / digest)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": path.stat().st_size}


def _sockets(stack: ExitStack) -> Iterator[tuple[str, str]]:
    """Yield servers that do not accept, or that accept and never answer."""
    full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    for _ in range(2):  # the queue of a backlog of 0 has room for one
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(full.getsockname())
    silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
    yield "full", f"127.0.0.1:{full.getsockname()[1]}"
    yield "silent", f"127.0.0.1:{silent.getsockname()[1]}"


def main() -> None:
    """Print a row for each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--points", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--images", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root, ExitStack() as stack:
        folder = Path(root)
        digest = prepare(folder, options.megabytes, options.images)
        hosts = [
            stack.enter_context(docker_registry(folder / name)).host
            for name in ("filled", "empty")
        ]
        _run(folder, "push", "big:1", "--remote-name", f"{hosts[0]}/t/big:1")
        (folder / "list.txt").write_text(f"{hosts[0]}/t/big:1\n")
        lock = stack.enter_context((folder / "locked" / ".lock").open("w"))
        fcntl.lockf(lock, fcntl.LOCK_EX)
        values = {"host": hosts[0], "empty": hosts[1], "digest": digest, **dict(_sockets(stack))}
        bench = Bench(folder, values)
        print("| command | whole, s | load | interrupted | median, ms | longest, ms | other |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
        for row in options.rows or ROWS:
            found = bench.interrupt(row, options.points)
            waits = found.waits or [0.0]
            print(
                f"| {row} | {found.seconds:.2f} | {os.getloadavg()[0]:.1f} | {len(found.waits)} |"
                f" {statistics.median(waits):.0f} | {max(waits):.0f} |"
                f" {'; '.join(found.wrong)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
