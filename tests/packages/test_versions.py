"""Keys of versions sort as the versions do."""

import re
import sqlite3
import subprocess
from functools import cmp_to_key
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cachedb.packages.versions import SCHEMES, UNORDERED, is_valid, key, scheme_of
from tests.packages import version_order
from tests.programs import require

CHARACTERS = {
    "alpm": "0123459abzAZ._+~:-é",
    "apk": "0123459abz._-~rpel",
    "cocoapods": "0123459abzAZ.- ",
    "deb": "0123459abzAZ.+~-:",
    "gem": "0123459abzAZ.- ",
    "golang": "v0123459abrc.-+go",
    "maven": "0123459abmrcgaspx.-SNAPHOT",
    "nuget": "0123459abzAZ.-+",
    "pep440": "0123459!abrcdevpost.+-_ V",
    "pub": "0123459.-+abZv= ",
    "rpm": "0123459abzAZ.+~^-:_é",
    "semver": "0123459.-+abZv= ",
}


def _list(item: str, most: int) -> str:
    return f"({item}){{0,{most}}}"


_GRAMMARS = {
    "alpm": r"([0-2]?:)?[0-2a][0-2ab]{0,3}([._+~]{1,2}[0-2ab]{1,3}){0,3}(-[0-2]{1,2}(\.[0-2])?)?",
    "apk": r"[0-2]{1,2}(\.[0-2]{1,3}){0,2}[ab]?"
    + _list("_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-2]{0,2}", 2)
    + r"(~[0-9a-f]{1,2})?(-r[0-2]{1,2})?",
    "cocoapods": r"[0-2]{1,2}(\.([0-2]{1,2}|[ab]|rc[0-2]|0-[0-2a]|0-beta\.[0-2])){0,4}",
    "deb": r"([0-2]:)?[0-2]{1,2}[0-2aZ.+~]{0,5}(-[0-2a.+~]{1,3}){0,2}",
    "gem": r"[0-2]{1,2}(\.([0-2]{1,2}|[ab]|rc[0-2])){0,4}(-[0-2a]{1,2}(\.[0-2a])?)?",
    "golang": r"v(0|[12][0-2]?)(\.(0|[12][0-2]?)){2}"
    r"(-(0|[12]|rc|a[0-2])(\.(0|1|b)){0,2})?(\+[a1])?",
    "maven": r"[0-2]{1,2}(\.[0-2]){0,3}"
    r"([.-]?(a|alpha|b|m|rc|CR|SNAPSHOT|ga|Final|sp|foo|jre)-?[0-2]{0,2}|-[0-2])?",
    "nuget": r"[0-2]{1,2}(\.[0-2]{1,2}){0,3}"
    r"(-(0|[12aB][0-2aB]?)(\.(0|[12aB][0-2aB]?)){0,2})?(\+[a1])?",
    "pep440": r"v?([01]!)?[0-2]{1,2}(\.[0-2]){0,2}([-_.]?(a|b|rc|alpha|C)[-.]?[0-2]?)?"
    r"(-[0-2]|\.?(post|r)[0-2]?)?(\.?dev[0-2]?)?(\+[0-2a]{1,2}([.-][0-2a]){0,2})?",
    "pub": r"v?[0-2]{1,2}(\.[0-2]{1,2}){2}(-[0-2aB]{1,2}(\.[0-2aB]{1,2}){0,2})?"
    r"(\+[0-2aB]{1,2}(\.[0-2aB-]{1,2}){0,2})?",
    "rpm": r"([0-2]?:)?[0-2a.~^_]{0,6}(-[0-2a.~^]{0,3})?",
    "semver": r"v?[0-2]{1,2}(\.[0-2]{1,2}){0,3}(-[0-2aB-]{1,2}(\.[0-2aB-]{1,2}){0,2})?(\+[a1])?",
}
_ORDERS = {
    "alpm": version_order.alpm,
    "apk": version_order.apk,
    "cocoapods": version_order.cocoapods,
    "deb": version_order.deb,
    "gem": version_order.gem,
    "golang": version_order.golang,
    "maven": version_order.maven,
    "nuget": version_order.nuget,
    "pep440": version_order.pep440,
    "pub": version_order.pub,
    "rpm": version_order.rpm,
    "semver": version_order.semver,
}


def versions(scheme: str) -> st.SearchStrategy[str]:
    """Versions that follow the grammar of a scheme, alike enough to differ late or never."""
    return st.from_regex(re.compile(_GRAMMARS[scheme], re.ASCII), fullmatch=True)


def texts(scheme: str) -> st.SearchStrategy[str]:
    return st.text(CHARACTERS[scheme], max_size=9) | st.text(max_size=9)


def compare(scheme: str, one: str, other: str) -> int:
    first, second = key(scheme, one), key(scheme, other)
    return (first > second) - (first < second)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_keys_sort_as_an_independent_comparison_of_the_versions_does(scheme):
    @given(st.lists(versions(scheme), min_size=2, max_size=5))
    def check(found: list[str]) -> None:
        for one in found:
            assert is_valid(scheme, one)
            for other in found:
                assert compare(scheme, one, other) == _ORDERS[scheme](one, other), (one, other)

    check()


# The independent comparisons of these accept fewer texts, or others, than their keys do.
_COMPARED_ON_ANY_TEXT = sorted(set(SCHEMES) - {"golang", "maven", "nuget"})


