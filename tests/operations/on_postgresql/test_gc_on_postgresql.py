"""The tests of `test_gc`, on PostgreSQL."""

from tests.operations.test_gc import *  # noqa: F403
