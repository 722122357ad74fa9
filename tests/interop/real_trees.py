"""Layers of real files: packages of this Debian system, as its database of packages lists them.

GNU tar writes them, as `debootstrap` and builders do. What a file tree holds is read by
`in_folder`, which needs neither tar nor cachedb.
"""

import gzip
import hashlib
import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import build
from tests.archive import build as archives
from tests.programs import require

_REQUIRED = ("required", "important")
SMALL = ("base-files", "perl-base", "tzdata", "grep")
"""Packages with hard links, symlinks and programs; 11 MB."""

CAPABILITY = b"\x01\0\0\x02\0 \0\0\0\0\0\0\0\0\0\0\0\0\0\0"
"""``cap_net_raw=ep``, as the kernel stores it in security.capability (version 2)."""
LONG = "very-long-name-" * 13
"""Part of a path longer than a tar header holds, that PAX records have."""
_CHANGING = frozenset(("/", name) for name in ("dev", "proc", "run", "sys", "tmp", "home", "root"))
"""Directories of a running system that are not only those of a package."""


@dataclass(frozen=True, order=True)
class Seen:
    """What a container sees of one file: the mode as `ls -l` prints it, times in seconds."""

    mode: str
    owner: tuple[int, int]
    size: int
    target: str
    modified: str


def required() -> list[str]:
    """Return the packages that a minimal Debian system has."""
    require("dpkg-query")
    show = ["dpkg-query", "--show", "--showformat=${Priority} ${Package}\n"]
    done = subprocess.run(show, check=True, capture_output=True, text=True)
    rows = (line.split() for line in done.stdout.splitlines())
    return sorted(name for priority, name in rows if priority in _REQUIRED)


def packages(*names: str) -> bytes:
    """Return an archive of installed packages as GNU tar writes it."""
    require("tar")
    listed = paths_of(*names)
    return files(path.lstrip("/") for path in listed if is_readable(Path(path)))


def paths_of(*names: str) -> list[str]:
    """Return the paths of installed packages, directories included."""
    require("dpkg")
    listed: dict[str, None] = {}
    for name in names:
        done = subprocess.run(["dpkg", "-L", name], check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"the package {name} is not installed: apt-get install {name}")
        listed |= dict.fromkeys(path for path in done.stdout.splitlines() if path != "/.")
    return list(listed)


def is_readable(path: Path) -> bool:
    """Return whether a file is there, does not change now, and can be read by this user."""
    if path.parts[:2] in _CHANGING:
        return False
    return path.is_symlink() or (path.exists() and os.access(path, os.R_OK))


def files(paths: Iterable[str], *options: str, folder: Path = Path("/")) -> bytes:
    """Return an archive of files below a folder, in PAX format unless the options have another."""
    command = ["tar", "--create", "--format=pax", "--no-recursion", *options,
               "--directory", str(folder), "--null", "--files-from=-"]  # fmt: skip
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    return subprocess.run(command, check=True, input=names, stdout=subprocess.PIPE).stdout


def layers_on(base: bytes, folder: Path) -> list[bytes]:
    """Return layers: files upgraded, others removed, rare kinds, and a file with holes twice."""
    return [
        base,
        upgraded(base),
        removed(base),
        rare(),
        sparse(folder),
        sparse(folder, "--sparse-version=0.1"),
    ]


def upgraded(base: bytes) -> bytes:
    """Return a layer that replaces every third file, as the upgrade of a package does."""
    entries = []
    with tarfile.open(fileobj=io.BytesIO(base)) as found:
        regular = [info for info in found if info.isreg()]
        for info in regular[::3]:
            content = found.extractfile(info)
            assert content is not None
            fields = {"mode": info.mode | 0o4000, "mtime": info.mtime + 9, "uid": 7, "gid": 8}
            entries.append(archives.file(info.name, b"new " + content.read(), **fields))
    return archives.tar(*entries)


def removed(base: bytes) -> bytes:
    """Return a layer that removes every seventh file, and what two directories hold."""
    with tarfile.open(fileobj=io.BytesIO(base)) as found:
        names = [info.name for info in found if info.isreg() and "/doc/" not in info.name]
    gone = [f"{name.rpartition('/')[0]}/.wh.{name.rpartition('/')[2]}" for name in names[::7]]
    return archives.tar(
        *(archives.file(name) for name in gone),
        archives.directory("usr/share/doc", mode=0o750),
        archives.file("usr/share/doc/only", b"one document is left\n"),
        archives.file("usr/share/doc/.wh..wh..opq"),
        archives.file("usr/share/zoneinfo/.wh.Europe"),
    )


