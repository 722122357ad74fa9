"""A wheel in a virtual environment of its own, without the repository and without the network."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Installed(NamedTuple):
    """An environment with the program, and a home directory that nothing else has used."""

    prefix: Path
    home: Path

    @property
    def bin(self) -> Path:
        return self.prefix / "bin"

    def run(self, *words: str, **extra: str) -> str:
        """Run a program of the environment in its home, and return its stdout."""
        program, *rest = words
        environment = {
            "HOME": str(self.home),
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
            **extra,
        }
        done = subprocess.run(
            [str(self.bin / program) if (self.bin / program).exists() else program, *rest],
            cwd=self.home, env=environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout


def install(wheel: Path, folder: Path) -> Installed:
    """Install a wheel; its dependencies are those of the interpreter that runs the tests."""
    prefix, home = folder / "venv", folder / "home"
    home.mkdir(parents=True)
    venv.create(prefix, with_pip=True, symlinks=True)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = prefix / "lib" / version / "site-packages"
    # A directory that a .pth file names is searched; .pth files in it, such as that of the
    # editable installation of cachedb, are not.
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    subprocess.run(
        [prefix / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
         "--ignore-installed", str(wheel)],
        check=True, capture_output=True,
    )  # fmt: skip
    return Installed(prefix, home)


def build(folder: Path) -> Path:
    """Build the source distribution and the wheel from it, as `python -m build` does."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True, capture_output=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel
