"""Images of the benchmark of the index of files: measured ones, many, large ones, and trees."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import subprocess
import tarfile
import zlib
from typing import TYPE_CHECKING

from cachedb.archive.image_tree import ImageTree, LayerFile
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.cache import Cache
from cachedb.oci import Digest
from cachedb.operations.files import file_rows, image_rows
from tests import build
from tests.archive import build as archives
from tests.archive import lazy_layers
from tests.interop.tools import archive_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAME, OTHER, LAZY = "example.com/a:1", "example.com/a:2", "example.com/a:lazy"
REBUILT = "example.com/a:rebuilt"
LAST = "opt/last"
ENTRIES_OF_MEGABYTE = 73
NODE_PACKAGES = ("next", "eslint", "webpack", "jest", "@babel/core", "@babel/preset-env")
FILES_OF_IMAGE = 5_000
FILES_OF_DIRECTORY = 100
DIRECTORIES = 600
EMPTY_FILES = 10_000_000


def make_measured(root: Path, given: Sequence[Path], size: int) -> None:
    """Write the measured image, a later one, one with rebuilt layers, and one in zstd:chunked.

    Its layers are the given archives, files of this system up to a size in bytes, and one file.
    """
    layers = [archive.read_bytes() for archive in given]
    left = size - sum(map(len, layers))
    if left > 0:
        # The last layer has two entries more.
        archive_image(root / "system.tar", left, left // 1_000_000 * ENTRIES_OF_MEGABYTE - 2)
        layers.append((root / "system.tar").read_bytes())
    text = b"".join(b"line %d of a text\n" % number for number in range(4_000_000))
    last = archives.tar(archives.directory("opt"), archives.file(LAST, text))
    changed = build.tar({LAST: "z" * 1_000_000, "etc/motd": "changed", "usr/.wh.games": ""})
    parts = [packed(layer) for layer in (*layers, last)]
    other = packed(changed)
    rebuilt = [packed(layer + bytes(512)) for layer in layers]
    lazy = [lazy_layers.chunked(layer, lazy_layers.table(layer)) for layer in layers]
    build.layout(
        root / "cache",
        {
            NAME: build.image(*parts),
            OTHER: build.image(*parts, other),
            REBUILT: build.image(*rebuilt, other),
            LAZY: build.image(*lazy),
        },
    )
    (root / "layers.json").write_text(
        json.dumps(
            {
                name: [str(_path(root, blob)) for blob in blobs]
                for name, blobs in (
                    (NAME, parts), (OTHER, [*parts, other]), (REBUILT, [*rebuilt, other])
                )
            }
        )
    )  # fmt: skip
    for layer in layers:
        (root / "layer.tar").write_bytes(layer)
        tree = root / "tree" / hashlib.sha256(layer).hexdigest()[:8]
        tree.mkdir(parents=True)
        subprocess.run(
            ["tar", "-C", tree, "--no-same-owner", "--no-same-permissions", "--exclude=./dev",
             "-xf", root / "layer.tar"],
            check=True,
        )  # fmt: skip
    (root / "layer.tar").unlink()
    (root / "system.tar").unlink(missing_ok=True)


def packed(archive: bytes) -> build.Blob:
    """Return a layer of an archive, compressed with gzip."""
    diff_id = "sha256:" + hashlib.sha256(archive).hexdigest()
    return build.Blob(gzip.compress(archive, 6, mtime=0), build.OCI_LAYER_GZIP, diff_id)


def _path(root: Path, blob: build.Blob) -> Path:
    return root / "cache/blobs/sha256" / blob.digest.partition(":")[2]


def debian(folder: Path) -> Path:
    """Return the archive of a minimal Debian; debootstrap makes it from a mirror, as root."""
    archive = folder / "debian.tar"
    if not archive.exists():
        command = ["debootstrap", "--variant=minbase", "stable", folder / "debian"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        _pack_tree(folder / "debian", archive)
    return archive


def node(folder: Path) -> Path:
    """Return the archive of packages of Node.js, which npm installs from its registry."""
    archive = folder / "node.tar"
    if not archive.exists():
        (folder / "node").mkdir(exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *NODE_PACKAGES]
        subprocess.run(command, check=True, cwd=folder / "node", stdout=subprocess.DEVNULL)
        _pack_tree(folder / "node", archive)
    return archive


def _pack_tree(folder: Path, archive: Path) -> None:
    omitted = [f"--exclude=./{name}" for name in ("dev", "proc", "sys")]
    command = ["tar", "-C", folder, "--sort=name", *omitted, "-cf", archive, "."]
    subprocess.run(command, check=True)


def make_empty(root: Path) -> None:
    """Write an image of one layer of empty files; the archive is compressed as it is written."""
    packer = zlib.compressobj(1, wbits=31)
    hasher = hashlib.sha256()
    compressed = io.BytesIO()
    for first in range(0, EMPTY_FILES, 10_000):
        numbers = range(first, min(first + 10_000, EMPTY_FILES))
        headers = b"".join(map(_empty_header, numbers))
        hasher.update(headers)
        compressed.write(packer.compress(headers))
    hasher.update(bytes(1024))
    compressed.write(packer.compress(bytes(1024)) + packer.flush())
    diff_id = f"sha256:{hasher.hexdigest()}"
    layer = build.Blob(compressed.getvalue(), build.OCI_LAYER_GZIP, diff_id)
    build.layout(root / "cache", {NAME: build.image(layer)})


def _empty_header(number: int) -> bytes:
    """Return the header of an empty file; `tarfile` takes ten times as long for each."""
    digits = b"%08d" % number
    checksum = _CHECKSUM + sum(digits)
    return b"d/" + digits + _HEADER[10:148] + b"%06o\0 " % checksum + _HEADER[156:]


_HEADER = tarfile.TarInfo("d/00000000").tobuf()
_CHECKSUM = int(_HEADER[148:154], 8) - sum(b"00000000")


def make_many(path: Path, images: int) -> None:
    """Write images and their index; no layer has the files that the index lists."""
    rng = random.Random(0)
    layers = {
        f"example.com/m:{number}": build.layer({"n": str(number)}) for number in range(images)
    }
    build.layout(path, {name: build.image(layer) for name, layer in layers.items()})
    bash = Member(path="usr/bin/bash", kind=_FILE, mode=0o755)
    with Cache.open(path) as cache:
        for number, (name, layer) in enumerate(layers.items()):
            chosen = [bash] * (number % 2)
            for directory in rng.sample(range(DIRECTORIES), FILES_OF_IMAGE // FILES_OF_DIRECTORY):
                chosen += [_member(directory, each) for each in range(FILES_OF_DIRECTORY)]
            files = [LayerFile(member, rng.randbytes(32)) for member in chosen]
            with cache.catalog.writing_files() as connection:
                key = file_rows.write_layer(connection, Digest(layer.digest), files)
                shown = cache.find_root(name).digest
                image_rows.write_image(connection, shown, [key], ImageTree([files]))


def _member(directory: int, number: int) -> Member:
    """Return one of the files that images share: as many paths as in 12 different images."""
    path = f"usr/share/package-{directory}/module-{number}.py"
    return Member(path=path, kind=_FILE, mode=0o644, size=number)


_FILE = MemberKind.FILE
