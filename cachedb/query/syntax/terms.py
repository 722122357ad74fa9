"""Parser of terms, the operands of `and`, `or` and `not`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from cachedb import limits
from cachedb.patterns import lazy
from cachedb.query.messages import did_you_mean, error_at
from cachedb.query.syntax import lexer, quoting, syntax_errors
from cachedb.query.syntax.tree import (
    Call,
    ColumnKey,
    Compare,
    Constant,
    Expression,
    Flag,
    Keyed,
    Match,
    Path,
    Quantified,
    Query,
    Saved,
    Selector,
    Source,
    Top,
    Value,
)
from cachedb.query.vocabulary import FUNCTIONS, KEYED_FIELDS, NOUNS, RELATION_NAMES
from cachedb.query.words import CLAUSES, CONSTANTS, KEYWORDS, QUANTIFIERS
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachedb.errors import QueryError
    from cachedb.query.syntax.tree import Span

_NOUN: Final = lazy(r"(?P<name>[a-z]+)(?![^\s)])")
_RELATION: Final = lazy(r"(?P<name>[a-z]+)(?![a-z_])")
_BEHIND_RELATION: Final = lazy(r"[\s(),<>=!]|\Z")
_GROUP_AFTER_BLANK: Final = lazy(r"\s+\(")
_SIGNS: Final = ("-", "+")


class ParseBudget:
    """Terms and nesting of one query so far, its saved queries included."""

    def __init__(self) -> None:
        self.terms = 0
        self.depth = 0


class ParseContext(Record):
    """Saved queries, parameters and limits of a parse; `stack` holds the saved queries in use."""

    saved: Mapping[str, str]
    params: Mapping[str, str]
    """Values of ``$name``, by name."""
    budget: ParseBudget
    """Depth and number of terms so far."""
    stack: tuple[str, ...] = ()


class TermParser(ABC):
    """Parser of terms; a subclass parses their operators."""

    def __init__(self, source: Source, context: ParseContext) -> None:
        self._context = context
        self._budget = context.budget
        self._scanner = lexer.Scanner(source, context.params)

    @abstractmethod
    def expression(self) -> Expression:
        """Read terms joined by `and`, `or` and `not`."""

    @abstractmethod
    def _nested(self, source: Source, context: ParseContext) -> Query:
        """Read a saved query."""

    def _noun(self) -> str | None:
        scanner = self._scanner
        found = scanner.peek(_NOUN)
        if found and found["name"] in NOUNS:
            scanner.position = found.end()
            scanner.skip()
            return "refs" if found["name"] == "images" else found["name"]
        word = scanner.word()
        is_alone = scanner.source.text[scanner.position + len(word) :][:1] in {"", " ", ")"}
        if word in quoting.SINGULARS and is_alone and not self._is_compared():
            raise syntax_errors.bare_word(scanner.here(), word, is_first=True)
        return None

    def _is_compared(self) -> bool:
        found = self._scanner.field()
        return found is not None and not found["colon"]

    def _primary(self) -> Expression:
        scanner = self._scanner
        start = scanner.position
        if scanner.at_end:
            raise error_at(scanner.span(start, start), "missing term", "everything")
        self._count_term()
        if scanner.next == "(":
            return self._group()
        word = scanner.word()
        if word == "top":
            found: Expression = self._top()
        elif word in QUANTIFIERS or word == "count":
            found = self._quantified()
        elif word in CONSTANTS:
            scanner.take_word(word)
            found = Constant(word=word, span=scanner.span(start))
        elif word in KEYWORDS:
            raise syntax_errors.keyword(scanner.here(), word)
        else:
            found = self._field() or self._call() or self._selector()
        scanner.skip()
        return found

    def _group(self) -> Expression:
        scanner = self._scanner
        start = scanner.position
        scanner.take_char("(")
        if scanner.next == ")":
            span = scanner.span(start, scanner.position + 1)
            raise error_at(span, "empty parentheses", "remove them")
        found = self._argument(start)
        scanner.skip()
        return found

    def _argument(self, start: int) -> Expression:
        """Read an expression and the parenthesis behind it."""
        self._enter(start)
        found = self.expression()
        self._leave()
        self._close(start)
        return found

    def _close(self, start: int) -> None:
        scanner = self._scanner
        if scanner.next == ")":
            scanner.position += 1
            return
        if scanner.at_end:
            raise error_at(scanner.span(start, start + 1), "unclosed `(`", "add `)` at the end")
        raise self._unexpected()

    def _field(self) -> Expression | None:
        scanner = self._scanner
        start = scanner.position
        found = scanner.field()
        if found is None:
            return None
        scanner.position = found.end()
        relations = tuple(found["path"].split(".")[:-1])
        path = Path(relations=relations, field=found["field"], span=scanner.span(start))
        self._check_depth(len(relations), path.span)
        if path.field == "is":
            words = scanner.values()
            return Flag(relations=relations, words=words, span=scanner.span(start))
        if path.field in KEYED_FIELDS:
            return self._keyed(path)
        if found["colon"]:
            values = scanner.values()
            return Match(path=path, values=values, span=scanner.span(start))
        scanner.skip()
        op = scanner.operator()
        assert op is not None  # the pattern has looked ahead
        values = scanner.values(raw=op == "matches")
        return Compare(path=path, op=op, values=values, span=scanner.span(start))

    def _keyed(self, path: Path) -> Keyed:
        scanner = self._scanner
        keys = scanner.keys()
        behind_keys = scanner.position
        scanner.skip()
        op = scanner.operator()
        if op is None:
            scanner.position = behind_keys
            return Keyed(path=path, keys=keys, span=scanner.span(path.span.start))
        values = scanner.values(raw=op == "matches")
        return Keyed(
            path=path, keys=keys, op=op, values=values, span=scanner.span(path.span.start)
        )

    def _call(self) -> Expression | None:
        scanner = self._scanner
        start = scanner.position
        if scanner.next == "@":
            return self._saved()
        found = scanner.take(lexer.CALL)
        if found is None:
            return None
        name = found["name"]
        if name not in FUNCTIONS:
            raise syntax_errors.call(scanner.span(start, scanner.position - 1), name)
        scanner.skip()
        opening = scanner.position
        noun = self._noun()
        if scanner.next == ")" and noun is not None:
            scanner.position += 1
            operand = None
        elif scanner.next == ")":
            span = scanner.span(start, scanner.position + 1)
            raise error_at(span, f"`{name}(…)` needs an argument", f"{name}(alpine)")
        else:
            operand = self._argument(found.end() - 1 if opening else start)
        return Call(function=name, noun=noun, operand=operand, span=scanner.span(start))

    def _saved(self) -> Saved:
        scanner = self._scanner
        start = scanner.position
        found = scanner.take(lexer.SAVED)
        if found is None:
            span = scanner.here()
            why = "`@` begins the name of a saved query: a-z, then a-z 0-9 _ -"
            raise error_at(span, why, "@stale")
        name = found["name"]
        span = scanner.span(start)
        context = self._context
        if name not in context.saved:
            known = [f"@{other}" for other in context.saved]
            hints = did_you_mean(f"@{name}", known) or ("save one: cachedb query --save NAME",)
            raise error_at(span, f"no saved query `{name}`", *hints)
        if name in context.stack:
            way = " → ".join((*context.stack[context.stack.index(name) :], name))
            why = f"the saved query `{name}` refers to itself: {way}"
            raise error_at(span, why, f"write out one of them instead of @{name}")
        self._enter(start)
        source = Source(text=context.saved[name], name=name, used_at=span)
        inner = context.replace(stack=(*context.stack, name))
        query = self._nested(source, inner)
        self._leave()
        return Saved(name=name, query=query, span=span)

    def _selector(self) -> Selector:
        scanner = self._scanner
        start = scanner.position
        quoted = scanner.quoted()
        if quoted is not None:
            if set("\"'") & set(quoted.text) or not quoted.text.strip():
                why = "a quoted text without a field is a reference, and this is not one"
                raise error_at(quoted.span, why, 'name:"TEXT"')
            return Selector(text=quoted.text, span=quoted.span)
        unknown = scanner.peek(lexer.ANY_WORD_BEFORE_OPERATOR)
        if unknown:
            raise syntax_errors.field(scanner.span(start, unknown.end()), unknown[0])
        bare = scanner.take(quoting.BARE_SELECTOR)
        if bare is None or bare[0][0] in "^+":
            raise syntax_errors.symbol(scanner.span(start, start + 1), scanner.source.text[start])
        span = scanner.span(start)
        plain = quoting.REFERENCE.match(bare[0])
        if plain is None or plain.end() < len(bare[0]):
            place = start + (plain.end() if plain else 0)
            raise syntax_errors.symbol(scanner.span(place, place + 1), scanner.source.text[place])
        if bare[0] in quoting.RESERVED:
            raise syntax_errors.bare_word(span, bare[0], is_first=False)
        return Selector(text=bare[0], span=span)

    # -- terms with words ------------------------------------------------------------------

    def _quantified(self) -> Quantified:
        scanner = self._scanner
        start = scanner.position
        quantifier = scanner.take_word("count", *QUANTIFIERS)
        at = scanner.position
        found = scanner.take(_RELATION)
        is_relation = found is not None and found["name"] in RELATION_NAMES
        if found is None or not is_relation or not scanner.peek(_BEHIND_RELATION):
            scanner.position = at
            raise syntax_errors.relation(scanner.here(), scanner.here().text, quantifier)
        relation = Value(text=found["name"], span=scanner.span(at))
        if scanner.peek(_GROUP_AFTER_BLANK):
            why = f"no blank is allowed between `{relation.text}` and `(`"
            written = f"{quantifier} {relation.text}(…)"
            raise error_at(scanner.span(start, scanner.position + 1), why, f"write {written}")
        operand = self._relation_argument(quantifier, relation)
        plain = Quantified(
            quantifier=quantifier, relation=relation, operand=operand, span=scanner.span(start)
        )
        if quantifier != "count":
            return plain
        scanner.skip()
        op, values = self._number(start, relation)
        return plain.replace(op=op, values=values, span=scanner.span(start))

    def _relation_argument(self, quantifier: str, relation: Value) -> Expression | None:
        scanner = self._scanner
        opening = scanner.position
        if scanner.next != "(":
            if quantifier == "all":
                why = f"`all {relation.text}` needs a condition"
                hint = f"all {relation.text}(CONDITION)"
                raise error_at(relation.span, why, hint, f"any {relation.text}")
            return None
        scanner.take_char("(")
        if scanner.next == ")":
            span = scanner.span(opening, scanner.position + 1)
            raise error_at(span, "empty parentheses", f"{quantifier} {relation.text}")
        return self._argument(opening)

    def _number(self, start: int, relation: Value) -> tuple[str, tuple[Value, ...]]:
        scanner = self._scanner
        op = scanner.number_operator()
        if op is None:
            why = "`count` is compared with a number"
            raise error_at(scanner.span(start), why, f"count {relation.text} gt 5")
        return op, scanner.values()

    def _top(self) -> Top:
        scanner = self._scanner
        start = scanner.position
        scanner.take_word("top")
        if scanner.word() == "by":
            raise error_at(scanner.span(start), "`top` needs a number", "top 5 by -added")
        count = self._one("top")
        if not scanner.take_word("by"):
            why = "`top` needs keys to rank by"
            raise error_at(scanner.span(start), why, f"top {count.text} by -added")
        keys = self._keys()
        per = self._keys() if scanner.take_word("per") else ()
        of = None
        behind = scanner.position
        opening = scanner.take(lexer.OF)
        if opening:
            scanner.skip()
            of = self._argument(opening.end() - 1)
            behind = scanner.position
        elif scanner.word() == "of":
            raise error_at(
                scanner.here(), "`of` is followed by ( )", "top 5 by -added of (tag:v*)"
            )
        span = scanner.span(start, start + len(scanner.source.text[start:behind].rstrip()))
        return Top(count=count, keys=keys, per=per, of=of, span=span)

    def _one(self, word: str) -> Value:
        values = self._scanner.values()
        if len(values) > 1:
            span = values[0].span.to(values[-1].span)
            raise error_at(span, f"`{word}` takes one number", f"{word} {values[0].text}")
        self._scanner.skip()
        return values[0]

    def _keys(self) -> tuple[ColumnKey, ...]:
        values = self._scanner.values()
        self._scanner.skip()
        return tuple(
            ColumnKey(name=value.text[len(sign) :], sign=sign, span=value.span)
            for value in values
            for sign in [value.text[:1] if value.text[:1] in _SIGNS else ""]
        )

    # -- limits ----------------------------------------------------------------------------

    def _enter(self, start: int) -> None:
        self._budget.depth += 1
        self._check_depth(0, self._scanner.span(start, start + 1))

    def _check_depth(self, more: int, span: Span) -> None:
        limit = limits.QUERY_DEPTH
        if self._budget.depth + more > limit.value:
            raise error_at(
                span,
                f"more than {limit.value} levels of nesting",
                "write it with fewer parentheses",
                f"{limit.variable}=NUMBER raises the limit",
            )

    def _leave(self) -> None:
        self._budget.depth -= 1

    def _count_term(self) -> None:
        self._budget.terms += 1
        limit = limits.QUERY_TERMS
        if self._budget.terms > limit.value:
            scanner = self._scanner
            raise error_at(
                scanner.span(scanner.position, scanner.position + 1),
                f"more than {limit.value} terms in one query",
                "give many values of one field as a list: name:a,b,c",
                f"{limit.variable}=NUMBER raises the limit",
            )

    def _unexpected(self) -> QueryError:
        scanner = self._scanner
        word = scanner.word()
        if word in CLAUSES:
            why = "a clause is not allowed inside ( )"
            return error_at(scanner.here(), why, "move it after the last `)`")
        if word in KEYWORDS:
            return syntax_errors.keyword(scanner.here(), word)
        here = scanner.span(scanner.position, scanner.position + 1)
        return syntax_errors.symbol(here, scanner.next)
