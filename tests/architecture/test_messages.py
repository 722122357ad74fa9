"""docs/reference/messages.md: every message of the code has a section that explains it."""

import ast
import re
from collections.abc import Iterator

from cachedb import errors
from scripts import message_reference, messages
from scripts.messages import Message
from tests.architecture.sources import ROOT, modules, name_of

FOUND = messages.collect()
SECTIONS = message_reference.sections()
PATTERNS = {each: messages.pattern(each.text) for each in FOUND}

SHOWN = re.compile(r"^(?:cachedb: (?!interrupted)|(?=error: ))(.+)", re.MULTILINE)
# Texts of typer, which the page quotes beside the messages of cachedb.
OF_TYPER = re.compile(
    r"(missing (argument|option|parameter)|invalid value for|option '.*' requires|"
    r"got (an )?unexpected extra argument)"
)
# Exceptions that no user sees: caught where they are raised, or faults of the program itself.
INNER = {
    "AssertionError", "BadHeader", "BadParameter", "ExceptionGroup", "Exit", "InvalidValue",
    "KeyboardInterrupt", "NotImplementedError", "OverflowError", "PatternError",
    "RemoteDisconnected", "TimeoutError", "_Interrupted", "_Misread", "_Needed", "_PipeClosed",
}  # fmt: skip


def places(message: Message) -> list[str]:
    """Return the comments of the sections that a message belongs to."""
    return [
        comment
        for comment, selectors in SECTIONS.items()
        if any(each.selects(message) for each in selectors)
    ]


def test_every_message_belongs_to_one_section() -> None:
    wrong = [f"{len(places(each))}: {each}" for each in FOUND if len(places(each)) != 1]
    assert not wrong, "\n".join(wrong)


def test_every_selector_of_a_section_selects_a_message() -> None:
    idle = [
        (comment, selector)
        for comment, selectors in SECTIONS.items()
        for selector in selectors
        if not any(selector.selects(each) for each in FOUND)
    ]
    assert not idle


def test_every_section_explains_its_messages() -> None:
    page = message_reference.PAGE.read_text()
    for section in page.split("\n### ")[1:]:
        text = section.split("\n", 1)[1].split("<!--")[0]
        assert len(text.split()) >= 12, section[:80]
    assert page.count("\n### ") == len(SECTIONS)


def test_every_class_of_errors_has_messages() -> None:
    families = {errors.CacheError, *errors.CacheError.__subclasses__()}
    kinds = {
        name for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.CacheError) and kind not in families
    }  # fmt: skip
    assert kinds <= {each.kind for each in FOUND}


def shown() -> Iterator[tuple[str, str]]:
    """Yield the errors that golden files and sessions of pages show, with their files."""
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "tests" / "golden").glob("*.txt")]
    for path in pages:
        if path != message_reference.PAGE:
            for text in SHOWN.findall(path.read_text()):
                yield name_of(path), text.strip()


def is_on_the_page(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in PATTERNS.values())


def test_every_error_that_golden_files_show_is_on_the_page() -> None:
    told = list(shown())
    assert len(told) > 150
    gone = [(path, text) for path, text in told
            if not is_on_the_page(text) and not OF_TYPER.match(text)]  # fmt: skip
    assert not gone, gone
    assert not is_on_the_page("the moon is made of cheese")


def raised() -> Iterator[tuple[str, str]]:
    """Yield the name of each exception that is made where it is raised, and its module."""
    for path in modules("cachedb", "cli"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                name = ast.unparse(node.exc.func).rpartition(".")[2]
                if name[:1].isupper() or name[:2].lstrip("_")[:1].isupper():
                    yield name, name_of(path)


def test_every_exception_that_is_raised_is_an_error_of_the_page_or_an_inner_one() -> None:
    kinds = {each.kind for each in FOUND}
    unknown = {
        (name, path) for name, path in raised()
        if name not in kinds | INNER and not hasattr(errors, name)
    }  # fmt: skip
    assert not unknown
