"""SBOMs that are no JSON objects: CycloneDX as XML, SPDX as tag-value, texts in statements."""

import io
import json
from typing import Any

import pytest

from cachedb.errors import InvalidManifest, LimitExceeded
from cachedb.limits import Limit
from cachedb.packages.package import Package, SkippedElement
from cachedb.packages.raw_documents import raw_sbom
from cachedb.packages.sbom_documents import packages_in
from cachedb.packages.sbom_formats import cyclonedx_xml, spdx_tag_value
from tests.packages import sboms
from tests.packages.sboms import (
    CURL_COMPONENT,
    CURL_TAGS,
    CYCLONEDX,
    CYCLONEDX_PREDICATE,
    CYCLONEDX_XML,
    IN_TOTO,
    SPDX,
    SPDX_PREDICATE,
    TAG_VALUE,
    read,
)

CURL = read(sboms.spdx(sboms.spdx_package()), SPDX)
XML = sboms.xml(CURL_COMPONENT)
TAGS = sboms.tag_value(*CURL_TAGS)


def found_in(content: bytes, media_type: str) -> list[Any]:
    return list(packages_in(io.BytesIO(content), media_type))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        pytest.param(XML, CYCLONEDX_XML, id="xml"),
        pytest.param(XML, "application/vnd.cyclonedx", id="xml-as-cosign-attaches-it"),
        pytest.param(XML, CYCLONEDX, id="xml-under-the-type-of-json"),
        pytest.param(TAGS, TAG_VALUE, id="tag-value"),
        pytest.param(TAGS, SPDX, id="tag-value-under-the-type-of-json"),
        pytest.param(TAGS.replace(b"\n", b"\r\n"), TAG_VALUE, id="tag-value-of-windows"),
        pytest.param(b"# a comment\n" + TAGS, TAG_VALUE, id="comment-first"),
        pytest.param(json.dumps(sboms.spdx(sboms.spdx_package())).encode(), TAG_VALUE, id="json"),
    ],
)
def test_a_document_is_read_by_its_notation_under_any_type_and_encoding(
    content: bytes, media_type: str, encoding: str
) -> None:
    text = content.decode().replace('encoding="UTF-8"', f'encoding="{encoding[:6].strip("-")}"')
    assert found_in(text.encode(encoding), media_type) == CURL


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64])
@pytest.mark.parametrize(("content", "module"), [(XML, cyclonedx_xml), (TAGS, spdx_tag_value)])
def test_pieces_of_any_size_yield_the_same_packages(
    content: bytes, module: Any, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PIECE", piece)
    assert list(module.packages(io.BytesIO(content))) == CURL


@pytest.mark.parametrize(
    ("predicate", "predicate_type"),
    [
        pytest.param(TAGS.decode(), SPDX_PREDICATE, id="tag-value-as-predicate"),
        pytest.param({"Data": TAGS.decode(), "Timestamp": "x"}, SPDX_PREDICATE, id="in-data"),
        pytest.param({"Data": XML.decode()}, CYCLONEDX_PREDICATE, id="xml-in-data"),
        pytest.param(
            json.dumps(sboms.spdx(sboms.spdx_package())), SPDX_PREDICATE, id="json-as-a-text"
        ),
    ],
)
def test_a_statement_whose_sbom_is_a_text_names_its_packages(
    predicate: Any, predicate_type: str
) -> None:
    document = sboms.statement(predicate, predicate_type)
    expected = predicate if isinstance(predicate, str) else predicate["Data"]

    assert read(document) == CURL
    assert read(sboms.envelope(document), sboms.DSSE) == CURL
    raw = raw_sbom(io.BytesIO(json.dumps(document).encode()), IN_TOTO)
    assert raw is not None
    assert (raw.content.decode(), raw.predicate_type) == (expected, predicate_type)


@pytest.mark.parametrize("text", ["", "[]", "17", "\x00"])
def test_a_text_that_is_no_document_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InvalidManifest, match=r"^predicate: expected object, found string"):
        read(sboms.statement(text))


