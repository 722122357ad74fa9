import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.errors import InvalidManifest
from cachedb.layout.index_json import Entry, IndexJson, Ref
from cachedb.oci.descriptor import Descriptor
from cachedb.oci.digest import Digest
from cachedb.oci.json_fields import Fields
from tests import build

A, B = build.image(build.layer({"a": ""})), build.image(build.layer({"b": ""}))


def descriptor(thing: build.Thing, **more) -> Descriptor:
    return Descriptor.from_fields(Fields(thing.descriptor(**more)))


def document(*entries: object, **rest: object) -> bytes:
    return json.dumps({"schemaVersion": 2, **rest, "manifests": entries}).encode()


def names(index: IndexJson) -> list[tuple[str | None, str]]:
    return [(ref.name, ref.descriptor.digest) for ref in index.refs]


def test_the_name_of_an_entry_is_that_of_containerd_or_ref_name() -> None:
    index = IndexJson.parse(
        document(
            A.descriptor(annotations={build.REF_NAME: "3.20"}),
            A.descriptor(annotations={build.CONTAINERD_NAME: "a/b:1"}),
            A.descriptor(annotations={build.REF_NAME: "1", build.CONTAINERD_NAME: "c/d:1"}),
            B.descriptor(annotations={build.REF_NAME: "not a reference!"}),
        )
    )
    assert names(index) == [
        ("3.20", A.digest), ("a/b:1", A.digest), ("c/d:1", A.digest),
        ("not a reference!", B.digest),
    ]  # fmt: skip


def test_unknown_fields_survive_a_rewrite() -> None:
    entry = A.descriptor(
        annotations={build.REF_NAME: "a", "x": "y"}, urls=["https://x"], surprise=[1, {"a": None}]
    )
    value = {
        "schemaVersion": 2,
        "mediaType": build.OCI_INDEX,
        "annotations": {"k": "v"},
        "manifests": [entry],
        "extra": {"deep": [1.5, True]},
    }
    index = IndexJson.parse(json.dumps(value).encode())
    again = json.loads(index.naming([("b", descriptor(B))]).encode())
    assert again["manifests"][0] == entry
    del again["manifests"], value["manifests"]
    assert again == value


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"digest": "no digest", "size": 1, "mediaType": "a/b"}, id="digest"),
        pytest.param({"digest": A.digest, "size": -1, "mediaType": "a/b"}, id="size"),
        pytest.param({"digest": A.digest, "size": 1, "mediaType": "none"}, id="media type"),
        pytest.param({}, id="empty"),
        pytest.param([1], id="array"),
        pytest.param("text", id="string"),
        pytest.param(None, id="null"),
    ],
)
def test_an_unreadable_entry_is_reported_and_carried_along(entry: object) -> None:
    index = IndexJson.parse(document(A.descriptor(), entry))
    assert len(index.refs) == 1
    assert len(index.problems) == 1
    assert index.problems[0].startswith("manifests[1]")
    changed = index.naming([("b", descriptor(B))]).without(lambda ref: ref.name is None)
    kept = json.loads(changed.encode())["manifests"]
    assert kept[0] == entry
    assert len(kept) == 2


def test_a_null_for_no_manifests_is_read_as_none() -> None:
    assert IndexJson.parse(b'{"schemaVersion":2,"manifests":null}').refs == ()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"", "not JSON", id="empty file"),
        pytest.param(b"[]", "expected a JSON object", id="array"),
        pytest.param(b'{"manifests":[]}', "schemaVersion: missing", id="no version"),
        pytest.param(b'{"schemaVersion":1,"manifests":[]}', "expected 2", id="version 1"),
        pytest.param(b'{"schemaVersion":2}', "manifests: missing", id="no manifests"),
        pytest.param(b'{"schemaVersion":2,"manifests":{}}', "expected array", id="object"),
        pytest.param(b'{"schemaVersion":2,"manifests":[],"manifests":[]}', "twice", id="twice"),
        pytest.param(b'{"schemaVersion":2,"Manifests":[],"manifests":[]}', "case", id="case"),
        pytest.param(
            b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}',
            "mediaType: expected",
            id="another type",
        ),
        pytest.param(b'{"schemaVersion":2,"manifests":[', "not JSON", id="torn"),
    ],
)
def test_what_is_no_index_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(InvalidManifest, match=why):
        IndexJson.parse(content)


