"""Generators of hostile inputs from the conformance data, loaded as modules."""

import importlib.util
import sys
from functools import cache
from types import ModuleType

import pytest

from tests import recorded


@cache
def load(name: str) -> ModuleType:
    """Load one of the programs."""
    path = recorded.root() / "hostile" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"conformance_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@recorded.parameters()
def layouts(*kinds: str) -> list:
    """Return the cases of hostile layouts as parameters."""
    cases = load("hostile_layouts").CASES
    return [pytest.param(case, id=case.name) for case in cases if case.kind in kinds]
