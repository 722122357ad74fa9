"""A newcomer's machine: the wheel in a new environment, an empty home, registries on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.installed import Installed, build, install
from tests.registry.servers import Served, docker_registry


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture
def machine(wheel: Path, tmp_path: Path) -> Installed:
    return install(wheel, tmp_path)


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
