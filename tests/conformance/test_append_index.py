"""Indexes are merged as linuxkit merges them: the recorded pairs, byte for byte."""

import hashlib
import json
from typing import Any

import pytest

from cachedb.oci import MediaType
from cachedb.oci.index_merge import IndexDocument, append_index
from tests import build, conformance_data

# What linuxkit makes of a pair and we do not, and what we do instead.
OTHERWISE = {
    "nested": "linuxkit fails on an index inside the remote index; it is carried along here",
}


def recorded() -> list[Any]:
    if not conformance_data.is_here():
        return []
    path = conformance_data.root() / "linuxkit" / "api" / "append_index.json"
    return [
        pytest.param(name, case, id=name) for name, case in json.loads(path.read_text()).items()
    ]


def index(manifests: list[Any]) -> IndexDocument:
    """Write the index of some descriptors as whoever made the recording wrote it."""
    keys = ("mediaType", "digest", "size", "annotations", "platform")
    listed = [{key: each[key] for key in keys if key in each} for each in manifests]
    content = {"schemaVersion": 2, "mediaType": build.OCI_INDEX, "manifests": listed}
    return IndexDocument.parse(json.dumps(content).encode(), MediaType(build.OCI_INDEX))


@pytest.mark.parametrize(("name", "case"), recorded())
def test_a_pair_is_merged_as_linuxkit_merges_it(name: str, case: dict[str, Any]) -> None:
    assert case["seed"] == case["head"]

    merged = append_index(index(case["primary"]), index(case["secondary"]))

    if name in OTHERWISE:
        assert "error" in case["seed"]
        both = case["primary"] + case["secondary"]
        assert merged.digests == {each["digest"] for each in both}
        return
    assert json.loads(merged.content) == case["seed"]["manifest"]
    assert "sha256:" + hashlib.sha256(merged.content).hexdigest() == case["seed"]["digest"]


def test_every_difference_is_one_of_a_recorded_pair() -> None:
    conformance_data.root()
    assert OTHERWISE.keys() <= {case.id for case in recorded()}
