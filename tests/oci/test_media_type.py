"""Media types: syntax, and which ones mean what."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.errors import InvalidMediaType
from cachedb.oci import MediaType
from cachedb.oci.media_type import OCI_MANIFEST
from tests.oci.table import Table

TABLE = Table("media_types")


@pytest.mark.parametrize("row", TABLE.rows("classes"))
def test_a_media_type_says_what_its_content_is(row: Any) -> None:
    media_type = MediaType(row["media_type"])
    answers = {
        "distributable": media_type.is_distributable,
        "image_manifest": media_type.is_manifest,
        "index": media_type.is_index,
    }
    for question, answer in row["expect"].items():
        assert answers[question] == answer, question


@pytest.mark.parametrize("row", TABLE.rows("strip_parameters"))
def test_parameters_are_dropped(row: Any) -> None:
    if row["expect"]["media_type"]:
        assert MediaType(row["input"]) == row["expect"]["media_type"]
    else:
        with pytest.raises(InvalidMediaType):
            MediaType(row["input"])


@pytest.mark.parametrize("row", TABLE.rows("syntax"))
def test_a_media_type_follows_rfc_6838(row: Any) -> None:
    if row["expect"]["valid"]:
        assert MediaType(row["input"]) == row["input"]
    else:
        with pytest.raises(InvalidMediaType):
            MediaType(row["input"])


def test_every_row_of_the_table_is_applied_or_listed() -> None:
    TABLE.check()


def test_a_header_cannot_be_injected() -> None:
    with pytest.raises(InvalidMediaType):
        MediaType(f"{OCI_MANIFEST}\r\nX-Injected: 1")


@pytest.mark.parametrize(
    ("text", "is_layer", "is_config"),
    [
        ("application/vnd.oci.image.layer.v1.tar+zstd", True, False),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", True, False),
        ("application/vnd.docker.container.image.v1+json", False, True),
        ("application/vnd.oci.empty.v1+json", False, False),
    ],
)
def test_layers_and_configs_are_known(text: str, is_layer: bool, is_config: bool) -> None:
    assert MediaType(text).is_layer is is_layer
    assert MediaType(text).is_config is is_config


@given(st.text(max_size=40))
def test_what_is_a_media_type_stays_one(text: str) -> None:
    try:
        media_type = MediaType(text)
    except InvalidMediaType:
        return
    assert MediaType(media_type) == media_type
    assert media_type.isascii()
    assert media_type.isprintable()
