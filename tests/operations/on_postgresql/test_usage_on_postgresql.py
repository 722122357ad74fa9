"""The tests of `test_usage`, on PostgreSQL."""

from tests.operations.test_usage import *  # noqa: F403
