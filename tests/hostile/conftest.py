"""Fixtures for hostile layouts: the command line inside the test process."""

from tests.cli.conftest import run

__all__ = ["run"]  # a fixture
