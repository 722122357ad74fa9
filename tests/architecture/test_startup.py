"""What a command imports is most of what a short one costs."""

import functools
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import startup
from cachedb.cli.app import _COMMANDS, _module
from tests import build
from tests.programs import require

_SQL = {"sqlalchemy", "alembic"}
_HTTP = {"requests", "urllib3", "http.client"}
_TERMINAL = {"rich"}
# What typer itself imports.
_TYPER = {"typer", "shellingham", "annotated_doc"}
_REPORT = """
import sys
sys.argv = ["cachedb", *sys.argv[1:]]
from cachedb.cli.entry import main
from cachedb.layout import fingerprint
fingerprint._RACY_NS = 0  # a catalog that was made just now is in step
try:
    main()
finally:
    sys.stderr.write("\\n" + " ".join(sorted(sys.modules)))
"""


def imported(*arguments: str, cache: Path | None = None) -> set[str]:
    return run(*arguments, cache=cache)[1]


def run(*arguments: str, cache: Path | None = None) -> tuple[int, set[str]]:
    """Run a command in a process of its own; return its exit code, and what it has imported."""
    environment = os.environ | ({"CACHEDB_CACHE": str(cache)} if cache else {})
    done = subprocess.run(
        [sys.executable, "-c", _REPORT, *arguments],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, set(done.stderr.splitlines()[-1].split())


def third_party(modules: set[str]) -> set[str]:
    """Return the packages among modules that neither Python nor cachedb brings."""
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"cachedb"}


def own(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] == "cachedb"}


def traced(*arguments: str, **environment: str) -> tuple[set[str], str]:
    """Run the program as a user does; returns the modules that it imports, and its stdout."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cachedb", *arguments],
        env=os.environ | environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    return _imports(done.stderr) - _at_start(), done.stdout


@functools.cache
def _at_start() -> set[str]:
    command = [sys.executable, "-X", "importtime", "-c", "import runpy"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return _imports(done.stderr)


def _imports(trace: str) -> set[str]:
    names = {line.rpartition("|")[2].strip() for line in trace.splitlines() if "|" in line}
    jython = {"org", "org.python", "org.python.core"}  # which pickle and copy try to import
    return names - jython - {"imported package"}


def test_version_is_printed_without_typer() -> None:
    modules, printed = traced("--version")

    assert printed.startswith("cachedb ")
    assert own(modules) == {
        "cachedb", "cachedb.errors", "cachedb.cli", "cachedb.cli.entry", "cachedb.version",
        "cachedb.cli.standard_streams",
    }  # fmt: skip
    assert not modules & {"typer", "importlib.metadata", "json", "dataclasses"}


_CLI = {
    "cachedb", "cachedb.errors", "cachedb.version", "cachedb.cli", "cachedb.cli.entry",
    "cachedb.cli.app", "cachedb.cli.command", "cachedb.cli.standard_streams",
    "cachedb.cli.errors", "cachedb.cli.errors.report", "cachedb.cli.errors.usage",
    "cachedb.cli.render", "cachedb.cli.render.output", "cachedb.patterns",
    "cachedb.cli.deferred_modules", "cachedb.records",
}  # fmt: skip
_SHARED = {
    "cachedb.cli.options", "cachedb.cli.options.cache", "cachedb.cli.options.cache_folder",
    "cachedb.cli.options.common", "cachedb.cli.options.completion", "cachedb.cli.options.query",
    "cachedb.cli.options.shared", "cachedb.cli.feedback", "cachedb.cli.feedback.choices",
    "cachedb.cli.render.fitting",
    "cachedb.cli.render.tables",
}  # fmt: skip
_FORMATS_OF_ARCHIVES = {
    "cachedb.operations", "cachedb.operations.archives", "cachedb.operations.transfer",
    "cachedb.operations.archives.export_formats",
}  # fmt: skip


def of_options(modules: set[str]) -> set[str]:
    """Return the modules of options, their defaults, and rendering: all are small."""
    packages = {
        "cachedb.cli.feedback", "cachedb.cli.options", "cachedb.cli.pruning",
        "cachedb.cli.render", "cachedb.cli.settings",
    }  # fmt: skip
    found = {each for each in modules if each.rpartition(".")[0] in packages | {"cachedb.cli"}}
    return {each for each in found if each in packages or each.rpartition(".")[0] in packages}


def test_help_imports_the_root_of_the_command_line_and_no_command() -> None:
    modules, _ = traced("--help")

    assert own(modules) == _CLI | _SHARED
    assert third_party(modules) <= _TYPER


@pytest.mark.parametrize("name", _COMMANDS)
def test_help_of_a_command_imports_that_command_and_options(name: str) -> None:
    modules, _ = traced(name, "--help")
    page = {f"cachedb.cli.{_module(name)}"}
    shared = {"cachedb.cli.push", "cachedb.cli.examples"}  # options that two commands share

    known = _CLI | of_options(modules) | _FORMATS_OF_ARCHIVES | page | shared
    assert own(modules) <= known | {"cachedb.patterns"}
    assert third_party(modules) <= _TYPER
    assert "dataclasses" not in modules


def test_completion_of_a_command_imports_no_command() -> None:
    modules, printed = traced(
        _CACHEDB_COMPLETE="complete_bash", COMP_WORDS="cachedb\n", COMP_CWORD="1"
    )
    words = {f"cachedb.cli.options{each}" for each in ("", ".completion", ".cache_folder")}

    assert printed.split() == list(_COMMANDS)
    assert own(modules) <= _CLI | words


@pytest.mark.parametrize("name", _COMMANDS)
def test_the_summary_of_a_command_is_the_first_line_of_its_docstring(name: str) -> None:
    command = importlib.import_module(f"cachedb.cli.{_module(name)}").command
    assert _COMMANDS[name] == inspect.getdoc(command).split("\n\n")[0].replace("\n", " ")


def instructions(*command: str) -> int:
    """Count the instructions of a whole process, whose .pyc files are written."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *command], check=True, env=environment, capture_output=True)
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable,
         *command],
        check=True, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    (counted,) = re.findall(r"Collected : (\d+)", done.stderr)
    return int(counted)


