"""Suggestions for first attempts: plain words, SQL and filters of docker."""

import pytest

from cachedb.errors import QueryError
from cachedb.query.semantics.check import check
from cachedb.query.syntax.parser import parse
from cachedb.query.tools.rewrite.suggest import suggest, with_suggestion
from tests.query.generate import NOW

ATTEMPTS = {
    # flags and platforms
    "pinned": "refs is:pinned",
    "not pinned": "refs not is:pinned",
    "is signed": "refs is:signed",
    "unsigned images": "refs not is:signed",
    "not unsigned": "refs is:signed",
    "images without signature": "refs not is:signed",
    "corrupt blobs": "blobs is:corrupt",
    "blobs corrupt": "blobs is:corrupt",
    "missing layers": "layers is:missing",
    "unreferenced blobs": "blobs is:garbage",
    "unused layers": "layers is:garbage",
    "unused": "refs used:never",
    "amd64": "refs arch:amd64",
    "arm64 but not amd64": "refs arch:arm64 not arch:amd64",
    "arm64 and amd64": "refs arch:arm64 and arch:amd64",
    "arm64 || amd64": "refs arch:arm64 or arch:amd64",
    "no arm64": "refs not arch:arm64",
    "!arm64": "refs not arch:arm64",
    "-arm64": "refs not arch:arm64",
    "windows images": "refs os:windows",
    "linux/arm/v7": "refs platform:linux/arm/v7",
    "without linux/arm64": "refs not platform:linux/arm64",
    # fields
    "tag latest": "refs tag:latest",
    "images tagged latest": "refs tag:latest",
    "arch is arm64": "refs arch:arm64",
    "tag in (a,b)": "refs tag:a,b",
    "name like v1%": "refs name:v1*",
    "blobs type contains layer": "blobs type:*layer*",
    "label a=b": "refs label:a=b",
    "label!=a": "refs not label:a",
    "env PATH": "refs env:PATH",
    "size between 1M and 2M": "refs size:1M..2M",
    "from quay.io": "refs registry:quay.io",
    "from library": "refs repo:library",
    "images named alpine": "refs alpine",
    # sizes, times, counts
    "larger than 500 MB": "refs size gt 500MB",
    "layers over 1G": "layers size gt 1G",
    "size less than 1k": "refs size lt 1k",
    "images with more than 10 layers": "refs count layer gt 10",
    "older than 6 months": "refs created before 6mo",
    "pulled in the last 7 days": "refs pulled since 7d",
    "not pulled in 30 days": "refs not pulled since 30d",
    "unused for 2 weeks": "refs not used since 2w",
    "used more than 30 days ago": "refs used before 30d",
    "created in 2024": "refs created:2024",
    "created after 2024": "refs created gt 2024",
    "never pulled": "refs pulled:never",
    # packages and graph
    "with openssl": "refs pkg:openssl",
    "images without openssl": "refs not pkg:openssl",
    "with openssl < 3.0.14": "refs pkg:openssl lt 3.0.14",
    "openssl >= 3": "refs pkg:openssl ge 3",
    "openssl older than 3": None,
    "with openssl older than 3": "refs pkg:openssl lt 3",
    "packages openssl": "packages name:openssl",
    "without sbom": "refs no package",
    "who uses sha256:9d9e1145cc86": "refs refs(sha256:9d9e1145cc86)",
    "which images use 9d9e1145": "refs refs(9d9e1145)",
    # clauses
    "largest images": "refs sort -size",
    "10 biggest layers": "layers sort -size limit 10",
    "newest 3": "refs sort -created limit 3",
    "top 3 refs by created": "refs sort -created limit 3",
    "sort size desc": "refs sort -size",
    "order by name asc, size desc": "refs sort name,-size",
    "images by size": "refs sort size",
    "group by registry": "refs group registry",
    "select * from images": "refs",
    "select name, size from images where arch = arm64 order by size desc limit 5": (
        "refs arch:arm64 show name,size sort -size limit 5"
    ),
    # docker
    "dangling=true": "blobs is:garbage",
    "dangling=false": "blobs not is:garbage",
    "reference=alp*": "refs name:alp*",
    "until=24h": "refs created before 24h",
    "label=a=b": "refs label:a=b",
    # nothing to suggest
    "how many images": "refs show count",
    "how many layers larger than 1M": "layers size gt 1M show count",
    "number of images arch:amd64": "refs arch:amd64 show count",
    "count": "refs show count",
    "layers count": "layers show count",
    "count layers": "layers show count",
    "select count(*) from layers": "layers show count",
    "alpine": None,
    "foo bar": None,
    "refs taag = latest": None,
    "(arm64": None,
    "not": None,
    "": None,
}


@pytest.mark.parametrize(("text", "query"), ATTEMPTS.items(), ids=ATTEMPTS.keys())
def test_plain_words_are_rewritten_to_a_query(text: str, query: str | None) -> None:
    assert suggest(text, "refs", {}) == query
    if query is not None:
        check(parse(query), now=NOW)


def test_a_suggestion_is_the_first_hint_and_replaces_present() -> None:
    error = QueryError(
        "no reference matches `arm64`", "not arm64", (4, 9), hints=("present(arm64) …", "other")
    )

    found = with_suggestion(error)

    assert found.hints == ("did you mean `refs not arch:arm64`?", "other")
    assert (found.why, found.source, found.span) == (error.why, error.source, error.span)


def test_an_error_without_a_suggestion_stays_the_same() -> None:
    error = QueryError("unknown field", "refs taag = latest", (5, 9), hints=("tag",))

    assert with_suggestion(error) is error


def test_a_query_about_blobs_is_suggested_where_blobs_are_wanted() -> None:
    assert suggest("garbage larger than 1M", "blobs", {}) == "blobs is:garbage size gt 1M"


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (["images", "without", "arm64"], "refs not arch:arm64"),
        (["arm64", "amd64"], "refs arch:arm64 or arch:amd64"),
        (["larger", "than", "1M"], "refs size gt 1M"),
    ],
)
def test_words_of_a_command_line_are_rewritten_too(words: list[str], query: str) -> None:
    source = parse(words).span.source.text

    found = with_suggestion(QueryError("no reference matches", source, (0, 1)))

    assert found.hints == (f"did you mean `{query}`?",)
