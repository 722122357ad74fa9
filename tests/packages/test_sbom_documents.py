"""The packages of SPDX and CycloneDX documents, bare and in attestations."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb import limits
from cachedb.errors import InvalidInput, InvalidManifest, LimitExceeded
from cachedb.packages import package, sbom_documents
from cachedb.packages.document_types import DocumentTypes
from cachedb.packages.package import Package, SkippedElement
from cachedb.packages.sbom_documents import packages_in
from tests import recorded
from tests.packages import sboms
from tests.packages.sboms import (
    BUNDLE,
    CYCLONEDX,
    CYCLONEDX_PREDICATE,
    DSSE,
    IN_TOTO,
    SPDX,
    SPDX_PREDICATE,
    SYFT,
    read,
)

CURL = Package(
    name="curl",
    version="7.88.1-10",
    purl=sboms.PURL,
    license="curl",
    type="deb",
    scheme="deb",
)

NOT_APPLICABLE = {
    "index": "which manifests attest is told by the catalog",
    "attestation_manifest": "which manifests attest is told by the catalog",
    "clean_dangling": "which attestations linuxkit pushes is told by the linuxkit API",
    "buildkit_config": "an image config, not a document about packages",
    "buildkit_manifest": "an image manifest, not a document about packages",
}
"""Categories of rows that other packages hold, and why."""

_APPLIED_HERE = ("spdx2", "spdx3", "bundle_or_bom")
_APPLIED_BY_IN_TOTO = ("statement", "statement_document", "resource_descriptor")


@pytest.mark.recorded
def test_every_row_of_the_vectors_is_applied_or_listed():
    categories = {row["category"] for row in recorded.vectors("attestations")["cases"]}

    assert categories == {*NOT_APPLICABLE, *_APPLIED_HERE, *_APPLIED_BY_IN_TOTO}


def wanted(expected: dict[str, Any]) -> tuple[Any, ...]:
    """What a row says of a package; the license only if one was concluded."""
    purls = expected.get("purls") or [expected.get("purl")]
    concluded = expected.get("license")
    is_concluded = concluded not in (None, "NOASSERTION")
    return (
        expected["name"],
        expected["version"] or "",
        purls[0] or "",
        concluded if is_concluded else ...,
    )


@pytest.mark.recorded
@pytest.mark.parametrize("row", recorded.cases("attestations", "spdx2", "spdx3"))
def test_the_packages_of_an_example_are_those_that_the_row_lists(row):
    path = recorded.root() / "vectors" / "sbom" / row["file"]

    with path.open("rb") as stream:
        found = list(packages_in(stream, SPDX))

    expected = [wanted(one) for one in row["expect"]["packages"]]
    assert [
        (one.name, one.version, one.purl, one.license if license_ is not ... else ...)
        for one, (*_, license_) in zip(found, expected, strict=True)
    ] == expected


@pytest.mark.recorded
@pytest.mark.parametrize("row", recorded.cases("attestations", "bundle_or_bom"))
def test_a_document_without_packages_is_a_document(row):
    content = (recorded.root() / "vectors" / "sbom" / row["file"]).read_bytes()

    assert read(content, CYCLONEDX) == []


_WRAPPINGS = [
    pytest.param(lambda document, kind: (document, kind, ""), id="bare"),
    pytest.param(
        lambda document, _: (sboms.statement(document), IN_TOTO, SPDX_PREDICATE), id="statement"
    ),
    pytest.param(
        lambda document, _: (sboms.statement(document), IN_TOTO, ""), id="statement-of-no-type"
    ),
    pytest.param(
        lambda document, _: (
            sboms.statement(document, _type="https://in-toto.io/Statement/v1"),
            IN_TOTO,
            "",
        ),
        id="statement-v1",
    ),
    pytest.param(
        lambda document, _: (sboms.envelope(sboms.statement(document)), DSSE, ""), id="envelope"
    ),
    pytest.param(
        lambda document, _: (
            {"dsseEnvelope": sboms.envelope(sboms.statement(document))},
            BUNDLE,
            SPDX_PREDICATE,
        ),
        id="bundle",
    ),
]
_TAR = "application/vnd.oci.image.layer.v1.tar"
_FORMATS = [
    pytest.param(sboms.spdx(sboms.spdx_package()), SPDX, id="spdx2"),
    pytest.param(sboms.cyclonedx(sboms.cyclonedx_component()), CYCLONEDX, id="cyclonedx"),
    pytest.param(
        sboms.spdx3(
            {
                "type": "software_Package",
                "spdxId": "urn:curl",
                "name": "curl",
                "software_packageVersion": "7.88.1-10",
                "software_packageUrl": sboms.PURL,
            },
            {
                "type": "Relationship",
                "spdxId": "urn:relationship",
                "relationshipType": "hasDeclaredLicense",
                "from": "urn:curl",
                "to": ["https://spdx.org/licenses/curl"],
            },
        ),
        SPDX,
        id="spdx3",
    ),
    pytest.param(sboms.syft(sboms.syft_artifact()), SYFT, id="syft"),
]


@pytest.mark.parametrize("sort_keys", [False, True], ids=["as-written", "sorted"])
@pytest.mark.parametrize("wrap", _WRAPPINGS)
@pytest.mark.parametrize(("document", "kind"), _FORMATS)
def test_a_package_is_found_in_every_format_and_every_wrapping(document, kind, wrap, sort_keys):
    wrapped, media_type, predicate_type = wrap(document, kind)
    content = json.dumps(wrapped, sort_keys=sort_keys).encode()

    assert DocumentTypes(media_type, predicate=predicate_type).may_name_packages
    assert read(content, media_type, predicate_type) == [CURL]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"licenseConcluded": "MIT"}, {"license": "MIT"}, id="concluded-first"),
        pytest.param({"licenseDeclared": "NONE"}, {"license": ""}, id="none"),
        pytest.param({"licenseDeclared": "x" * 5000}, {"license": ""}, id="license-text"),
        pytest.param({"versionInfo": None}, {}, id="version-from-the-url"),
        pytest.param({"name": ""}, {}, id="name-from-the-url"),
        pytest.param(
            {"externalRefs": []}, {"purl": "", "type": "", "scheme": "semver"}, id="no-url"
        ),
        pytest.param(
            {"externalRefs": None}, {"purl": "", "type": "", "scheme": "semver"}, id="null"
        ),
        pytest.param(
            {"externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:swift/x@1"}]},
            {"purl": "pkg:swift/x@1", "type": "", "scheme": "semver"},
            id="broken-url",
        ),
        pytest.param(
            {
                "externalRefs": [
                    {
                        "referenceType": "http://spdx.org/rdf/references/purl",
                        "referenceLocator": "pkg:rpm/fedora/curl@7.88.1-10?epoch=2",
                    }
                ]
            },
            {
                "version": "2:7.88.1-10",
                "purl": "pkg:rpm/fedora/curl@7.88.1-10?epoch=2",
                "type": "rpm",
                "scheme": "rpm",
            },
            id="epoch-of-an-rpm",
        ),
    ],
)
def test_a_package_of_spdx_2_is_read_as_scanners_write_it(changes, expected):
    values = {"name": "curl", "version": "7.88.1-10", "purl": sboms.PURL, "license": "curl"}
    values |= {"type": "deb", "scheme": "deb"} | expected

    found = read(sboms.spdx(sboms.spdx_package(**changes)), SPDX)

    assert found == [Package(**values)]


@pytest.mark.parametrize(
    ("changes", "names", "licenses"),
    [
        pytest.param(
            {"licenses": [{"expression": "MIT OR ISC"}]}, ["curl"], "MIT OR ISC", id="or"
        ),
        pytest.param(
            {"licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "Mine"}}]},
            ["curl"],
            "MIT AND Mine",
            id="two",
        ),
        pytest.param({"licenses": []}, ["curl"], "", id="no-license"),
        pytest.param({"licenses": [{}, {"license": {}}]}, ["curl"], "", id="license-of-no-name"),
        pytest.param({"group": "@curl"}, ["@curl/curl"], "curl", id="scope"),
        pytest.param({"group": "se.haxx"}, ["curl"], "curl", id="group"),
        pytest.param({"type": "file"}, [], "", id="file"),
        pytest.param(
            {"components": [sboms.cyclonedx_component(name="libcurl")]},
            ["curl", "libcurl"],
            "curl",
            id="nested",
        ),
    ],
)
def test_a_component_of_cyclonedx_is_read_as_scanners_write_it(changes, names, licenses):
    found = read(sboms.cyclonedx(sboms.cyclonedx_component(**changes)), CYCLONEDX)

    assert [one.name for one in found] == names
    assert {one.license for one in found} <= {licenses}


def test_a_license_of_spdx_3_is_found_before_and_behind_its_package():
    def license_of(to: str, kind: str) -> dict[str, Any]:
        return {"type": "Relationship", "relationshipType": kind, "from": "urn:p", "to": [to]}

    software = {"type": "software_Package", "spdxId": "urn:p", "name": "p"}
    expression = {
        "type": "simplelicensing_LicenseExpression",
        "spdxId": "urn:l",
        "simplelicensing_licenseExpression": "MIT OR ISC",
    }
    declared = license_of("https://spdx.org/licenses/BSD-3-Clause", "hasDeclaredLicense")
    concluded = license_of("urn:l", "hasConcludedLicense")
    contains = license_of("urn:x", "contains")

    for elements in (
        [software, expression, declared, concluded, contains],
        [contains, concluded, declared, expression, software],
    ):
        assert [one.license for one in read(sboms.spdx3(*elements), SPDX)] == ["MIT OR ISC"]
    assert read(sboms.spdx3(software, declared), SPDX)[0].license == "BSD-3-Clause"

    custom = {"type": "expandedlicensing_CustomLicense", "spdxId": "urn:l", "name": "Mine"}
    assert read(sboms.spdx3(software, concluded, custom), SPDX)[0].license == "Mine"
    assert read(sboms.spdx3(software, concluded), SPDX)[0].license == ""


def test_the_key_of_a_package_sorts_by_its_ecosystem():
    older = Package(name="curl", version="1.0~rc1", scheme="deb")
    newer = Package(name="curl", version="1.0", scheme="deb")

    assert older.vkey < newer.vkey


@pytest.mark.parametrize(
    ("media_type", "predicate_type", "is_worth_it"),
    [
        (SPDX, "", True),
        ("application/spdx+json; version=2.3", "", True),
        ("text/spdx+json", "", True),
        (CYCLONEDX, "", True),
        (IN_TOTO, SPDX_PREDICATE, True),
        (IN_TOTO, CYCLONEDX_PREDICATE, True),
        (IN_TOTO, "", True),
        (IN_TOTO, "https://slsa.dev/provenance/v1", False),
        (DSSE, "", True),
        (BUNDLE, "https://slsa.dev/provenance/v1", False),
        ("text/spdx", "", True),
        ("application/vnd.cyclonedx+xml", "", True),
        ("application/vnd.oci.image.layer.v1.tar+gzip", "", False),
        ("application/json", SPDX_PREDICATE, True),
        ("application/json", "", False),
        ("application/vnd.in-toto.spdx+dsse", "", True),
        ("application/vnd.in-toto.provenance+dsse", "https://slsa.dev/provenance/v1", False),
        ("application/vnd.in-toto.spdx+json", "", True),
        ("application/vnd.in-toto+xml", "", False),
    ],
)
def test_types_tell_which_documents_may_name_packages(media_type, predicate_type, is_worth_it):
    types = DocumentTypes(media_type, predicate=predicate_type)

    assert types.may_name_packages == is_worth_it
    assert types.media_type == media_type


@pytest.mark.parametrize(
    ("types", "media_type"),
    [
        pytest.param(DocumentTypes(_TAR, artifact=SPDX), SPDX, id="artifact-type"),
        pytest.param(DocumentTypes(_TAR, config=CYCLONEDX), CYCLONEDX, id="config-type"),
        pytest.param(DocumentTypes(_TAR, artifact="x/y", config=SPDX), SPDX, id="config-behind"),
        pytest.param(DocumentTypes(CYCLONEDX, artifact=SPDX), CYCLONEDX, id="layer-first"),
        pytest.param(DocumentTypes(_TAR, artifact=BUNDLE), BUNDLE, id="bundle"),
    ],
)
def test_a_layer_is_known_by_whichever_type_says_what_it_is(types, media_type):
    assert types.media_type == media_type
    assert types.may_name_packages


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(sboms.statement({}, "https://slsa.dev/provenance/v1"), id="provenance"),
        pytest.param(
            {"predicate": {"x": 1}, **sboms.statement({}, "https://slsa.dev/provenance/v1")},
            id="predicate-first",
        ),
        pytest.param({"hello": "world"}, id="something-else"),
    ],
)
def test_a_document_of_another_sort_has_no_packages(document):
    assert read(document) == []


def test_a_bundle_with_a_signature_alone_has_no_packages():
    assert read({"messageSignature": {}}, BUNDLE) == []


def test_reading_stops_at_a_predicate_that_is_no_sbom():
    content = json.dumps(sboms.statement({}, "https://slsa.dev/provenance/v1")).encode()
    stream = io.BytesIO(content[:-1] + b',"rest":[' + b"1," * 200_000)

    assert list(packages_in(stream, IN_TOTO)) == []
    assert stream.tell() < len(stream.getvalue())


_BROKEN = [
    pytest.param(b"", SPDX, "expected an object", id="empty"),
    pytest.param({"hello": 1}, SPDX, "not a document of SPDX", id="another-document"),
    pytest.param(
        sboms.spdx(spdxVersion="SPDX-3.0"), SPDX, "spdxVersion: unsupported", id="spdx-version"
    ),
    pytest.param(sboms.spdx(spdxVersion=2), SPDX, "spdxVersion: unsupported", id="number"),
    pytest.param(
        sboms.cyclonedx(specVersion="2.0"),
        CYCLONEDX,
        "specVersion: unsupp",
        id="cyclonedx-version",
    ),
    pytest.param(
        sboms.cyclonedx(bomFormat="Cyclone"), CYCLONEDX, "bomFormat: 'Cyclone' is not", id="format"
    ),
    pytest.param(
        {"packages": [sboms.spdx_package()]}, SPDX, "not a document of SPDX", id="packages-alone"
    ),
    pytest.param(
        sboms.spdx() | sboms.cyclonedx(),
        SPDX,
        "more than one kind .*: CycloneDX and SPDX 2",
        id="both",
    ),
    pytest.param(
        sboms.spdx(components=[sboms.cyclonedx_component()]),
        SPDX,
        "more than one kind",
        id="an-array-of-another-format",
    ),
    pytest.param(
        sboms.statement(sboms.spdx(), _type="x"), IN_TOTO, "_type: 'x' is not a known", id="type"
    ),
    pytest.param({"predicate": sboms.spdx()}, IN_TOTO, "_type: missing", id="no-type"),
    pytest.param(
        {"predicate": sboms.spdx(), "_type": "https://in-toto.io/Statement/v1"},
        IN_TOTO,
        "predicateType: missing",
        id="no-predicate-type",
    ),
    pytest.param(sboms.statement({}), IN_TOTO, "not a document of SPDX", id="empty-predicate"),
    pytest.param(sboms.statement([]), IN_TOTO, "predicate: expected object", id="predicate"),
    pytest.param(
        sboms.statement(sboms.spdx(), **sboms.spdx()), IN_TOTO, "a second SBOM", id="two-sboms"
    ),
    pytest.param(sboms.envelope([1]), DSSE, "expected an object", id="in-an-envelope"),
]


@pytest.mark.parametrize(("document", "media_type", "message"), _BROKEN)
def test_a_broken_document_is_refused_with_the_place(document, media_type, message):
    with pytest.raises(InvalidManifest, match=message):
        read(document, media_type)


def test_a_statement_that_is_not_what_its_annotation_says_is_refused():
    provenance = sboms.statement({}, "https://slsa.dev/provenance/v1")

    with pytest.raises(
        InvalidManifest, match=r"predicateType: 'https://slsa.dev/.*' is not an SBOM"
    ):
        read(provenance, IN_TOTO, SPDX_PREDICATE)


@pytest.mark.parametrize("document", [pytest.param(p.values[0], id=p.id) for p in _FORMATS])
def test_a_document_with_too_many_packages_is_refused(document, monkeypatch):
    old = limits.SBOM_PACKAGES
    none = limits.Limit(name=old.name, variable=old.variable, value=0)
    monkeypatch.setattr(sbom_documents, "SBOM_PACKAGES", none)
    monkeypatch.setattr("cachedb.packages.sbom_formats.spdx.SBOM_PACKAGES", none)

    with pytest.raises(LimitExceeded, match="sbom packages limit of 0"):
        read(document, SPDX)


_GOOD = sboms.spdx_package()
_COMPONENT = sboms.cyclonedx_component()
_LONG = "x" * (package.PACKAGE_TEXT_CHARACTERS.value + 1)
_UNREADABLE = [
    pytest.param(sboms.spdx(_GOOD, 1), "packages[1]", "expected object, found integer", id="1"),
    pytest.param(sboms.spdx(_GOOD, None), "packages[1]", "expected object, found null", id="null"),
    pytest.param(
        sboms.spdx(_GOOD, {"versionInfo": "1"}), "packages[1].name", "missing", id="no-name"
    ),
    pytest.param(
        sboms.spdx(_GOOD, {"name": None}), "packages[1].name", "missing", id="null-as-name"
    ),
    pytest.param(
        sboms.spdx(_GOOD, sboms.spdx_package(name="", externalRefs=[])),
        "packages[1].name",
        "missing",
        id="empty-name",
    ),
    pytest.param(
        sboms.spdx(_GOOD, sboms.spdx_package(versionInfo=1)),
        "packages[1].versionInfo",
        "expected string, found integer",
        id="version-is-a-number",
    ),
    pytest.param(
        sboms.spdx(_GOOD, sboms.spdx_package(licenseConcluded=["MIT"])),
        "packages[1].licenseConcluded",
        "expected string, found array",
        id="license-is-an-array",
    ),
    pytest.param(
        sboms.spdx(_GOOD, sboms.spdx_package(name="a\0b")),
        "packages[1].name",
        "a text holds a NUL character",
        id="nul",
    ),
    pytest.param(
        sboms.spdx(_GOOD, sboms.spdx_package(name="a\ud800")),
        "packages[1].name",
        "a text holds a lone surrogate",
        id="lone-surrogate",
    ),
    pytest.param(
        sboms.spdx(_GOOD, sboms.spdx_package(name=_LONG)), "packages[1]", "exceeds the", id="long"
    ),
    pytest.param(
        sboms.cyclonedx(_COMPONENT, {"name": "", "purl": "pkg:cran/"}),
        "components[1].name",
        "missing",
        id="cyclonedx-empty-name",
    ),
    pytest.param(
        sboms.cyclonedx(_COMPONENT, {"name": 1, "components": "x"}),
        "components[1].name",
        "expected string, found integer",
        id="cyclonedx-name-is-a-number",
    ),
    pytest.param(
        sboms.cyclonedx({"name": None, "components": [_COMPONENT]}),
        "components[0].name",
        "missing",
        id="cyclonedx-parent",
    ),
    pytest.param(
        sboms.cyclonedx(sboms.cyclonedx_component(components=[None])),
        "components[0].components[0]",
        "expected object",
        id="cyclonedx-null-inside",
    ),
    pytest.param(
        sboms.statement(sboms.spdx(_GOOD, {"name": None})),
        "predicate.packages[1].name",
        "missing",
        id="in-a-statement",
    ),
    pytest.param(
        sboms.statement(sboms.spdx(_GOOD), subject=[{"name": "x"}]),
        "subject[0].digest",
        "missing",
        id="subject-without-digest",
    ),
    pytest.param(
        sboms.spdx3({"type": "software_Package", "name": "curl"}, {"type": "software_Package"}),
        "@graph[2].name",
        "missing",
        id="spdx3",
    ),
    pytest.param(
        sboms.spdx3(
            {"type": "software_Package", "name": "curl"},
            {"type": "Relationship", "relationshipType": "hasDeclaredLicense", "to": ["x"]},
        ),
        "@graph[2].from",
        "missing",
        id="spdx3-relationship",
    ),
]


@pytest.mark.parametrize(("document", "path", "why"), _UNREADABLE)
def test_an_element_that_cannot_be_read_is_skipped_with_its_place(document, path, why):
    found = read(document, SPDX)

    skipped = [one for one in found if isinstance(one, SkippedElement)]
    assert [one.name for one in found if isinstance(one, Package)] == ["curl"]
    assert skipped[0].path == path
    assert why in skipped[0].why
    assert len(skipped) == (2 if path == "components[1].name" and "integer" in why else 1)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"licenses": None}, id="null-licenses"),
        pytest.param({"licenses": [None]}, id="null-in-licenses"),
        pytest.param({"licenses": [{"license": None}]}, id="null-license"),
        pytest.param({"licenses": [{"license": {"id": None, "name": None}}]}, id="null-names"),
        pytest.param({"supplier": {"name": "\ud800"}, "licenses": []}, id="surrogate-elsewhere"),
        pytest.param({"properties": _LONG, "licenses": []}, id="long-text-elsewhere"),
        pytest.param({"version": None, "licenses": []}, id="version-from-the-url"),
    ],
)
def test_fields_that_are_null_or_not_read_are_ignored(changes):
    found = read(sboms.cyclonedx(sboms.cyclonedx_component(**changes)), CYCLONEDX)

    assert found == [CURL._replace(license="")]


@pytest.mark.parametrize(("document", "kind"), _FORMATS)
@pytest.mark.parametrize("as_text", [False, True])
def test_a_predicate_that_cosign_wrapped_is_read(document, kind, as_text):
    data = json.dumps(document) if as_text else document
    predicate = {"Data": data, "Timestamp": "2022-01-02T03:04:05Z"}
    kind = SPDX_PREDICATE if kind == SPDX else CYCLONEDX_PREDICATE
    statement = sboms.statement(predicate, kind)

    assert read(statement, IN_TOTO) == [CURL]
    assert read(sboms.envelope(statement), DSSE) == [CURL]


def test_a_wrapped_text_that_is_no_json_is_refused_with_its_place():
    statement = sboms.statement({"Data": "[1]", "Timestamp": "x"})

    with pytest.raises(InvalidManifest, match=r"predicate\.Data: expected object, found string"):
        read(statement, IN_TOTO)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("document", "kind"), _FORMATS)
def test_a_document_with_a_byte_order_mark_is_read(document, kind, encoding):
    content = json.dumps(document).encode(encoding)

    assert read(content, kind) == [CURL]


def test_a_payload_that_is_a_bare_sbom_is_read():
    envelope = sboms.envelope(sboms.spdx(_GOOD)) | {"payloadType": "application/spdx+json"}

    assert read(envelope, DSSE) == [CURL]


@given(
    wrapped=st.booleans(),
    document=st.sampled_from([p.values[0] for p in _FORMATS]),
    at=st.integers(0, 2000),
    length=st.integers(0, 9),
    put=st.binary(max_size=3) | st.sampled_from([b"null", b"1", b"{}", b"[]", b'""', b"\\u0000"]),
)
def test_damage_is_refused_or_read_and_never_anything_else(wrapped, document, at, length, put):
    content = json.dumps(sboms.statement(document) if wrapped else document).encode()
    at %= len(content)
    damaged = content[:at] + put + content[at + length :]

    try:
        found = read(damaged, IN_TOTO)
    except InvalidInput as error:
        assert str(error)  # noqa: PT017 - either outcome is right, other errors are not
    else:
        assert all(isinstance(one, SkippedElement) or one.name for one in found)
