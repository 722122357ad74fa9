"""Digests: syntax, algorithms, and what a path or URL may be made of."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.errors import InvalidDigest
from cachedb.oci import Digest
from tests.oci.table import Table

TABLE = Table(
    "digests",
    {
        "short_lookup/*": "finding one of the stored digests is a query of the catalog",
        "short_codes/*": "how much of a digest is printed is decided by the command line",
    },
)


@pytest.mark.parametrize("row", TABLE.rows("go_digest_parse"))
def test_digests_parse_as_go_digest_has_it(row: Any) -> None:
    expect = row["expect"]
    if expect["error"] == "ErrDigestUnsupported":
        assert Digest.declared(row["input"]) == row["input"]
        with pytest.raises(InvalidDigest, match="unsupported algorithm"):
            Digest(row["input"])
    elif expect["error"]:
        with pytest.raises(InvalidDigest):
            Digest.declared(row["input"])
    else:
        digest = Digest.declared(row["input"])
        assert (digest.algorithm, digest.encoded) == (expect["algorithm"], expect["encoded"])


def test_an_algorithm_that_we_cannot_compute_may_be_listed_but_not_stored() -> None:
    assert not Digest.declared("blake3:" + "a" * 64).is_verifiable
    with pytest.raises(InvalidDigest, match="unsupported"):
        Digest("blake3:" + "a" * 64)


@pytest.mark.parametrize("row", TABLE.rows("ggcr_parse"))
def test_sha256_parses_as_ggcr_has_it(row: Any) -> None:
    if row["expect"]["valid"]:
        assert str(Digest(row["input"])) == row["input"]
    else:
        with pytest.raises(InvalidDigest):
            Digest(row["input"])


@pytest.mark.parametrize("row", TABLE.rows("compute"))
def test_content_is_named_by_its_hash(row: Any) -> None:
    content = (
        row["data_utf8"].encode() if "data_utf8" in row else base64.b64decode(row["data_b64"])
    )
    digest = Digest.of(content, row["algorithm"])
    assert digest == row["expect"]["digest"]
    assert len(content) == row["expect"]["size"]
    hasher = digest.hasher()
    hasher.update(content)
    assert hasher.hexdigest() == digest.encoded


@pytest.mark.parametrize("row", TABLE.rows("algorithm_name"))
def test_the_name_of_an_algorithm_has_a_grammar(row: Any) -> None:
    text = f"{row['input']}:{'a' * 64}"
    if row["expect"]["valid"]:
        assert Digest.declared(text).algorithm == row["input"]
    else:
        with pytest.raises(InvalidDigest):
            Digest.declared(text)


def test_every_row_of_the_table_is_applied_or_listed() -> None:
    TABLE.check()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("sha256:", id="no-hex"),
        pytest.param("sha256:" + "A" * 64, id="upper-case"),
        pytest.param("sha256:" + "a" * 64 + "\n", id="newline"),
        pytest.param("sha256:" + "\uff11" * 64, id="full-width-digits"),
        pytest.param("sha256:../../../etc/passwd", id="traversal"),
        pytest.param("sha256:" + "a" * 64 + "?n=1", id="query"),
        pytest.param("sha256:sha256:" + "a" * 64, id="two-colons"),
        pytest.param("sha256:" + "a" * 63, id="short"),
        pytest.param("sha256:" + "a" * 65, id="long"),
        pytest.param(" sha256:" + "a" * 64, id="space"),
    ],
)
def test_nothing_else_is_a_digest(text: str) -> None:
    with pytest.raises(InvalidDigest) as caught:
        Digest.declared(text)
    assert caught.value.text == text
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=64), st.sampled_from(["sha256", "sha384", "sha512"]))
def test_a_digest_is_its_parts(content: bytes, algorithm: str) -> None:
    digest = Digest.of(content, algorithm)
    assert Digest(f"{digest.algorithm}:{digest.encoded}") == digest
    assert Digest(str(digest)) == digest
    assert digest.is_verifiable


@given(st.text(max_size=80))
def test_what_is_a_digest_is_safe_in_a_path(text: str) -> None:
    try:
        digest = Digest.declared(text)
    except InvalidDigest:
        return
    assert digest.isascii()
    assert digest.isprintable()
    assert not set("/\\ %?#") & set(digest)
    assert digest.encoded not in {".", ".."}
