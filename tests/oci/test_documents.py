"""The image-spec's own documents: what its schemas take we take, what they refuse we refuse."""

from typing import Any

import pytest

from cachedb.errors import InvalidManifest
from cachedb.oci import Descriptor, Digest, config, layout_marker, manifest, media_type
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import decode_object, encode
from tests import recorded
from tests.oci.table import Table

TABLE = Table("image_spec_documents")
READERS = {
    "descriptor": lambda content: Descriptor.from_fields(Fields(decode_object(content))),
    "index": lambda content: manifest.parse(content, media_type.OCI_INDEX),
    "manifest": lambda content: manifest.parse(content, media_type.OCI_MANIFEST),
    "config": config.parse,
    "layout": layout_marker.parse,
}
CONFIG = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}


@pytest.mark.parametrize(
    "row",
    TABLE.rows("descriptor", "index", "manifest", "config", "layout"),
)
def test_a_document_is_valid_as_the_schema_has_it(row: Any) -> None:
    read = READERS[row["kind"]]
    if row["valid"]:
        read(row["text"].encode())
    else:
        with pytest.raises(InvalidManifest):
            read(row["text"].encode())


@pytest.mark.recorded
@pytest.mark.parametrize("row", recorded.cases("image_spec_documents", "spec_example"))
def test_an_example_of_the_specification_is_valid_if_it_says_so(row: Any) -> None:
    test_a_document_is_valid_as_the_schema_has_it(row)


@pytest.mark.recorded
@pytest.mark.parametrize("row", recorded.cases("image_spec_documents", "backwards_compat"))
def test_documents_of_docker_are_valid(row: Any) -> None:
    text = row["text"]
    if "digest" in row:
        assert Digest.of(text.encode()) == row["digest"]
    for before, after in row.get("replace", {}).items():
        text = text.replace(before, after)
    READERS[row["kind"]](text.encode())


def test_every_row_of_the_table_is_applied_or_listed() -> None:
    TABLE.check()


def test_a_config_says_how_to_run_an_image() -> None:
    found = config.parse(
        encode(
            {
                **CONFIG,
                "variant": "v2",
                "created": "2015-10-31T22:22:56.015925234Z",
                "author": "A",
                "config": {
                    "User": "alice",
                    "Env": ["A=1"],
                    "Entrypoint": ["/bin/sh"],
                    "Cmd": None,
                    "WorkingDir": "/home",
                    "Labels": {"a": "b"},
                },
            }
        )
    )
    assert str(found.platform) == "linux/amd64/v2"
    assert found.created_at is not None
    assert found.created_at.isoformat() == "2015-10-31T22:22:56.015925+00:00"
    assert (found.user, found.working_dir, found.author) == ("alice", "/home", "A")
    assert (found.entrypoint, found.cmd, found.env) == (("/bin/sh",), (), ("A=1",))
    assert found.labels == {"a": "b"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        pytest.param({"os": None}, "os", id="no-os"),
        pytest.param({"rootfs": None}, "rootfs", id="no-rootfs"),
        pytest.param({"rootfs": {"type": "layers"}}, "rootfs.diff_ids", id="no-diff-ids"),
        pytest.param({"rootfs": {"type": "x", "diff_ids": []}}, "rootfs.type", id="other-type"),
        pytest.param({"created": "yesterday"}, "created", id="no-time"),
        pytest.param({"config": {"Env": [1]}}, "config.Env[0]", id="env-number"),
        pytest.param({"config": {"Volumes": {"a": 1}}}, "config.Volumes.a", id="volume-number"),
        pytest.param({"history": [{"empty_layer": 1}]}, "history[0].empty_layer", id="history"),
        pytest.param(
            {"rootfs": {"type": "layers", "diff_ids": ["sha256:x"]}},
            "rootfs.diff_ids[0]",
            id="bad-diff-id",
        ),
    ],
)
def test_an_error_in_a_config_says_where(change: Any, path: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        config.parse(encode({**CONFIG, **change}))
    assert caught.value.path == path


def test_docker_leaves_a_platform_empty_now_and_then() -> None:
    assert not config.parse(encode({**CONFIG, "os": "", "architecture": ""})).platform.os


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="no-version"),
        pytest.param(b"\0\1\2", id="garbage"),
        pytest.param(b'{"imageLayoutVersion":"9.9.9"}', id="other-version"),
        pytest.param(b'{"imageLayoutVersion":1}', id="number"),
    ],
)
def test_nothing_else_marks_a_layout(content: bytes) -> None:
    with pytest.raises(InvalidManifest):
        layout_marker.parse(content)
