"""File systems in a file on a loop device, which can be cut off as by a power loss."""

import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.programs import require, require_root

_SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN
_NO_LOG_FLUSH = 2  # what is in the journal in memory is lost as well
MAKE = {
    "ext4": ("64M", ["mkfs.ext4", "-q", "-F"]),
    "xfs": ("320M", ["mkfs.xfs", "-q", "-f"]),
}


@dataclass(frozen=True)
class Volume:
    """A mounted file system, and the file that it is in."""

    image: Path
    mount: Path

    def sync(self) -> None:
        """Write everything out: the state that the next power loss finds at least."""
        _run("sync", "--file-system", str(self.mount))

    def lose_power(self) -> None:
        """Stop the file system as it stands, and mount what is left of it."""
        descriptor = os.open(self.mount, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._refuse_another(descriptor)
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)
        _run("umount", str(self.mount))
        _mount(self.image, self.mount)

    def _refuse_another(self, descriptor: int) -> None:
        """Make sure that it is our own file system which is about to be stopped."""
        assert os.fstat(descriptor).st_dev != self.mount.parent.stat().st_dev
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        (ours,) = [line for line in mounts if line.split()[4] == str(self.mount)]
        device = Path(ours.partition(" - ")[2].split()[1]).name
        backing = Path(f"/sys/block/{device}/loop/backing_file").read_text().strip()
        assert backing == str(self.image)


@contextmanager
def volume(kind: str, folder: Path, *, size: str | None = None) -> Iterator[Volume]:
    """Make a file system of some kind and mount it, where root allows that."""
    smallest, make = MAKE[kind]
    require(make[0])
    refuse_without_mounts()
    image, mount = folder / f"{kind}.img", folder / kind
    _run("truncate", "--size", size or smallest, str(image))
    _run(*make, str(image))
    mount.mkdir()
    _mount(image, mount)
    try:
        yield Volume(image, mount)
    finally:
        _run("umount", str(mount))


@contextmanager
def memory(size: str, folder: Path) -> Iterator[Path]:
    """Mount a small file system in memory: a disk that is soon full."""
    refuse_without_mounts()
    mount = folder / "small"
    mount.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(mount))
    try:
        yield mount
    finally:
        _run("umount", str(mount))


@contextmanager
def folder_for_images(fallback: Path) -> Iterator[Path]:
    """Give a folder for images of disks, in memory where there is room for them."""
    base = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else fallback
    folder = Path(tempfile.mkdtemp(prefix="volumes-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def refuse_without_mounts() -> None:
    """Skip the test, with the reason, where nothing can be mounted."""
    require_root("mount a file system")
    require("mount")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "tmpfs", folder], check=False, capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"root may not mount here: {done.stderr.strip()}")
        _run("umount", folder)


def _mount(image: Path, mount: Path) -> None:
    _run("mount", "-o", "loop", str(image), str(mount))


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