@pytest.mark.parametrize("scheme", _COMPARED_ON_ANY_TEXT)
def test_keys_of_any_two_texts_sort_as_an_independent_comparison_does_if_both_are_versions(scheme):
    @given(texts(scheme), texts(scheme))
    def check(one: str, other: str) -> None:
        if is_valid(scheme, one) and is_valid(scheme, other):
            assert compare(scheme, one, other) == _ORDERS[scheme](one, other)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_has_a_key_that_sqlite_keeps_and_sorts(scheme):
    @given(st.lists(st.text(max_size=12) | texts(scheme), max_size=6))
    @example(["", "\0", "a\0b", "a", "\ud800", "１", "1\n", "9" * 5000])  # noqa: RUF001
    def check(found: list[str]) -> None:
        keys = [key(scheme, version) for version in found]
        database = sqlite3.connect(":memory:")
        database.execute("create table v (vkey text)")
        database.executemany("insert into v values (?)", [(text,) for text in keys])
        rows = database.execute("select vkey from v order by vkey").fetchall()
        database.close()

        assert not any("\0" in text for text in keys)
        assert [text for (text,) in rows] == sorted(keys)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_no_version_sorts_after_all_versions(scheme):
    @given(texts(scheme), versions(scheme))
    @example("~", "1")
    @example("", "2")
    def check(text: str, version: str) -> None:
        if not is_valid(scheme, text):
            assert compare(scheme, version, text) < 0

    check()


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        pytest.param("1.0-release-9", "1.0-release-10", id="numbers-by-value"),
        pytest.param("r9", "r010", id="leading-zeros"),
        pytest.param("a", "b", id="letters"),
        pytest.param("a", "a!", id="shorter-first"),
        pytest.param("a1", "a1b", id="end-after-a-number"),
    ],
)
def test_what_is_no_version_sorts_among_its_like_by_natural_order(lower, higher):
    assert not is_valid("pep440", lower)
    assert not is_valid("pep440", higher)
    assert compare("pep440", lower, higher) < 0


def test_numbers_of_any_length_are_sorted_by_value():
    numbers = [
        "0",
        "9",
        "10",
        "1" + "0" * 58,
        "1" + "0" * 59,
        "9" * 60,
        "1" + "0" * 60,
        "9" * 4000,
    ]

    for one, other in pairwise(numbers):
        for scheme in SCHEMES:
            assert compare(scheme, one, other) < 0


def dpkg(*arguments: str) -> bool:
    require("dpkg")
    done = subprocess.run(["dpkg", *arguments], check=False, capture_output=True)
    return done.returncode == 0


@given(versions("deb"), versions("deb"))
@settings(max_examples=60, deadline=None)
@example("1.0-1~bpo11+1", "1.0-1")
@example("1.0a", "1.0+")
@example("1.0~~a", "1.0~")
@example("1.0", "0:1.00-00")
def test_deb_keys_sort_as_dpkg_says(one, other):
    operator = {-1: "lt", 0: "eq", 1: "gt"}[compare("deb", one, other)]

    assert dpkg("--compare-versions", one, operator, other)


@given(texts("deb").filter(lambda text: "\0" not in text and not text.startswith("-")))
@settings(max_examples=60, deadline=None)
@example("1-")
@example("1:")
@example("99999999999:1")
@example("1.0-1-")
@example("0\r")
@example(" 0\t")
@example("+0:0")
@example("+1:0")
@example("+:0")
@example("0:0-0:0")
@example("0:0:0-0")
def test_deb_versions_are_what_dpkg_takes(text):
    assert is_valid("deb", text) == dpkg("--validate-version", text)


@given(versions("alpm"), versions("alpm"))
@settings(max_examples=60, deadline=None)
@example("1.0rc1", "1.0")
@example("1.0~rc1", "1.0")
@example("1.0.a", "1.0")
@example("1.0a", "1.0.a")
@example("1.0..1", "1.0.1")
@example(":1.0-1", "1.0-1")
def test_alpm_keys_sort_as_vercmp_says(one, other):
    require("vercmp")
    told = subprocess.run(
        ["vercmp", one, other], check=True, capture_output=True, text=True
    ).stdout

    if ("-" in one) == ("-" in other):  # vercmp ignores the release if one of the two lacks it
        assert compare("alpm", one, other) == int(told)


@pytest.mark.parametrize(
    ("purl_type", "scheme"),
    [
        ("apk", "apk"),
        ("deb", "deb"),
        ("rpm", "rpm"),
        ("RPM", "rpm"),
        ("alpm", "alpm"),
        ("gem", "gem"),
        ("maven", "maven"),
        ("nuget", "nuget"),
        ("cargo", "semver"),
        ("cocoapods", "cocoapods"),
        ("julia", "pub"),
        ("pub", "pub"),
        ("generic", "semver"),
        ("composer", UNORDERED),
        ("cran", UNORDERED),
        ("pypi", "pep440"),
        ("npm", "semver"),
        ("golang", "golang"),
        ("", "semver"),
    ],
)
def test_the_type_of_a_package_url_names_the_scheme(purl_type, scheme):
    assert scheme_of(purl_type) == scheme


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_versions_of_hostile_length_are_read_in_linear_time(scheme):
    for text in (
        "1." * 50_000,
        "1-" * 50_000,
        "1" * 100_000,
        "1_p" * 30_000,
        "a" * 100_000,
        "~" * 99,
    ):
        assert key(scheme, text)


def test_sorting_by_key_is_sorting_by_comparison():
    found = ["1.10", "1.9", "1.0~rc1", "1.0", "2:0.1", "1.0-1", "1.0+b1", "0"]

    by_key = sorted(found, key=lambda version: key("deb", version))

    assert by_key == sorted(found, key=cmp_to_key(version_order.deb))
