"""Page of messages: tables of templates, below sections that explain them.

The text of `docs/reference/messages.md` is written by hand. A comment in each section selects the
messages of the code that belong to it, by class, module and words; the table below the comment is
generated. Every message belongs to exactly one section.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

from scripts import messages
from scripts.messages import ROOT, Message

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = ROOT / "docs" / "reference" / "messages.md"
_COMMENT: Final = re.compile(r"<!-- messages: (.*?) -->\n(?:\n(?:\|.*\n)+)?")
_SELECTOR: Final = re.compile(
    r"(?P<kinds>[\w|]+)(?: in (?P<globs>\S+))?"
    r'(?: with "(?P<words>[^"]*)")?(?: without "(?P<others>[^"]*)")?'
)


class Selector(NamedTuple):
    """Classes, modules and words of the messages of a section; an empty one does not select."""

    kinds: tuple[str, ...]
    globs: tuple[str, ...]
    words: str
    others: str

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Parse ``KIND|KIND [in GLOB|GLOB] [with "REGEX"] [without "REGEX"]``."""
        found = _SELECTOR.fullmatch(text)
        if found is None:
            raise ValueError(text)
        return cls(
            kinds=tuple(found["kinds"].split("|")),
            globs=tuple((found["globs"] or "*").split("|")),
            words=found["words"] or "",
            others=found["others"] or "(?!)",
        )

    def selects(self, message: Message) -> bool:
        """Return whether a message belongs to the section."""
        return (
            message.kind in self.kinds
            and any(fnmatchcase(message.module, glob) for glob in self.globs)
            and re.search(self.words, message.text) is not None
            and re.search(self.others, message.text) is None
        )


def sections() -> dict[str, list[Selector]]:
    """Return the selectors of the page, by the text of their comment."""
    comments = [found[1] for found in _COMMENT.finditer(PAGE.read_text())]
    return {each: [Selector.parse(part) for part in each.split("; ")] for each in comments}


def chosen(selectors: list[Selector], found: list[Message]) -> list[Message]:
    """Return the messages of a section."""
    return [each for each in found if any(one.selects(each) for one in selectors)]


def page() -> str:
    """Return the page with the tables of the messages that are in the code now."""
    found = messages.collect()
    filled = {
        comment: "\n".join([f"<!-- messages: {comment} -->", "", *_table(chosen(each, found)), ""])
        for comment, each in sections().items()
    }
    return _COMMENT.sub(lambda match: filled[match[1]], PAGE.read_text())


def _table(found: list[Message]) -> Iterator[str]:
    texts: dict[str, Message] = {}
    for each in sorted(found, key=lambda one: (messages.shape(one.text).lower(), one.hint == "")):
        texts.setdefault(messages.shape(each.text), each)
    has_hints = any(each.hint for each in texts.values())
    yield "| message | hint |" if has_hints else "| message |"
    yield "| --- | --- |" if has_hints else "| --- |"
    for each in texts.values():
        cells = [_code(each.text), *([_code(each.hint)] if has_hints else [])]
        yield f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """Return a text as code; a text with backquotes is inside of two."""
    escaped = text.replace("|", "\\|")
    if not text:
        return ""
    return f"`` {escaped} ``" if "`" in text else f"`{escaped}`"
