"""The tests of `test_queries`, on PostgreSQL."""

from tests.operations.test_queries import *  # noqa: F403
