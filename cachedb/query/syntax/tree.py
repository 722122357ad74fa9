"""Syntax tree of a query.

Two trees are equal when they have the same words; spans do not count. `str()` of a node is its
canonical text: that of a query parses to the same tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cachedb.query.messages import error_at
from cachedb.query.syntax import quoting
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import tzinfo


class Source(Record):
    """A text that is parsed; `used_at` is where a saved query is used."""

    text: str
    name: str = ""
    """Name of a saved query; '' for the query itself."""
    used_at: Span | None = None


class Span(Record):
    """A range of characters of a source."""

    source: Source
    start: int
    """Position of the first character, from 0."""
    end: int
    """Position behind the last character."""

    @property
    def text(self) -> str:
        """The text of the span."""
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """Return the span from the start of this one to the end of `other`."""
        return self.replace(end=max(self.end, other.end))


class SyntaxNode(Record, uncompared=("span",)):
    """A node with its span in the source."""

    span: Span


class Value(SyntaxNode):
    """A word or a quoted text; a backslash in `text` escapes the next character.

    The text has no quotes: they only delimit blanks, commas and parentheses.
    """

    text: str

    def __str__(self) -> str:
        return quoting.value(self.text)


class Path(SyntaxNode):
    """A field after any number of relations: ``layer.size``."""

    relations: tuple[str, ...] = ()
    field: str

    def __str__(self) -> str:
        return ".".join((*self.relations, self.field))


class ColumnKey(SyntaxNode):
    """A field to sort or rank by, or a column to show: ``-size``, ``sum.size``."""

    name: str
    """Name of the column, with its function before a dot."""
    sign: str = ""
    """``-`` for the largest value first, ``+`` for the smallest first, else empty."""

    @property
    def descending(self) -> bool:
        """Whether the largest value comes first."""
        return self.sign == "-"

    def __str__(self) -> str:
        return quoting.value(f"{self.sign}{self.name}")


class Match(SyntaxNode):
    """``field:value,value``."""

    path: Path
    values: tuple[Value, ...]

    def __str__(self) -> str:
        first, *others = map(str, self.values)
        return f"{self.path}:{_listed((quoting.first_value(first), *others))}"


class Compare(SyntaxNode):
    """``field op value,value``; `op` is the word of the operator."""

    path: Path
    op: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.path} {self.op} {_listed(self.values)}"


class Keyed(SyntaxNode):
    """``field:key``, ``field:key=value``, ``field:key op value``."""

    path: Path
    keys: tuple[Value, ...]
    op: str | None = None
    values: tuple[Value, ...] = ()

    def __str__(self) -> str:
        first, *others = (quoting.key(key.text) for key in self.keys)
        keys = _listed((quoting.first_value(first), *others))
        if self.op is None:
            return f"{self.path}:{keys}"
        joint = "=" if self.op == "eq" else f" {self.op} "
        return f"{self.path}:{keys}{joint}{_listed(self.values)}"


class Flag(SyntaxNode):
    """``is:word,word``."""

    relations: tuple[str, ...] = ()
    """Relations before the word, as in ``layer.is:missing``."""
    words: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{'.'.join((*self.relations, 'is'))}:{_listed(self.words)}"


class Quantified(SyntaxNode):
    """``any R(…)``, ``all R(…)``, ``no R``, ``count R(…) gt 3``.

    `quantifier` and `relation` are the two words, `operand` is the set in parentheses, None
    without one; `op` and `values` are the comparison of a count.
    """

    quantifier: str
    relation: Value
    operand: Expression | None
    op: str | None = None
    values: tuple[Value, ...] = ()

    def __str__(self) -> str:
        inner = "" if self.operand is None else f"({self.operand})"
        compared = "" if self.op is None else f" {self.op} {_listed(self.values)}"
        return f"{self.quantifier} {self.relation.text}{inner}{compared}"


class Call(SyntaxNode):
    """``function(noun …)``."""

    function: str
    noun: str | None = None
    operand: Expression | None
    """Set in parentheses, None for all members."""

    def __str__(self) -> str:
        parts = (self.noun, None if self.operand is None else str(self.operand))
        return f"{self.function}({' '.join(filter(None, parts))})"


class Top(SyntaxNode):
    """``top 5 by -added per registry,repo of (…)``.

    `count` is the number, `keys` and `per` are the columns, `of` is the set in parentheses, None
    for all members.
    """

    count: Value
    keys: tuple[ColumnKey, ...]
    per: tuple[ColumnKey, ...] = ()
    of: Expression | None = None

    def __str__(self) -> str:
        per = f" per {_listed(self.per)}" if self.per else ""
        of = "" if self.of is None else f" of ({self.of})"
        return f"top {self.count} by {_listed(self.keys)}{per}{of}"


class Saved(SyntaxNode):
    """``@name``, with the query that it stands for."""

    name: str
    query: Query

    def __str__(self) -> str:
        return f"@{self.name}"


class Constant(SyntaxNode):
    """``everything`` or ``nothing``."""

    word: str

    def __str__(self) -> str:
        return self.word


class Selector(SyntaxNode):
    """A bare word or a quoted text: a reference, a pattern of references, or a digest."""

    text: str

    def __str__(self) -> str:
        return quoting.selector(self.text)


class Not(SyntaxNode):
    """The complement."""

    operand: Expression

    def __str__(self) -> str:
        return f"not {_inside(self.operand)}"


class And(SyntaxNode):
    """The intersection of at least two, none of which is an `And`."""

    operands: tuple[Expression, ...]

    def __str__(self) -> str:
        return " and ".join(map(_inside, self.operands))


class Or(SyntaxNode):
    """The union of at least two, none of which is an `Or`."""

    operands: tuple[Expression, ...]

    def __str__(self) -> str:
        return " or ".join(map(_inside, self.operands))


Term: TypeAlias = (
    Match | Compare | Keyed | Flag | Quantified | Call | Top | Saved | Constant | Selector
)
Expression: TypeAlias = Term | Not | And | Or


class Clauses(Record):
    """Order, page, columns and groups of the result.

    `sort`, `limit`, `offset` and `show` are the words behind each keyword, empty or None without
    it.
    """

    sort: tuple[ColumnKey, ...] = ()
    limit: Value | None = None
    offset: Value | None = None
    show: tuple[ColumnKey, ...] = ()
    group: tuple[ColumnKey, ...] = ()

    def __bool__(self) -> bool:
        return self != Clauses()

    def __str__(self) -> str:
        parts: tuple[tuple[str, Iterable[object]], ...] = (
            ("group", self.group),
            ("show", self.show),
            ("sort", self.sort),
            ("limit", filter(None, (self.limit,))),
            ("offset", filter(None, (self.offset,))),
        )
        texts = ((word, _listed(items)) for word, items in parts)
        return " ".join(f"{word} {text}" for word, text in texts if text)


class Query(SyntaxNode):
    """A noun, an expression (none selects everything) and clauses.

    Dates in it are in `zone`; without one, in the zone of the clock.

    Example:
        >>> from cachedb.query.syntax.parser import parse
        >>> str(parse("alpine not is:pinned") & parse("tag:v1.*,latest"))
        'refs alpine and not is:pinned and tag:v1.*,latest'
    """

    noun: str
    expression: Expression | None = None
    clauses: Clauses = Clauses()
    zone: tzinfo | None = None

    def __str__(self) -> str:
        expression = "" if self.expression is None else str(self.expression)
        return " ".join(filter(None, (self.noun, expression, str(self.clauses))))

    def __and__(self, other: Query) -> Query:
        """Return the intersection of two queries.

        Raises:
            QueryError: The two have different nouns or zones, or one has clauses.
        """
        return self._joined(other, And)

    def __or__(self, other: Query) -> Query:
        """Return the union of two queries; raises as `&` does."""
        return self._joined(other, Or)

    def __invert__(self) -> Query:
        """Return the complement within the noun."""
        self._refuse_clauses()
        whole = self.expression or Constant(word="everything", span=self.span)
        inverted = whole.operand if isinstance(whole, Not) else Not(operand=whole, span=self.span)
        return self.replace(expression=inverted)

    def sorted_by(self, name: str) -> Query:
        """Return the query sorted by a field, unless it is sorted already."""
        if self.clauses.sort:
            return self
        return self.replace(
            clauses=self.clauses.replace(sort=(ColumnKey(name=name, span=self.span),))
        )

    def showing(self, names: Iterable[str]) -> Query:
        """Return the query with these columns, unless it shows or groups already."""
        if self.clauses.show or self.clauses.group:
            return self
        keys = (
            ColumnKey(name=name, span=Span(source=Source(text=name), start=0, end=len(name)))
            for name in names
        )
        return self.replace(clauses=self.clauses.replace(show=tuple(keys)))

    def within(self, other: Query) -> Query:
        """Return the query, with its clauses, restricted to what another one without any selects.

        Raises:
            QueryError: The two have different nouns, or `other` has clauses.
        """
        return (self.replace(clauses=Clauses()) & other).replace(clauses=self.clauses)

    def _joined(self, other: Query, kind: type[And | Or]) -> Query:
        if self.noun != other.noun:
            raise error_at(other.span, f"{self.noun} and {other.noun} cannot be joined")
        if self.zone != other.zone:
            why = f"dates in {self.zone} and dates in {other.zone} cannot be joined"
            raise error_at(other.span, why)
        self._refuse_clauses()
        other._refuse_clauses()
        if self.expression is None or other.expression is None:
            alone = self.expression or other.expression
            return self.replace(expression=alone if kind is And else None)
        joined = flat(kind, (self.expression, other.expression), self.span)
        return self.replace(expression=joined)

    def _refuse_clauses(self) -> None:
        if self.clauses:
            raise error_at(self.span, "a query with clauses is a list and cannot be joined")


def flat(kind: type[And | Or], operands: Iterable[Expression], span: Span) -> Expression:
    """Join `operands`, and flatten those of the same kind."""
    parts: list[Expression] = []
    for operand in operands:
        parts += operand.operands if isinstance(operand, kind) else (operand,)
    return parts[0] if len(parts) == 1 else kind(operands=tuple(parts), span=span)


def children(node: Expression) -> tuple[Expression, ...]:
    """Return the expressions directly below `node`; that of a saved query among them."""
    match node:
        case Not():
            return (node.operand,)
        case And() | Or():
            return node.operands
        case Quantified() | Call():
            return () if node.operand is None else (node.operand,)
        case Top():
            return () if node.of is None else (node.of,)
        case Saved():
            return () if node.query.expression is None else (node.query.expression,)
        case _:
            return ()


def walk(node: Expression) -> Iterator[Expression]:
    """Yield `node` and its descendants, from left to right."""
    yield node
    for child in children(node):
        yield from walk(child)


def with_terms(node: Expression, change: Callable[[Term], Expression]) -> Expression:
    """Return `node` with each term without an operand replaced by what `change` makes of it.

    Terms of saved queries are replaced too.
    """
    match node:
        case Not():
            return node.replace(operand=with_terms(node.operand, change))
        case And() | Or():
            return flat(
                type(node), (with_terms(each, change) for each in node.operands), node.span
            )
        case Quantified() | Call() if node.operand is not None:
            return node.replace(operand=with_terms(node.operand, change))
        case Top() if node.of is not None:
            return node.replace(of=with_terms(node.of, change))
        case Saved() if node.query.expression is not None:
            expression = with_terms(node.query.expression, change)
            return node.replace(query=node.query.replace(expression=expression))
        case _:
            return change(node)


def _listed(items: Iterable[object]) -> str:
    return ",".join(map(str, items))


def _inside(node: Expression) -> str:
    """Write an operand, in parentheses if it is an `and` or `or`."""
    return f"({node})" if isinstance(node, And | Or) else str(node)
