"""References: names as distribution/reference reads them."""

from typing import Any

import pytest
from docker_image import reference as oracle
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cachedb.errors import InvalidDigest, InvalidReference
from cachedb.oci import Digest, Reference
from cachedb.oci.reference import DOMAIN, IDENTIFIER, NAME, REFERENCE, parse_any
from tests.oci.table import Table

TABLE = Table(
    "reference_distribution",
    {
        "familiar_glob_match/*": "patterns over names are the query language's",
        "sort/*": "the order of a listing is the catalog's",
        "strict_parse/015": "we can compute sha512, so a digest of it is one",
    },
)
SHA = "sha256:" + "a" * 64


def reads(text: str) -> bool:
    try:
        Reference.parse(text)
    except InvalidReference:
        return False
    return True


def grammar(text: str) -> dict[str, str] | None:
    """Read a name by the grammar alone, with nothing added and nothing known about docker.io."""
    matched = REFERENCE.fullmatch(text)
    if matched is None or len(matched["path"]) > 255:
        return None
    try:
        digest = Digest(matched["digest"]) if matched["digest"] else ""
    except InvalidDigest:
        return None
    found = {"name": matched["name"], "domain": matched["domain"], "tag": matched["tag"]}
    return {**{key: value or "" for key, value in found.items()}, "digest": digest}


@pytest.mark.parametrize("row", TABLE.rows("strict_parse"))
def test_the_grammar_splits_a_name(row: Any) -> None:
    expect = row["expect"]
    found = grammar(row["input"])
    if not expect["valid"]:
        assert found is None
    else:
        assert found == {key: expect[key] for key in ("name", "domain", "tag", "digest")}


@pytest.mark.parametrize("row", TABLE.rows("name_only"))
def test_the_grammar_splits_a_repository(row: Any) -> None:
    matched = NAME.fullmatch(row["input"])
    found = matched if matched and len(matched["path"]) <= 255 else None
    if not row["expect"]["valid"]:
        assert found is None
    else:
        assert found is not None
        assert (found["domain"] or "") == row["expect"]["domain"]
        assert found["path"] == row["expect"]["path"]


@pytest.mark.parametrize("row", TABLE.rows("json_round_trip"))
def test_a_name_survives_being_written(row: Any) -> None:
    if not row["expect"]["valid"]:
        assert not reads(row["input"])
    else:
        assert str(Reference.parse(row["input"])) == row["input"]


@pytest.mark.parametrize("row", TABLE.rows("combine"))
def test_a_tag_and_a_digest_are_put_on_a_name(row: Any) -> None:
    # The digests of the table are too short to be digests; ours are made to be.
    digest, text = row["digest"], row["expect"]["text"]
    if digest:
        with pytest.raises(InvalidDigest):
            Digest(digest)
        text = text.replace(digest, SHA)
    reference = Reference.parse(row["name"])
    if row["tag"]:
        reference = reference.with_tag(row["tag"])
    if digest and row["tag"]:
        assert str(Reference.parse(text)) == text
        assert str(reference.with_digest(Digest(SHA))) == text.replace(f":{row['tag']}", "")
    else:
        reference = reference.with_digest(Digest(SHA)) if digest else reference
        assert str(reference) == text


@pytest.mark.parametrize("row", TABLE.rows("canonical_name_required"))
def test_a_canonical_name_is_one_that_stays_as_it_is(row: Any) -> None:
    reference = Reference.parse(row["input"])
    assert (str(reference) == row["input"]) is row["expect"]["valid"]
    if row["expect"]["valid"]:
        assert (reference.domain, reference.path) == (
            row["expect"]["domain"],
            row["expect"]["path"],
        )


@pytest.mark.parametrize("row", TABLE.rows("normalized_validity"))
def test_what_people_type_is_a_name_or_not(row: Any) -> None:
    assert reads(row["input"]) is row["expect"]["valid"]


@pytest.mark.parametrize("row", TABLE.rows("normalized_names", "normalized_split"))
def test_docker_io_and_library_may_be_left_out(row: Any) -> None:
    reference = Reference.parse(row["input"])
    found = {
        "familiar": reference.familiar,
        "full": str(reference),
        "domain": reference.domain,
        "path": reference.path,
    }
    for key, value in row["expect"].items():
        assert found[key] == value


@pytest.mark.parametrize("row", TABLE.rows("normalized_tag_and_digest"))
def test_a_tag_and_a_digest_stay_together(row: Any) -> None:
    reference = Reference.parse(row["input"])
    assert str(reference) == row["expect"]["full"]
    assert reference.familiar == row["expect"]["familiar_text"]
    assert (reference.tag is not None) is row["expect"]["has_tag"]
    assert (reference.digest is not None) is row["expect"]["has_digest"]


