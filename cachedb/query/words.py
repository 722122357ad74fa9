"""Kinds of words of the query language: sorts, types, operators, keywords, and their entries."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final

from cachedb.records import Record


class Sort(StrEnum):
    """The kind of the members of a set."""

    REF = "ref"
    BLOB = "blob"
    LINK = "link"
    PACKAGE = "package"
    FILE = "file"

    @property
    def noun(self) -> str:
        """The noun of the language, plural."""
        return f"{self.value}s"

    @property
    def one(self) -> str:
        """A phrase for one member: a blob."""
        return f"a {self._word}"

    @property
    def many(self) -> str:
        """A phrase for several members: blobs."""
        return f"{self._word}s"

    @property
    def _word(self) -> str:
        return "reference" if self is Sort.REF else self.value


class Type(Enum):
    """The syntax and comparison of the values of a field."""

    TEXT = "text"
    NAME = "reference pattern"
    DIGEST = "digest"
    SIZE = "size"
    NUMBER = "number"
    TIME = "time"
    ENUM = "word of a list"
    PLATFORM = "platform"
    ARCHITECTURE = "architecture"
    VERSION = "version"
    PACKAGE_URL = "package URL"
    MAP = "key and value"
    PATH = "path"


ORDER: Final = ("lt", "le", "gt", "ge")
EQUALITY: Final = ("eq", "ne")
_TEXTUAL: Final = (*EQUALITY, "matches", "starts", "ends", "has")
OPERATORS: Final[dict[Type, tuple[str, ...]]] = {
    Type.TEXT: _TEXTUAL,
    Type.NAME: _TEXTUAL,
    Type.DIGEST: EQUALITY,
    Type.SIZE: (*EQUALITY, *ORDER),
    Type.NUMBER: (*EQUALITY, *ORDER),
    Type.TIME: (*EQUALITY, *ORDER, "before", "since"),
    Type.ENUM: EQUALITY,
    Type.PLATFORM: EQUALITY,
    Type.ARCHITECTURE: _TEXTUAL,
    Type.VERSION: (*EQUALITY, *ORDER),
    Type.PACKAGE_URL: _TEXTUAL,
    Type.MAP: _TEXTUAL,
    Type.PATH: _TEXTUAL,
}
SYMBOLS: Final = {
    ">=": "ge",
    "<=": "le",
    "!=": "ne",
    "==": "eq",
    "=": "eq",
    "<": "lt",
    ">": "gt",
    "~": "matches",
}
WORD_OPERATORS: Final = (*EQUALITY, *ORDER, "matches", "starts", "ends", "has", "before", "since")
NUMBER_OPERATORS: Final = (*EQUALITY, *ORDER)

CONNECTIVES: Final = ("and", "or", "not")
QUANTIFIERS: Final = ("any", "all", "no")
CONSTANTS: Final = ("everything", "nothing")
CLAUSES: Final = ("sort", "limit", "offset", "show", "group")
KEYWORDS: Final = (
    "top",
    "by",
    "per",
    "of",
    *CONNECTIVES,
    *QUANTIFIERS,
    "count",
    *WORD_OPERATORS,
    *CLAUSES,
    *CONSTANTS,
)

KINDS: Final = ("index", "manifest", "config", "layer", "attestation", "other")
STATES: Final = ("missing", "present", "corrupt", "absent", "foreign")
ROLES: Final = ("manifest", "config", "layer", "subject")
SOURCES: Final = ("pull", "build", "import", "tag")
FILE_TYPES: Final = (
    "file",
    "hardlink",
    "symlink",
    "character",
    "block",
    "directory",
    "fifo",
    "whiteout",
    "opaque",
)


IN_PACKAGE: Final = ("package",)
"""The value of `inside` of fields of packages."""
IN_FILE: Final = ("file",)
"""The value of `inside` of fields of files."""


class Noun(Record):
    """A first word of a query: a sort, or one kind of blob.

    `name` is the word, `doc` its description in one line.
    """

    name: str
    sort: Sort
    kind: str | None = None
    doc: str


class Field(Record):
    """An attribute of a row.

    A field with `inside` is not of the row but of what the row contains, of these kinds or of
    packages: it holds when it holds for any of them. Then a reference has many values, which are
    shown as a list, but for the latest time; a blob shows its own. A `computed` field costs a
    walk of the graph per row.

    `name` is the word, `doc` its description in one line; `words` are the values of a list of
    words. A `nullable` field has no value in some rows.
    """

    name: str
    sort: Sort
    type: Type
    doc: str
    words: tuple[str, ...] = ()
    nullable: bool = False
    inside: tuple[str, ...] = ()
    computed: bool = False

    @property
    def is_scalar(self) -> bool:
        """Whether a row has one value of it, which can be shown, sorted and grouped by."""
        if self.type is Type.MAP or self.inside in {IN_PACKAGE, IN_FILE}:
            return False
        return not self.inside or self.sort is not Sort.REF or self.type is Type.TIME

    @property
    def is_list(self) -> bool:
        """Whether a row has several values of it, which can only be shown.

        An image has too many files to show them as one value.
        """
        return self.type is not Type.MAP and self.inside != IN_FILE and not self.is_scalar

    @property
    def is_walked(self) -> bool:
        """Whether to show it costs a walk of the graph per row."""
        return self.computed or self.is_list or (self.sort is Sort.REF and bool(self.inside))


class Relation(Record):
    """A relation of `any R(…)`, `count R` and dotted paths; `kind` narrows contained blobs.

    `name` is the word, `to` the sort of the related members, `doc` its description in one line.
    """

    name: str
    sort: Sort
    to: Sort
    doc: str
    kind: str | None = None
    contained: bool = False


class Function(Record):
    """A function from a set to a set; without `takes`, from a set of any sort.

    `present` keeps the sort of its argument, so it `gives` none.

    `name` is the word, `doc` its description in one line.
    """

    name: str
    takes: Sort | None
    gives: Sort | None
    doc: str


class FlagWord(Record):
    """A word after `is:`.

    `name` is the word, `doc` its description in one line.
    """

    name: str
    sort: Sort
    doc: str
