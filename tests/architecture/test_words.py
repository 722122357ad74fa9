"""Words that no text of the project uses: a sentence has a subject with a name.

A blob, the collector, the registry, another process: each can be looked up; a pronoun cannot.
"""

import ast
import re
from pathlib import Path

from tests.architecture.sources import ROOT, modules, name_of

# Also inside of the names of tests.
PRONOUN = re.compile(r"(?<![a-z])(?:whoever|nobody|somebody|anybody)(?![a-z])", re.IGNORECASE)

# Of the glossary: left out of texts for readers, in favour of the field's term.
REPLACED = {
    "doomed": "selected",
    "given back": "restored",
    "in step with": "up to date with",
    "litter": "leftovers",
    "makeshift": "in-memory catalog",
    "may only be read": "read-only",
    "no name leads": "unreferenced",
    "nothing keeps": "unreferenced",
    "on which way": "by which path",
}
# A docstring names its subject, or begins with an imperative that a search would find.
VAGUE = re.compile(r"(?:How|It|Say|Take in|Tell|They|Those|What|When|Where|Which|Who)\b")
# No verb in the imperative: a function word, or a third person, a plural or a gerund.
NO_IMPERATIVE = re.compile(
    r"(?:A|All|An|Any|As|At|Each|Every|For|From|If|In|Its|Of|On|The|This|To|Whether|With)\b"
    r"|[A-Z][a-z]*(?:[^s]s|ing)\b"
)

ALLOWED = (
    "`nobody`",  # the account of that name
    '"nobody"',
)
"""Texts in which one of the words is a name."""


def texts() -> list[Path]:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    folders = ("cachedb", "cli", "migrations", "scripts", "benchmarks", "tests")
    sources = [path for path in modules(*folders) if path != Path(__file__)]
    return [*sources, *sorted(pages)]


def without_names(text: str) -> str:
    for name in ALLOWED:
        text = text.replace(name, "")
    return text


def test_texts_of_every_part_are_read() -> None:
    parts = {path.relative_to(ROOT).parts[0] for path in texts()}
    assert {"cachedb", "cli", "docs", "migrations", "tests", "README.md"} <= parts


def test_sentences_have_subjects_with_names() -> None:
    found = [
        f"{name_of(path)}: {word}"
        for path in texts()
        for word in PRONOUN.findall(without_names(path.read_text()))
    ]
    assert not found, "\n".join(found)


def test_texts_use_the_terms_of_the_glossary() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    records = ROOT / "docs" / "decisions"  # which may quote what they replaced
    read = [*modules("cachedb", "cli"), *(each for each in pages if records not in each.parents)]
    found = [
        f"{name_of(path)}: {phrase!r} is {term!r}"
        for path in read
        for phrase, term in REPLACED.items()
        if re.search(rf"(?<![a-z]){phrase}(?![a-z])", path.read_text(), re.IGNORECASE)
    ]
    assert not found, "\n".join(found)


def is_property(function: ast.FunctionDef) -> bool:
    names = [ast.unparse(each) for each in function.decorator_list]
    return any(name.endswith(("property", ".setter")) for name in names)


def test_docstrings_of_functions_begin_with_an_imperative() -> None:
    found = [
        f"{name_of(path)}: {text.splitlines()[0]}"
        for path in modules("cachedb", "cli", "migrations", "scripts", "benchmarks")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and not is_property(node)
        and (text := ast.get_docstring(node))
        and NO_IMPERATIVE.match(text)
    ]
    assert not found, "\n".join(found)


def test_docstrings_begin_with_a_subject_or_an_imperative() -> None:
    found = [
        f"{name_of(path)}: {text.splitlines()[0]}"
        for path in modules("cachedb", "cli", "migrations", "scripts", "benchmarks")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and (text := ast.get_docstring(node))
        and VAGUE.match(text)
    ]
    assert not found, "\n".join(found)
