"""Law: a document that is decoded in C says what the strict decoder reads, or is left to it."""

import json
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.errors import InvalidManifest
from cachedb.limits import JSON_DEPTH
from cachedb.oci import config, manifest, media_type
from cachedb.oci.plain_json import decode_plain
from tests import build

DIGEST = "sha256:" + "5" * 64
LAYER = {"mediaType": build.OCI_LAYER, "digest": DIGEST, "size": 1}
NOTES = st.dictionaries(st.sampled_from(["a", "b", 'c"', ":", "d :"]), st.text(max_size=4))
VALUES = st.none() | st.booleans() | st.integers(-1, 2**64) | st.text(max_size=3) | st.just(1.5)
PLATFORM = st.fixed_dictionaries(
    {"os": st.sampled_from(["linux", "Windows"]), "architecture": st.just("arm64")},
    optional={"variant": st.sampled_from(["v8", ""]) | VALUES, "os.version": st.text(max_size=3)},
)
DESCRIPTOR = st.fixed_dictionaries(
    {
        "mediaType": st.sampled_from([build.OCI_LAYER, build.OCI_MANIFEST, "text/x", "x"]),
        "digest": st.sampled_from([DIGEST, "md5:0", "sha256:5"]),
        "size": st.sampled_from([0, 7, 2**63 - 1, 2**63, -1, True]),
    },
    optional={"platform": PLATFORM | st.none(), "annotations": NOTES | st.none(), "Size": VALUES},
)
DOCUMENT = st.fixed_dictionaries(
    {"schemaVersion": st.sampled_from([2, 2, 2, 1, True])},
    optional={
        "mediaType": st.sampled_from([build.OCI_MANIFEST, build.OCI_INDEX]),
        "config": DESCRIPTOR,
        "layers": st.lists(DESCRIPTOR, max_size=2) | st.none(),
        "manifests": st.lists(DESCRIPTOR, max_size=2) | st.none(),
        "annotations": NOTES | st.none() | VALUES,
        "subject": DESCRIPTOR,
    },
)
CONFIG = st.fixed_dictionaries(
    {"architecture": st.just("amd64"), "os": st.just("linux")},
    optional={
        "rootfs": st.just({"type": "layers", "diff_ids": [DIGEST]}) | VALUES,
        "config": st.fixed_dictionaries(
            {},
            optional={
                "Labels": NOTES | VALUES,
                "Env": st.lists(VALUES, max_size=2),
                "User": VALUES,
            },
        ),
        "history": st.lists(st.dictionaries(st.sampled_from(["created_by", "x"]), VALUES))
        | VALUES,
        "created": st.sampled_from(["2020-01-01T00:00:00Z", "x"]),
    },
)
DECLARED = [build.OCI_MANIFEST, build.OCI_INDEX]
# Changes of a text that only a reader of the text sees.
EDITS = [
    ("", ""),
    ('{"', '{"size":1,"'),
    ('{"', '{"a":"","a" :"","'),
    ('"size":', '"size" :'),
    ('"size":', '"siz\\u0065":1,"size":'),
    ('"a":', '"a":"","a":'),
    ('"os":', '"os":"plan9","os":'),
    ('"size"', '"SIZE"'),
    ("}", "}\n"),
    ("{", "\ufeff{"),
    ("1", "1e1"),
    ("linux", "\\ud800"),
]


def outcome(parse: Any, *arguments: Any) -> Any:
    try:
        return parse(*arguments)
    except InvalidManifest as error:
        return str(error)


def text_of(document: Any, edit: tuple[str, str], *, is_indented: bool) -> bytes:
    text = json.dumps(document, indent=1 if is_indented else None, ensure_ascii=False)
    return text.replace(edit[0], edit[1], 1).encode() if edit[0] else text.encode()


