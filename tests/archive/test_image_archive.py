"""Image archives of both kinds, in one pass, by any writer."""

import gzip
import importlib.util
import io
import sys
from functools import cache
from typing import Any

import pytest

from cachedb.archive import flatten, image_archive, oci_archive
from cachedb.archive.compression import Decompressed
from cachedb.errors import InvalidArchive, InvalidInput, LimitExceeded
from cachedb.oci import Digest, config, manifest, media_type
from cachedb.oci.descriptor import CONTAINERD_NAME, REF_NAME
from tests import recorded
from tests.archive import build
from tests.archive.build import OneWay, directory, file, link
from tests.archive.images import Image, Store, encode, load, load_whole
from tests.archive.test_compression import PACK
from tests.archive.test_flatten import tree


@cache
def hostile() -> Any:
    """Return the module that makes hostile archives."""
    path = recorded.root() / "hostile" / "hostile_layouts.py"
    spec = importlib.util.spec_from_file_location("hostile_layouts", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@recorded.parameters()
def hostile_cases() -> list[Any]:
    return [pytest.param(case, id=case.name) for case in hostile().CASES if case.kind == "archive"]


@pytest.mark.slow
@pytest.mark.recorded
@pytest.mark.parametrize("case", hostile_cases())
def test_a_hostile_archive_is_dealt_with(case: Any) -> None:
    archive = case.build().tar("/nowhere")
    store = Store()
    outcome, message = "accept", ""
    try:
        load_whole(archive, store)
    except InvalidInput as error:
        outcome, message = "reject", str(error)
    assert message.isprintable()
    allowed = {"either": {"accept", "reject"}, "sanitise": {"accept"}}.get(
        case.expect, {case.expect}
    )
    assert outcome in allowed
    assert all(
        Digest.of(content, digest.algorithm) == digest for digest, content in store.blobs.items()
    )


def row_archive(row: Any) -> bytes:
    return (recorded.root() / "vectors" / "archives" / row["file"]).read_bytes()


@pytest.mark.recorded
@pytest.mark.parametrize("row", recorded.cases("archives", "docker"))
def test_docker_archives_of_others_are_read(row: Any) -> None:
    store = Store()
    found = load_whole(row_archive(row), store)
    assert len(found.images) == len(row["expect"]["docker"])
    for image, expected in zip(found.images, row["expect"]["docker"], strict=True):
        assert image.config.digest == expected["config_digest"]
        assert image.tags == tuple(expected["tags"] or ())
        read = config.parse(store.blobs[image.config.digest])
        assert str(read.platform) == expected["platform"]
        layers = [store.blobs[layer.digest] for layer in image.layers]
        plain = [Decompressed(io.BytesIO(layer), name="x").read() for layer in layers]
        assert [Digest.of(layer) for layer in plain] == expected["diff_ids"] == list(read.diff_ids)
    if "flattened" in row["expect"]:
        layers = [store.blobs[layer.digest] for layer in found.images[0].layers]
        flat = b"".join(flatten.stream(len(layers), lambda number: io.BytesIO(layers[number]), []))
        found_paths = {path: summary(node) for path, node in tree(flat).items()}
        assert found_paths == row["expect"]["flattened"]


def summary(node: dict[str, Any]) -> str:
    content: bytes = node["content"]
    match node["type"]:
        case "symlink":
            return f"link:{node['info'].linkname}"
        case "file":
            return content.decode() if len(content) < 1000 else f"file:{len(content)}"
        case kind:
            return str(kind)


@pytest.mark.recorded
@pytest.mark.parametrize("row", recorded.cases("archives", "oci", "both"))
def test_oci_archives_of_others_are_read(row: Any) -> None:
    store = Store()
    found = load(row_archive(row), store)
    assert found.index_json is not None
    assert found.images == ()
    assert len(store.blobs) == row["expect"]["oci_blobs"]
    index = manifest.parse(found.index_json, media_type.OCI_INDEX)
    listed = [child.descriptor for child in index.children()]
    for descriptor, expected in zip(listed, row["expect"]["oci"], strict=True):
        assert descriptor.digest == expected["digest"]
        assert descriptor.media_type == expected["media_type"]
        assert descriptor.annotations.get(REF_NAME) == expected.get("name")
        assert descriptor.annotations.get(CONTAINERD_NAME) == expected.get("containerd_name")


@pytest.mark.recorded
@pytest.mark.parametrize("row", recorded.cases("archives", "broken"))
def test_archives_without_an_image_are_refused(row: Any) -> None:
    with pytest.raises(InvalidArchive):
        load(row_archive(row))


@pytest.mark.recorded
def test_every_row_of_the_table_is_applied() -> None:
    categories = {row["category"] for row in recorded.vectors("archives")["cases"]}
    assert categories == {"docker", "oci", "both", "broken"}


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("tar-docker-save", None),
        ("tar-docker25", None),
        ("tar-extra-files", None),
        ("tar-gzipped", None),
        ("tar-index-first", None),
        ("tar-empty", "no image"),
        ("tar-path-escape", "leaves the archive"),
        ("tar-truncated", "truncated"),
        ("tar-truncated-blob", "truncated"),
    ],
)
def test_what_linuxkit_passes_over_is_read_or_refused(case: str, why: str | None) -> None:
    archive = (recorded.root() / "linuxkit" / "inputs" / f"{case}.tar").read_bytes()
    if why is None:
        load_whole(archive, Store())
    else:
        with pytest.raises(InvalidArchive, match=why):
            load_whole(archive, Store())