@pytest.mark.parametrize(
    ("components", "named"),
    [
        pytest.param([], [], id="none"),
        pytest.param(
            ['<component type="file"><name>/etc/passwd</name></component>'], [], id="a-file"
        ),
        pytest.param(
            [
                (
                    '<component type="library"><group>@acme</group><name>web</name>'
                    "<version>3</version></component>"
                )
            ],
            [("@acme/web", "3", "")],
            id="a-scope",
        ),
        pytest.param(
            [
                (
                    '<component type="application"><name>app</name><components>'
                    '<component type="library"><name>in</name><version>1</version></component>'
                    "</components></component>"
                    '<component type="library"><name>next</name></component>'
                )
            ],
            [("app", "", ""), ("in", "1", ""), ("next", "", "")],
            id="inside-of-one-another",
        ),
        pytest.param(
            [
                (
                    '<component type="library"><name>now</name><pedigree><ancestors>'
                    '<component type="library"><name>before</name></component>'
                    "</ancestors></pedigree>"
                    "<x:name xmlns:x='urn:x'>other</x:name><hashes><name>no</name></hashes>"
                    "</component>"
                )
            ],
            [("now", "", "")],
            id="ancestors-and-other-namespaces",
        ),
        pytest.param(
            [
                (
                    '<component type="library"><name>a&amp;b</name><licenses><license>'
                    "<name>Mine</name></license><license><id>MIT</id></license></licenses></component>"
                    '<component type="library"><name><![CDATA[c<d]]></name><licenses>'
                    "<expression>MIT OR ISC</expression></licenses></component>"
                )
            ],
            [("a&b", "", "Mine AND MIT"), ("c<d", "", "MIT OR ISC")],
            id="licenses-entities-and-cdata",
        ),
    ],
)
def test_components_of_xml_are_read_as_those_of_json(
    components: list[str], named: list[tuple[str, str, str]]
) -> None:
    found = found_in(sboms.xml(*components), CYCLONEDX_XML)
    assert [(each.name, each.version, each.license) for each in found] == named


@pytest.mark.parametrize("version", ["1.0", "1.4", "1.7"])
def test_every_version_of_the_schema_is_read(version: str) -> None:
    assert found_in(sboms.xml(CURL_COMPONENT, version=version), CYCLONEDX_XML) == CURL


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        pytest.param(
            [*CURL_TAGS, "", "PackageName: second", "PackageVersion: 2"],
            [("curl", "7.88.1-10", "curl"), ("second", "2", "")],
            id="two",
        ),
        pytest.param(
            ["PackageName: a", "FileName: ./f", "LicenseConcluded: MIT", "PackageVersion: 9"],
            [("a", "", "")],
            id="a-file-ends-a-package",
        ),
        pytest.param(
            [
                "PackageName: a",
                "PackageComment: <text>two lines, the second",
                "PackageName: is no tag</text>",
                "PackageLicenseDeclared: <text>MIT</text>",
                "PackageVersion: 1",
            ],
            [("a", "1", "MIT")],
            id="texts-of-several-lines",
        ),
        pytest.param(["PackageName: a", "#PackageVersion: 2"], [("a", "", "")], id="a-comment"),
        pytest.param(["PackageName:a", "PackageVersion:1"], [("a", "1", "")], id="no-space"),
        pytest.param(
            ["PackageName: a", "PackageVersion: 1:2.3-4"], [("a", "1:2.3-4", "")], id="a-colon"
        ),
    ],
)
def test_packages_of_tag_value_are_read_from_their_tags(
    lines: list[str], named: list[tuple[str, str, str]]
) -> None:
    found = found_in(sboms.tag_value(*lines), TAG_VALUE)
    assert [(each.name, each.version, each.license) for each in found] == named


