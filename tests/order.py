"""Order of test files in a parallel run: a worker that begins a long file last would end alone."""

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LONG = (
    "tests/architecture/test_startup.py",
    "tests/crash/test_crash_points.py",
    "tests/property/test_query_meaning.py",
    "tests/packaging/test_distributions.py",
    "tests/packaging/test_interpreters.py",
    "tests/hosts/test_faults.py",
    "tests/hosts/test_lost_servers.py",
    "tests/hosts/test_soak.py",
    "tests/hosts/test_cut_network.py",
    "tests/query/test_fleet_queries.py",
    "tests/query/test_plans.py",
    "tests/cli/test_server_versions.py",
    "tests/query/test_postgresql_queries.py",
    "tests/hostile/test_corruption_sweep.py",
    "tests/property/test_store.py",
    "tests/interop/test_real_trees.py",
    "tests/operations/test_content_kinds.py",
    "tests/architecture/test_words.py",
    "tests/architecture/test_documentation.py",
    "tests/cli/test_interrupted_commands.py",
    "tests/browser/test_report_page.py",
    "tests/soak/test_soak.py",
    "tests/newcomer/test_mirroring_in_ci.py",
    "tests/newcomer/test_coming_from_linuxkit.py",
    "tests/newcomer/test_writing_python.py",
    "tests/platforms/test_without_linux_calls.py",
    "tests/packaging/test_tool_installers.py",
    "tests/architecture/test_reference.py",
    "tests/query/test_first_attempts.py",
    "tests/catalog/test_column_checks.py",
    "tests/catalog/test_server_operations.py",
    "tests/catalog/test_executor.py",
    "tests/packages/test_json_stream.py",
    "tests/query/test_statement.py",
    "tests/archive/test_flatten.py",
    "tests/registry/test_transport.py",
)
"""Files that take more than two seconds of `make test-fast` or five of `make test`.

The longest stand first; the order within the list matters little. `pytest --durations 0` prints
what it is made from.
"""


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by file: long ones first, then files of many tests; within a file, as they stand.

    Every worker of a run sorts equally.
    """
    rank = {ROOT / path: number for number, path in enumerate(LONG)}
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (rank.get(item.path, len(rank)), -tests[item.path], item.path))