@pytest.mark.parametrize("compression", list(PACK))
def test_a_compressed_archive_comes_through_a_pipe(compression: Any) -> None:
    image, store = Image(), Store()
    packed = PACK[compression](build.tar(*image.members()))
    found = image_archive.load(OneWay(packed, 100), store, name="-")
    assert found.index_json == image.index_json
    assert sorted(store.blobs.values()) == sorted(image.blobs)


@pytest.mark.parametrize("prefix", ["", "./", ".//"])
def test_members_may_come_in_any_order_and_begin_with_a_dot(prefix: str) -> None:
    image, store = Image(), Store()
    members = list(reversed(image.members()))
    for info, _ in members:
        info.name = prefix + info.name
    found = load_whole(build.tar(directory("./"), *members), store)
    assert found.index_json == image.index_json


def test_events_come_in_the_order_of_the_archive() -> None:
    stream = io.BytesIO(build.tar(*Image().members(), file("notes")))
    kinds = [type(event).__name__ for event in oci_archive.read(stream, name="x")]
    assert kinds == ["Marker", "ArchivedIndex", "Blob", "Blob", "Blob", "LooseFile"]


def test_a_blob_that_is_there_already_is_checked_all_the_same() -> None:
    image, store = Image(), Store()
    members = image.members()
    archive = build.tar(*members)
    load_whole(archive, store)
    load_whole(archive, store)
    info, content = members[-1]
    with pytest.raises(InvalidArchive, match="holds sha256:"):
        load(build.tar(*members[:-1], (info, content[:-1] + b"X")), store)


def test_an_image_of_docker_gets_a_manifest() -> None:
    image, store = Image(), Store()
    found = load_whole(build.tar(*image.docker_members()), store)
    assert found.index_json is None
    (made,) = found.images
    assert made.tags == ("hello:1",)
    read = manifest.parse(made.manifest, media_type.OCI_MANIFEST)
    assert [child.descriptor.digest for child in read.children()] == [
        Digest.of(image.config),
        Digest.of(image.layer),
    ]
    assert made.layers[0].media_type == media_type.OCI_LAYER_GZIP
    assert load(build.tar(*reversed(image.docker_members()))).images[0].manifest == made.manifest


@pytest.mark.parametrize("spell", [str.lower, str.upper, lambda key: key[0].lower() + key[1:]])
def test_the_keys_of_docker_are_read_in_any_case_as_go_reads_them(spell: Any) -> None:
    image = Image()
    listed = [{"Config": "c.json", "RepoTags": ["hello:1"], "Layers": ["l/layer.tar"]}]
    spelled = [{spell(key): value for key, value in listed[0].items()}]
    *others, _ = image.docker_members()
    found = load(build.tar(*others, file("manifest.json", encode(spelled))))
    assert found.images == load(build.tar(*image.docker_members())).images


@pytest.mark.parametrize("first", [True, False])
def test_a_layer_may_be_a_link_to_another(first: bool) -> None:
    image, store = Image(), Store()
    listed = [{"Config": "c.json", "RepoTags": None, "Layers": ["l/layer.tar", "m/layer.tar"]}]
    manifest_json = file("manifest.json", encode(listed))
    members = [
        link("m/layer.tar", "../n/layer.tar"),
        link("n/layer.tar", "../l/layer.tar"),
        *image.docker_members()[:-1],
    ]
    members = [manifest_json, *members] if first else [*members, manifest_json]
    (made,) = load_whole(build.tar(*members), store).images
    assert made.layers[0] == made.layers[1]
    assert made.tags == ()


def test_an_index_that_names_nothing_leaves_it_to_docker() -> None:
    image, store = Image(), Store()
    empty = encode({"schemaVersion": 2, "manifests": []})
    members = [image.members()[0], file("index.json", empty), *image.docker_members()]
    assert len(load_whole(build.tar(*members), store).images) == 1


def test_an_index_that_cannot_be_read_is_left_to_who_reads_it() -> None:
    members = [Image().members()[0], file("index.json", b"{"), *Image().docker_members()]
    found = load(build.tar(*members))
    assert (found.index_json, found.images) == (b"{", ())


def test_the_body_of_a_blob_is_a_stream_like_others() -> None:
    image = Image()
    found = {}
    for event in oci_archive.read(io.BytesIO(build.tar(*image.members())), name="x"):
        if isinstance(event, oci_archive.Blob):
            found[event.digest] = io.BufferedReader(event.body).read()
    assert sorted(found.values()) == sorted(image.blobs)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"imageLayoutVersion":"9.9.9"}'])
