"""The tests of `test_file_queries`, on PostgreSQL."""

from tests.operations.test_file_queries import *  # noqa: F403
