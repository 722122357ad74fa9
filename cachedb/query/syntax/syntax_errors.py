"""Syntax errors: misplaced words and symbols, with the likely correction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.query.messages import did_you_mean, error_at, nearest
from cachedb.query.syntax import quoting
from cachedb.query.vocabulary import FIELD_NAMES, FUNCTIONS, KEYED_FIELDS, NOUNS, RELATION_NAMES
from cachedb.query.words import CLAUSES, WORD_OPERATORS

if TYPE_CHECKING:
    from cachedb.errors import QueryError
    from cachedb.query.syntax.tree import Expression, Span

_INSTEAD: Final = {
    "&": ("write `and`, or nothing: terms side by side are joined by `and`",),
    "|": ("write `or`",),
    "!": ("write `not`",),
    "~": ("write `not` for the complement, and FIELD~REGEX or FIELD matches REGEX to match",),
    "^": ("write `not`",),
    "-": (
        "write `not`; `-` is allowed only before a sort key",
        "options stand beside queries in full only: --quiet, --help",
    ),
    ",": (
        "a comma separates the values of one field: name:alpine,busybox",
        "between terms write `or`",
    ),
    ";": ("write one query; `or` joins two",),
    "+": ("write `or`",),
}


def empty(span: Span) -> QueryError:
    """Report an empty query, as an unset variable of a shell leaves it."""
    return error_at(span, "the query is empty", "everything", "refs tag:latest")


def symbol(span: Span, char: str) -> QueryError:
    """Report a character that cannot begin a term."""
    if char in "<>=":
        return error_at(
            span,
            f"`{char}` needs a field before it",
            f"size {'gt' if char == '>' else 'lt' if char == '<' else 'eq'} 100M",
        )
    source = span.source.text
    if not char.isascii():
        why = f"`{char}` is not allowed in a reference"
        return error_at(span, why, 'name has "TEXT"')
    if char == "$" and span.start and not source[span.start - 1].isspace():
        why = "`$` begins a parameter and is not allowed inside a word"
        return error_at(span, why, "quote a text that has `$` in it: 'a$b'")
    if char == "$":
        return error_at(span, "a parameter is a value, not a term", "name:$name")
    if char == ")":
        return error_at(span, "unmatched `)`", "remove it")
    hints = _INSTEAD.get(char, ("quote a text that has this character",))
    return error_at(span, f"`{char}` is not an operator here", *hints)


def bare_word(span: Span, word: str, *, is_first: bool) -> QueryError:
    """Report a word of the language where a term is expected."""
    if word in NOUNS:
        why = f"`{word}` is a noun, which is the first word of a query"
        return error_at(span, why, f"write it first, or {word}(…) for what these are found in")
    if is_first and word in quoting.SINGULARS:
        noun = quoting.SINGULARS[word]
        return error_at(span, f"`{word}` is not a noun", f"write {noun}")
    if word in FIELD_NAMES:
        return error_at(
            span,
            f"`{word}` is a field; it needs `:` or an operator",
            f"{word}:VALUE",
            "unquoted < and > are redirections in a shell: write "
            f"`{word} gt VALUE` / `{word} lt VALUE`, or quote the query",
        )
    if word in KEYED_FIELDS:
        why = f"`{word}` is a field of keys and values; it needs a key"
        return error_at(span, why, f"{word}:KEY", f"{word}:KEY=VALUE")
    if word in RELATION_NAMES:
        why = f"`{word}` is a relation, not a term"
        return error_at(
            span, why, f"any {word}", f"any {word}(CONDITION)", f'"{word}" is a reference'
        )
    if word in FUNCTIONS:
        return error_at(span, f"`{word}` is a function", f"{word}(alpine)")
    if word == "is":
        return error_at(span, "`is` is followed by `:` and flags", "is:pinned")
    if word in quoting.SINGULARS:
        plural = quoting.SINGULARS[word]
        hints = (f"{plural} begins a query", f'"{word}" is a reference')
        return error_at(span, f"`{word}` is not a term", *hints)
    return keyword(span, word)


def keyword(span: Span, word: str) -> QueryError:
    """Report a keyword where a term is expected."""
    if word in {"and", "or"}:
        return error_at(span, f"missing term before `{word}`", f"remove `{word}`")
    if word in WORD_OPERATORS:
        why = f"`{word}` is an operator; it needs a field before it"
        return error_at(span, why, f"{_example(word)}", f'"{word}" is a reference')
    if word in CLAUSES:
        return error_at(span, f"`{word}` comes after the terms, once")
    if word in {"by", "per", "of"}:
        return error_at(span, f"`{word}` belongs to `top`", "top 5 by -added per repo of (tag:v*)")
    return error_at(span, f"`{word}` is a keyword", f'"{word}" is a reference')


def call(span: Span, name: str) -> QueryError:
    """Report `name(` if that is not a function."""
    if name in RELATION_NAMES:
        why = f"`{name}(…)` needs a quantifier"
        return error_at(span, why, f"any {name}(…)", f"no {name}(…)", f"count {name}(…) gt 3")
    if name in NOUNS or name in quoting.SINGULARS:
        plural = quoting.SINGULARS.get(name, name)
        return error_at(span, f"unknown function `{name}`", f"blobs({plural} …)")
    return error_at(span, f"unknown function `{name}`", *did_you_mean(name, FUNCTIONS))


def field(span: Span, word: str) -> QueryError:
    """Report an unknown word before an operator."""
    *relations, last = word.split(".")
    unknown = [name for name in relations if name not in RELATION_NAMES]
    if unknown:
        return error_at(
            span, f"unknown relation `{unknown[0]}`", *did_you_mean(unknown[0], RELATION_NAMES)
        )
    if last in KEYED_FIELDS:
        return error_at(span, f"`{last}` needs a key", f"{last}:KEY=VALUE", f"{last}:KEY has TEXT")
    if last in RELATION_NAMES:
        why = f"`{last}` is a relation, not a field"
        return error_at(span, why, f"count {last} gt 3", f"{last}.FIELD:VALUE")
    if last == "is":
        return error_at(span, "`is` is followed by `:` and flags", "is:pinned")
    return error_at(
        span, f"unknown field `{last}`", *did_you_mean(last, (*FIELD_NAMES, *KEYED_FIELDS))
    )


def relation(span: Span, word: str, quantifier: str) -> QueryError:
    """Report a word that is not a relation after `any`, `all`, `no` or `count`."""
    hints = []
    if (near := nearest(word, RELATION_NAMES)) is not None:
        hints.append(f"did you mean `{near}`?")
    singular = quoting.SINGULAR_OF.get(word)
    if singular is not None:
        hints = [f"{quantifier} {singular}", f"{quantifier} {singular}(CONDITION)"]
    if quantifier == "no" and not hints and word:
        hints.append(f"for the complement of a term write `not`: not {word}")
    if not hints:
        hints.append(f"one of {', '.join(sorted(RELATION_NAMES))}")
    shown = f"`{word}` is not a relation" if word else "missing relation"
    return error_at(span, f"{shown} after `{quantifier}`", *hints)


def or_beside_juxtaposed(
    span: Span, groups: list[tuple[Expression, ...]], place: int
) -> QueryError:
    """Report `a or b c`, whose precedence is ambiguous to readers."""
    texts = [" and ".join(part.span.text for part in group) for group in groups]
    first, *others = (part.span.text for part in groups[place])
    bound = [f"({text})" if at == place else text for at, text in enumerate(texts)]
    if place:
        other_way = f"({' or '.join([*texts[:place], first])}) {' '.join(others)}"
        rest = texts[place + 1 :]
    else:
        *before, last = (first, *others)
        other_way = f"{' '.join(before)} ({' or '.join([last, *texts[1:]])})"
        rest = []
    hints = [f"write {' or '.join(bound)}"]
    if not rest:
        hints.append(f"or write {other_way}")
    return error_at(
        span, "`or` beside terms that stand side by side can be read in two ways", *hints
    )


def _example(operator: str) -> str:
    if operator in {"before", "since"}:
        return f"used {operator} 30d"
    if operator in {"matches", "starts", "ends", "has"}:
        return f"tag {operator} v1"
    return f"size {operator} 100M"
