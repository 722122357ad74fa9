"""What is said about wrong queries: where, why, and how to write it right."""

import time

import pytest

from cachedb import limits
from cachedb.errors import InvalidInput, QueryError
from cachedb.query.messages import as_json, render
from cachedb.query.semantics.check import check
from cachedb.query.syntax.parser import parse
from tests import golden_files
from tests.query.generate import NOW
from tests.query.wrong_queries import SAVED, WRONG


def error(text: str, **options: object) -> QueryError:
    with pytest.raises(QueryError) as caught:
        check(parse(text, saved=SAVED, **options), now=NOW)
    return caught.value


def test_the_golden_messages_read_as_reviewed() -> None:
    golden_files.check("query_errors.txt", "\n".join(f"{render(error(text))}\n" for text in WRONG))


def test_there_are_at_least_sixty() -> None:
    assert len(set(WRONG)) == len(WRONG) >= 60


@pytest.mark.parametrize("text", WRONG, ids=[ascii(text) for text in WRONG])
def test_a_wrong_query_names_its_place_and_a_way_out(text: str) -> None:
    found = error(text)

    assert isinstance(found, InvalidInput)
    assert found.source == text
    start, end = found.span
    assert 0 <= start <= end <= len(text)
    assert found.hints
    drawn = render(found)
    assert drawn.isprintable() or set(drawn) - {"\n"} == {c for c in drawn if c.isprintable()}


@pytest.mark.parametrize(
    ("text", "pointed_at"),
    [
        pytest.param("refs arhc eq arm", "arhc", id="a field"),
        pytest.param("refs manifst.size gt 5", "manifst.size", id="a path"),
        pytest.param("blobs tag:latest", "tag", id="a field of another sort"),
        pytest.param("blobs child.tag:latest", "tag", id="the end of a path"),
        pytest.param("refs is:pinned,pined", "pined", id="one flag of two"),
        pytest.param("refs size:1M,big", "big", id="one value of two"),
        pytest.param("refs pulled gt 30d", "pulled gt 30d", id="a comparison"),
        pytest.param("refs a or b c", "a or b c", id="an ambiguous expression"),
        pytest.param("refs descendants(alpine)", "descendants(alpine)", id="a call"),
        pytest.param("refs (alpine", "(", id="an open parenthesis"),
        pytest.param("refs sort name,sizee", "sizee", id="a key"),
        pytest.param("refs tag:日本 size gt big", "big", id="behind wide characters"),
        pytest.param("refs tag:x\n\tsize gt big", "big", id="on the second line"),
    ],
)
def test_the_span_is_what_is_wrong(text: str, pointed_at: str) -> None:
    start, end = error(text).span

    assert text[start:end] == pointed_at


def test_the_caret_stands_under_the_word_whatever_stands_before() -> None:
    drawn = render(error("refs tag:日本\ttag:é size gt big")).splitlines()
    line, caret = drawn[2], drawn[3]
    wide = sum(2 if char in "日本" else 1 for char in line[: line.index("big")])

    assert caret.index("^") == wide
    assert caret.count("^") == len("big")


def test_of_several_lines_the_one_is_shown() -> None:
    drawn = render(error("refs tag:latest\n  size gt big\n  is:pinned")).splitlines()

    assert drawn[2] == "2 |   size gt big"
    assert drawn[3] == "  |           ^^^"


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (["a", "b"], "refs a or b"),
        (["refs", "a:1", "b/c", "sha256:abcdef"], "refs a:1 or b/c or sha256:abcdef"),
        (["layers", "a", "b"], "layers a or b"),
        (["a", "b", "sort", "name"], "refs a or b sort name"),
        (["a", "b", "sort name", "limit 3"], "refs a or b sort name limit 3"),
        (["a"], "refs a"),
        (["a b"], "refs a and b"),
        (["a", "tag:b"], "refs a and tag:b"),
        (["a", "and", "b"], "refs a and b"),
        (["not", "a"], "refs not a"),
        (["a", "not", "b"], "refs a and not b"),
        (["layer.size", "gt", "5"], "refs layer.size gt 5"),
    ],
)
def test_several_names_as_words_are_a_union(words: list[str], query: str) -> None:
    assert str(parse(words)) == query


