"""Statements are unwrapped, and broken ones refused."""

import base64
import io
import json

import pytest

from cachedb.errors import InvalidManifest
from cachedb.oci.digest import Digest
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import decode_object
from cachedb.packages import in_toto
from tests import facts, recorded

_SHA = "ab" * 32


def statement(**changes: object) -> dict[str, object]:
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://spdx.dev/Document",
        "subject": [{"name": "pkg:docker/app", "digest": {"sha256": _SHA, "custom": "x"}}],
        "predicate": {"spdxVersion": "SPDX-2.3"},
        **changes,
    }


@pytest.mark.parametrize("row", facts.cases("attestations", "statement"))
def test_a_statement_that_the_reference_refuses_is_refused(row):
    with pytest.raises(InvalidManifest):
        in_toto.parse_statement(row["text"].encode())


@pytest.mark.parametrize("row", facts.cases("attestations", "resource_descriptor"))
def test_a_resource_descriptor_is_read_when_the_reference_reads_it(row):
    fields = Fields(decode_object(row["text"].encode()))

    if row["expect"]["error"]:
        with pytest.raises(InvalidManifest):
            in_toto.parse_resource(fields)
    else:
        assert dict(in_toto.parse_resource(fields).digests)


@pytest.mark.recorded
@pytest.mark.parametrize("row", recorded.cases("attestations", "statement_document"))
def test_a_statement_is_unwrapped(row):
    content = (recorded.root() / "vectors" / "sbom" / row["file"]).read_bytes()

    found = in_toto.parse_statement(content)

    assert found.predicate_type == row["expect"]["predicate_type"]
    assert [dict(subject.digests) for subject in found.subjects] == row["expect"]["subjects"]
    assert list(found.predicate) == row["expect"]["predicate_keys"]


def test_the_digests_of_a_subject_that_can_name_a_blob_are_digests():
    found = in_toto.parse_statement(json.dumps(statement()).encode())

    assert found.subjects[0].content == (Digest(f"sha256:{_SHA}"),)
    assert found.subjects[0].name == "pkg:docker/app"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"_type": "Statement"}, "_type: 'Statement' is not a known", id="type"),
        pytest.param({"_type": None}, "_type: missing", id="no-type"),
        pytest.param({"subject": []}, "subject: missing", id="no-subject"),
        pytest.param({"subject": [1]}, r"subject\[0\]: expected object", id="subject"),
        pytest.param({"subject": [{}]}, r"subject\[0\].digest: expected a name", id="empty"),
        pytest.param(
            {"subject": [{"digest": {"sha1": "x"}}]}, r"'x' is not a sha1 digest", id="digest"
        ),
        pytest.param({"predicateType": ""}, "predicateType: missing", id="no-predicate-type"),
        pytest.param({"predicate": None}, "predicate: missing", id="no-predicate"),
    ],
)
def test_what_is_wrong_with_a_statement_is_said_with_its_place(changes, message):
    with pytest.raises(InvalidManifest, match=message):
        in_toto.parse_statement(json.dumps(statement(**changes)).encode())


def envelope(payload: bytes, /, **changes: object) -> dict[str, object]:
    return {
        "payloadType": "application/vnd.in-toto+json",
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"sig": "MEUCIQ=="}],
        **changes,
    }


def opened(document: object) -> bytes | None:
    return in_toto.open_envelope(io.BytesIO(json.dumps(document).encode()))


def test_the_payload_of_an_envelope_is_the_statement():
    assert opened(envelope(b"{}")) == b"{}"


def test_the_envelope_may_be_in_a_bundle():
    bundle = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}

    assert opened({**bundle, "dsseEnvelope": envelope(b"{}")}) == b"{}"


def test_the_payload_may_be_in_the_alphabet_of_urls():
    payload = b"\xfb\xef\xbe" * 3

    assert opened(envelope(b"", payload=base64.urlsafe_b64encode(payload).decode())) == payload


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"messageSignature": {"signature": "MEUC"}}, id="signature-alone"),
        pytest.param(envelope(b"{}", payloadType="text/plain"), id="other-payload"),
    ],
)
def test_an_envelope_without_a_statement_holds_nothing(document):
    assert opened(document) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"payload": "a!b="}, "payload: not base64", id="alphabet"),
        pytest.param({"payload": "abc"}, "payload: not base64", id="padding"),
        pytest.param({"payload": "é"}, "payload: not base64", id="not-ascii"),
        pytest.param({"payload": None}, "payload: missing", id="missing"),
        pytest.param({"payload": 1}, "payload: expected string, found integer", id="number"),
    ],
)
def test_a_broken_payload_is_refused(changes, message):
    with pytest.raises(InvalidManifest, match=message):
        opened(envelope(b"{}", **changes))
