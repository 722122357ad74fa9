"""The names that `import cachedb` gives, and what importing them costs."""

import importlib
import subprocess
import sys

import pytest

import cachedb
from cachedb.version import VERSION
from tests.architecture.test_startup import instructions
from tests.programs import require


@pytest.mark.parametrize("name", cachedb.__all__)
def test_every_public_name_is_imported_on_first_use(name: str) -> None:
    code = f"import cachedb; assert {name!r} in dir(cachedb); print(cachedb.{name})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute"):
        getattr(cachedb, "no_such_name")  # noqa: B009


def test_the_package_tells_its_version() -> None:
    assert cachedb.__version__ == VERSION


def test_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from cachedb import *", names)
    assert set(cachedb.__all__) <= names.keys()


def test_a_name_is_looked_up_once() -> None:
    module = importlib.import_module("cachedb")
    vars(module).pop("Digest", None)
    found = module.Digest
    assert vars(module)["Digest"] is found


def test_importing_the_package_costs_a_tenth_more_than_importing_typing() -> None:
    require("valgrind")
    typing = instructions("-c", "import typing")

    assert instructions("-c", "import cachedb") < typing * 1.1
