"""Other tools that read and write layouts, and cachedb as an installed program."""

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.programs import require


def skopeo(*arguments: str | Path) -> str:
    require("skopeo")
    return _run("skopeo", "--insecure-policy", *arguments)


def umoci(*arguments: str | Path) -> str:
    require("umoci")
    return _run("umoci", *arguments)


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    code: int
    out: str
    err: str


def cachedb(cache: Path, *arguments: str | Path) -> Done:
    """Run cachedb on a cache, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "cachedb", *arguments],
        env={**os.environ, "CACHEDB_CACHE": str(cache)},
        check=False,
        capture_output=True,
        text=True,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def succeed(cache: Path, *arguments: str | Path) -> str:
    """Run cachedb, which has to end well; returns its stdout."""
    done = cachedb(cache, *arguments)
    assert done.code == 0, f"{arguments}: {done.err}"
    return done.out


def archive_system(target: Path, at_least: int) -> None:
    """Write a tar archive of files of this system: libraries and documents, as images hold."""
    size = 0
    with tarfile.open(target, "w") as archive:
        for path in _system_files():
            if size >= at_least:
                return
            archive.add(path, recursive=False)
            size += path.lstat().st_size
    raise AssertionError(f"this system has only {size} bytes to make an image of")


def archive_image(target: Path, size: int, entries: int) -> None:
    """Write an archive of files of this system as an image has them, each directory before them.

    It has exactly `entries` entries, and files of `size` bytes: those that would be too many are
    omitted, and the last entry is a file of the rest.
    """
    written, made = 0, {Path("/")}
    with tarfile.open(target, "w") as archive:
        for path in dict.fromkeys(_system_files()):
            above = [each for each in reversed(path.parents) if each not in made]
            content = path.lstat().st_size if path.is_file() and not path.is_symlink() else 0
            if len(archive.members) + len(above) + 1 >= entries:
                break
            if written + content > size:
                continue
            for each in (*above, path):
                archive.add(each, recursive=False)
            made.update(above)
            written += content
        rest = tarfile.TarInfo("rest")
        rest.size = size - written
        assert rest.size < size // 2, f"this system has only {written} bytes to make an image of"
        words = b"".join(b"line %d of the rest\n" % number for number in range(rest.size // 16))
        archive.addfile(rest, io.BytesIO(words.ljust(rest.size, b"\n")))
        assert len(archive.members) == entries, (
            f"this system has only {len(archive.members)} files"
        )


def _system_files() -> Iterator[Path]:
    for root in (os.path.dirname(os.__file__), "/usr/share", "/usr/lib", "/usr/bin"):
        for folder, below, names in os.walk(root):
            below.sort()
            for name in sorted(names):
                path = Path(folder, name)
                if os.access(path, os.R_OK) and (path.is_file() or path.is_symlink()):
                    yield path