_MINIMAL = """
import typer
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
@app.command()
def first(number: int = 1) -> None: ...
@app.command()
def second(number: int = 1) -> None: ...
app(prog_name="minimal")
"""


def test_help_costs_less_than_a_minimal_typer_program() -> None:
    require("valgrind")
    minimal = instructions("-c", _MINIMAL, "--help")

    assert instructions("-m", "cachedb", "--help") < minimal
    assert instructions("-m", "cachedb", "--version") < minimal * 0.45


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> build.Tree:
    """A cache that was opened before."""
    tree = build.layout(tmp_path_factory.mktemp("settled") / "cache", {"app:1": build.image()})
    imported("ls", cache=tree.path)
    return tree


@pytest.fixture(scope="module")
def typer_alone() -> int:
    """Instructions of a process that only imports typer."""
    require("valgrind")
    return instructions("-c", "import typer")


@pytest.mark.parametrize(
    ("command", "budget"),
    [
        ("ls", 1.3), ("find-root app:1", 1.24), ("validate", 1.32), ("query refs", 1.8),
        ("rm --dry-run app:1", 1.62), ("gc --dry-run", 1.8),
    ],
)  # fmt: skip
def test_a_command_costs_no_more_than_its_budget(
    settled: build.Tree, typer_alone: int, command: str, budget: float
) -> None:
    """The whole process, as a multiple of what `import typer` costs on the same Python."""
    words = ("-m", "cachedb", *command.split(), "--cache", str(settled.path))

    assert instructions(*words) < typer_alone * budget


_LOCAL = [
    "ls", "ls --format json", "ls --quiet", "find-root app:1", "show app:1", "tree app:1",
    f"why {build.image().config.digest}", "du", "du app:1", "validate", "verify",
    "doctor", "export app:1 -o image.tar", "import more.tar", "rm --dry-run app:1", "rm app:1",
    "gc --dry-run --grace 0", "gc --grace 0", "gc --explain --dry-run --grace 0",
    "query --check", "clean --dry-run", "pin app:1", "log",
    "prune --dry-run --keep-last 1 --max-size 1G",
]  # fmt: skip


@pytest.mark.parametrize("command", ["ls", "ls --quiet", "find-root app:1"])
def test_a_listing_imports_no_module_that_it_does_not_use(
    settled: build.Tree, command: str
) -> None:
    unused = {
        "json", "hashlib", "secrets", "random", "base64", "logging", "socket", "shlex", "tomllib",
        "tempfile", "dataclasses", "selectors", "_bz2", "_lzma", "_posixsubprocess",
    }  # fmt: skip

    assert imported(*command.split(), cache=settled.path) & unused == set()


@pytest.mark.parametrize("command", _LOCAL)
def test_a_local_command_imports_neither_sql_nor_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    tree = build.layout(
        tmp_path / "cache", {"app:1": build.image(), "tool:2": build.image(env=["n=2"])}
    )
    tree.put(build.layer({"orphan": ""}))
    Path("more.tar").write_bytes(build.archive({"more:3": build.image(env=["n=3"])}))

    # The first command on this cache: it makes the catalog and reads every document.
    code, modules = run(*command.split(), cache=tree.path)

    assert code == 0
    assert not modules & (_SQL | _HTTP | _TERMINAL)


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


def test_a_pull_of_a_present_digest_imports_no_http(tmp_path: Path) -> None:
    image = build.image()
    tree = build.layout(tmp_path / "cache", {"app": image})
    imported("ls", cache=tree.path)
    name = f"localhost:9/a/b@{image.digest}"  # no server listens there

    modules = imported("pull", name, cache=tree.path)

    assert "cachedb.registry.client" in modules
    assert not modules & (_HTTP | _SQL)
    assert f'"{name}"' in (tree.path / "index.json").read_text()


def test_the_tables_do_not_wake_the_dialects_of_other_databases() -> None:
    code = "import sys, cachedb.cache; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    others = ("postgresql", "mysql", "oracle", "mssql")
    assert not [
        name for name in done.stdout.split() if name.startswith("sqlalchemy.dialects.")
        and name.split(".")[2] in others
    ]  # fmt: skip


def documented_times() -> dict[str, list[str]]:
    """Return the cells of the start-up table in docs/explanation/performance.md, by command."""
    page = Path(__file__).parents[2] / "docs" / "explanation" / "performance.md"
    section = page.read_text().partition("## Start-up")[2].partition("Instructions of")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: cells for name, *cells in rows}


@pytest.mark.parametrize("row", startup.ROWS, ids=lambda row: row.name)
def test_the_documented_time_of_a_command_meets_its_target(row: startup.Row) -> None:
    documented = documented_times()
    others = [startup.TYPER, startup.REQUESTS, startup.HELP, startup.COMPLETION]
    minima = {name: float(documented[name][4]) for name in others}

    assert float(documented[row.name][4]) <= row.target(minima)[1]
