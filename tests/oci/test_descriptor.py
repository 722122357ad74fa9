"""Descriptors: embedded content, sameness, and what becomes of them as JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.errors import InvalidManifest
from cachedb.oci import Descriptor, Digest, MediaType, Platform
from cachedb.oci.descriptor import REF_NAME
from cachedb.oci.json_fields import Fields
from tests.oci.table import Table

TABLE = Table(
    "descriptors",
    {"search/*": "regclient's search API; choosing among descriptors is the query language's"},
)


def read(document: Any) -> Descriptor:
    return Descriptor.from_fields(Fields(document))


def with_annotations(annotations: Any) -> Descriptor:
    return read(
        {
            "mediaType": "application/octet-stream",
            "digest": str(Digest.of(b"")),
            "size": 0,
            "annotations": annotations,
        }
    )


@pytest.mark.parametrize("row", TABLE.rows("embedded_data"))
def test_embedded_data_has_to_be_the_content(row: Any) -> None:
    if row["expect"]["error"]:
        with pytest.raises(InvalidManifest) as caught:
            read(row["descriptor"])
        assert caught.value.path == "data"
    else:
        descriptor = read(row["descriptor"])
        assert descriptor.data is not None
        assert len(descriptor.data) == descriptor.size


@pytest.mark.parametrize("row", TABLE.rows("inline_data"))
def test_data_is_given_only_when_it_is_right(row: Any) -> None:
    if "data" in row["expect"]:
        assert read(row["descriptor"]).data == row["expect"]["data"].encode()
    elif "data" in row["descriptor"]:
        with pytest.raises(InvalidManifest):
            read(row["descriptor"])
    else:
        assert read(row["descriptor"]).data is None


@pytest.mark.parametrize("row", TABLE.rows("equality"))
def test_the_same_content_and_an_equal_descriptor_are_two_questions(row: Any) -> None:
    a, b = read(row["a"]), read(row["b"])
    assert (a == b) == row["expect"]["equal"]
    assert a.is_same_content_as(b) == row["expect"]["same"]
    assert b.is_same_content_as(a) == row["expect"]["same"]


@pytest.mark.parametrize("row", TABLE.rows("match_ref_name"))
def test_a_descriptor_has_its_name_in_an_annotation(row: Any) -> None:
    annotations = with_annotations(row["annotations"]).annotations
    assert (annotations.get(REF_NAME) == row["name"]) == row["expect"]["match"]


@pytest.mark.parametrize("row", TABLE.rows("match_annotation"))
def test_absent_annotations_are_none(row: Any) -> None:
    annotations = with_annotations(row["annotations"]).annotations
    assert (annotations.get(row["key"]) == row["value"]) == row["expect"]["match"]


def test_every_row_of_the_table_is_applied_or_listed() -> None:
    TABLE.check()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        pytest.param({"size": True}, "size", id="size-true"),
        pytest.param({"size": 1.0}, "size", id="size-float"),
        pytest.param({"size": None}, "size", id="size-null"),
        pytest.param({"digest": ["sha256", "a"]}, "digest", id="digest-list"),
        pytest.param({"mediaType": 5}, "mediaType", id="media-type-number"),
        pytest.param({"platform": ["linux"]}, "platform", id="platform-list"),
        pytest.param({"platform": {"os": "linux"}}, "platform.architecture", id="half-a-platform"),
        pytest.param({"annotations": {"a": 1}}, "annotations['a']", id="annotation-number"),
        pytest.param({"urls": [1]}, "urls[0]", id="url-number"),
        pytest.param({"artifactType": "nope"}, "artifactType", id="artifact-type"),
        pytest.param({"data": "e30"}, "data", id="data-not-padded"),
    ],
)
def test_an_error_says_where(change: Any, path: str) -> None:
    good = {"mediaType": "application/json", "digest": str(Digest.of(b"{}")), "size": 2}
    with pytest.raises(InvalidManifest) as caught:
        read({**good, **change})
    assert caught.value.path == path


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLATFORMS = st.builds(
    Platform,
    os=st.sampled_from(["linux", "windows", ""]),
    architecture=st.sampled_from(["amd64", "arm", ""]),
    variant=st.sampled_from(["", "v7"]),
    os_version=st.sampled_from(["", "10.0.17763"]),
    os_features=st.lists(st.sampled_from(["win32k", "x"]), max_size=2).map(tuple),
)


@given(
    content=st.binary(max_size=20),
    is_embedded=st.booleans(),
    platform=st.none() | PLATFORMS,
    annotations=st.dictionaries(NAMES, NAMES, max_size=3),
    urls=st.lists(NAMES, max_size=2),
    artifact_type=st.sampled_from([None, MediaType("application/vnd.example")]),
)
def test_reading_what_was_written_gives_the_same(
    content: bytes,
    is_embedded: bool,
    platform: Platform | None,
    annotations: dict[str, str],
    urls: list[str],
    artifact_type: MediaType | None,
) -> None:
    descriptor = Descriptor(
        media_type=MediaType("application/json"),
        digest=Digest.of(content),
        size=len(content),
        platform=platform,
        artifact_type=artifact_type,
        annotations=annotations,
        urls=tuple(urls),
        data=content if is_embedded else None,
    )
    assert read(descriptor.to_json()) == descriptor
