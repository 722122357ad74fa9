"""Package URLs are read, written and folded as the specification says."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.errors import InvalidPackageURL
from cachedb.packages.package import Package
from cachedb.packages.purl import PackageURL
from tests import facts

NOT_APPLICABLE = {
    "purl/gem/002": "an upper-case qualifier is refused here and folded in purl/maven/014",
    "purl/git/001": "the definition of the type says that its names are case-sensitive",
    "purl/git/002": "a name with a slash: the specification ends the namespace at the last one",
}


def parts(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None}


def build(row: dict[str, Any]) -> PackageURL:
    return PackageURL.of(**{"type": "", "name": "", **parts(row["input"])})


def apply(row: dict[str, Any]) -> None:
    make = build if row["test_type"] == "build" else lambda row: PackageURL.parse(row["input"])
    if row["expect"].get("error"):
        with pytest.raises(InvalidPackageURL):
            make(row)
        return
    url, wanted = make(row), row["expect"]["output"]
    if row["test_type"] == "parse":
        found = {
            "type": url.type,
            "namespace": url.namespace,
            "name": url.name,
            "version": url.version,
            "qualifiers": dict(url.qualifiers),
            "subpath": url.subpath,
        }
        assert {key: value for key, value in found.items() if value} == parts(wanted)
    else:
        assert str(url) == wanted


SPELLINGS = (
    # As packageurl-js 2.0.1, packageurl-python 0.17.6 and people write them.
    "pkg:deb/debian/libstdc%2B%2B6@12+b1?arch=amd64&repository_url=https%3A%2F%2Fa%2Fb",
    "pkg:deb/debian/libstdc%2B%2B6@12%2Bb1?arch=amd64&repository_url=https://a/b",
    "pkg:deb/Debian/libstdc++6@12+b1?repository_url=https://a/b&arch=amd64",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_package_keeps_the_canonical_text_of_each_spelling_of_its_url(spelling):
    package = Package.stated(name="a", version="1", purl=spelling, licenses=(), path="/")

    assert package.purl == SPELLINGS[0].replace("@12+b1", "@12%2Bb1").replace("%3A", ":")


def test_a_package_keeps_an_invalid_url_as_it_is():
    package = Package.stated(name="a", version="1", purl="pkg:A B", licenses=(), path="/")

    assert package.purl == "pkg:A B"


@pytest.mark.parametrize("row", facts.cases("purl"))
def test_a_row_of_the_specification_holds_or_is_listed_with_its_reason(row):
    if row["id"] in NOT_APPLICABLE:
        with pytest.raises(AssertionError):
            failing(row)
    else:
        apply(row)


def failing(row: dict[str, Any]) -> None:
    """Apply a row that must not hold: one that begins to leaves the list."""
    try:
        apply(row)
    except pytest.fail.Exception as error:
        raise AssertionError from error


def test_every_listed_row_is_a_row():
    ids = {row["id"] for row in facts.rows("purl")}

    assert set(NOT_APPLICABLE) <= ids


_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_TYPES = st.sampled_from(
    ["apk", "deb", "rpm", "pypi", "npm", "golang", "generic", "cpan", "huggingface", "mlflow"]
) | st.from_regex(r"[a-zA-Z][a-z0-9.-]{0,5}", fullmatch=True)


@given(
    type=_TYPES,
    name=_WORDS,
    namespace=_WORDS,
    version=_WORDS,
    qualifiers=st.dictionaries(st.from_regex(r"[a-zA-Z][a-z_.-]?", fullmatch=True), _WORDS),
    subpath=_WORDS,
)
def test_the_canonical_text_is_read_back_as_the_same_value(**given_parts):
    try:
        url = PackageURL.of(**given_parts)
    except InvalidPackageURL:
        return

    assert PackageURL.parse(str(url)) == url
    assert str(PackageURL.parse(str(url))) == str(url)
    assert str(url).isascii()


@given(st.text(max_size=30) | st.text(max_size=30).map("pkg:deb/".__add__))
def test_any_text_is_a_package_url_or_refused(text):
    with contextlib.suppress(InvalidPackageURL):
        assert PackageURL.parse(text).name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("deb/debian/curl", "does not begin with pkg:", id="no-scheme"),
        pytest.param("pkg:deb", "the name is missing", id="no-name"),
        pytest.param("pkg:swift/github.com/a/Alamofire/@5.4.3", "name is missing", id="slash-end"),
        pytest.param("pkg:npm//@1", "the name is missing", id="no-name-but-a-version"),
        pytest.param("pkg:deb/debian/%ff", "not UTF-8", id="not-utf8"),
        pytest.param("pkg:deb/debian/\ud800", "a lone surrogate", id="surrogate"),
        pytest.param("pkg:d%65b/curl", "expected a type", id="type-encoded"),
        pytest.param("pkg:deb/curl?a=1&A=2", "occurs twice", id="qualifier-twice"),
        pytest.param("pkg:deb/curl?%61=1", "a qualifier has a key of", id="key-encoded"),
        pytest.param("pkg:pypi/x/y", "this type has no namespace", id="namespace"),
        pytest.param("pkg:julia/Dates", "needs the qualifier uuid", id="qualifier"),
    ],
)
def test_what_is_wrong_with_a_package_url_is_said(text, why):
    with pytest.raises(InvalidPackageURL, match=why) as raised:
        PackageURL.parse(text)

    assert repr(text) in str(raised.value)
