"""The tests of `test_package_queries`, on PostgreSQL."""

from tests.operations.test_package_queries import *  # noqa: F403
