"""Order of test files in a parallel run: a worker that begins a long file last would end alone."""

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LONG = (
    "tests/query/test_first_attempts.py",
    "tests/catalog/test_column_checks.py",
    "tests/catalog/test_server_operations.py",
    "tests/query/test_fleet_queries.py",
    "tests/query/test_postgresql_queries.py",
    "tests/catalog/test_executor.py",
    "tests/packages/test_json_stream.py",
    "tests/query/test_statement.py",
    "tests/archive/test_flatten.py",
    "tests/registry/test_transport.py",
)
"""Files that take more than two seconds of `make test-fast` or five of `make test`, longest first.

`pytest --durations 0` prints what they are made from; the order within the list matters little.
"""


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by file: long ones first, then files of many tests; within a file, as they stand.

    Every worker of a run sorts equally.
    """
    rank = {ROOT / path: number for number, path in enumerate(LONG)}
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (rank.get(item.path, len(rank)), -tests[item.path], item.path))