def test_what_cannot_be_read_of_a_document_is_counted_and_the_rest_is_read() -> None:
    nameless = '<component type="library"><version>1</version></component>'
    found = found_in(sboms.xml(nameless, CURL_COMPONENT), CYCLONEDX_XML)
    assert found == [SkippedElement("components[0].name", "missing"), *CURL]

    tags = sboms.tag_value("this is no tag", "PackageName:", *CURL_TAGS)
    found = found_in(tags, TAG_VALUE)
    assert found == [
        SkippedElement("line 6", "expected a tag and a value"),
        SkippedElement("packages[0].name", "missing"),
        *CURL,
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(XML[:-3], "not XML: ", id="cut-short"),
        pytest.param(
            sboms.xml(before='<!DOCTYPE bom [<!ENTITY a "b">]>'),
            "a document type declaration is not read",
            id="doctype",
        ),
        pytest.param(b"<rdf:RDF xmlns:rdf='urn:rdf'/>", "an XML document of 'RDF'", id="rdf"),
        pytest.param(b"<bom/>", "an XML document of 'bom' is not read", id="no-namespace"),
        pytest.param(sboms.xml(version="2.0"), "xmlns: unsupported version '2.0'", id="version"),
        pytest.param(sboms.tag_value(version="SPDX-3.0"), "SPDXVersion: unsupported", id="spdx-3"),
        pytest.param(b"PackageName: a\n", "SPDXVersion: missing", id="no-version"),
        pytest.param(
            sboms.tag_value("PackageComment: <text>endless"),
            "line 6: a text without its end",
            id="endless-text",
        ),
        pytest.param(TAGS + b"A: \xff\n", "not UTF-8, after line 0", id="not-utf-8"),
        pytest.param(b"", "expected an object", id="empty"),
    ],
)
def test_a_broken_document_is_refused_with_what_and_where(content: bytes, why: str) -> None:
    with pytest.raises(InvalidManifest, match=why):
        found_in(content, TAG_VALUE)


@pytest.mark.parametrize(
    ("content", "module", "name", "value"),
    [
        pytest.param(XML, cyclonedx_xml, "SBOM_BYTES", len(XML) - 1, id="xml-bytes"),
        pytest.param(XML, cyclonedx_xml, "SBOM_PACKAGES", 0, id="xml-components"),
        pytest.param(XML, cyclonedx_xml, "JSON_DEPTH", 3, id="xml-depth"),
        pytest.param(
            sboms.xml(f'<component type="{"x" * 200_000}"/>'),
            cyclonedx_xml,
            "SBOM_VALUE_CHARACTERS",
            90_000,
            id="xml-tag",
        ),
        pytest.param(TAGS, spdx_tag_value, "SBOM_BYTES", len(TAGS) - 1, id="tag-value-bytes"),
        pytest.param(
            sboms.tag_value("PackageComment: " + "x" * 100_000),
            spdx_tag_value,
            "SBOM_VALUE_CHARACTERS",
            60_000,
            id="tag-value-line",
        ),
        pytest.param(
            sboms.tag_value("PackageComment: <text>", *["x" * 50] * 10, "</text>"),
            spdx_tag_value,
            "SBOM_VALUE_CHARACTERS",
            400,
            id="tag-value-text",
        ),
    ],
)
def test_a_document_beyond_a_limit_is_refused(
    content: bytes, module: Any, name: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, Limit(name=name.lower(), variable="X", value=value))
    with pytest.raises(LimitExceeded):
        list(module.packages(io.BytesIO(content)))


def test_a_long_document_of_small_tags_is_within_the_limit_of_one_tag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit = Limit(name="sbom value characters", variable="X", value=70_000)
    monkeypatch.setattr(cyclonedx_xml, "SBOM_VALUE_CHARACTERS", limit)
    found = found_in(sboms.xml(*[CURL_COMPONENT] * 3_000), CYCLONEDX_XML)
    assert found == CURL * 3_000


@pytest.mark.parametrize("licenses", [["curl"], [{"value": "curl"}], [None, {"value": "curl"}]])
def test_licenses_of_every_schema_of_syft_are_read(licenses: Any) -> None:
    found = read(sboms.syft(sboms.syft_artifact(licenses=licenses)), sboms.SYFT)
    assert found == CURL


def test_a_license_of_syft_that_cannot_be_read_skips_one_artifact() -> None:
    document = sboms.syft(sboms.syft_artifact(licenses=[7]), sboms.syft_artifact())
    skipped, package = read(document, sboms.SYFT)
    assert skipped == SkippedElement("artifacts[0].licenses[0]", "expected object, found integer")
    assert isinstance(package, Package)


@pytest.mark.parametrize("content", [XML, TAGS])
def test_a_document_that_is_not_json_is_returned_whole(content: bytes) -> None:
    found = raw_sbom(io.BytesIO(content), TAG_VALUE)
    assert found is not None
    assert (found.content, found.predicate_type) == (content, "")