def rare() -> bytes:
    """Return a layer with a link to a lower layer, long and odd names, and attributes."""
    capable, content = archives.file("usr/bin/ping", b"\x7fELF", mode=0o755)
    capable.pax_headers = {"SCHILY.xattr.security.capability": CAPABILITY.decode()}
    noted, note = archives.file("etc/noted", b"note")
    noted.pax_headers = {"SCHILY.xattr.user.note": "a=b", "SCHILY.xattr.user.empty": "-"}
    return archives.tar(
        archives.link("usr/bin/perl-too", "usr/bin/perl", "hardlink"),
        archives.file("srv/implied/directories", b"have no entry"),
        archives.directory("opt"),
        archives.file(f"opt/{LONG}/{LONG}/file", b"long"),
        archives.link("opt/far", f"{LONG}/{LONG}/file"),
        archives.file("opt/caf\udce9 \u00e9\n", b"name"),
        archives.entry("opt/pipe", "fifo", mode=0o600),
        archives.directory("opt/sticky", mode=0o1777),
        (capable, content),
        (noted, note),
    )


def sparse(folder: Path, *options: str) -> bytes:
    """Return an archive of a file with holes, as GNU tar writes it with ``--sparse``."""
    name = "sparse"
    with (folder / name).open("wb") as file:
        file.seek(3_000_000)
        file.write(b"middle" * 1000)
        file.truncate(9_000_000)
    archive = files([name], "--sparse", *options, folder=folder)
    assert len(archive) < 1_000_000, "no holes were found in the file"
    return archive


def blob(archive: bytes) -> build.Blob:
    """Return a layer, compressed by gzip."""
    diff_id = "sha256:" + hashlib.sha256(archive).hexdigest()
    return build.Blob(gzip.compress(archive, 1, mtime=0), build.OCI_LAYER_GZIP, diff_id)


def in_folder(root: Path) -> dict[str, Seen]:
    """Return the files of a tree by absolute path, without its root."""
    return {f"/{path.relative_to(root)}": _seen(path) for path in _below(root)}


def can_hold_attributes(folder: Path) -> bool:
    """Return whether the file system of a folder keeps extended attributes of this user."""
    file = folder / "with-attributes"
    file.touch()
    try:
        os.setxattr(file, "user.test", b"1")
    except OSError:
        return False
    return True


def contents(root: Path) -> dict[str, str]:
    """Return the SHA-256 of the regular files of a tree by absolute path."""
    return {
        f"/{path.relative_to(root)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in _below(root)
        if path.is_file() and not path.is_symlink()
    }


def link_groups(root: Path) -> set[frozenset[str]]:
    """Return the paths that are one file, for each regular file with several of them."""
    found: dict[int, set[str]] = {}
    for path in _below(root):
        about = path.lstat()
        if stat.S_ISREG(about.st_mode) and about.st_nlink > 1:
            found.setdefault(about.st_ino, set()).add(f"/{path.relative_to(root)}")
    return {frozenset(paths) for paths in found.values()}


def attributes(root: Path) -> dict[str, dict[str, bytes]]:
    """Return the extended attributes of the regular files of a tree that have some."""
    found = {}
    for path in _below(root):
        if path.is_file() and not path.is_symlink():
            names = [name for name in os.listxattr(path) if not name.startswith("user.rootless")]
            if names:
                found[f"/{path.relative_to(root)}"] = {n: os.getxattr(path, n) for n in names}
    return found


def _below(root: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(root):
        for name in (*below, *names):
            yield Path(folder, name)


def _seen(path: Path) -> Seen:
    about = path.lstat()
    is_link, is_file = stat.S_ISLNK(about.st_mode), stat.S_ISREG(about.st_mode)
    return Seen(
        mode="l" if is_link else stat.filemode(about.st_mode),
        owner=(about.st_uid, about.st_gid),
        size=about.st_size if is_file else 0,
        target=os.readlink(path) if is_link else "",
        modified=f"{datetime.fromtimestamp(about.st_mtime_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
