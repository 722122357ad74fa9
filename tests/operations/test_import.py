"""What an import takes in, what it leaves out, and what it refuses."""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import InvalidArchive, Refused
from cachedb.feedback.progress import UNWATCHED
from cachedb.oci import Digest
from cachedb.operations.archives.import_ import Imported, ImportOptions
from tests import build, programs
from tests.conftest import APP, BASE, TOOL

OTHER = build.image(BASE, build.layer({"other": ""}))


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Cache]:
    with Cache.create(tmp_path / "new") as cache:
        yield cache


class Pipe(io.RawIOBase):
    """A stream that cannot be sought, and hands out little at a time."""

    def __init__(self, content: bytes) -> None:
        self._left = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        return self._left.readinto(memoryview(buffer)[:777])


def take_in(cache: Cache, content: bytes, **options: object) -> tuple[Imported, ...]:
    return tuple(
        cache.import_archive(
            Pipe(content),  # type: ignore[arg-type]
            "test.tar",
            ImportOptions(**options),  # type: ignore[arg-type]
            UNWATCHED,
        )
    )


def names(cache: Cache) -> dict[str | None, str]:
    return {each.name: str(each.digest) for each in cache.list()}


@pytest.mark.parametrize(
    "style",
    [
        pytest.param(build.LINUXKIT, id="linuxkit"),
        pytest.param(build.SKOPEO, id="skopeo"),
        pytest.param(build.UMOCI, id="umoci"),
        pytest.param(build.CONTAINERD, id="containerd"),
    ],
)
def test_the_archives_of_each_tool_come_in(empty: Cache, style: build.Style) -> None:
    take_in(empty, build.archive({"example.com/app:1": APP}, style))

    assert [str(each.digest) for each in empty.list()] == [APP.digest]
    assert {str(file.digest) for file in empty.layout.blobs.files()} == APP.digests


def declared(content: bytes, media_type: str) -> bytes:
    """Return an archive whose entries all have a media type."""
    buffer = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(content)) as source,
        tarfile.open(fileobj=buffer, mode="w") as target,
    ):
        for member in source:
            stream = source.extractfile(member)
            data = b"" if stream is None else stream.read()
            if member.name == "index.json":
                document = json.loads(data)
                for entry in document["manifests"]:
                    entry["mediaType"] = media_type
                data = json.dumps(document).encode()
                member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize(
    ("image", "wrong", "right"),
    [
        pytest.param(TOOL, build.OCI_INDEX, build.OCI_MANIFEST, id="manifest"),
        pytest.param(
            build.image(docker=True), build.OCI_INDEX, build.DOCKER_MANIFEST, id="docker"
        ),
        pytest.param(build.multi_platform(), build.OCI_MANIFEST, build.OCI_INDEX, id="index"),
    ],
)
def test_an_entry_comes_in_as_the_kind_that_its_document_is(
    empty: Cache, tmp_path: Path, image: build.Thing, wrong: str, right: str, is_folder: bool
) -> None:
    """linuxkit 1.8.2 declares the manifest of one platform that it exports an index."""
    archive = declared(build.archive({"example.com/app:1": image}, build.LINUXKIT), wrong)
    if is_folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            programs.extract(members, tmp_path / "folder")
        empty.import_directory(tmp_path / "folder", ImportOptions(), UNWATCHED)
    else:
        take_in(empty, archive)

    (ref,) = empty.layout.index().refs
    assert (str(ref.descriptor.media_type), str(ref.descriptor.digest)) == (right, image.digest)
    assert {str(file.digest) for file in empty.layout.blobs.files()} == image.digests
    assert empty.verify().is_clean


def test_an_entry_whose_document_has_the_fields_of_two_kinds_is_refused(empty: Cache) -> None:
    document = {**TOOL.document, "manifests": []}
    root = build.Blob(build.to_json(document), build.OCI_MANIFEST)
    both = build.Thing(root=root, parts=TOOL.parts)
    archive = declared(build.archive({"example.com/app:1": both}, build.LINUXKIT), build.OCI_INDEX)
    with pytest.raises(InvalidArchive, match="ambiguous"):
        take_in(empty, archive)


def test_blobs_of_another_algorithm_come_in(empty: Cache) -> None:
    document = TOOL.document
    digest = Digest.of(BASE.content, "sha512")
    document["layers"][0]["digest"] = str(digest)
    parts = tuple(part for part in TOOL.parts if part.digest != BASE.digest)
    root = build.Blob(build.to_json(document), build.OCI_MANIFEST)
    image = build.Thing(root=root, parts=parts)
    buffer = io.BytesIO(build.archive({"example.com/tool:1": image}))
    with tarfile.open(fileobj=buffer, mode="a") as archive:
        info = tarfile.TarInfo(f"blobs/sha512/{digest.encoded}")
        info.size = BASE.size
        archive.addfile(info, io.BytesIO(BASE.content))
    take_in(empty, buffer.getvalue())
    assert digest in {file.digest for file in empty.layout.blobs.files()}
    assert empty.verify().is_clean


def test_an_archive_of_nothing_brings_nothing(empty: Cache) -> None:
    assert take_in(empty, build.archive({})) == ()
    with pytest.raises(InvalidArchive, match="contains no image for the name 'app:1'"):
        take_in(empty, build.archive({}), name="app:1")


