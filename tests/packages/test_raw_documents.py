"""SBOMs come out with the very bytes that went in."""

import io
import json
from typing import Any

import pytest

from cachedb.errors import InvalidManifest, LimitExceeded
from cachedb.limits import Limit
from cachedb.packages import json_stream, raw_documents
from cachedb.packages.raw_documents import raw_sbom
from tests.packages import sboms

# Order of keys, spaces, escapes and numbers are its maker's.
ODD = '{ "spdxVersion" :"SPDX-2.3",\n\t"b":[1.0e0, {"predicate": {}}], "ä\\u00e9": "}\\"]" }'


def stated(predicate: str, before: str = "", after: str = "") -> bytes:
    head = (
        '"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://spdx.dev/Document"'
    )
    return f'{{{before}{head}, "subject": [], "predicate": {predicate}{after}}}'.encode()


def read(content: bytes, media_type: str = sboms.IN_TOTO, predicate_type: str = "") -> Any:
    return raw_sbom(io.BytesIO(content), media_type, predicate_type)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(stated(ODD), id="last"),
        pytest.param(stated(ODD, after=', "z": {"predicate": 1}'), id="in-the-middle"),
        pytest.param(
            f'{{"predicate":{ODD},"predicateType":"https://spdx.dev/Document/v2.3",'
            '"_type":"https://in-toto.io/Statement/v0.1"}'.encode(),
            id="first",
        ),
        pytest.param(stated(ODD, before='"a": "\\"predicate\\": {}",\n'), id="after-a-decoy"),
    ],
)
def test_a_predicate_is_returned_as_it_stands(content: bytes) -> None:
    found = read(content)
    assert found.content == ODD.encode()
    assert found.predicate_type.startswith("https://spdx.dev/Document")


def test_a_predicate_longer_than_what_is_read_at_a_time_is_whole() -> None:
    long = json.dumps({"spdxVersion": "SPDX-2.3", "text": "é" * 3 * json_stream.PIECE})
    assert read(stated(long)).content == long.encode()


def test_a_predicate_in_an_envelope_is_returned_as_it_stands() -> None:
    document = sboms.envelope(json.loads(stated(ODD)))
    found = read(json.dumps(document).encode(), sboms.DSSE)
    assert json.loads(found.content) == json.loads(ODD)


@pytest.mark.parametrize("media_type", [sboms.SPDX, sboms.CYCLONEDX, "text/spdx+json"])
def test_an_sbom_in_no_statement_is_returned_whole(media_type: str) -> None:
    found = read(ODD.encode(), media_type)
    assert (found.content, found.predicate_type) == (ODD.encode(), "")


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        pytest.param(
            json.dumps(sboms.statement({}, "https://slsa.dev/provenance/v1")).encode(),
            sboms.IN_TOTO,
            id="another-predicate",
        ),
        pytest.param(b'{"a": 1}', sboms.IN_TOTO, id="no-statement-and-no-promise"),
        pytest.param(b'{"payloadType": "x", "payload": ""}', sboms.DSSE, id="another-payload"),
    ],
)
def test_what_is_no_sbom_and_does_not_say_so_is_none(content: bytes, media_type: str) -> None:
    assert read(content, media_type) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(stated("[]"), "predicate: expected object", id="no-object"),
        pytest.param(stated("null"), "predicate: expected object", id="null"),
        pytest.param(stated(ODD)[:-1], "not JSON", id="cut-short"),
        pytest.param(stated('{"a": 01}'), "not JSON", id="bad-inside-of-the-predicate"),
        pytest.param(stated('{"a": 1, "a": 2}'), "twice", id="a-key-twice-inside"),
        pytest.param(stated("{}", after=', "predicate": {}'), "twice", id="two-predicates"),
        pytest.param(
            stated("{}").replace(b"in-toto.io", b"x"), "not a known in-toto", id="unknown-type"
        ),
        pytest.param(stated("[" * 200), "nested too deeply", id="deep"),
    ],
)
def test_a_broken_statement_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(InvalidManifest, match=why):
        read(content)


def test_a_promise_that_is_not_kept_is_refused() -> None:
    content = json.dumps(sboms.statement({}, "https://slsa.dev/provenance/v1")).encode()
    with pytest.raises(InvalidManifest, match="is not an SBOM"):
        read(content, predicate_type=sboms.SPDX_PREDICATE)


def test_a_document_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = Limit(name="sbom bytes", variable="X", value=len(ODD.encode()) - 1)
    monkeypatch.setattr(raw_documents, "SBOM_BYTES", limit)
    with pytest.raises(LimitExceeded):
        read(ODD.encode(), sboms.SPDX)


def test_a_predicate_that_cosign_wrapped_is_returned_without_its_wrapping() -> None:
    document = b'{"spdxVersion": "SPDX-2.3",  "packages": []}'

    for data in (document, json.dumps(document.decode()).encode()):
        content = b'{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"%s",' % (
            sboms.SPDX_PREDICATE.encode()
        )
        content += b'"subject":[],"predicate":{"Data":%s,"Timestamp":"x"}}' % data
        assert read(content).content == document


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_document_with_a_byte_order_mark_is_returned_as_utf8_without_it(encoding: str) -> None:
    document = '{"spdxVersion": "SPDX-2.3", "name": "é"}'

    found = raw_sbom(io.BytesIO(document.encode(encoding)), sboms.SPDX)

    assert found is not None
    assert found.content == document.encode()