def test_what_is_typed_as_words_is_joined() -> None:
    found = error(["refs", "tag:latest", "arhc", "eq", "x"])

    assert found.source == "refs tag:latest arhc eq x"


def test_an_error_in_a_saved_query_shows_both_places() -> None:
    found = error("refs alpine and @broken")
    inner = found.__cause__

    assert found.source[slice(*found.span)] == "@broken"
    assert isinstance(inner, QueryError)
    assert inner.source[slice(*inner.span)] == "sizee"
    assert as_json(found)["cause"]["source"] == SAVED["broken"]


def test_as_json_it_has_offsets_of_characters() -> None:
    assert as_json(error("refs tag:é arhc eq x")) == {
        "error": "unknown field `arhc`",
        "source": "refs tag:é arhc eq x",
        "start": 11,
        "end": 15,
        "hints": ["did you mean `arch`?"],
    }


HOSTILE = {
    "deep parentheses": "refs " + "(" * 50_000 + "a" + ")" * 50_000,
    "deep not": "refs " + "not " * 20_000 + "a",
    "deep relations": "blobs " + "any child(" * 5_000 + "is:missing" + ")" * 5_000,
    "deep functions": "blobs " + "blobs(" * 5_000 + "a" + ")" * 5_000,
    "deep exclusive": "blobs " + "exclusive(refs(" * 15 + "alpine" + "))" * 15,
    "long path": "blobs " + "child." * 15_000 + "kind:layer",
    "long": "refs tag:" + "a" * 200_000,
    "many terms": "refs " + "tag:a " * 10_000,
    "many values": "refs tag:" + ",".join("a" * 30_000),
    "many patterns": "refs tag:" + ",".join(f"a{n}*" for n in range(5_000)),
    "many platforms": "refs platform:" + ",".join(["linux/*"] * 5_000),
    "many ranges of what is computed": "refs size:" + ",".join(["1..2"] * 1_000),
    "long pattern": "refs tag:" + "*a" * 40_000,
    "long pattern of names": "refs " + "*a" * 2_000,
    "unclosed quotes": "refs " + "'" * 99_999,
    "nothing but blanks and a quote": " " * 99_000 + '"',
    "repeats of repeats": "refs tag matches '" + "(" * 40 + "a" + "){999}" * 40 + "'",
    "many classes": "refs tag matches '" + "[a-z]" * 10_000 + "'",
    "a NUL": "refs tag:a\x00b",
    "a surrogate": "refs tag:\udcff",
    "an override of direction": "refs tag:\u202elatest",
    "a mark of direction": "refs tag:\u200flatest",
    "an invisible join": "refs al\u200dpine",
    "a line separator": "refs\u2028alpine",
    "an escape sequence": "refs \x1b[31malpine",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_query_is_refused_at_once(text: str) -> None:
    before = time.process_time()

    found = error(text)

    assert time.process_time() - before < 1
    drawn = render(found)
    assert len(drawn) < 2_000
    assert all(char.isprintable() or char == "\n" for char in drawn)


def test_saved_queries_cannot_multiply() -> None:
    saved = {f"q{n}": f"refs @q{n + 1} or @q{n + 1}" for n in range(25)} | {"q25": "refs alpine"}
    before = time.process_time()

    with pytest.raises(QueryError, match="terms in one query"):
        parse("@q0", saved=saved)

    assert time.process_time() - before < 1


def test_saved_queries_cannot_go_deeper_than_any() -> None:
    saved = {f"q{n}": f"refs not @q{n + 1}" for n in range(200)} | {"q200": "refs alpine"}

    with pytest.raises(QueryError, match="levels of nesting"):
        parse("@q0", saved=saved)


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        pytest.param("QUERY_BYTES", "refs alpine", id="bytes"),
        pytest.param("QUERY_DEPTH", "refs not not not alpine", id="depth"),
        pytest.param("QUERY_TERMS", "refs a b c d", id="terms"),
        pytest.param("QUERY_VALUES", "refs tag:a,b,c,d", id="values"),
    ],
)
def test_a_limit_names_the_variable_that_raises_it(
    limit: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse(text)
    known = getattr(limits, limit)
    monkeypatch.setattr(
        limits, limit, limits.Limit(name=known.name, variable=known.variable, value=2)
    )

    found = error(text)

    assert any(known.variable in hint for hint in found.hints)
