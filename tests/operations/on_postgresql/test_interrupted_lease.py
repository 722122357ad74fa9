"""The tests of `test_interrupted_lease`, on PostgreSQL."""

from tests.operations.test_interrupted_lease import *  # noqa: F403
