"""Files of an image beside the tools that unpack it."""

import hashlib
import tarfile
from pathlib import Path

from tests import build
from tests.interop.tools import archive_system, succeed, umoci

NAME = "x.io/system:1"
BYTES = 4_000_000


def test_files_lists_and_reads_what_umoci_unpacks(tmp_path: Path) -> None:
    cache = system_image(tmp_path)
    bundle = tmp_path / "bundle"
    umoci("unpack", "--rootless", "--image", f"{cache}:{NAME}", bundle)
    rootfs = bundle / "rootfs"

    listed = set(succeed(cache, "files", "-q", "-0", NAME).split("\0")) - {"", "/"}

    assert listed == {f"/{path.relative_to(rootfs)}" for path in rootfs.rglob("*")}
    texts = [path for path in sorted(rootfs.rglob("*")) if is_text(path)]
    chosen = texts[:: len(texts) // 10]
    assert len(chosen) >= 10
    for path in chosen:
        printed = succeed(cache, "cat", f"{NAME}:/{path.relative_to(rootfs)}")
        assert printed.encode() == path.read_bytes()


def system_image(folder: Path) -> Path:
    """Make an image of files of this system, and a layer that deletes every tenth of them."""
    base = folder / "base.tar"
    archive_system(base, BYTES)
    with tarfile.open(base) as found:
        names = [info.name for info in found if info.isreg()]
    deleted = {f"{name.rpartition('/')[0]}/.wh.{name.rpartition('/')[2]}" for name in names[::10]}
    layers = [blob(base.read_bytes()), blob(build.tar(dict.fromkeys(sorted(deleted), "")))]
    return build.layout(folder / "cache", {NAME: build.image(*layers)}).path


def blob(archive: bytes) -> build.Blob:
    return build.Blob(archive, build.OCI_LAYER, "sha256:" + hashlib.sha256(archive).hexdigest())


def is_text(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    content = path.read_bytes()
    return content.isascii() and b"\r" not in content