@pytest.mark.parametrize(
    ("content", "is_taken"),
    [
        pytest.param(b'{"schemaVersion":1,"fsLayers":[],"history":[]}', False, id="schema 1"),
        pytest.param(TOOL.root.content, False, id="a manifest by another name"),
        pytest.param(b'{"of":"none"}', True, id="other JSON"),
        pytest.param(b"opaque", True, id="no JSON"),
    ],
)
def test_a_document_of_an_unknown_type_comes_in_if_it_leads_nowhere(
    empty: Cache, content: bytes, is_taken: bool
) -> None:
    """What it led to would not come along, and no collection would dare to work afterwards."""
    thing = build.Thing(root=build.Blob(content, "application/vnd.example"), parts=TOOL.parts)
    archive = build.archive({"example.com/new:1": thing})
    if is_taken:
        take_in(empty, archive)
        assert empty.collect(empty.plan_collection(grace=0)).removed == ()
    else:
        with pytest.raises(InvalidArchive, match=r"unknown type 'application/vnd\.example'"):
            take_in(empty, archive)
    assert names(empty) == ({"example.com/new:1": thing.digest} if is_taken else {})


def test_a_compressed_archive_comes_in(empty: Cache) -> None:
    take_in(empty, gzip.compress(build.archive({"example.com/app:1": APP})))
    assert names(empty) == {"example.com/app:1": APP.digest}


def test_what_no_image_needs_is_left_out(empty: Cache) -> None:
    content = build.archive({"example.com/tool:1": TOOL})
    buffer = io.BytesIO(content)
    stray = build.layer({"stray": ""})
    with tarfile.open(fileobj=buffer, mode="a") as archive:
        info = tarfile.TarInfo(f"blobs/sha256/{stray.digest[7:]}")
        info.size = stray.size
        archive.addfile(info, io.BytesIO(stray.content))
    take_in(empty, buffer.getvalue())
    assert {str(file.digest) for file in empty.layout.blobs.files()} == TOOL.digests


def test_a_local_name_is_not_replaced_unless_told(empty: Cache) -> None:
    take_in(empty, build.archive({"example.com/x:1": TOOL}))
    with pytest.raises(Refused, match="another image"):
        take_in(empty, build.archive({"example.com/x:1": OTHER}))
    assert names(empty) == {"example.com/x:1": TOOL.digest}

    (image,) = take_in(empty, build.archive({"example.com/x:1": OTHER}), may_replace=True)
    assert str(image.replaced) == TOOL.digest
    assert names(empty) == {"example.com/x:1": OTHER.digest}


def test_the_one_image_can_be_named_anew(empty: Cache) -> None:
    take_in(empty, build.archive({"example.com/x:1": TOOL}), name="mine")
    assert names(empty) == {"docker.io/library/mine:latest": TOOL.digest}


def test_several_images_cannot_have_one_name(empty: Cache) -> None:
    with pytest.raises(InvalidArchive, match="several"):
        take_in(empty, build.archive({"x/a:1": TOOL, "x/b:1": APP}), name="mine")
    assert names(empty) == {}


def test_what_the_cache_holds_need_not_be_in_the_archive(empty: Cache) -> None:
    take_in(empty, build.archive({"x/tool:1": TOOL}))
    whole = build.archive({"x/other:1": OTHER})
    thin = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(whole)) as source,
        tarfile.open(fileobj=thin, mode="w") as target,
    ):
        for member in source:
            if not member.name.endswith(BASE.digest[7:]):
                target.addfile(member, source.extractfile(member) if member.isfile() else None)
    (image,) = take_in(empty, thin.getvalue())
    assert image.missing == ()
    assert {each.health.value for each in empty.list()} == {"complete"}


def test_a_wrong_file_of_that_name_is_replaced(empty: Cache, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "blobs" / "sha256"
    (folder / BASE.digest[7:]).write_bytes(b"x" * BASE.size)
    take_in(empty, build.archive({"x/tool:1": TOOL}))
    assert (folder / BASE.digest[7:]).read_bytes() == BASE.content
    assert empty.verify().is_clean


@pytest.mark.parametrize("part", ["root", "config", "layer"])
def test_other_bytes_under_the_name_of_a_blob_do_not_come_in(empty: Cache, part: str) -> None:
    """linuxkit imports such a layer, and exports it as if it were the right one."""
    right = {"root": TOOL.root, "config": TOOL.config, "layer": TOOL.layers[1]}[part].content
    wrong = right[:-1] + bytes([right[-1] ^ 1])
    archive = build.archive({"x/tool:1": TOOL})
    assert archive.count(right) == 1
    with pytest.raises(InvalidArchive, match=" holds sha256:"):
        take_in(empty, archive.replace(right, wrong))
    assert names(empty) == {}
    assert list(empty.layout.blobs.files()) == []


def test_a_cut_at_any_member_leaves_nothing(empty: Cache) -> None:
    content = build.archive({"x/tool:1": TOOL})
    for length in range(0, len(content.rstrip(b"\0")), 512):
        with pytest.raises(InvalidArchive):
            take_in(empty, content[:length])
    assert names(empty) == {}
    assert list(empty.layout.blobs.files()) == []