def test_every_entry_has_a_line_of_its_own() -> None:
    named = [(f"name\n{number}\u2028", descriptor(A)) for number in range(3)]
    lines = IndexJson.empty().naming(named).encode().decode().split("\n")
    assert lines[0].endswith('"manifests":[')
    assert [json.loads(line.rstrip(","))["digest"] for line in lines[1:4]] == [A.digest] * 3
    assert lines[4:] == ["]}", ""]


def test_the_empty_index_is_one_line() -> None:
    encoded = IndexJson.empty().encode()
    assert encoded.count(b"\n") == 1
    assert json.loads(encoded) == {
        "schemaVersion": 2,
        "mediaType": build.OCI_INDEX,
        "manifests": [],
    }


def test_what_other_tools_read_of_a_name_is_an_annotation() -> None:
    entry = Entry.of("a:1", descriptor(A, annotations={"z": "1", build.REF_NAME: "old"}))
    assert entry.json == {
        "mediaType": A.media_type,
        "digest": A.digest,
        "size": A.size,
        "annotations": {build.REF_NAME: "a:1", "z": "1"},
        "platform": {"architecture": "amd64", "os": "linux"},
    }


def test_an_entry_without_a_name_has_no_empty_annotations() -> None:
    assert "annotations" not in Entry.of(None, descriptor(A)).json
    assert (
        "annotations" not in Entry.of(None, descriptor(A, annotations={build.REF_NAME: "x"})).json
    )


# -- laws -----------------------------------------------------------------------------------------

_NAMES = st.sampled_from(["a", "b", "c", None])
_DIGESTS = st.integers(0, 3).map(lambda number: str(Digest.of(bytes([number]))))
_NAMED = st.lists(st.tuples(_NAMES, _DIGESTS), max_size=6)


def _descriptor_of(digest: str) -> Descriptor:
    return Descriptor.from_fields(
        Fields({"mediaType": build.OCI_MANIFEST, "digest": digest, "size": 1})
    )


def _index_of(named: list[tuple[str | None, str]]) -> IndexJson:
    """Make an index as others write it: names may be there twice."""
    entries = [Entry.of(name, _descriptor_of(digest)) for name, digest in named]
    return IndexJson(entries=tuple(entries), rest=IndexJson.empty().rest)


@given(_NAMED, _NAMED)
def test_naming_brings_every_entry_that_is_given_and_leaves_every_other_alone(
    before: list[tuple[str | None, str]], new: list[tuple[str | None, str]]
) -> None:
    index = _index_of(before).naming((n, _descriptor_of(d)) for n, d in new)
    given = {name for name, _ in new if name is not None}
    found = names(index)
    for name in given:
        expected = list(dict.fromkeys(d for n, d in new if n == name))
        assert [d for n, d in found if n == name] == expected
    others = [(n, d) for n, d in before if n not in given]
    assert [pair for pair in found if pair in others][: len(others)] == others
    assert {d for n, d in new if n is None} <= {d for _, d in found}


@given(_NAMED, _NAMED)
def test_naming_twice_is_naming_once(
    before: list[tuple[str | None, str]], new: list[tuple[str | None, str]]
) -> None:
    named = [(name, _descriptor_of(digest)) for name, digest in new]
    once = _index_of(before).naming(named)
    assert sorted(names(once.naming(named)), key=str) == sorted(names(once), key=str)


@given(_NAMED, st.sets(_NAMES))
def test_an_index_without_some_names_keeps_all_others(
    before: list[tuple[str | None, str]], gone: set[str | None]
) -> None:
    index = _index_of(before).without(lambda ref: ref.name in gone)
    assert names(index) == [(n, d) for n, d in before if n not in gone]


@given(_NAMED)
def test_parse_is_the_inverse_of_encode(named: list[tuple[str | None, str]]) -> None:
    index = _index_of(named)
    assert IndexJson.parse(index.encode()) == index
    assert index.refs == tuple(
        Ref(name=n, descriptor=r.descriptor) for (n, _), r in zip(named, index.refs, strict=True)
    )
