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

from cachedb import errors
from tests.architecture.sentences import is_sentence
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
# The docstring of an attribute begins with the noun that the attribute is.
NO_NOUN = re.compile(
    r"(?:After|As|Below|Decoded|How|None|Not (?!required)|Of|One (?!more)|Only|Shorter|Their)\b"
)
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


def test_attributes_begin_with_a_noun() -> None:
    found = [
        f"{name_of(path)}: {text.splitlines()[0]}"
        for path in modules("cachedb", "cli", "migrations", "scripts", "benchmarks")
        for text in attribute_docstrings(ast.parse(path.read_text()))
        if NO_NOUN.match(text)
    ]
    assert not found, "\n".join(found)


# Everyday words in messages, help and docstrings, with the terms of the field.
EVERYDAY = {
    r"cut short": "truncated",
    r"is there twice": "occurs twice",
    r"in circles|is a circle": "form a cycle",
    r"leads? (?:out|nowhere)": "refers, resolves",
    r"(?:descriptor|config|index|size|clock|manifest) says": "declares",
    r"is no (?:text|query|identifier|tar|URL|JSON)": "is not a",
    r"(?:is|not) whole: ": "complete",
    r"go on: ": "continue",
}


def test_messages_use_the_terms_of_the_field() -> None:
    page = (ROOT / "docs" / "reference" / "messages.md").read_text()
    tables = "\n".join(line for line in page.splitlines() if line.startswith("| "))
    found = [
        f"{match[0]!r} is {term!r}"
        for words, term in EVERYDAY.items()
        for match in re.finditer(words, tables)
    ]
    assert not found, found


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


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Yield the functions and methods of public names, and what makes an object."""
    for node in tree.body:
        body = node.body if isinstance(node, ast.ClassDef) else [node]
        if not getattr(node, "name", "_").startswith("_"):
            yield from (
                each for each in body if isinstance(each, ast.FunctionDef) and is_open(each)
            )


def is_open(function: ast.FunctionDef) -> bool:
    return not function.name.startswith("_") or function.name in {"__new__", "__init__"}


def raised(node: ast.AST) -> Iterator[str]:
    """Yield the names of classes that a function raises itself, nested functions left out."""
    for each in ast.iter_child_nodes(node):
        if isinstance(each, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        match each:
            case ast.Raise(exc=ast.Call(func=ast.Name(name))):
                yield name
            case ast.Raise(exc=ast.Call(func=ast.Attribute(value=ast.Name(name)))):
                yield name
        yield from raised(each)


OUR_ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)}


def fails_to_store(node: ast.AST) -> bool:
    """Return whether a function turns errors of the file system into StorageFailed."""
    return any(
        isinstance(each, ast.Call) and ast.unparse(each.func) == "storing"
        for each in ast.walk(node)
    )


def documented_functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str]]:
    """Yield public functions with their docstrings, and for constructors that of the class."""
    for node in tree.body:
        of_class = (ast.get_docstring(node) or "") if isinstance(node, ast.ClassDef) else ""
        for function in public_functions(ast.Module([node], [])):
            is_constructor = function.name in {"__new__", "__init__"}
            own = ast.get_docstring(function) or ""
            yield function, f"{own}{of_class}" if is_constructor else own


def test_docstrings_state_the_errors_that_are_raised() -> None:
    found = [
        f"{name_of(path)}: {function.name} raises {name}"
        for path in modules("cachedb")
        for function, text in documented_functions(ast.parse(path.read_text()))
        for name in OUR_ERRORS.intersection(
            [*raised(function), *(["StorageFailed"] if fails_to_store(function) else [])]
        )
        if name not in text
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


@pytest.mark.parametrize(
    "name",
    [
        "test_names_of_mirrors",
        "test_manifest_lists",
        "test_tag_lists_in_order",
        "test_image_layers_of_tags",
        "test_blob_states",
        "test_reads_and_writes_of_one_file",
        "test_shared_layers",
        "test_the_version",
        "test_copy_of_a_nested_index",
        "test_many_steps_of_many_caches",
        "test_a_name_and_its_digests",
        "test_names_that_moved",
        "test_a_layout_that_lost_its_names",
        "test_what_it_finds",
        "test_refuses_bad_names",
        "test_is_sorted_by_name",
    ],
)
def test_a_name_without_subject_or_verb_is_no_sentence(name: str) -> None:
    assert not is_sentence(name)


@pytest.mark.parametrize(
    "name",
    [
        "test_gc_keeps_layers_shared_with_another_image",
        "test_a_name_names_one_image",
        "test_a_name_that_moved_is_kept",
        "test_what_cosign_attached_is_pulled",
        "test_gc_reports_what_it_frees",
        "test_readers_and_writers_wait",
        "test_a_writer_does_not_wait",
        "test_the_media_type_is_that_of_the_manifest",
        "test_a_wrong_file_of_that_name_is_replaced",
    ],
)
def test_a_name_with_subject_and_verb_is_a_sentence(name: str) -> None:
    assert is_sentence(name)


def test_names_of_tests_are_sentences() -> None:
    found = [
        f"{name_of(path)}: {node.name}"
        for path in modules("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not node.name.startswith("test_golden_")  # which `make golden` selects
        and not is_sentence(node.name)
    ]
    assert not found, "\n".join(found)


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
        assert len(begins) == len(set(begins)), "an entry occurs twice"


TERMS = (
    "API error,attachment,blob,child,collection,collector,content-addressable,CTE,cursor,deadline,"
    "deduplicate,derived rows,descriptor,digest,download,exclusive,executor,fast path,flatten,"
    "fleet,grace period,heartbeat,history,idempotent,import,in-memory catalog,index of files,"
    "index of layers,ingest,journal,lease,leftover,mark phase,named query,named statement,NFA,DFA,"
    "package URL,parent,path,plan cache,private folder,prune,published copy,push graph,quarantine,"
    "reachable,read-only,reconcile,ref,reference,remote inspection,resolve,restore,"
    "retry with backoff,root,salvage,selected,session,state,sweep phase,syntax error,"
    "table of contents,temporary file,token server,transitive closure,trash,type error,"
    "unmatched selector,unreferenced blob,unsupported version,up to date,upload,user state,"
    "version scheme,weak root,whiteout"
).split(",")
"""The terms that texts use in place of everyday words."""


@pytest.mark.parametrize("term", TERMS)
def test_the_glossary_defines_the_terms_of_texts(term: str) -> None:
    page = (ROOT / "docs" / "explanation" / "glossary.md").read_text()
    defined = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    assert any(re.search(rf"(?<![\w-]){re.escape(term)}(?![\w-])", each) for each in defined)
