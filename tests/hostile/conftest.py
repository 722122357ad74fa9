"""Fixtures of the hostile layouts: the command line, inside this process."""

from tests.cli.conftest import run

__all__ = ["run"]  # a fixture
