"""The documentation is true: its sessions are run, its links lead somewhere, it names real things.

A block ``console`` holds commands behind ``$`` and what they print. The blocks of a page are one
session, in a folder that holds the sample of `cachedb sample`, with a cache in ``cache``. On
a page that names 127.0.0.1:50000, that is a registry.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout, suppress
from io import StringIO
from itertools import groupby
from pathlib import Path

import pytest

from cachedb.cli.app import main
from cachedb.operations.archives import sample_images as sample
from scripts import reference
from tests import golden_files
from tests.programs import require
from tests.registry.servers import docker_registry

ROOT = Path(__file__).resolve().parents[2]
TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = [*(ROOT / name for name in TOP), *sorted((ROOT / "docs").rglob("*.md"))]
SESSIONS = [page for page in PAGES if "```console\n" in page.read_text()]
BLOCK = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
REGISTRY = "127.0.0.1:50000"  # as wide as the port that the registry will have
BLOB = re.compile("sha256:[0-9a-f]{64}  ")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")

_PROGRAMS = ("skopeo", "rsync")  # what a page runs and Debian does not always have
MENTIONED = re.compile(r"docs/[a-z-]+/[\w-]+\.md")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


class Terminal(StringIO):
    """What a person sees; digests are short on it."""

    def isatty(self) -> bool:
        return True


class Diagnostics(StringIO):
    """stderr, which goes to the same place and shows no bars."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def write(self, text: str) -> int:
        return self._terminal.write(text)


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a line as a person would, and return what it prints."""
    words = shlex.split(command)
    if words[0] != "cachedb" or not {"|", ">"}.isdisjoint(words):
        done = subprocess.run(command, shell=True, check=False, capture_output=True, text=True)
        return done.stdout + done.stderr
    monkeypatch.setattr(sys, "argv", words)
    terminal = Terminal()
    with (
        redirect_stdout(terminal),
        redirect_stderr(Diagnostics(terminal)),
        suppress(SystemExit),
    ):
        main()
    return terminal.getvalue()


def is_about_a_blob(line: str) -> bool:
    return BLOB.match(line) is not None


def in_any_order(text: str) -> str:
    """Sort neighbouring lines about blobs: they come as the blobs do, which differs."""
    groups = groupby(text.splitlines(keepends=True), is_about_a_blob)
    return "".join("".join(sorted(group) if is_blob else group) for is_blob, group in groups)


def replay(block: str, registry: str, monkeypatch: pytest.MonkeyPatch) -> str:
    commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    told = (
        f"$ {command}\n{in_any_order(run(command.replace(REGISTRY, registry), monkeypatch))}"
        for command in commands
    )
    return "".join(told).replace(registry, REGISTRY)


@pytest.mark.parametrize("page", SESSIONS, ids=name_of)
def test_golden_session(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample.write(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cachedb").symlink_to(Path(sys.executable).with_name("cachedb"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")  # as wide as lines of the pages are
    monkeypatch.setenv("CACHEDB_CACHE", "cache")
    monkeypatch.setenv("CACHEDB_CONFIG_FILE", str(tmp_path / "config.toml"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    text = page.read_text()
    require(*(program for program in _PROGRAMS if f"\n$ {program} " in text))
    with ExitStack() as stack:
        host = REGISTRY
        if REGISTRY in text:
            host = stack.enter_context(docker_registry(tmp_path / "registry")).host
        text = BLOCK.sub(lambda found: replay(found[0], host, monkeypatch), text)
    golden_files.check(page.name, text, page.parent)


def tables(text: str) -> Iterator[list[str]]:
    """Yield paragraphs that begin as a table, outside of code blocks."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for paragraph in re.split(r"\n\s*\n", outside):
        lines = paragraph.splitlines()
        first = next((at for at, line in enumerate(lines) if line.startswith("|")), None)
        if first is not None:
            yield lines[first:]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_rows_of_a_table_have_as_many_cells_as_its_head(page: Path) -> None:
    for head, *rows in tables(page.read_text()):
        width = len(re.findall(r"(?<!\\)\|", head))
        for row in rows:
            assert row.startswith("|"), row
            assert row.endswith("|"), row
            assert len(re.findall(r"(?<!\\)\|", row)) == width, row


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target, fragment in LINK.findall(page.read_text()):
        if "://" in target:
            continue
        found = (page.parent / target).resolve()
        assert found.exists(), target
        if fragment:
            heads = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert fragment[1:] in anchors, target + fragment


def test_every_page_can_be_reached_from_the_first() -> None:
    seen = {ROOT / "README.md"}
    pending = [ROOT / "README.md"]
    while pending:
        page = pending.pop()
        targets = [target for target, _ in LINK.findall(page.read_text()) if "://" not in target]
        new = {(page.parent / each).resolve() for each in targets if each.endswith(".md")} - seen
        seen |= new
        pending += sorted(new)
    assert {name_of(page) for page in PAGES} == {name_of(page) for page in seen}


def test_pages_that_the_code_names_are_there() -> None:
    sources = [ROOT / "pyproject.toml", ROOT / "Makefile"]
    for folder in ("cachedb", "cli", "migrations", "scripts", "tests", "benchmarks"):
        sources += (ROOT / folder).rglob("*.py")
    named = {found for path in sources for found in MENTIONED.findall(path.read_text())}
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_decisions_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_the_first_commands_of_the_readme_are_those_that_set_up_by_themselves() -> None:
    commands = re.findall(r"^(?:make|\$ make) \w+", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert commands[:2] == ["make demo", "make test"]


def test_every_target_of_the_makefile_that_is_documented_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    mentioned = {
        name for page in PAGES for name in re.findall(r"`make ([a-z-]+)`", page.read_text())
    }
    assert mentioned <= targets


COMPARISON = ROOT / "docs" / "explanation" / "comparison.md"


def rows_below(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading of the comparison; its head is the first."""
    section = COMPARISON.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_tool_of_the_comparison_has_a_version_and_a_source() -> None:
    layouts = rows_below("Tools that work on OCI image layouts")[0]
    stores = rows_below("Image stores with a daemon")[0]
    sources = rows_below("How the cells were found")[2:]
    named = {tool.removesuffix(" cache") for tool in layouts[2:]}
    named |= {tool.removesuffix(" (`ctr`)") for tool in stores[1:]}
    assert {tool for tool, _, _ in sources} == named
    assert all(re.search(r"\d", version) and how for _, version, how in sources)


def test_our_cells_of_the_comparison_are_commands_that_exist() -> None:
    options = reference.options()
    cells = [row[1] for row in rows_below("Tools that work on OCI image layouts")[2:]]
    commands = [each.split() for cell in cells for each in re.findall(r"`([^`]+)`", cell)]
    assert len(commands) >= 10
    for name, *words in commands:
        assert {word for word in words if word.startswith("-")} <= options[name]


def test_the_cookbook_has_forty_queries_that_differ() -> None:
    page = (ROOT / "docs" / "how-to" / "cookbook.md").read_text()
    queries = re.findall(r"^\$ cachedb query (.+)$", page, re.MULTILINE)
    assert len(set(queries)) >= 40
    assert len(queries) == len(set(queries))
