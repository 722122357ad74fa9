"""First attempts of users of other tools: each is taken with one meaning, hinted, or told."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.cache import Cache
from cachedb.errors import QueryError
from cachedb.operations.read import run_query
from cachedb.query.semantics.check import check
from cachedb.query.semantics.typed import CheckedQuery
from cachedb.query.syntax.tree import Query
from tests import build
from tests.query import varied_cache

TABLE = Path(__file__).parents[1] / "data" / "first_attempts.tsv"
ALL = [
    tuple(line.split("\t")) for line in TABLE.read_text().splitlines() if not line.startswith("#")
]
ROWS = [row for row in ALL if row[1] != "meant"]
MEANT = [(text, query) for text, verdict, query in ALL if verdict == "meant"]
WORDS = sorted({word for text, *_ in ROWS for word in text.split()})
NAMES = (
    "example.com/app:1",
    "docker.io/library/nginx:latest",
    "docker.io/library/alpine:3.20",
)
LAYER = "application/vnd.oci.image.layer.v1.tar"
LEAST = 1_440
"""Rows of the table; a smaller one would test less than before."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    folder = tmp_path_factory.mktemp("attempts") / "cache"
    # Not compressed: each zlib would give the layer of the table another digest.
    image = build.image(build.layer(media_type=LAYER))
    tree = build.layout(folder, dict.fromkeys(NAMES, image))
    with Cache.open(tree.path) as opened:
        yield opened


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    tree = varied_cache.make(tmp_path_factory.mktemp("varied") / "cache")
    with Cache.open(tree.path) as opened, pytest.MonkeyPatch.context() as patch:
        opened.index_files(where="not is:broken")
        opened.pin("ghcr.io/acme/api:v1.2.0")
        patch.setattr(run_query, "check", partial(check_at, datetime.now(UTC)))
        yield opened


def check_at(moment: datetime, query: Query, *, now: datetime) -> CheckedQuery:
    """Check a query at a time that has stopped: what is of today stays so at midnight."""
    assert moment <= now
    return check(query, now=moment)


def understood(cache: Cache, text: str) -> str | None:
    """Return the query that answers a text, or that a hint or a note offers instead."""
    verdict, query = answer(cache, text)
    if verdict == "told":
        return None
    if verdict == "hinted":
        return query
    parsed = cache.parse(text)
    corrected = cache.correct_values(parsed)
    if corrected is not None:
        return corrected.query
    note = None if cache.query(parsed) else cache.meant_where_empty(parsed)
    return note or query


def are_equal(cache: Cache, query: str, meant: str) -> bool:
    """Compare the columns that both answers have; the order of rows too where `meant` sorts."""
    found, expected = cache.query(query).to_dicts(), cache.query(meant).to_dicts()
    if not (found and expected):
        return False
    shared = found[0].keys() & expected[0].keys()
    rows, wanted = (
        [tuple(repr(row[column]) for column in sorted(shared)) for row in answer]
        for answer in (found, expected)
    )
    if " sort " not in f" {meant}":
        rows, wanted = sorted(rows), sorted(wanted)
    return bool(shared) and rows == wanted


def answer(cache: Cache, text: str) -> tuple[str, str]:
    """Return whether a text is taken, hinted or told, and its query or the hint."""
    try:
        query = cache.parse(text)
        cache.query(query)
    except QueryError as error:
        first = next(iter(error.hints), "")
        if not first.startswith("did you mean `"):
            return "told", first
        hinted = first.removeprefix("did you mean `").removesuffix("`?")
        cache.query(hinted)  # which is ready to paste
        return "hinted", hinted
    return "taken", str(query)


@pytest.mark.parametrize(("text", "verdict", "query"), ROWS, ids=[row[0] for row in ROWS])
def test_a_first_attempt_is_taken_hinted_or_told_as_the_table_states(
    cache: Cache, text: str, verdict: str, query: str
) -> None:
    assert answer(cache, text) == (verdict, query)


@pytest.mark.parametrize(("text", "meant"), MEANT, ids=[row[0] for row in MEANT])
def test_a_first_attempt_is_answered_or_hinted_as_it_is_meant(
    varied: Cache, text: str, meant: str
) -> None:
    query = understood(varied, text)

    assert query is not None
    assert are_equal(varied, query, meant), query


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("files alpine:3.20", "files files(alpine:3.20)"),
        ("layers alpine", "layers blobs(alpine)"),
        ("pkg:openssl@3.0.2", "pkg:openssl=3.0.2"),
    ],
)
def test_an_empty_answer_has_a_note_with_the_query_that_was_meant(
    varied: Cache, text: str, meant: str
) -> None:
    query = varied.parse(text)

    assert not varied.query(query)
    assert varied.meant_where_empty(query) == meant


def test_an_empty_answer_without_another_meaning_has_no_note(varied: Cache) -> None:
    for text in ("refs arch:s390x", "files path:/none", "layers size gt 1T", "refs tag:9"):
        assert varied.meant_where_empty(varied.parse(text)) is None


@pytest.mark.parametrize("text", ["present(arm64)", "count layer > 100"])
def test_an_empty_answer_to_a_query_that_is_plain_has_no_note(varied: Cache, text: str) -> None:
    query = varied.parse(text)

    assert not varied.query(query)
    assert varied.meant_where_empty(query) is None


def test_the_table_does_not_shrink() -> None:
    assert len({text for text, *_ in ALL}) == len(ALL) >= LEAST


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join))
def test_every_hint_that_is_a_query_runs_whatever_words_were_typed(
    cache: Cache, text: str
) -> None:
    verdict, query = answer(cache, text)

    assert query or verdict == "told"


def test_an_unsigned_key_of_top_is_hinted_with_either_end_and_the_sorted_list(
    cache: Cache,
) -> None:
    with pytest.raises(QueryError) as raised:
        cache.query("top 2 by added")

    assert raised.value.hints == (
        "top 2 by -added   (the newest first)",
        "top 2 by +added   (the oldest first)",
        "refs sort -added limit 2   (the same, sorted)",
    )
    for hint in raised.value.hints:
        assert cache.query(hint.partition("   ")[0])


@pytest.mark.parametrize("text", [row[0] for row in ROWS if row[1] == "hinted"])
def test_a_hint_is_not_hinted_again(cache: Cache, text: str) -> None:
    _, hinted = answer(cache, text)

    assert answer(cache, hinted)[0] == "taken"


def test_a_time_of_another_image_is_looked_up_in_the_cache(cache: Cache) -> None:
    (row,) = cache.query("refs nginx show created")

    assert answer(cache, "before=nginx:latest") == (
        "hinted",
        f"refs created before {row.created:%Y-%m-%dT%H:%M:%SZ}",
    )
    assert answer(cache, "before=absent:9")[0] == "told"


def test_the_words_of_a_hint_are_names_that_the_cache_has(cache: Cache) -> None:
    # Each of these words would be a reference without a match: the hint would fail like the text.
    for text in ("purple layers", "images frobnicated", "oci images"):
        verdict, _ = answer(cache, text)
        assert verdict == "told"


def test_a_digest_of_a_blob_alone_is_not_hinted_as_an_image(cache: Cache) -> None:
    (row,) = cache.query("blobs kind:layer")
    short = str(row.digest).removeprefix("sha256:")[:12]

    assert answer(cache, f"{short} all")[0] == "told"
    assert answer(cache, f"layers {short} all") == ("hinted", f"layers {short}")
