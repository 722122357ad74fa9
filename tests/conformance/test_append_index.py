"""Indexes are merged as linuxkit merges them: the recorded pairs, byte for byte."""

import hashlib
import json
from typing import Any

import pytest

from cachedb.oci import MediaType
from cachedb.oci.index_merge import IndexDocument, append_index
from tests import build, facts

TOPIC = "linuxkit_append_index"


def index(manifests: list[Any]) -> IndexDocument:
    """Write the index of some descriptors as they stood in the registry of the recording."""
    keys = ("mediaType", "digest", "size", "annotations", "platform")
    listed = [{key: each[key] for key in keys if key in each} for each in manifests]
    content = {"schemaVersion": 2, "mediaType": build.OCI_INDEX, "manifests": listed}
    return IndexDocument.parse(json.dumps(content).encode(), MediaType(build.OCI_INDEX))


@pytest.mark.parametrize("row", facts.cases(TOPIC, "merged"))
def test_a_pair_is_merged_as_linuxkit_merges_it(row: dict[str, Any]) -> None:
    merged = append_index(index(row["primary"]), index(row["secondary"]))

    assert json.loads(merged.content) == row["expect"]["manifest"]
    assert "sha256:" + hashlib.sha256(merged.content).hexdigest() == row["expect"]["digest"]


@pytest.mark.parametrize("row", facts.cases(TOPIC, "refused"))
def test_a_pair_that_linuxkit_refuses_keeps_all_of_both(row: dict[str, Any]) -> None:
    """An index inside the remote index: linuxkit fails on it; it is carried along here."""
    merged = append_index(index(row["primary"]), index(row["secondary"]))

    assert "nested" in row["id"]
    both = row["primary"] + row["secondary"]
    assert merged.digests == {each["digest"] for each in both}
