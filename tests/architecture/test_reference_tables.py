"""Tables of docs/reference that list environment variables and files are complete."""

import ast
import os
import re
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.cli import validate
from cachedb.cli.app import main
from cachedb.linuxkit import Provider
from cachedb.oci import Digest
from cachedb.operations.check.findings import Code
from cachedb.operations.check.validate import Condition
from cachedb.operations.gc.mark import Reason
from cachedb.operations.read.listing import Health
from cachedb.query.semantics.check import check
from cachedb.query.sql.compile import compile_query
from cachedb.query.syntax.parser import parse
from cachedb.query.words import KEYWORDS, WORD_OPERATORS
from scripts import reference
from tests import build
from tests.catalog import released_catalogs
from tests.conftest import BASE
from tests.query import varied_cache

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"HOME|_?[A-Z]+(_[A-Z]+)+")
ROW = re.compile(r"^\| `([^`]+)` \| (0\d{3}) \|", re.MULTILINE)
PLACEHOLDERS = {"ALGORITHM": "[a-z0-9]+", "ENCODED": "[0-9a-f]+"}


def strings_of_modules_that_read_the_environment() -> Iterator[str]:
    for folder in ("cachedb", "cli"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            if "environ" in text:
                for node in ast.walk(ast.parse(text)):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        yield node.value


def test_every_variable_that_the_code_reads_is_on_the_page() -> None:
    found = {each for each in strings_of_modules_that_read_the_environment() if
             VARIABLE.fullmatch(each)}  # fmt: skip
    assert found - reference.variables_of_options().keys() == reference.variables()


def rows_of_files() -> dict[re.Pattern[str], int]:
    """Return a pattern for every path of the page that lists files, and its mode."""
    text = (ROOT / "docs" / "reference" / "files.md").read_text()
    rows = {}
    for path, mode in ROW.findall(text):
        pattern = re.escape(path)
        for word, chosen in PLACEHOLDERS.items():
            pattern = pattern.replace(word, chosen)
        rows[re.compile(pattern)] = int(mode, 8)
    return rows


def files_of(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield every path that is no directory of blobs, with its mode.

    What is inside of the directories of ``.cachedb`` has no rows of its own.
    """
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        is_inside = name.startswith(".cachedb/") and name.count("/") > 1
        if not is_inside and not (path.is_dir() and name.startswith("blobs")):
            mode = stat.S_IMODE(path.stat().st_mode)
            yield (f"{name}/" if path.is_dir() else name), mode


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["cachedb", *words, "--cache", str(folder)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, words


@pytest.mark.usefixtures("usual_umask")
def test_every_file_that_commands_leave_is_on_the_page_with_its_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, archive = tmp_path / "cache", tmp_path / "app.tar"
    archive.write_bytes(build.archive({"example.com/app:1": build.image(BASE)}))
    policy = tmp_path / "policy.toml"
    policy.write_text('version = 1\nunused-for = "90d"\n')
    for words in (
        ("import", str(archive)),
        ("query", "--save", "large", "size", "gt", "5M"),
        ("rm", "example.com/app:1"),
        ("gc", "--grace", "0"),
        ("import", str(archive)),
        ("doctor", "--rebuild"),
        ("index", "files", "--all"),
        ("pin", "example.com/app:1"),
        ("policy", "edit", str(policy)),
    ):
        run(monkeypatch, folder, *words)
    catalog = folder / ".cachedb" / "index.db"
    catalog.unlink()
    released_catalogs.restore(min(released_catalogs.stored().items())[1], catalog)
    run(monkeypatch, folder, "ls")
    with Provider(folder) as provider:
        provider.store().update(Digest(BASE.digest), {"origin": "here"})
    rows = rows_of_files()
    found = dict(files_of(folder))
    listed = {
        name: mode for name in found for pattern, mode in rows.items() if pattern.fullmatch(name)
    }
    assert found.pop(".cachedb/") == 0o700
    assert ".cachedb/index.db.before-upgrade" in found
    assert found == listed


def test_every_module_that_the_glossary_names_exists() -> None:
    text = (ROOT / "docs" / "explanation" / "glossary.md").read_text()
    named = {found.replace(".", "/") for found in re.findall(r"`(cachedb(?:\.\w+)+)`", text)}
    assert named
    homes = ("{}.py", "{}/__init__.py")
    gone = {n for n in named if not any((ROOT / home.format(n)).exists() for home in homes)}
    assert gone == set()


OUTPUT = (ROOT / "docs" / "reference" / "output.md").read_text()
COLUMNS = dict(
    re.findall(r"^\| `([a-z][^`]*)` \| ([a-z_]+(?:, [a-z_]+)*) \|$", OUTPUT, re.MULTILINE)
)

REMOTE = {"copy", "inspect", "pull", "push", "sync", "tags"}


def words_of_table(heading: str) -> list[str]:
    """Return the first column of the table below a heading of the page about output."""
    section = OUTPUT.split(f"\n## {heading} (")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "words"), [("State of an image", Health), ("Reason", Reason), ("Finding", Code)]
)
def test_a_table_of_words_is_the_enumeration_in_the_code(
    heading: str, words: type[StrEnum]
) -> None:
    assert sorted(words_of_table(heading)) == sorted(words)


def test_the_states_of_validate_are_on_its_page() -> None:
    page = (ROOT / "docs" / "how-to" / "check-a-cache.md").read_text()
    table = page.split("\n| state | meaning | finding |\n")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| `([^`]+)` \|.*\| (yes)? ?\|$", table, re.MULTILINE))
    states = {str(each): each.is_finding for each in Condition}
    assert {state: bool(found) for state, found in rows.items()} == {
        **states, validate.NOT_THERE: True, validate.UNREADABLE: True
    }  # fmt: skip


@pytest.mark.parametrize("command", [each for each in COLUMNS if each.split()[0] not in REMOTE])
def test_the_columns_of_a_command_are_those_of_the_page(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    columns = COLUMNS[command]
    image = build.image(BASE)
    tree = build.layout(tmp_path / "cache", {"app:1": build.index(image, build.sbom(image))})
    archive = tmp_path / "more.tar"
    archive.write_bytes(build.archive({"more:1": build.image(BASE)}))
    rules = tmp_path / "rules.toml"
    rules.write_text('[rules.none]\nquery = "refs tag:none"\n')
    for placeholder, value in (
        ("NAME", "app:1"), ("DIGEST", BASE.digest), ("ARCHIVE", archive),
        ("FILE", tmp_path / "out.tar"), ("KEY", "registry"), ("RULES", rules),
        ("DIR", tmp_path),
    ):  # fmt: skip
        command = command.replace(placeholder, str(value))
    words = command.split()
    if "fleet" in command:
        server = request.getfixturevalue("server")
        with Cache.open(tree.path) as cache:
            cache.join_fleet(server.url("a", server.make_database()))
    monkeypatch.setattr("sys.argv", ["cachedb", *words, "--cache", str(tree.path)])
    monkeypatch.setattr("sys.argv", [*sys.argv, *([] if "csv" in words else ["--format", "csv"])])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert capsys.readouterr().out.splitlines()[0].split(",") == columns.split(", ")


def test_every_command_that_prints_rows_is_on_the_page() -> None:
    objects = {"cat", "diff", "index", "policy", "query", "show", "tree"}  # `policy` as `prune`
    printing = {name for name, options in reference.options().items() if "--format" in options}
    assert {each.split()[0] for each in COLUMNS} - {"query"} == printing - objects


SYNTAX = (ROOT / "docs" / "reference" / "query-syntax.md").read_text()
VALUES = SYNTAX.split("\n## Values\n")[1].split("\n## ")[0]
EXAMPLES = [
    query
    for row in VALUES.splitlines()
    if row.startswith("| ")
    for query in re.findall(r"`([^`]+)`", row.rsplit(" | ", 1)[1])
]


@pytest.mark.parametrize("query", EXAMPLES)
def test_an_example_of_the_syntax_page_compiles(query: str) -> None:
    checked = check(parse(query), now=datetime.now(UTC))
    assert compile_query(checked, "sqlite").statement.text


FORMS = [
    row.split(" | ")[1].strip("`")
    for row in SYNTAX.split("\n## Examples\n")[1].split("\n## ")[0].splitlines()
    if row.startswith("| ") and "`" in row.split(" | ")[1]
]


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    tree = varied_cache.make(tmp_path_factory.mktemp("varied") / "cache")
    with Cache.open(tree.path) as opened:
        opened.index_files(["alpine:3.20"])
        opened.save_query("large", "size gt 1M", None)
        yield opened


@pytest.mark.parametrize("query", FORMS)
def test_an_example_of_the_grammar_has_an_answer(varied: Cache, query: str) -> None:
    assert varied.query(query)


def test_every_keyword_has_an_example() -> None:
    words = {word for query in FORMS for word in re.findall(r"[a-z]+", query)}
    assert set(KEYWORDS) - set(WORD_OPERATORS) <= words


def test_the_grammar_of_the_syntax_page_has_every_keyword() -> None:
    grammar = SYNTAX.split("```text\n")[1].split("```")[0]
    assert set(KEYWORDS) - set(WORD_OPERATORS) <= set(re.findall(r"[a-z]+", grammar))