@pytest.mark.parametrize("row", TABLE.rows("component_validity"))
def test_a_part_of_a_name_is_checked_alone(row: Any) -> None:
    readers = {"digest": Digest, "tag": Reference.parse("a").with_tag, "name": Reference.parse}
    if row["expect"]["valid"]:
        readers[row["component"]](row["input"])
    else:
        with pytest.raises((InvalidDigest, InvalidReference)):
            readers[row["component"]](row["input"])


@pytest.mark.parametrize("row", TABLE.rows("any_reference"))
def test_a_bare_digest_is_a_digest(row: Any) -> None:
    found = parse_any(row["input"])
    assert str(found) == row["expect"]["full"]
    assert isinstance(found, Digest if row["expect"]["kind"] == "digest" else Reference)


@pytest.mark.parametrize("row", TABLE.rows("docker_ref"))
def test_what_is_pulled_is_a_digest_or_a_tag(row: Any) -> None:
    assert str(Reference.parse_pinned(row["input"])) == row["expect"]["full"]


@pytest.mark.parametrize("row", TABLE.rows("domain_grammar"))
def test_a_domain_has_a_grammar(row: Any) -> None:
    assert bool(DOMAIN.fullmatch(row["input"])) is row["expect"]["match"]


@pytest.mark.parametrize("row", TABLE.rows("name_grammar", "reference_grammar"))
def test_a_name_has_a_grammar(row: Any) -> None:
    pattern = NAME if row["category"] == "name_grammar" else REFERENCE
    matched = pattern.fullmatch(row["input"])
    assert bool(matched) is row["expect"]["match"]
    if matched:
        for key in row["expect"].keys() - {"match"}:
            assert (matched[key] or "") == row["expect"][key]


@pytest.mark.parametrize("row", TABLE.rows("identifier_grammar"))
def test_an_image_id_has_a_grammar(row: Any) -> None:
    assert bool(IDENTIFIER.fullmatch(row["input"])) is row["expect"]["match"]


def test_every_row_of_the_table_is_applied_or_listed() -> None:
    TABLE.check()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("docker.io/foo.bar/baz", id="looks-like-a-registry"),
        pytest.param("docker.io/localhost/foo", id="looks-like-localhost"),
        pytest.param("docker.io/library/" + "a" * 64, id="looks-like-an-id"),
    ],
)
def test_the_short_form_is_never_that_of_another_image(text: str) -> None:
    assert Reference.parse(text).familiar == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("foo\n", id="newline"),
        pytest.param("foo:bar\nbaz", id="newline-in-tag"),
        pytest.param("user@host/foo", id="userinfo"),
        pytest.param("foo@sha256:../../x", id="traversal"),
        pytest.param("foo@md5:" + "a" * 32, id="unknown-algorithm"),
        pytest.param("foo:" + "t" * 129, id="long-tag"),
        pytest.param("foo/../bar", id="dots"),
        pytest.param("\x1b[31mfoo", id="escape"),
        pytest.param("fo\u017f", id="long-s"),
    ],
)
def test_what_is_no_name_is_quoted_in_the_error(text: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        Reference.parse(text)
    assert caught.value.text == text
    assert str(caught.value).isprintable()


COMPONENT = st.from_regex(r"[a-z0-9]{1,4}(?:(?:[._]|__|-{1,2})[a-z0-9]{1,3})?", fullmatch=True)
REGISTRY = st.sampled_from(
    ["", "docker.io/", "index.docker.io/", "localhost/", "localhost:5000/", "Foo/", "[::1]:5/"]
)
SUFFIX = st.sampled_from(["", ":t", ":V1.0", f"@{SHA}", f":t@{SHA}"])
NAMES = st.builds(
    lambda registry, parts, suffix: registry + "/".join(parts) + suffix,
    REGISTRY,
    st.lists(COMPONENT, min_size=1, max_size=3),
    SUFFIX,
)
NOISE = st.text(st.sampled_from("aA0._-:/@[]%~ \n" + SHA[:10]), max_size=20)


@given(NAMES)
def test_both_forms_parse_to_the_same_name(text: str) -> None:
    reference = Reference.parse(text)
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference
    assert len(reference.familiar) <= len(str(reference))


@given(NAMES | NOISE)
@example("a" * 64)
@example("docker.io/" + "a" * 64)
@example("docker.io")
@example("a/" + "b" * 256)
@example("[2001:db8::1]:5000/repo:tag")
def test_another_implementation_agrees(text: str) -> None:
    assume(not text.endswith("\n"))  # which the pattern of the other one passes over
    try:
        expected = oracle.Reference.parse_normalized_named(text).string()
    except oracle.InvalidReference:
        assert not reads(text)
    else:
        assert str(Reference.parse(text)) == expected
