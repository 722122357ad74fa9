"""The wheel on every supported Python that is installed, with dependencies from the index."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cachedb.operations.archives import sample_images as sample
from tests.packaging.installed import build

pytestmark = pytest.mark.slow
_VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def interpreter(version: str) -> str | None:
    """Return an interpreter on PATH, or one that pyenv has."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [
        shutil.which(f"python{version}"),
        *map(str, pyenv.glob(f"{version}.*/bin/python")),
    ]
    for found in filter(None, candidates):
        code = f"import sys, venv, ensurepip; assert sys.version.startswith('{version}.')"
        if subprocess.run([found, "-c", code], check=False, capture_output=True).returncode == 0:
            return found
    return None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.mark.parametrize("version", _VERSIONS)
def test_the_wheel_runs_on_a_supported_python(version: str, wheel: Path, tmp_path: Path) -> None:
    python = interpreter(version)
    if python is None:
        need = f"python{version} with its venv module is not installed"
        pytest.skip(f"{need}: apt-get install python{version}-venv, or pyenv install {version}")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    programs = tmp_path / "venv" / "bin"
    installed = subprocess.run(
        [programs / "python", "-m", "pip", "install", "--quiet", str(wheel)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if installed.returncode != 0 and os.environ.get("CI") != "true":
        pytest.skip("the package index cannot be reached")
    assert installed.returncode == 0, installed.stderr
    sample.write(tmp_path)
    environment = {"HOME": str(tmp_path), "PATH": f"{programs}:/usr/bin:/bin"}
    for words in (
        ("import", "app.tar", "tool.tar"), ("ls", "arch:arm64"), ("query", "layers size gt 1M"),
        ("validate",), ("rm", sample.APP), ("gc", "--grace", "0"), ("verify",),
    ):  # fmt: skip
        done = subprocess.run(
            [programs / "cachedb", "--cache", "cache", *words],
            cwd=tmp_path, env=environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
