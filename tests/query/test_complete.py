"""Completion: what can stand where the cursor is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedb.query.tools.complete import ValuesOf, complete
from cachedb.query.vocabulary import FIELDS, FUNCTIONS, NOUNS, RELATIONS
from cachedb.query.words import Sort

SAVED = {"stale": "refs used before 90d", "prod": "refs repo:acme/*"}


def words(text: str) -> list[str]:
    return [word.text for word in complete(text, saved=SAVED).words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refs is:un", ["untagged"]),
        ("refs is:pinned,com", ["complete"]),
        ("blobs is:pr", ["present"]),
        ("refs any lay", ["layer"]),
        ("blobs count par", ["parent"]),
        ("refs target.is:mis", ["missing"]),
        ("refs any manifest(is:mis", ["missing"]),
        ("blobs kind:la", ["layer"]),
        ("blobs kind:layer,con", ["config"]),
        ("links role ne sub", ["subject"]),
        ("refs sort -ad", ["added"]),
        ("refs sort name,ad", ["added"]),
        ("refs group kind show kind,cou", ["count"]),
        ("refs @st", ["@stale"]),
        ("refs alpine an", ["any", "annotation:", "and"]),
        ("refs added si", ["size:", "since"]),
        ("refs alpine lim", ["limit"]),
        ("refs alpine limit ", []),
        ("refs top ", []),
        ("refs top 5 by -ad", ["added"]),
        ("refs manifest.pl", ["manifest.platform:"]),
        ("man", ["manifests", "manifest."]),
        ("refs blobs(man", ["manifests", "manifest."]),
        ("refs descen", ["descendants("]),
        ("refs used since 9", ["90d"]),
        ("fil", ["files"]),
        ("files is:vis", ["visible"]),
        ("files type:hard", ["hardlink"]),
        ("files show pa", ["path"]),
        ("refs any fi", ["file"]),
        ("refs file.is:set", ["setuid", "setgid"]),
        ("refs is:lis", ["listed"]),
        ("layers is:ind", ["indexed"]),
    ],
)
def test_words_come_from_the_table(text: str, expected: list[str]) -> None:
    found = complete(text, saved=SAVED)

    assert {word.text for word in found.words} >= set(expected)
    assert all(word.text.startswith(found.prefix) for word in found.words)
    assert text.endswith(found.prefix)


@pytest.mark.parametrize(
    ("text", "wanted", "prefix"),
    [
        ("refs tag:v1", ValuesOf(sort=Sort.REF, field="tag"), "v1"),
        ("refs tag:a,v1", ValuesOf(sort=Sort.REF, field="tag"), "v1"),
        ("refs tag eq v1", ValuesOf(sort=Sort.REF, field="tag"), "v1"),
        ("refs repo:acme/w", ValuesOf(sort=Sort.REF, field="repo"), "acme/w"),
        ("blobs ref.tag:la", ValuesOf(sort=Sort.REF, field="tag"), "la"),
        ("refs any blob(digest:sha256:ab", ValuesOf(sort=Sort.BLOB, field="digest"), "sha256:ab"),
        ("refs platform:linux/a", ValuesOf(sort=Sort.REF, field="platform"), "linux/a"),
        ("refs label:org", ValuesOf(sort=Sort.REF, field="label"), "org"),
        ("refs label:a=b", ValuesOf(sort=Sort.REF, field="label", key="a"), "b"),
        ("refs label:a has b", ValuesOf(sort=Sort.REF, field="label", key="a"), "b"),
        ("refs docker.io/li", ValuesOf(sort=Sort.REF, field="name"), "docker.io/li"),
        ("refs localhost:5000/x", ValuesOf(sort=Sort.REF, field="name"), "localhost:5000/x"),
        ("packages name:open", ValuesOf(sort=Sort.PACKAGE, field="name"), "open"),
    ],
)
def test_values_are_named_for_the_catalog_to_look_up(
    text: str, wanted: ValuesOf, prefix: str
) -> None:
    found = complete(text)

    assert (found.values, found.prefix) == (wanted, prefix)
    assert text[found.start :] == prefix


def test_at_the_start_there_are_all_nouns_and_all_fields_of_references() -> None:
    found = set(words(""))

    assert found >= set(NOUNS)
    assert found >= {f"{name}:" for name in FIELDS[Sort.REF]}
    assert found >= {f"{name}(" for name in FUNCTIONS}
    assert found >= {f"{name}." for name in RELATIONS[Sort.REF]}
    assert {"@stale", "@prod", "is:"} <= found


def test_packages_have_no_references_to_offer() -> None:
    assert complete("packages op").values is None


@pytest.mark.parametrize("text", ["refs tag:v1 is:pinned", "refs (tag:v1 is:pin"])
def test_the_cursor_can_stand_in_the_middle(text: str) -> None:
    found = complete(text, text.index("v1") + 1)

    assert (found.prefix, found.values) == ("v", ValuesOf(sort=Sort.REF, field="tag"))


@settings(max_examples=500, deadline=None)
@given(st.text("refs blobany(),.:@=-\"' istag$1"), st.integers(0, 30))
def test_nothing_that_is_typed_makes_it_fail(text: str, cursor: int) -> None:
    found = complete(text, min(cursor, len(text)))

    assert 0 <= found.start <= len(text)
