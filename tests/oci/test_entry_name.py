"""Names of entries of index.json, and texts that are content and never names."""

import pytest

from cachedb.oci.digest import Digest
from cachedb.oci.names.entry_name import (
    claims_other_content,
    is_attached_kind,
    name_in,
    whole_digest,
)
from tests import build

A, B = Digest(f"sha256:{'a' * 64}"), Digest(f"sha256:{'b' * 64}")


@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        ({}, None),
        ({build.REF_NAME: "3.20"}, "3.20"),
        ({build.REF_NAME: "1", build.CONTAINERD_NAME: "docker.io/library/a:1"},
         "docker.io/library/a:1"),
        ({build.CONTAINERD_NAME: "a/b:1"}, "a/b:1"),
        ({build.REF_NAME: "a/b:1", build.CONTAINERD_NAME: ""}, "a/b:1"),
    ],
)  # fmt: skip
def test_the_name_of_an_entry_is_containerds_or_ref_name(
    annotations: dict[str, str], name: str | None
) -> None:
    assert name_in(annotations) == name


@pytest.mark.parametrize(
    ("kind", "is_attached"),
    [
        (None, False), ("", False),
        ("dev.hauler/image", False), ("dev.cosignproject.cosign/image", False),
        ("dev.cosignproject.cosign/imageIndex", False), ("image", False),
        ("dev.hauler/sigs", True), ("dev.cosignproject.cosign/sigs", True),
        ("dev.cosignproject.cosign/atts", True), ("dev.cosignproject.cosign/sboms", True),
    ],
)  # fmt: skip
def test_the_annotation_kind_tells_an_image_from_what_is_attached(
    kind: str | None, is_attached: bool
) -> None:
    assert is_attached_kind(kind) is is_attached


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (str(A), A), (A.encoded, A), (f"alpine@{A}", A), (f"example.com/a:1@{A}", A),
        (f"alpine@{A.encoded}", A),
        ("alpine", None), ("alpine:3.20", None), (A.encoded[:12], None), ("sha256:abc", None),
    ],
)  # fmt: skip
def test_a_whole_digest_is_read_in_every_form_in_which_it_is_typed(
    text: str, digest: Digest | None
) -> None:
    assert whole_digest(text) == digest


@pytest.mark.parametrize("name", [str(B), B.encoded, f"example.com/a:1@{B}"])
def test_a_name_that_is_another_digest_is_a_claim_of_other_content(name: str) -> None:
    assert claims_other_content(name, A)
    assert not claims_other_content(name, B)


def test_a_tag_claims_no_content() -> None:
    assert not claims_other_content("example.com/a:1", A)
