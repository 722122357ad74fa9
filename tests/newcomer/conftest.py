"""A newcomer's machine: the wheel in a new environment, an empty home, registries on loopback.

The environment is one of venv; in the campaign, a new Debian system as well.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.newcomer import debian_root
from tests.newcomer.debian_root import DebianRoot
from tests.newcomer.readme import Machine
from tests.packaging.installed import build, install
from tests.registry.servers import Served, docker_registry


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def debian(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> DebianRoot:
    return debian_root.make(tmp_path_factory.mktemp("debian"), wheel)


@pytest.fixture(params=["venv", pytest.param("debian", marks=pytest.mark.campaign)])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    if request.param == "debian":
        root: DebianRoot = request.getfixturevalue("debian")
        return root.with_home(request.function.__name__)
    return install(request.getfixturevalue("wheel"), tmp_path)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """The registry that stands for Docker Hub."""
    with docker_registry(tmp_path / "hub") as served:
        yield served


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Served]:
    """The registry that stands for mirror.example.com."""
    with docker_registry(tmp_path / "mirror-registry") as served:
        yield served
