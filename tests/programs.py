"""External programs: a test that needs one is skipped without it, except in CI."""

import os
import shutil
import sys
import tarfile
from pathlib import Path
from typing import NoReturn

import pytest

_PACKAGES = {
    "bsdtar": "libarchive-tools",
    "chromedriver": "chromium-driver",
    "ctr": "containerd",
    "ctr-remote": "stargz-snapshotter",
    "dash": "dash",
    "dpkg": "dpkg",
    "java": "default-jre-headless",
    "groff": "groff-base",
    "htpasswd": "apache2-utils",
    "initdb": "postgresql",
    "ip": "iproute2",
    "man": "man-db",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "mount": "mount",
    "node": "nodejs",
    "psql": "postgresql",
    "setpriv": "util-linux",
    "systemd-analyze": "systemd",
    "vercmp": "makepkg",
}
"""The Debian package of a program, where it has another name."""


def require(*programs: str) -> None:
    """Skip the test if a program is missing, or fail where CI has to have it."""
    for program in programs:
        if shutil.which(program) is None:
            go_without(program, _PACKAGES.get(program, program))


def of_python(program: str, package: str) -> Path:
    """Return a program that a wheel has put beside this Python, or skip the test without it."""
    path = Path(sys.executable).with_name(program)
    if not path.exists():
        go_without(program, package, install="pip install")
    return path


def require_files(package: str, *files: Path) -> None:
    """Skip the test if a file of a Debian package is missing, or fail where CI has to have it."""
    for file in files:
        if not file.exists():
            go_without(str(file), package)


def go_without(what: str, package: str, install: str = "apt-get install") -> NoReturn:
    """Skip the test for the lack of something, or fail where CI has to have it."""
    reason = f"{what} is not installed: {install} {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def require_root(reason: str) -> None:
    """Skip the test unless it runs as root, who alone may do what `reason` says."""
    if os.geteuid() != 0:
        pytest.skip(f"only root can {reason}")


def extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Extract an archive of our own making; before Python 3.11.4 there are no filters."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
    else:
        archive.extractall(folder)
