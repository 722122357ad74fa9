"""Pages and settings of the repository that people who change cachedb need."""

import re
import shlex

import pytest
import yaml

from tests.architecture.sources import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]


def test_hooks_need_no_repository_but_this_one() -> None:
    assert [repository["repo"] for repository in HOOKS] == ["local"]


def test_hooks_run_the_linters_of_make_check() -> None:
    entries = [shlex.split(hook["entry"]) for hook in HOOKS[0]["hooks"]]
    run = {words[0].rpartition("/")[2] for words in entries if words[0].startswith(".venv/bin/")}
    assert run == {"ruff", "mypy", "lint-imports"}
    assert run <= set(re.findall(r"\$\(BIN\)/([\w-]+)", MAKEFILE))


@pytest.mark.parametrize(
    ("page", "sections"),
    [
        ("CONTRIBUTING.md", (
            "Set up", "Tests, by speed", "Golden files", "Add a command",
            "Add a word to the query language", "Add a statement", "Add a message",
            "Change the schema of the catalog", "Record a decision", "Commits", "Release",
        )),
        ("SECURITY.md", (
            "Supported versions", "Reporting a vulnerability", "In scope", "Out of scope",
        )),
    ],
)  # fmt: skip
def test_a_page_has_the_sections_that_people_look_for(
    page: str, sections: tuple[str, ...]
) -> None:
    found = re.findall(r"^##+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert [section for section in sections if section not in found] == []
