"""Every code block of README and of the documentation is executed by a test, or stated why not."""

import re
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.architecture.test_examples import PAGES_OF_JOBS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXAMPLES = "tests/architecture/test_examples.py"
NOTEBOOKS = "tests/architecture/test_python_examples.py"
TABLES = "tests/architecture/test_reference_tables.py"


class Covered(NamedTuple):
    """Blocks of one language on pages, and the test that runs them."""

    pages: str
    language: str
    test: str


EXECUTED = (
    Covered("*", "console", "tests/architecture/test_documentation.py"),
    *(
        Covered(f"docs/how-to/{page}", language, EXAMPLES)
        for page in PAGES_OF_JOBS
        for language in ("sh", "yaml", "ini")
    ),
    Covered("docs/how-to/fill-a-cache.md", "text", EXAMPLES),
    Covered("docs/how-to/free-space-in-ci.md", "text", EXAMPLES),
    Covered("docs/how-to/credentials.md", "json", EXAMPLES),
    Covered("docs/*", "sql", EXAMPLES),
    Covered("docs/*", "toml", EXAMPLES),
    Covered("docs/reference/linuxkit.md", "python", EXAMPLES),
    Covered("docs/how-to/use-from-python.md", "python", NOTEBOOKS),
    Covered("docs/how-to/use-from-python.md", "text", NOTEBOOKS),
    Covered("docs/tutorial/first-cache.md", "sh", "tests/newcomer/test_the_tour.py"),
    Covered("docs/reference/query-syntax.md", "text", TABLES),
    Covered("docs/reference/commands.md", "text", "tests/architecture/test_reference.py"),
    Covered("docs/reference/json-schemas.md", "json", "tests/cli/test_json_schemas.py"),
)  # fmt: skip
NOT_EXECUTED = {
    ("docs/explanation/architecture.md", "text"): "a drawing of packages",
    ("docs/reference/names.md", "sh"): "an entry of index.json that only one cache has",
    ("docs/reference/python.md", "python"): "signatures, generated from the code",
}
README = {
    "": "make demo and make test, which .ci/run runs",
    "A short tour": "tests/newcomer/test_the_tour.py",
    "Coming from linuxkit": "tests/newcomer/test_coming_from_linuxkit.py",
    "Mirror images in CI": "tests/newcomer/test_mirroring_in_ci.py",
    "Use it from Python": "tests/newcomer/test_writing_python.py",
    "Installation": "tests/packaging/test_tool_installers.py; make dist, which .ci/run runs",
}
"""The sections of README that have blocks without sessions, and what runs them."""


def blocks() -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        found.update((name, language) for language, _ in FENCE.findall(page.read_text()))
    return found


def is_executed(page: str, language: str) -> bool:
    return any(fnmatch(page, each.pages) and language == each.language for each in EXECUTED)


def test_every_block_is_executed_or_has_a_reason() -> None:
    found = blocks()
    open_ = {
        each
        for each in found
        if not is_executed(*each) and each not in NOT_EXECUTED and each[0] != "README.md"
    }
    assert found.total() > 300
    assert open_ == set()
    assert NOT_EXECUTED.keys() <= found.keys()
    assert not any(is_executed(*each) for each in NOT_EXECUTED)


def test_every_section_of_the_readme_with_a_block_has_a_test() -> None:
    sections = ("\n" + (ROOT / "README.md").read_text()).split("\n## ")
    with_blocks = set()
    for number, section in enumerate(sections):
        if any(language != "console" for language, _ in FENCE.findall(section)):
            with_blocks.add(section.split("\n")[0] if number else "")
    assert with_blocks == README.keys()


@pytest.mark.parametrize(
    "test",
    sorted(
        {each.test for each in EXECUTED}
        | {each for each in README.values() if each.startswith("tests/")}
    ),
)
def test_what_runs_blocks_is_there(test: str) -> None:
    assert (ROOT / test.partition(";")[0]).exists()