@given(DOCUMENT, st.sampled_from(EDITS), st.booleans(), st.sampled_from(DECLARED))
def test_a_document_is_read_as_by_the_strict_decoder(
    document: Any, edit: tuple[str, str], is_indented: bool, declared: str
) -> None:
    content = text_of(document, edit, is_indented=is_indented)
    found = outcome(manifest.parse, content, media_type.MediaType(declared))
    with patch.object(manifest, "decode_plain", return_value=None):
        assert found == outcome(manifest.parse, content, media_type.MediaType(declared))


@given(CONFIG, st.sampled_from(EDITS), st.booleans())
def test_a_config_is_read_as_by_the_strict_decoder(
    document: Any, edit: tuple[str, str], is_indented: bool
) -> None:
    content = text_of(document, edit, is_indented=is_indented)
    found = outcome(config.parse, content)
    with patch.object(config, "decode_plain", return_value=None):
        assert found == outcome(config.parse, content)


@pytest.mark.parametrize("is_indented", [False, True])
@pytest.mark.parametrize(
    ("parse", "document"),
    [
        pytest.param(
            lambda content: manifest.parse(content, media_type.OCI_MANIFEST),
            {"schemaVersion": 2, "mediaType": build.OCI_MANIFEST, "config": LAYER,
             "layers": [LAYER, LAYER], "annotations": {"a": "b"}},
            id="manifest",
        ),
        pytest.param(
            lambda content: manifest.parse(content, media_type.OCI_INDEX),
            {"schemaVersion": 2, "mediaType": build.OCI_INDEX, "manifests": [
                LAYER | {"platform": {"os": "linux", "architecture": "arm", "variant": "v7"}}]},
            id="index",
        ),
        pytest.param(
            config.parse,
            {"architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z",
             "config": {"Env": ["A=b"], "Cmd": ["sh"], "Labels": {"a": "b"}, "WorkingDir": "/"},
             "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
             "history": [{"created_by": "COPY \u0026\u0026 \u00e9", "empty_layer": True}]},
            id="config",
        ),
    ],
)  # fmt: skip
def test_what_builders_write_needs_no_strict_decoder(
    parse: Any, document: Any, is_indented: bool
) -> None:
    content = text_of(document, ("", ""), is_indented=is_indented)
    refusing = AssertionError("decoded strictly")
    with (
        patch.object(manifest, "decode_object", side_effect=refusing),
        patch.object(config, "decode_object", side_effect=refusing),
    ):
        found = parse(content)
    with (
        patch.object(manifest, "decode_plain", return_value=None),
        patch.object(config, "decode_plain", return_value=None),
    ):
        assert found == parse(content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'{"a":1,"a" :2}', id="space-before-a-colon"),
        pytest.param(b'{"a"\n:1}', id="newline-before-a-colon"),
        pytest.param(b'{"a":1e3}', id="fraction"),
        pytest.param(b'{"a":NaN}', id="nan"),
        pytest.param(b'{"a":"\\ud800"}', id="lone-surrogate"),
        pytest.param(b'{"a":"\\uDFFF"}', id="lone-surrogate-in-capitals"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="byte-order-mark"),
        pytest.param(b'{"a":"\xff"}', id="not-utf-8"),
        pytest.param(b'{"a":1}{}', id="two-documents"),
        pytest.param(b"[1]", id="array"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", id="very-long-integer"),
        pytest.param(
            b'{"a":' * (JSON_DEPTH.value + 1) + b"1" + b"}" * (JSON_DEPTH.value + 1), id="deep"
        ),
    ],
)
def test_a_document_that_needs_care_is_left_to_the_strict_decoder(content: bytes) -> None:
    assert decode_plain(content) is None


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        pytest.param(b'{"a":1,"b":{"c":2}}', 3, id="different-keys"),
        pytest.param(b'{"a":1,"a":2}', 2, id="key-twice"),
        pytest.param(b'{"a":1,"\\u0061":2}', 2, id="key-twice-by-an-escape"),
        pytest.param(b'{"a":":b","c":"d\\":"}', 4, id="texts-that-look-like-keys"),
    ],
)
def test_keys_are_counted_in_the_text(content: bytes, keys: int) -> None:
    found = decode_plain(content)
    assert found is not None
    assert found[1] == keys
