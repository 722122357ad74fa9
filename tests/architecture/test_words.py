"""Words that no text of the project uses: a sentence has a subject with a name.

A blob, the collector, the registry, another process: each can be looked up; a pronoun cannot.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

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
# A comment or the docstring of an attribute may begin with a condition, and not with a pronoun.
VAGUE_SUBJECT = re.compile(r"(?:Anything|Everything|It|Something|They|What|Whatever|Who)\b")
# No verb in the imperative: a function word, or a third person, a plural or a gerund.
NO_IMPERATIVE = re.compile(
    r"(?:A|All|An|Any|As|At|Each|Every|For|From|If|In|Its|Of|On|The|This|To|Whether|With)\b"
    r"|[A-Z][a-z]*(?:[^s]s|ing)\b"
)

# A verb of a test's name: an auxiliary, or a word of these, or one that ends in -s or -ed, which
# neither begins the name nor follows an article, a preposition, a number or a conjunction.
AUXILIARIES = frozenset(
    "are can cannot did do does gets goes got had has have is makes may must needs was were will"
    " would".split()
)
VERBS = frozenset(
    "accept add agree answer apply ask become begin belong block break bring built call"
    " carry change chosen close come compare compile complete contain copy cost count cover"
    " delete differ divide done end equal escape exclude exist expire export extract fail"
    " fetch fill find fit fits follow free give go grow happen hidden hide hold import"
    " include join keep kept know known lead leave lie list lose make match mean meet move"
    " name need obey open outlive parse pass print publish pull push put puts raise ran"
    " reach read refuse remain remove repair replace report resolve respect restore return"
    " round run runs see seen select send sent set share show shown skip sort spend stand"
    " start stay stop survive take tell told understand use uses verify wait win wins work"
    " write written".split()
)
NO_VERB_AFTER = frozenset(
    "a an and another as at by each every for from in its no of on or since some than the"
    " to two with without".split()
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


def attribute_docstrings(tree: ast.AST) -> Iterator[str]:
    """Yield the texts below assignments."""
    for node in ast.walk(tree):
        body = getattr(node, "body", [])
        for before, here in pairwise(body if isinstance(body, list) else []):
            match before, here:
                case ast.Assign() | ast.AnnAssign(), ast.Expr(ast.Constant(str(text))):
                    yield text


def comments(path: Path) -> Iterator[str]:
    """Yield the first lines of comments on lines of their own."""
    before = 0
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip():
            if token.start[0] != before + 1:
                yield token.string.removeprefix("#").strip()
            before = token.start[0]


def test_attributes_and_comments_have_subjects() -> None:
    found = [
        f"{name_of(path)}: {text.splitlines()[0]}"
        for path in modules("cachedb", "cli", "migrations", "scripts", "benchmarks")
        for text in (*attribute_docstrings(ast.parse(path.read_text())), *comments(path))
        if VAGUE_SUBJECT.match(text)
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


def has_verb(name: str) -> bool:
    words = name.removeprefix("test_").split("_")
    return any(
        word in AUXILIARIES
        or (
            before not in NO_VERB_AFTER
            and (word in VERBS or re.fullmatch(r"[a-z]{2,}(?:ed|[^s]s|sses)", word))
        )
        for before, word in pairwise(words)
    )


def test_names_of_tests_have_verbs() -> None:
    found = [
        f"{name_of(path)}: {node.name}"
        for path in modules("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not node.name.startswith("test_golden_")  # which `make golden` selects
        and not has_verb(node.name)
    ]
    assert not found, "\n".join(found)
    assert not has_verb("test_names_of_mirrors")


def test_the_changelog_has_the_shape_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert releases[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", each) for each in releases[1:])
    for section in text.split("\n## ")[1:]:
        kinds = re.findall(r"^### (.+)$", section, re.MULTILINE)
        order = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
        assert kinds == [each for each in order if each in kinds]
        begins = [line[:60] for line in section.splitlines() if line.startswith("- ")]
        assert len(begins) == len(set(begins)), "an entry is there twice"


TERMS = (
    "API error,blob,child,content-addressable,CTE,cursor,deadline,deduplicate,derived rows,"
    "descriptor,digest,download,exclusive,executor,fast path,grace period,idempotent,import,"
    "in-memory catalog,index of files,ingest,journal,lease,leftover,mark phase,named query,"
    "named statement,NFA,DFA,parent,path,plan cache,push graph,quarantine,reachable,read-only,"
    "reconcile,ref,reference,remote inspection,resolve,restore,retry with backoff,root,selected,"
    "session,state,sweep phase,syntax error,temporary file,token server,transitive closure,trash,"
    "type error,unmatched selector,unreferenced blob,unsupported version,up to date,upload,"
    "user state"
).split(",")
"""The terms that texts use in place of everyday words."""


@pytest.mark.parametrize("term", TERMS)
def test_the_glossary_defines_the_terms_of_texts(term: str) -> None:
    page = (ROOT / "docs" / "explanation" / "glossary.md").read_text()
    defined = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    assert any(re.search(rf"(?<![\w-]){re.escape(term)}(?![\w-])", each) for each in defined)
