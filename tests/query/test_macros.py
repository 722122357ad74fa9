"""Saved queries: names for texts, read as values."""

import pytest

from cachedb.errors import QueryError
from cachedb.query.semantics import macros
from cachedb.query.semantics.check import check
from cachedb.query.syntax.parser import parse
from tests.query.generate import NOW

TEXTS = {"stale": "refs used before 90d", "old": "refs @stale not is:pinned"}


def test_what_is_broken_breaks_only_itself() -> None:
    found = macros.read({**TEXTS, "bad": "refs sizee gt 5", "worse": "refs @bad"}, now=NOW)

    assert set(found.queries) == {"stale", "old"}
    assert set(found.problems) == {"bad", "worse"}
    assert "unknown field" in found.problems["bad"].why


def test_types_are_checked_when_they_are_read() -> None:
    found = macros.read({"big": "layers size gt 1G", "mixed": "refs @big"}, now=NOW)

    assert "is a set of blobs" in found.problems["mixed"].why


def test_one_can_be_added_and_replaced() -> None:
    texts = macros.add(TEXTS, "new", "refs @old tag:v*", now=NOW)

    assert macros.add(texts, "new", "refs is:pinned", now=NOW)["new"] == "refs is:pinned"
    assert "new" not in TEXTS


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        pytest.param("Stale", "refs a", "not a name", id="a capital"),
        pytest.param("and", "refs a", "not a name", id="a keyword"),
        pytest.param("x" * 99, "refs a", "not a name", id="too long"),
        pytest.param("../x", "refs a", "not a name", id="a path"),
        pytest.param("x", "refs (", "missing term", id="no query"),
        pytest.param("x", "refs @x", "refers to itself", id="itself"),
        pytest.param("stale", "refs @old", "refers to itself", id="a circle"),
        pytest.param(
            "stale", "layers size gt 1G", "a set of refs is expected", id="breaks its user"
        ),
    ],
)
def test_what_would_not_hold_is_not_added(name: str, text: str, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        macros.add(TEXTS, name, text, now=NOW)


def test_one_that_is_used_is_not_removed() -> None:
    with pytest.raises(QueryError, match="`old` uses `stale`"):
        macros.remove(TEXTS, "stale")
    with pytest.raises(QueryError, match="no saved query"):
        macros.remove(TEXTS, "other")

    assert macros.remove(TEXTS, "old") == {"stale": TEXTS["stale"]}


def test_alone_it_brings_its_noun_and_its_clauses() -> None:
    texts = {"report": "blobs group kind show kind,count sort -count"}

    assert str(parse("@report", saved=texts)) == texts["report"]
    assert str(parse("@stale limit 5", saved=TEXTS)) == "refs @stale limit 5"


def test_one_of_another_sort_is_wrapped_in_a_function() -> None:
    texts = {"big": "layers size gt 1G"}

    check(parse("refs refs(@big)", saved=texts), now=NOW)
    check(parse("blobs @big", saved=texts), now=NOW)
    check(parse("blobs @stale", saved=TEXTS), now=NOW)
