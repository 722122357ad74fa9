"""Export of the file tree of an image as one tar archive, of cachedb and umoci.

    python -m benchmarks.rootfs [--megabytes 1000] [--repeat 3]

Builds an image from files of this system: a base layer compressed with gzip, a layer that replaces
some of the files, and a layer that removes some. umoci has to unpack the image first.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import multiprocessing
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from benchmarks.timing import compare
from tests import build
from tests.interop.tools import archive_system

CACHEDB = str(Path(sys.executable).with_name("cachedb"))
NAME = "example.com/bench:1"
EVERY = 20


def main() -> None:
    """Build the image and compare the tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # In a process of its own: the peak memory of a child begins with the size of its parent.
        maker = multiprocessing.Process(target=_make, args=(root, options.megabytes * 1_000_000))
        maker.start()
        maker.join()
        if maker.exitcode == 0:
            _compare(root, root / "layout", options.repeat)


def _make(root: Path, size: int) -> None:
    base, changed, removed = (root / f"{name}.tar" for name in ("base", "changed", "removed"))
    archive_system(base, size)
    _change(base, changed, removed)
    layers = [_layer(base, "gzip"), _layer(changed, "gzip"), _layer(removed, "")]
    build.layout(root / "layout", {NAME: build.image(*layers)})
    for path in (base, changed, removed):
        path.unlink()


def _change(base: Path, changed: Path, removed: Path) -> None:
    """Write a layer that replaces some files of the base, and one that removes others."""
    with (
        tarfile.open(base) as lower,
        tarfile.open(changed, "w") as upper,
        tarfile.open(removed, "w") as last,
    ):
        for number, member in enumerate(each for each in lower if each.isreg()):
            if number % EVERY == 0:
                upper.addfile(member, lower.extractfile(member))
            elif number % EVERY == 1:
                folder, _, name = member.name.rpartition("/")
                last.addfile(tarfile.TarInfo(f"{folder}/.wh.{name}"))


def _layer(archive: Path, compression: str) -> build.Blob:
    content = archive.read_bytes()
    diff_id = "sha256:" + hashlib.sha256(content).hexdigest()
    if not compression:
        return build.Blob(content, build.OCI_LAYER, diff_id)
    packed = gzip.compress(content, compresslevel=6, mtime=0)
    return build.Blob(packed, build.OCI_LAYER_GZIP, diff_id)


def _compare(root: Path, layout: Path, repeat: int) -> None:
    unpacked, scratch, out = root / "unpacked", root / "scratch", root / "out.tar"
    unpack = ["umoci", "raw", "unpack", "--rootless", "--image", f"{layout}:{NAME}"]
    subprocess.run([*unpack, unpacked], check=True, stdout=subprocess.DEVNULL)
    export = [CACHEDB, "export", "--quiet", "--format", "filesystem", "--cache", str(layout)]
    pack = f"tar -C {scratch} -cf {out} ."
    prepared = " ".join([*unpack, str(scratch), "&&", pack])

    def prepare(_name: str) -> None:
        shutil.rmtree(scratch, ignore_errors=True)
        out.unlink(missing_ok=True)

    subprocess.run([*export, "-o", str(out), NAME], check=True, stdout=subprocess.DEVNULL)
    print(f"{out.stat().st_size / 1e6:.0f} MB, {sum(1 for _ in unpacked.rglob('*'))} files")
    compare(
        "the file tree of an image as one tar archive",
        {
            "cachedb export": [*export, "-o", str(out), NAME],
            "umoci unpack, tar cf": ["sh", "-c", prepared],
            "umoci unpack alone": [*unpack, str(scratch)],
            "tar cf of the tree": ["tar", "-C", str(unpacked), "-cf", str(out), "."],
        },
        repeat=repeat,
        prepare=prepare,
    )


if __name__ == "__main__":
    main()