def test_the_marker_has_to_be_one(content: bytes) -> None:
    members = Image().members()
    with pytest.raises(InvalidArchive, match="oci-layout"):
        load(build.tar(file("oci-layout", content), *members[1:]))
    assert load(build.tar(members[0], members[0], *members[1:])).index_json
    with pytest.raises(InvalidArchive, match="twice"):
        load(build.tar(*members, file("oci-layout", content)))


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        pytest.param([{"Config": "/etc/passwd", "Layers": []}], "leaves", id="absolute"),
        pytest.param([{"Config": "c.json", "Layers": ["../x"]}], "leaves", id="climbs"),
        pytest.param([{"Config": "c.json", "Layers": ["x"]}], "missing", id="no-layer"),
        pytest.param([{"Config": "x", "Layers": []}], "missing", id="no-config"),
        pytest.param([{"Layers": []}], "Config: missing", id="no-field"),
        pytest.param(
            [{"Config": "c.json", "config": "d.json"}], "differ only in case", id="two-cases"
        ),
        pytest.param([{"Config": 1}], "expected string", id="number"),
        pytest.param({"Config": "c.json"}, "expected array", id="object"),
        pytest.param(["c.json"], "expected object", id="array-of-strings"),
        pytest.param([{"Config": "a/layer.tar", "Layers": []}], "missing", id="circle"),
    ],
)
def test_a_manifest_json_that_is_wrong_is_refused(listed: Any, why: str) -> None:
    members = [
        *Image().docker_members()[:-1],
        link("a/layer.tar", "../b/layer.tar"),
        link("b/layer.tar", "../a/layer.tar"),
        file("manifest.json", encode(listed)),
    ]
    with pytest.raises(InvalidArchive, match=why):
        load(build.tar(*members))


def test_two_members_of_one_name_have_to_be_the_same() -> None:
    members = Image().docker_members()
    assert load(build.tar(*members, *members)).images
    with pytest.raises(InvalidArchive, match="twice"):
        load(build.tar(file("c.json", b"other"), *members))


def test_what_docker_does_not_name_is_no_part_of_the_image() -> None:
    image, store = Image(), Store()
    junk = [file("VERSION", b"1.0"), file("l/json", b"{}"), file("other", b"x")]
    archive = load(build.tar(*junk, *image.docker_members(), file("late.tar", b"late")), store)
    (found,) = archive.images
    digests = [found.config.digest, *(layer.digest for layer in found.layers)]
    assert [store.blobs[digest] for digest in digests] == [image.config, image.layer]
    assert b"late" not in store.blobs.values()


def hard_link(path: str, target: str) -> Any:
    return link(path, target, "hardlink")


def test_a_blob_may_be_a_hard_link_to_an_earlier_file() -> None:
    image, store = Image(), Store()
    members = []
    for number, member in enumerate(image.members()):
        if member[0].name.startswith("blobs/"):
            members += [
                file(f"cas/{number}", member[1]),
                hard_link(member[0].name, f"cas/{number}"),
            ]
        else:
            members.append(member)
    load(build.tar(*members), store)
    assert {image.config, image.layer} <= set(store.blobs.values())


@pytest.mark.parametrize(
    ("members", "why"),
    [
        pytest.param(
            [hard_link("a", "b")],
            "a hard link to 'b', which is not a file before it",
            id="none",
        ),
        pytest.param(
            [hard_link("a", "b"), file("b", b"x")],
            "'b', which is not a file before it",
            id="later",
        ),
        pytest.param([hard_link("a", "../b")], "leaves the archive", id="out"),
        pytest.param(
            [file("b", b"x"), hard_link("index.json", "b")], "is a hard link", id="index"
        ),
        pytest.param(
            [file("b", b"x"), hard_link("blobs/sha256/" + "1" * 64, "b")],
            "blob sha256:1+ holds sha256:",
            id="another-digest",
        ),
    ],
)
def test_a_hard_link_to_anything_else_is_refused(members: list[Any], why: str) -> None:
    with pytest.raises(InvalidArchive, match=why):
        load(build.tar(*members, *Image().members()))


def test_documents_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("MARKER_BYTES", "INDEX_JSON_BYTES", "MANIFEST_BYTES"):
        small = type(getattr(oci_archive, limit))(name=limit, variable=limit, value=5)
        with monkeypatch.context() as patch:
            patch.setattr(f"cachedb.archive.oci_archive.{limit}", small)
            with pytest.raises(LimitExceeded):
                load(build.tar(*Image().members(), *Image().docker_members()))


def test_an_error_names_the_archive() -> None:
    with pytest.raises(InvalidArchive) as caught:
        load(gzip.compress(b"x" * 600))
    assert str(caught.value) == (
        "archive.tar: is not a tar archive, or is damaged: 'xxxxxxxx' is not an octal number"
    )
