"""Recursive descent parser from a text to a syntax tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from cachedb.query.messages import error_at
from cachedb.query.syntax import lexer, syntax_errors
from cachedb.query.syntax.terms import ParseBudget, ParseContext, TermParser
from cachedb.query.syntax.tree import (
    And,
    Clauses,
    Expression,
    Not,
    Or,
    Query,
    Saved,
    Source,
    flat,
    walk,
)
from cachedb.query.vocabulary import NOUNS
from cachedb.query.words import CLAUSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cachedb.errors import QueryError

_DEFAULT_NOUN: Final = "refs"


def parse(
    text: str | Sequence[str],
    *,
    noun: str = _DEFAULT_NOUN,
    saved: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
) -> Query:
    """Read a query; the words of a command line are joined by blanks.

    `noun` is that of a query without one, `saved` the texts of `@name`, and `params` the values of
    `$name`, which are never parsed.

    Raises:
        QueryError: The text is empty, does not follow the grammar, or is larger than the limits.

    Example:
        >>> str(parse("tag:latest not (arch:arm64 or is:pinned) sort -added limit 5"))
        'refs tag:latest and not (arch:arm64 or is:pinned) sort -added limit 5'
    """
    assert noun in NOUNS, noun
    context = ParseContext(saved=saved or {}, params=params or {}, budget=ParseBudget())
    return _Parser(Source(text=lexer.join(text)), context).query(noun)


def parse_saved(name: str, saved: Mapping[str, str]) -> Query:
    """Read the saved query `name`, in which others may be used.

    Raises:
        QueryError: It does not parse, or refers to itself.
    """
    context = ParseContext(saved=saved, params={}, budget=ParseBudget(), stack=(name,))
    return _Parser(Source(text=saved[name]), context).query(_DEFAULT_NOUN)


class _Parser(TermParser):
    # -- the whole -------------------------------------------------------------------------

    def query(self, default_noun: str) -> Query:
        """Parse the whole text: a noun, an expression and clauses, each optional."""
        scanner = self._scanner
        start = scanner.position
        if not scanner.source.text.strip():
            raise syntax_errors.empty(scanner.span(0, 0))
        noun = self._noun()
        expression = self._expression_or_none()
        clauses = self._clauses()
        if not scanner.at_end:
            raise self._behind(clauses)
        span = scanner.span(start)
        if noun is None and isinstance(expression, Saved):
            return self._as_saved(expression, clauses)
        for node in walk(expression) if expression else ():
            if isinstance(node, Saved) and node.query.clauses:
                raise _has_clauses(node)
        return Query(
            noun=noun or default_noun,
            expression=expression,
            clauses=clauses,
            span=span,
        )

    def _as_saved(self, node: Saved, clauses: Clauses) -> Query:
        """Return the query of `@name` alone, with its noun and clauses."""
        noun, own = node.query.noun, node.query.clauses
        if not own:
            return Query(noun=noun, expression=node, clauses=clauses, span=node.span)
        if clauses:
            raise _has_clauses(node)
        return node.query.replace(span=node.span)

    def _expression_or_none(self) -> Expression | None:
        scanner = self._scanner
        if scanner.at_end or scanner.word() in CLAUSES:
            return None
        return self.expression()

    def _behind(self, clauses: Clauses) -> QueryError:
        scanner = self._scanner
        if clauses and scanner.next not in set("),|&;"):
            why = "terms come before clauses"
            return error_at(scanner.here(), why, "move it before the first clause")
        return self._unexpected()

    def _nested(self, source: Source, context: ParseContext) -> Query:
        return _Parser(source, context).query(_DEFAULT_NOUN)

    # -- operators -------------------------------------------------------------------------

    def expression(self) -> Expression:
        """Parse operands joined by and, or, and blanks, which mean and."""
        scanner = self._scanner
        start = scanner.position
        groups: list[tuple[Expression, ...]] = []
        implicit: list[bool] = []
        while True:
            operands, is_implicit = self._and()
            groups.append(operands)
            implicit.append(is_implicit)
            if not scanner.take_word("or"):
                break
            self._need_term("or")
        span = scanner.span(start)
        if len(groups) > 1 and any(implicit):
            raise syntax_errors.or_beside_juxtaposed(span, groups, implicit.index(True))
        joined = [flat(And, group, group[0].span.to(group[-1].span)) for group in groups]
        return flat(Or, joined, span)

    def _and(self) -> tuple[tuple[Expression, ...], bool]:
        scanner = self._scanner
        operands = [self._not()]
        implicit = False
        while True:
            if scanner.take_word("and"):
                self._need_term("and")
            elif self._is_at_end_of_terms():
                return tuple(operands), implicit
            else:
                implicit = True
            operands.append(self._not())

    def _is_at_end_of_terms(self) -> bool:
        scanner = self._scanner
        return scanner.at_end or scanner.next == ")" or scanner.word() in ("or", *CLAUSES)

    def _need_term(self, after: str) -> None:
        scanner = self._scanner
        if self._is_at_end_of_terms():
            why = f"missing term after `{after}`"
            end = len(scanner.source.text.rstrip()) if scanner.at_end else scanner.position
            raise error_at(scanner.span(max(end - 1, 0), end), why, f"remove `{after}`")

    def _not(self) -> Expression:
        scanner = self._scanner
        start = scanner.position
        if not scanner.take_word("not"):
            return self._primary()
        self._need_term("not")
        self._enter(start)
        operand = self._not()
        self._leave()
        return Not(operand=operand, span=scanner.span(start))

    # -- clauses ---------------------------------------------------------------------------

    def _clauses(self) -> Clauses:
        scanner = self._scanner
        found = Clauses()
        seen: set[str] = set()
        while word := self._clause_word(seen):
            match word:
                case "limit":
                    found = found.replace(limit=self._one(word))
                case "offset":
                    found = found.replace(offset=self._one(word))
                case "sort":
                    found = found.replace(sort=self._keys())
                case "show":
                    found = found.replace(show=self._keys())
                case "group":
                    found = found.replace(group=self._keys())
            scanner.skip()
        return found

    def _clause_word(
        self, seen: set[str]
    ) -> Literal["", "sort", "limit", "offset", "show", "group"]:
        scanner = self._scanner
        word = scanner.word()
        if word in seen:
            raise error_at(scanner.here(), f"`{word}` is given twice", "join the two with a comma")
        seen.add(word)
        for clause in ("sort", "limit", "offset", "show", "group"):
            if scanner.take_word(clause):
                return clause
        return ""


def _has_clauses(node: Saved) -> QueryError:
    clauses = f"the saved query `{node.name}` has clauses ({node.query.clauses})"
    return error_at(node.span, f"{clauses}, so it cannot be part of another", f"@{node.name}")
