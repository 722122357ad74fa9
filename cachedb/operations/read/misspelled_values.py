"""Queries that match nothing: values that they may misspell, other meanings of their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from cachedb.catalog.statements import refs
from cachedb.catalog.statements.completion import VALUES, Values
from cachedb.errors import QueryError
from cachedb.oci.platform.model import KNOWN_ARCHITECTURES, KNOWN_OS
from cachedb.oci.platform.variants import normalize_architecture
from cachedb.operations.read import run_query
from cachedb.patterns import lazy
from cachedb.query.semantics import globs
from cachedb.query.semantics.typed import FieldTest, MapTest
from cachedb.query.semantics.typed import walk as walk_typed
from cachedb.query.spelling import nearest_value
from cachedb.query.syntax import quoting
from cachedb.query.syntax.tree import And, Compare, Keyed, Match, with_terms
from cachedb.query.tools.value_columns import COLUMNS
from cachedb.query.vocabulary import FIELD_NAMES
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.statement import Scalars
    from cachedb.query.semantics.typed import TypedExpression
    from cachedb.query.syntax.tree import Expression, Query, Span, Term, Value
    from cachedb.query.words import Field

_MOST: Final = 20_000
"""Values of a column that are compared."""
_LAST: Final = "\U0010ffff"
_OPEN: Final = frozenset({"digest", "entrypoint", "origin", "purl", "variant", "version"})
"""Fields whose values resemble each other without being misspelled."""
_TERM: Final = lazy(rf"(?:{'|'.join(FIELD_NAMES)})==?[^=]")
_REPEATED: Final = frozenset({"arch", "os", "platform", "registry", "tag"})
"""Fields whose values never begin with their own name and a colon."""
_OF_PLATFORM: Final = ("os", "arch")


class KnownValues(Protocol):
    """Values of columns in a catalog, or in those of several caches."""

    def values(self, statement: Scalars[Any], /, **values: Any) -> list[Any]:
        """Return the rows of a statement that have one column."""


class Correction(Record):
    """A query with known values in place of misspelled ones, and its terms that match nothing."""

    terms: tuple[str, ...]
    query: str


def correct(catalog: Catalog, query: Query) -> Correction | None:
    """Replace values that the catalog does not know by near ones; None if there are none.

    Patterns, ranges, saved queries and operators other than `eq` are left as they are. Costs an
    index lookup for each value, and a scan of the values of its field for each that is unknown;
    `name` and `repository` scan the names.

    Raises:
        QueryError: The query is not valid.
    """
    if query.expression is None:
        return None
    condition = run_query.checked_query(catalog, query).condition
    with catalog.reading() as connection:
        return corrected(query, condition, connection)


def corrected(
    query: Query, condition: TypedExpression | None, known: KnownValues
) -> Correction | None:
    """Replace values of a checked query by near ones of `known`, as `correct` does."""
    if query.expression is None:
        return None
    fields: dict[tuple[str, int, int], Field] = {}
    for node in () if condition is None else walk_typed(condition):
        if isinstance(node, FieldTest | MapTest):
            fields.setdefault(_place(node.span), node.field)
    corrector = _Corrector(known, fields)
    expression = with_terms(query.expression, corrector.change)
    if not corrector.terms:
        return None
    return Correction(
        terms=tuple(corrector.terms), query=str(query.replace(expression=expression))
    )


def _place(span: Span) -> tuple[str, int, int]:
    return span.source.text, span.start, span.end


def meant_where_empty(catalog: Catalog, query: Query, saved: Mapping[str, str]) -> str | None:
    """Return the query that the words of an empty one mean to users of other tools, else None.

    `files alpine` is valid: the files whose path ends in `alpine`. Where it selects nothing, the
    files of that image were meant. Returned queries select something, and are no total where rows
    were asked for: `count layer > 10` is meant as it is. Costs a few queries. A query with
    `present` says itself that it may select nothing.
    """
    from cachedb.query.tools.rewrite.suggest import suggest  # noqa: PLC0415  (for empty answers)

    names = run_query.CatalogNames(catalog)
    text = query.span.source.text
    if "present(" in text:
        return None
    # Words of a command line are joined by `or` where they look like names.
    for words in dict.fromkeys((text, text.replace(" or ", " "))):
        found = suggest(words, query.noun, saved, names)
        if found is not None and not _is_total(found, query) and names.selects(found):
            return found
    return None


def _is_total(found: str, query: Query) -> bool:
    return " show count" in found and not query.clauses.show


class _Corrector:
    def __init__(self, known: KnownValues, fields: Mapping[tuple[str, int, int], Field]) -> None:
        self._known = known
        self._fields = fields
        self.terms: list[str] = []

    def change(self, term: Term) -> Expression:
        """Return the term with known values in place of misspelled ones.

        `name=nginx,tag=latest`, as selectors of kubectl are written, is one term whose second
        value matches nothing: it becomes two.
        """
        field = self._fields.get(_place(term.span))
        is_written = term.span.source.used_at is None
        if field is None or not is_written or field.name in _OPEN:
            return term
        if isinstance(term, Keyed):
            found: Expression = term.replace(keys=self._each(term.keys, field))
        elif isinstance(term, Match) or (isinstance(term, Compare) and term.op == "eq"):
            values = [_without_field(value, field.name) for value in term.values]
            plain = [value for value in values if not _TERM.match(value.text)]
            found = term.replace(values=self._each(tuple(plain), field))
            if plain and len(plain) < len(values):
                found = And(operands=(found, *_terms(term, plain)), span=term.span)
        else:
            return term
        if found != term:
            self.terms.append(str(term))
        return found

    def _each(self, values: tuple[Value, ...], field: Field) -> tuple[Value, ...]:
        return tuple(self._corrected(value, field) for value in values)

    def _corrected(self, value: Value, field: Field) -> Value:
        try:
            text = globs.parse(value.text, value.span).literal
        except QueryError:
            return value
        if not text or not text.isprintable():
            return value
        if field.name == "platform":
            near = self._platform(text)
        elif field.name in {"name", "repository"} and field.sort.value == "ref":
            near = self._name(text, is_repository=field.name == "repository")
        else:
            near = self._in_column(text, field.sort.value, field.name)
        return value if near is None else value.replace(text=quoting.escape(near))

    def _platform(self, text: str) -> str | None:
        """Correct the system and the architecture of a platform."""
        parts = text.split("/")
        if len(parts) == 1:
            return None  # which the parser knows, or refuses
        near = [self._in_column(part, "blob", _OF_PLATFORM[i]) for i, part in enumerate(parts[:2])]
        if not any(near):
            return None
        return "/".join(new or old for new, old in zip((*near, *parts[2:]), parts, strict=True))

    def _name(self, text: str, *, is_repository: bool) -> str | None:
        """Correct the end of a name: as many components of its path, with or without a tag."""
        count = text.count("/") + 1
        has_tag = ":" in text.rpartition("/")[2]
        ends = set()
        for name in self._known.values(refs.NAMES):
            whole = name.partition("@")[0]
            path, colon, tag = whole.rpartition(":")
            if not colon or "/" in tag:
                path, tag = whole, ""
            end = path if is_repository else "/".join(path.split("/")[-count:])
            ends.add(f"{end}:{tag}" if has_tag and not is_repository else end)
        if text in ends:
            return None
        longer = [end for end in ends if is_repository and end.endswith(f"/{text}")]
        return longer[0] if len(longer) == 1 else nearest_value(text, ends)

    def _in_column(self, text: str, sort: str, field: str) -> str | None:
        """Correct a value of a column; None if the column has it, or none near it."""
        if field in _OF_PLATFORM and _is_well_known(text):
            return None
        column = COLUMNS[sort].get(field)
        if column is None or text in self._values(column, text, f"{text}\x01", 1):
            return None
        known: Iterable[str] = self._values(column, "", _LAST, _MOST)
        if field in _OF_PLATFORM:
            known = {*known, *(KNOWN_OS if field == "os" else KNOWN_ARCHITECTURES)}
        return nearest_value(text, known)

    def _values(self, column: tuple[str, str], low: str, high: str, most: int) -> list[str]:
        handle = VALUES[Values(*column)]
        return self._known.values(handle, low=low, high=high, most=most, key="")


def _without_field(value: Value, field: str) -> Value:
    """Read `arch:arm64,arch:amd64` as a list of two architectures."""
    name = f"{field}:"
    return value.replace(text=value.text.removeprefix(name)) if field in _REPEATED else value


def _terms(term: Match | Compare, plain: Sequence[Value]) -> Iterator[Expression]:
    """Read the values that are terms themselves."""
    for value in term.values:
        if value not in plain:
            field, text = value.text.split("=", 1)
            path = term.path.replace(field=field, relations=())
            values = (value.replace(text=text.removeprefix("=")),)
            yield Match(path=path, values=values, span=term.span)


def _is_well_known(text: str) -> bool:
    return text in KNOWN_OS or normalize_architecture(text, "")[0] in KNOWN_ARCHITECTURES
