"""What a command imports is most of what a short one costs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cachedb.cli.app import _COMMANDS
from tests import build

_SQL = {"sqlalchemy", "alembic"}
_HTTP = {"requests", "urllib3", "http.client"}
_TERMINAL = {"rich"}
_REPORT = """
import json, sys
sys.argv = ["cachedb", *sys.argv[1:]]
from cachedb.cli.app import main
from cachedb.layout import fingerprint
fingerprint._RACY_NS = 0  # a catalog that was made just now is in step
try:
    main()
finally:
    sys.stderr.write("\\n" + json.dumps(sorted(sys.modules)))
"""


def imported(*arguments: str, cache: Path | None = None) -> set[str]:
    environment = os.environ | ({"CACHEDB_CACHE": str(cache)} if cache else {})
    done = subprocess.run(
        [sys.executable, "-c", _REPORT, *arguments],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    found: list[str] = json.loads(done.stderr.splitlines()[-1])
    return set(found)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["ls", "--help"], []], ids=str)
def test_help_needs_neither_sql_nor_http(arguments: list[str]) -> None:
    assert not imported(*arguments) & (_SQL | _HTTP | _TERMINAL)


def test_no_help_of_a_command_imports_what_the_command_needs() -> None:
    # All commands at once: each is imported to build the command tree.
    assert not imported("--help") & (_SQL | _HTTP | _TERMINAL)
    assert "cachedb.cache" not in imported(_COMMANDS[0], "--help")


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> build.Tree:
    """A cache that somebody has opened before."""
    tree = build.layout(tmp_path_factory.mktemp("settled") / "cache", {"app:1": build.image()})
    imported("ls", cache=tree.path)
    return tree


@pytest.mark.parametrize(
    "arguments",
    [["ls"], ["ls", "--format", "json"], ["ls", "--quiet"], ["find-root", "app:1"],
     ["find-root", "none:1"]],
    ids=" ".join,
)  # fmt: skip
def test_a_glance_needs_no_sqlalchemy(settled: build.Tree, arguments: list[str]) -> None:
    assert not imported(*arguments, cache=settled.path) & (_SQL | _HTTP | _TERMINAL)


@pytest.mark.parametrize(
    ("words", "again"),
    [
        ("refs tag:a sort name", "refs tag:other sort name"),
        ("refs name:x tag:x,y added since 30d", "refs name:z tag:a,b,c added since 2d"),
        ("blobs size gt 1M group kind", "blobs size gt 2G group kind"),
        ("packages name matches 'a.c'", "packages name matches '^x'"),
        ("refs app", "refs app"),
    ],
)
def test_a_query_of_a_known_shape_needs_no_sqlalchemy(
    settled: build.Tree, words: str, again: str
) -> None:
    imported("query", words, cache=settled.path)

    assert not imported("query", again, cache=settled.path) & (_SQL | _HTTP | _TERMINAL)


def test_a_local_command_imports_no_http_and_no_migrations(tmp_path: Path) -> None:
    tree = build.layout(tmp_path / "cache", {"app": build.image()})
    imported("ls", cache=tree.path)  # makes the catalog, for which alembic is needed once
    assert not imported("ls", cache=tree.path) & (_HTTP | _TERMINAL | {"alembic"})


def test_the_tables_do_not_wake_the_dialects_of_other_databases() -> None:
    code = "import sys, cachedb.cache; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    others = ("postgresql", "mysql", "oracle", "mssql")
    assert not [
        name for name in done.stdout.split() if name.startswith("sqlalchemy.dialects.")
        and name.split(".")[2] in others
    ]  # fmt: skip
