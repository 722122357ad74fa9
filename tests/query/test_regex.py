"""Regular expressions: what they find, and that nothing makes them slow."""

import re
import sqlite3
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, event, literal, select

from cachedb.query.semantics import linear_regex
from cachedb.query.semantics.linear_regex import PatternError, searcher

ATOMS = st.sampled_from(
    ["a", "b", "1", ".", "[ab]", "[^a]", r"\d", r"\w", r"\s", r"\D", "^", "$", "[a-c1]", r"\."]
)
REPEATS = st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{1,}", "*?", "+?"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, REPEATS).map(lambda pair: f"({pair[0]}){pair[1]}"),
    ),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(PATTERNS, st.text("abc1 .\n", max_size=9))
def test_it_finds_what_python_finds(pattern: str, text: str) -> None:
    # `$` is the very end here, and Python's is also before a line break at the end.
    expected = re.search(pattern.replace("$", r"\Z"), text, re.ASCII | re.DOTALL)

    assert searcher(pattern).search(text) is bool(expected)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        pytest.param("^sha-[0-9a-f]{7}$", "sha-0123abc", True, id="anchored"),
        pytest.param("^sha-[0-9a-f]{7}$", "sha-0123abcd", False, id="one too many"),
        pytest.param("(?i)ALPINE", "library/Alpine", True, id="without case"),
        pytest.param("(?i)[^a]", "AaA", False, id="none of a class without case"),
        pytest.param("", "", True, id="nothing in nothing"),
        pytest.param("^$", "x", False, id="the empty text"),
        pytest.param("a|", "zzz", True, id="or nothing"),
        pytest.param("[]a]", "]", True, id="a bracket that is first"),
        pytest.param("[a-]", "-", True, id="a dash that is last"),
        pytest.param(r"[\]\-]", "-", True, id="escapes in a class"),
        pytest.param(r"[\d.]+$", "v1.2", True, id="a class in a class"),
        pytest.param("日.*語", "日本語", True, id="other scripts"),
        pytest.param("x{0}y", "y", True, id="no times"),
        pytest.param("(){999}a", "a", True, id="nothing, many times"),
    ],
)
def test_a_pattern_finds_what_the_table_says(pattern: str, text: str, found: bool) -> None:
    assert searcher(pattern).search(text) is found


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*$",
        "(a*)*b",
        "a*a*a*a*a*c",
        ".*.*.*=.*",
        "(a?){99}a{99}$",
        "(.*)*x",
        "(a|aa)+b",
    ],
)
def test_what_blows_up_elsewhere_is_linear(pattern: str) -> None:
    text = "a" * 20_000
    before = time.process_time()

    searcher(pattern).search(text)

    assert time.process_time() - before < 1


def test_a_text_that_reaches_many_states_stays_within_its_memory() -> None:
    found = searcher("(?:a|b)*a(?:a|b){200}c")
    text = "".join("ab"[hash((n, "x")) % 2] for n in range(1_500))

    assert not found.search(text)
    assert len(found._states) < 1_500


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "unclosed"),
        (")", "unmatched"),
        ("[a", "unclosed"),
        ("[z-a]", "reversed"),
        ("a**", "nested repetition"),
        ("*a", "nothing to repeat"),
        ("^*", "nothing to repeat"),
        ("a{2", "number of repetitions"),
        ("a{3,2}", "reversed"),
        ("a{99999}", "number of repetitions"),
        ("(a{99}){99}", "too large"),
        (r"\1", "back-references"),
        (r"\b", "is not a known escape"),
        ("a\\", "at the end escapes nothing"),
        ("(?=a)", "look-around"),
        ("(?P<x>a)", "named groups"),
        ("(" * 60 + ")" * 60, "nested groups"),
    ],
)
def test_what_it_does_not_read_it_says(pattern: str, why: str) -> None:
    with pytest.raises(PatternError) as caught:
        searcher(pattern)

    assert why in caught.value.args[0]


def test_it_takes_the_place_of_the_drivers_regexp() -> None:
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda connection, _: linear_regex.register(connection))
    with engine.connect() as connection:
        assert connection.scalar(select(literal("v1.2").regexp_match(r"^v\d")))
        assert connection.scalar(select(literal(None).regexp_match("a"))) is None
        before = time.process_time()
        assert not connection.scalar(select(literal("a" * 3_000).regexp_match("(a*)*b")))
    engine.dispose()

    assert time.process_time() - before < 1


def test_an_unchecked_pattern_is_an_error_of_the_statement() -> None:
    connection = sqlite3.connect(":memory:")
    linear_regex.register(connection)
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT 'a' REGEXP '('").fetchone()
    connection.close()
