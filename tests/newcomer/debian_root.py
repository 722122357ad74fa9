"""A new Debian system in a folder: Python of the distribution, and the wheel from a folder."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.programs import require

MIRROR = "http://deb.debian.org/debian"
_PACKAGES = "python3,python3-venv"
_VENV = "/opt/cachedb"
_WHEELS = "wheels"


class DebianRoot(NamedTuple):
    """A root of Debian with the program, and a home directory that nothing else has used."""

    root: Path
    home: Path

    def run(self, *words: str, **extra: str) -> str:
        """Run a program of the root in its home, and return its stdout."""
        environment = {
            "HOME": str(self.home),
            "PATH": f"{_VENV}/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            **extra,
        }
        settings = [f"{name}={value}" for name, value in environment.items()]
        inside = ["env", "-i", "-C", str(self.home), *settings, *words]
        done = subprocess.run(
            ["chroot", str(self.root), *inside], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def with_home(self, name: str) -> "DebianRoot":
        """Return the root with another home, whose path is the same inside and outside of it."""
        home = self.root / "home" / name
        home.mkdir()
        return self._replace(home=home)


def make(folder: Path, wheel: Path) -> DebianRoot:
    """Make a root by debootstrap, and install a wheel in it from a folder of wheels.

    The test is skipped where there is no mirror of Debian, or no root to change to.
    """
    require("debootstrap")
    if os.geteuid():
        pytest.skip("chroot needs root")
    root = folder / "root"
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "stable"]
    done = subprocess.run(
        [*command, str(root), MIRROR], check=False, capture_output=True, text=True
    )
    if "Failed getting release file" in done.stdout:
        pytest.skip(f"no mirror: {done.stdout.splitlines()[-1]}")
    assert done.returncode == 0, done.stdout
    # Paths of the tests are below the root: this makes them valid inside of it, too.
    inside = root / root.relative_to("/")
    inside.parent.mkdir(parents=True)
    inside.symlink_to("/")
    found = DebianRoot(root, root / "root")
    version = found.run("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    download = ["--quiet", "--only-binary=:all:", "--python-version", version.strip()]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", *download, "--dest", root / _WHEELS, wheel],
        check=True, capture_output=True,
    )  # fmt: skip
    found.run("python3", "-m", "venv", _VENV)
    offline = ["--quiet", "--no-index", f"--find-links=/{_WHEELS}"]
    found.run(f"{_VENV}/bin/pip", "install", *offline, "cachedb")
    return found
