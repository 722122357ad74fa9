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
from tests.postgresql import Server
from tests.programs import require
from tests.registry import scripted
from tests.registry.model import BEHAVIOURS, RegistryModel

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
    found = {name.partition(".")[0] for name in modules}
    return found - sys.stdlib_module_names - {"cachedb", "cachedb_program"}


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
        # Debian's Python 3.11 imports typer with a fifth less, and cachedb with a sixth less.
        ("ls", 1.34), ("find-root app:1", 1.26), ("validate", 1.34), ("query refs", 1.85),
        ("rm --dry-run app:1", 1.65), ("gc --dry-run", 1.8),
    ],
)  # fmt: skip
def test_a_command_costs_no_more_than_its_budget(
    settled: build.Tree, typer_alone: int, command: str, budget: float
) -> None:
    """The whole process, as a multiple of what `import typer` costs on the same Python."""
    words = ("-m", "cachedb", *command.split(), "--cache", str(settled.path))

    assert instructions(*words) < typer_alone * budget


@pytest.fixture(scope="module")
def settled_on_server(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A cache with a catalog in a server that was opened before, and its URL."""
    path = tmp_path_factory.mktemp("on-server") / "cache"
    tree, url = build.layout(path, {"app:1": build.image()}), server.fresh()
    imported("ls", "--catalog", url, cache=tree.path)
    return tree.path, url


@pytest.mark.parametrize("command", ["ls", "find-root app:1", "show app:1"])
def test_a_command_on_a_server_costs_less_than_twice_that_on_a_file(
    settled: build.Tree, settled_on_server: tuple[Path, str], command: str
) -> None:
    require("valgrind")
    path, url = settled_on_server
    words = ("-m", "cachedb", *command.split(), "--cache")

    on_file = instructions(*words, str(settled.path))
    assert instructions(*words, str(path), "--catalog", url) < 1.9 * on_file


@pytest.mark.parametrize("command", ["ls", "find-root app:1", "show app:1"])
def test_a_command_on_a_server_imports_no_part_of_the_driver_that_it_does_not_use(
    settled_on_server: tuple[Path, str], command: str
) -> None:
    path, url = settled_on_server
    unused = {
        "_ssl", "asyncio.base_events", "cachedb.operations.sync.history",
        "cachedb.operations.sync.reconcile", "email", "psycopg.connection_async",
        "psycopg.types.datetime", "psycopg.types.json", "psycopg.types.range", "tempfile",
    }  # fmt: skip

    modules = imported(*command.split(), "--catalog", url, cache=path)

    assert "psycopg.connection" in modules
    assert modules & unused == set()


_LOCAL = [
    "ls", "ls --format json", "ls --quiet", "find-root app:1", "show app:1", "tree app:1",
    f"why {build.image().config.digest}", "du", "du app:1", "validate", "validate --deep",
    "verify", "doctor", "doctor --rebuild", "export app:1 -o image.tar", "import more.tar",
    "rm --dry-run app:1", "rm app:1", "gc --dry-run --grace 0", "gc --grace 0",
    "gc --explain --dry-run --grace 0", "query --check", "clean --dry-run", "clean --yes",
    "pin app:1", "unpin app:1", "log", "tag app:1 other:1", "untag app:1", "history app:1",
    "inspect app:1", "files app:1", "cat app:1:/etc/hostname", "diff app:1 tool:2", "waste app:1",
    "index files --all", "sbom signed:4", "prune --dry-run --keep-last 1 --max-size 1G",
    "prune --yes --keep-last 1 --grace 0", "policy check policy.toml", "policy edit policy.toml",
    "config list", "config set format json", "sample samples", "cache dir", "check --example",
    "sync --dry-run mirror.yml",
]  # fmt: skip
_WITH_QUERIES = [
    "query refs tag:1", "ls --where tag:1", "rm --dry-run --where tag:1", "report",
    "report --html page.html", "check rules.toml --fail-on error",
    "prune --dry-run --drop tag:1 --keep tag:2", "gc --dry-run --drop tag:1 --keep tag:2",
    "gc --dry-run --grace 0 --where size>1", "du --where tag:1", "validate --where tag:1",
    "export --where tag:1 -o image.tar", "index files --where tag:1",
]  # fmt: skip
_REMOTE = [
    "push app:1 --remote-name REGISTRY/t/pushed:1", "pull REGISTRY/t/app:1",
    "copy REGISTRY/t/app:1 REGISTRY/t/copy:1", "tags REGISTRY/t/app",
    "inspect --remote REGISTRY/t/app:1", "sync mirror.yml",
]  # fmt: skip
_ON_SERVER = ["fleet list", "fleet add", "du --fleet", "report --fleet", "query --fleet refs"]


def prepare(folder: Path) -> build.Tree:
    """Write a layout that cachedb has not opened, and the files that commands read."""
    signed = build.image(env=["n=4"])
    tree = build.layout(
        folder / "cache",
        {"app:1": build.image(), "tool:2": build.image(env=["n=2"]), "signed:4": signed},
    )
    tree.put(build.layer({"orphan": ""}), *build.sbom(signed, {"musl": "1"}).blobs)
    (folder / "more.tar").write_bytes(build.archive({"more:3": build.image(env=["n=3"])}))
    (folder / "policy.toml").write_text("version = 1\nkeep-last = 1\n")
    (folder / "mirror.yml").write_text("example.com:\n  images:\n    t/app: ['1']\n")
    rule = 'query = "refs tag:latest"\nseverity = "warning"\nmessage = "{name} moves"\n'
    (folder / "rules.toml").write_text(f"version = 1\n[rules.no-latest]\n{rule}")
    return tree


def test_every_command_is_one_whose_imports_are_listed() -> None:
    listed = [*_LOCAL, *_WITH_QUERIES, *_REMOTE, *_ON_SERVER]
    assert {command.split()[0] for command in listed} == set(_COMMANDS)


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
    monkeypatch.setenv("CACHEDB_CONFIG_FILE", str(tmp_path / "config.toml"))
    tree = prepare(tmp_path)

    # The first command on this cache: it makes the catalog and reads every document.
    code, modules = run(*command.split(), cache=tree.path)

    assert code == 0
    assert not modules & (_SQL | _HTTP | _TERMINAL)


@pytest.mark.parametrize("command", _WITH_QUERIES)
def test_a_command_imports_no_sqlalchemy_for_queries_seen_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CACHEDB_CONFIG_FILE", str(tmp_path / "config.toml"))
    tree = prepare(tmp_path)
    imported(*command.split(), cache=tree.path)

    code, modules = run(*command.split(), cache=tree.path)

    assert code == 0
    assert not modules & (_SQL | _HTTP | _TERMINAL)


@pytest.mark.parametrize("command", _ON_SERVER)
def test_a_command_of_a_fleet_imports_no_sqlalchemy_for_queries_seen_before(
    server: Server, tmp_path: Path, command: str
) -> None:
    tree = prepare(tmp_path)
    url = server.url("a", server.make_database())
    assert run("fleet", "add", url, cache=tree.path)[0] == 0
    words = [*command.split(), *([url] if command == "fleet add" else [])]
    run(*words, cache=tree.path)

    code, modules = run(*words, cache=tree.path)

    assert code == 0
    assert "psycopg" in modules
    assert not modules & (_SQL | _HTTP | _TERMINAL)


@pytest.mark.parametrize("command", _REMOTE)
def test_a_command_that_speaks_http_imports_no_sqlalchemy(tmp_path: Path, command: str) -> None:
    tree, image, model = prepare(tmp_path), build.image(), RegistryModel(BEHAVIOURS[0])
    repository = model.repository("t/app")
    repository.manifests[image.digest] = (image.media_type, image.root.content)
    repository.blobs |= {blob.digest: blob.content for blob in image.blobs}
    repository.tags["1"] = image.digest

    with scripted.scripted(model.answer) as server:
        mirror = tmp_path / "mirror.yml"
        mirror.write_text(f"{server.host}:\n  images:\n    t/app: ['1']\n")
        words = command.replace("REGISTRY", server.host).replace("mirror.yml", str(mirror))
        code, modules = run(*words.split(), cache=tree.path)

    assert code == 0
    assert "requests" in modules
    assert not modules & (_SQL | _TERMINAL)


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
