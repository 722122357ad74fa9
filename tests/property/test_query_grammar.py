"""The parser against the grammar, and texts against trees."""

import random
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark import Lark
from lark.exceptions import LarkError

from cachedb.errors import QueryError
from cachedb.query import vocabulary, words
from cachedb.query.syntax import quoting
from cachedb.query.syntax.parser import parse
from cachedb.query.syntax.tree import Query
from tests.property.test_query_meaning import law
from tests.query import generate
from tests.query.databases import SAVED
from tests.query.examples import EXAMPLES
from tests.query.random_queries import Writer

GRAMMAR = Path(__file__).resolve().parent.parent / "query" / "grammar.lark"
PARAMS = {"when": "30d", "name": "a*b"}
CORPUS = (
    *(text for _, text in EXAMPLES.values()),
    "refs 'a b' or \"c\" and not (registry:5000/x or tag:\"v 1\",'w')",
    "blobs blobs(refs) descendants(layers size gt 1G) size>=1k size<2Mi size!=5",
    'refs label:"my key"="a,b" env:PATH has /bin annotation:a~\'x|y\' pkg:a,b',
    "refs added since $when name:$name tag~^v[0-9]",
    "links child.kind:layer parent.is:missing role ne config",
    "refs top 2 by -used,name of (any blob(is:missing)) limit 5 offset 10",
    "images count blob eq 5 no package all layer(size lt 1M) everything",
    "refs sort 'a b',-\"x,y\" show 'size' limit '5'",
    "blobs (nothing or @prod) group type show type,count sort -count",
)
# What the grammar takes and the parser refuses, each with a message of its own.
STATIC_RULES = (
    "the query is empty",
    "unknown function",
    "is a field; it needs",
    "is a field of keys",
    "is not a noun",
    "unknown field",
    "unknown relation",
    "needs a key",
    "missing value",
    "missing key",
    "is given twice",
    "`or` beside terms",
    "needs a condition",
    "is a relation, not",
    "is a function",
    "is not a term",
    "is a noun, which",
    "no blank is allowed",
    "is not an operator here",
    "is not allowed in a",
    "is not allowed inside a word",
    "`is` is followed by",
    "takes one number",
    "is a reference, and this is not one",
    "no saved query",
    "no value for the parameter",
    "has clauses",
    "needs a quantifier",
    "needs a field before it",
    "begins the name of a parameter",
    "needs an argument",
    "is not a relation after",
    # A keyword right before a quote is a reference to the grammar.
    "missing term before",
    "is an operator; it needs",
    "comes after the terms",
    "belongs to `top`",
    "is a keyword",
)


@cache
def grammar() -> Lark:
    known_words = {
        "nouns": vocabulary.NOUNS,
        "relations": vocabulary.RELATION_NAMES,
        "functions": vocabulary.FUNCTIONS,
        "keyed": vocabulary.KEYED_FIELDS,
        "fields": vocabulary.FIELD_NAMES,
        "operators": words.WORD_OPERATORS,
        "keywords": words.KEYWORDS,
    }
    text = GRAMMAR.read_text()
    for name, known in known_words.items():
        text = text.replace(f"«{name}»", "|".join(known))
    return Lark(text, parser="lalr", lexer="contextual")


def fits_the_grammar(text: str) -> bool:
    try:
        grammar().parse(text)
    except LarkError:
        return False
    return True


def mutated(text: str, rng: random.Random) -> str:
    """Make one or two edits: drop, double, swap or put in a character or a word."""
    for _ in range(rng.randint(1, 2)):
        if rng.random() < 0.5:
            parts = re.split(r"(\s+|[():,])", text)
            place = rng.randrange(len(parts))
            parts[place : place + 1] = rng.choice(
                (
                    [],
                    [parts[place]] * 2,
                    [rng.choice(PIECES)],
                    [parts[place], " ", rng.choice(PIECES)],
                )
            )
            text = "".join(parts)
        else:
            place = rng.randrange(len(text) + 1)
            put = rng.choice("abz19 .:,=<>~!()\"'@$-*/|&")
            text = text[:place] + put * rng.randint(0, 1) + text[place + rng.randint(0, 1) :]
    return text


PIECES = (
    *words.KEYWORDS,
    *vocabulary.FIELD_NAMES,
    *vocabulary.RELATION_NAMES,
    *vocabulary.NOUNS,
    "(",
    ")",
    "is:pinned",
    "tag:x",
    "size gt 1G",
    "alpine",
    "label:a",
    "any layer(",
    "refs(",
    '"a b"',
)


def parsed(text: str, params: dict[str, str] = PARAMS) -> Query | QueryError:
    try:
        return parse(text, saved=SAVED, params=params)
    except QueryError as error:
        return error


def agree(text: str, reasons: Counter[str]) -> None:
    """Whatever the parser takes the grammar takes; the rest falls under a known rule."""
    query = parsed(text)
    if isinstance(query, QueryError):
        if fits_the_grammar(text):
            rule = next((rule for rule in STATIC_RULES if rule in query.why), None)
            assert rule, (text, query.why)
            reasons[rule] += 1
        return
    assert fits_the_grammar(text), text
    assert parse(str(query), saved=SAVED) == query, text
    reasons["accepted"] += 1


@pytest.mark.parametrize("text", CORPUS)
def test_the_corpus_fits_both(text: str) -> None:
    assert fits_the_grammar(text)
    agree(text, Counter())


def test_a_thousand_mutations_are_taken_by_both_or_refused_by_a_known_rule() -> None:
    rng, reasons = random.Random(4), Counter[str]()
    for _ in range(1_000):
        agree(mutated(rng.choice(CORPUS), rng), reasons)

    assert reasons["accepted"] > 200
    assert len(reasons) > 8


@pytest.mark.campaign
def test_twenty_thousand_mutations_are_read_or_refused() -> None:
    rng, reasons = random.Random(5), Counter[str]()
    for _ in range(20_000):
        agree(mutated(rng.choice(CORPUS), rng), reasons)


@law(100)
@given(st.randoms(use_true_random=False))
def test_the_canonical_text_of_a_tree_parses_to_the_tree(rng: random.Random) -> None:
    cache = generate.build(random.Random(1), 2)
    writer = Writer(rng, cache)
    for text in (writer.query(), writer.with_clauses()[0]):
        query = parse(text, saved=SAVED)
        assert parse(str(query), saved=SAVED) == query
        assert str(parse(str(query), saved=SAVED)) == str(query)


@law(300)
@given(st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1))
def test_any_text_can_be_a_value(text: str) -> None:
    for query in (
        f"refs tag:{quoting.first_value(quoting.value(text))}",
        f"refs tag eq {quoting.value(text)}",
        f"refs label:{quoting.first_value(quoting.key(text))}=a",
    ):
        found = parse(query)
        assert parse(str(found)) == found
        term = found.expression
        assert [value.text for value in getattr(term, "keys", term.values)] == [text]


@law(200)
@given(st.text(min_size=1))
def test_a_parameter_is_a_value_whatever_is_in_it(text: str) -> None:
    query = parsed("refs tag:$x is:pinned", {"x": text})
    if isinstance(query, QueryError):
        assert "is not allowed in a query" in query.why
        return
    assert parse(str(query)) == query
    assert len(query.expression.operands) == 2


@law(300)
@given(st.text())
def test_any_text_parses_or_says_why(text: str) -> None:
    query = parsed(text)
    if isinstance(query, QueryError):
        return
    assert parse(str(query), saved=SAVED) == query
