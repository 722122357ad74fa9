"""What can be read of a configuration that breaks a rule, and what breaks none."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cachedb.errors import InvalidManifest
from cachedb.oci import config
from cachedb.oci.platform.model import Platform
from cachedb.oci.strict_json import decode, decode_damaged

DIGEST = "sha256:" + "1" * 64


def image_config(**changes: Any) -> bytes:
    value = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {"a": "1", "b": "2"}, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
        **changes,
    }
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(image_config(created="yesterday"), id="time"),
        pytest.param(image_config(author=1), id="author"),
        pytest.param(image_config(rootfs=None), id="no-rootfs"),
        pytest.param(image_config(history=[{"created": 1}]), id="history"),
        pytest.param(image_config(x=2**63), id="integer-beyond-64-bits"),
        pytest.param(image_config(comment="\ud800"), id="lone-surrogate"),
        pytest.param(image_config().replace(b'"os"', b'"x":NaN,"os"'), id="nan"),
        pytest.param(image_config().replace(b'"b":', b'"b":"1","b":'), id="label-twice"),
        pytest.param(
            image_config(config={"Labels": {"a": "1", "b": "2", "c": 3}, "Env": ["PATH=/bin", 1]}),
            id="label-that-is-a-number",
        ),
    ],
)
def test_a_slip_costs_neither_the_platform_nor_the_labels(content: bytes) -> None:
    with pytest.raises(InvalidManifest):
        config.parse(content)

    found = config.salvage(content)

    assert found is not None
    assert found.platform == Platform(os="linux", architecture="amd64")
    assert dict(found.labels) == {"a": "1", "b": "2"}
    assert found.env == ("PATH=/bin",)


def test_half_a_platform_and_bad_layers_leave_the_rest() -> None:
    content = image_config(architecture=None, rootfs={"type": "layers", "diff_ids": ["x"]})

    found = config.salvage(content)

    assert found is not None
    assert found.platform == Platform(os="linux", architecture="")
    assert found.diff_ids == ()
    assert found.labels["a"] == "1"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{", id="not-json"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'{"os":"linux","os":"windows"}', id="field-twice"),
        pytest.param(b'{"os":"linux","OS":"windows"}', id="field-in-two-spellings"),
    ],
)
def test_an_ambiguous_document_is_not_read(content: bytes) -> None:
    assert config.salvage(content) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+02:00", None),
        ("9999-12-31T23:59:59.999999-12:00", None),
        ("2026-01-01T00:00:00.123456789Z", datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_every_time_of_rfc_3339_is_accepted(text: str, moment: datetime | None) -> None:
    found = config.parse(image_config(created=text)).created_at

    assert found is not None
    assert moment is None or found == moment


def test_keys_of_labels_and_annotations_may_differ_in_case() -> None:
    labels = {"Architecture": "x86_64", "architecture": "x86_64"}

    found = config.parse(image_config(config={"Labels": labels}))

    assert dict(found.labels) == labels
    for name in "annotations", "Labels", "x":
        assert decode(json.dumps({name: {"Size": 1, "size": 2}}).encode())
    for name in "config", "layers", "manifests", "subject", "platform":
        with pytest.raises(InvalidManifest, match="differ only in case"):
            decode(json.dumps({name: {"Size": 1, "size": 2}}).encode())
        with pytest.raises(InvalidManifest, match="differ only in case"):
            decode(json.dumps({name: [{"platform": {"OS": 1, "os": 2}}]}).encode())


def test_nulls_in_labels_are_absent() -> None:
    found = config.parse(image_config(config={"Labels": {"a": None, "b": "2"}, "Env": None}))

    assert dict(found.labels) == {"b": "2"}


def test_damage_is_decoded_to_what_no_field_accepts() -> None:
    found = decode_damaged(b'{"a":9223372036854775808,"b":NaN,"c":"x\\ud800y","d":1}')

    assert found == {"a": float(2**63), "b": None, "c": "x\ufffdy", "d": 1}
    assert isinstance(found["a"], float)
