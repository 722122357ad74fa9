"""The provider: finding, checking, loading, naming, removing."""

import gzip
import io
import multiprocessing
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import (
    BlobNotFound,
    CacheNotFound,
    CorruptBlob,
    InvalidInput,
    InvalidReference,
    NotALayout,
    PlatformNotFound,
    RefNotFound,
    Refused,
    UnreadableGraph,
)
from cachedb.linuxkit import Provider, get, list_images
from cachedb.oci import Descriptor, Digest, MediaType, Platform
from cachedb.oci.names.containerd_name import ContainerdName
from tests import build
from tests.conftest import APP, BASE, TOOL

NAME, TOOL_NAME = "example.com/app:1", "docker.io/library/tool:2"
AMD, ARM, RISCV = (Platform.parse(f"linux/{arch}") for arch in ("amd64", "arm64", "riscv64"))
OTHER = build.image(build.layer({"other": ""}))


def descriptor(thing: build.Thing) -> Descriptor:
    return Descriptor(
        media_type=MediaType(thing.media_type), digest=Digest(thing.digest), size=thing.size
    )


# -- get, list_images, list ----------------------------------------------------------------------


def test_get_makes_a_cache_where_there_is_none(tmp_path: Path) -> None:
    with get(tmp_path / "new" / "cache") as cache:
        assert isinstance(cache, Cache)
    assert (tmp_path / "new" / "cache" / "index.json").is_file()


def test_get_makes_none_of_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("hello")
    with pytest.raises(NotALayout):
        get(tmp_path)


def test_list_images_names_what_is_there_and_makes_nothing(
    populated: build.Tree, tmp_path: Path
) -> None:
    assert list_images(populated.path) == {NAME: APP.digest, TOOL_NAME: TOOL.digest}
    with pytest.raises(CacheNotFound):
        list_images(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_list_is_by_name(provider: Provider) -> None:
    assert list(provider.list().items()) == [(TOOL_NAME, TOOL.digest), (NAME, APP.digest)]


# -- find_root, find_descriptor ------------------------------------------------------------------


def test_find_root_gives_an_image_or_an_index(provider: Provider) -> None:
    app, tool = provider.find_root(NAME), provider.find_root("tool:2")
    assert [str(each.digest) for each in app.image_index().manifests] == [
        each["digest"] for each in APP.document["manifests"]
    ]
    assert [str(layer.digest) for layer in tool.image().layers] == [b.digest for b in TOOL.layers]
    with pytest.raises(InvalidInput, match="not an image"):
        app.image()
    with pytest.raises(InvalidInput, match="not an index"):
        tool.image_index()
    with pytest.raises(RefNotFound):
        provider.find_root("example.com/nope:1")


def test_the_digest_of_a_root_is_that_of_its_content(
    provider: Provider, populated: build.Tree
) -> None:
    root = provider.find_root(NAME)
    assert root.digest() == APP.digest
    populated.flip(APP.digest)
    with pytest.raises(CorruptBlob):
        root.digest()
    populated.delete(APP.digest)
    with pytest.raises(BlobNotFound):
        root.digest()


def test_find_descriptor_goes_by_the_digest_first(provider: Provider) -> None:
    found = provider.find_descriptor(ContainerdName.parse(f"x.io/any:thing@{TOOL.digest}"))
    assert found is not None
    assert found.annotations[build.REF_NAME] == TOOL_NAME
    by_name = provider.find_descriptor(ContainerdName.parse(NAME))
    assert by_name is not None
    assert by_name.digest == APP.digest
    assert provider.find_descriptor(ContainerdName.parse("example.com/nope:1")) is None
    with pytest.raises(InvalidReference):
        provider.find_descriptor(ContainerdName.parse("example.com/app@sha256:short"))


# -- image_in_cache, validate_image --------------------------------------------------------------


def test_an_image_is_in_the_cache_when_all_of_it_is(
    provider: Provider, populated: build.Tree
) -> None:
    assert provider.image_in_cache(NAME)
    assert provider.image_in_cache(NAME, ARM)
    assert not provider.image_in_cache(NAME, RISCV)
    assert not provider.image_in_cache("example.com/nope:1")
    assert not provider.image_in_cache(TOOL_NAME, ARM)  # linuxkit: yes
    populated.delete(APP.document["manifests"][1]["digest"])
    assert not provider.image_in_cache(NAME)
    assert not provider.image_in_cache(NAME, ARM)
    assert provider.image_in_cache(NAME, AMD)
    populated.delete(BASE.digest)
    assert not provider.image_in_cache(NAME, AMD)


def test_an_image_is_valid_when_every_byte_is_right(
    provider: Provider, populated: build.Tree
) -> None:
    source = provider.validate_image(NAME, [ARM])
    found = source.descriptor()
    assert found is not None
    assert found.digest == APP.digest
    provider.validate_image(NAME)
    populated.flip(BASE.digest)  # linuxkit never looks at layers
    with pytest.raises(CorruptBlob):
        provider.validate_image(NAME, [ARM])
    populated.delete(BASE.digest)
    with pytest.raises(BlobNotFound):
        provider.validate_image(NAME)


def test_what_is_said_about_an_image_has_to_be_right_as_well(tree: build.Tree) -> None:
    image = build.image(BASE)
    statement = build.attestation(image)
    tree.add(build.index(image, statement), NAME)
    with Provider(tree.path) as provider:
        provider.validate_image(NAME)
        tree.flip(statement.layers[0].digest)
        provider.validate_image(NAME, [AMD])
        with pytest.raises(CorruptBlob):
            provider.validate_image(NAME)


def test_validation_tells_what_is_not_there(provider: Provider) -> None:
    with pytest.raises(RefNotFound):
        provider.validate_image("example.com/nope:1")
    with pytest.raises(PlatformNotFound):
        provider.validate_image(NAME, [AMD, RISCV])
    with pytest.raises(PlatformNotFound):
        provider.validate_image(TOOL_NAME, [ARM])


def test_a_plain_layer_is_valid(tree: build.Tree) -> None:
    plain = build.layer({"a": "b"}, media_type=build.OCI_LAYER)
    tree.add(build.image(plain), NAME)  # linuxkit: gzip: invalid header
    with Provider(tree.path) as provider:
        assert provider.validate_image(NAME)


# -- get_content, image_load ---------------------------------------------------------------------


def test_content_is_hashed_as_it_is_read(provider: Provider, populated: build.Tree) -> None:
    with provider.get_content(Digest(BASE.digest)) as stream:
        assert stream.read() == BASE.content
    populated.flip(BASE.digest)
    with provider.get_content(Digest(BASE.digest)) as stream, pytest.raises(CorruptBlob):
        stream.read()
    with pytest.raises(BlobNotFound):
        provider.get_content(Digest.of(b"nothing"))


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_archive_is_loaded_and_its_entries_returned(
    provider: Provider, compress: object
) -> None:
    content = build.archive({"x.io/a:1": OTHER, "x.io/b:2": APP}, build.CONTAINERD)
    packed = compress(content)  # type: ignore[operator]
    loaded = provider.image_load(io.BytesIO(packed))
    assert [(each.digest, each.annotations[build.REF_NAME]) for each in loaded] == [
        (OTHER.digest, "x.io/a:1"),
        (APP.digest, "x.io/b:2"),
    ]
    assert provider.image_load(io.BytesIO(packed)) == loaded
    assert len(provider.list()) == 4


def test_loading_takes_a_name_over(provider: Provider) -> None:
    provider.image_load(io.BytesIO(build.archive({NAME: OTHER})))
    assert provider.list()[NAME] == OTHER.digest


# -- index_write, descriptor_write ---------------------------------------------------------------


def test_a_name_for_a_descriptor_moves_on(provider: Provider) -> None:
    written = provider.descriptor_write("x.io/new:1", descriptor(TOOL))
    assert written.annotations == {build.REF_NAME: "x.io/new:1"}
    provider.descriptor_write("x.io/new:1", descriptor(APP))
    assert provider.list()["x.io/new:1"] == APP.digest
    assert provider.list()[TOOL_NAME] == TOOL.digest
    with pytest.raises(InvalidInput):
        provider.descriptor_write("", descriptor(APP))


def test_an_index_of_images_that_are_here_can_be_used(provider: Provider) -> None:
    amd, arm = provider.find_root(NAME).image_index().manifests
    provider.index_write("x.io/new:1", amd)
    provider.index_write("x.io/new:1", arm)
    assert provider.validate_image("x.io/new:1", [AMD, ARM])
    assert [listing.health for listing in provider.cache.list()] == ["complete"] * 3


def test_the_index_of_another_name_outlives_an_update(provider: Provider) -> None:
    amd, arm = provider.find_root(NAME).image_index().manifests
    index = provider.index_write("x.io/new:1", amd)
    provider.descriptor_write("x.io/release:1", index)
    provider.index_write("x.io/new:1", arm)
    assert provider.validate_image("x.io/release:1", [AMD])
    assert provider.list()["x.io/release:1"] == index.digest


def test_an_index_takes_the_place_of_no_image(provider: Provider) -> None:
    with pytest.raises(Refused):
        provider.index_write(TOOL_NAME, descriptor(TOOL))


def _add(path: Path, number: int) -> None:
    platform = Platform(os="linux", architecture=f"arch{number}")
    image = Descriptor(
        media_type=MediaType(build.OCI_MANIFEST),
        digest=Digest.of(bytes([number])),
        size=1,
        platform=platform,
    )
    with Provider(path) as provider:
        provider.index_write("x.io/new:1", image)


def test_writers_at_the_same_time_lose_nothing(provider: Provider) -> None:
    path = provider.cache.layout.root
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add, args=(path, number)) for number in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 6
    with Provider(path) as again:
        listed = again.find_root("x.io/new:1").image_index().manifests
    assert {each.platform.architecture for each in listed if each.platform} == {
        f"arch{number}" for number in range(6)
    }


# -- remove --------------------------------------------------------------------------------------


def test_what_only_the_name_kept_is_gone_at_once(
    provider: Provider, populated: build.Tree
) -> None:
    orphan = build.layer({"orphan": ""}).digest
    assert provider.remove("tool:2") == (TOOL_NAME,)
    assert populated.blobs() == APP.digests | {orphan}
    assert provider.validate_image(NAME)
    assert provider.remove(NAME) == (NAME,)
    # What was garbage before is the collector's: it may be another program's, and on its way.
    assert populated.blobs() == {orphan}


def test_an_alias_keeps_everything(provider: Provider, populated: build.Tree) -> None:
    provider.descriptor_write("x.io/alias:1", descriptor(APP))
    before = populated.blobs()
    provider.remove(NAME)
    assert populated.blobs() == before
    assert provider.validate_image("x.io/alias:1")


def test_a_name_that_is_not_there_is_no_error(provider: Provider) -> None:
    assert provider.remove("example.com/nope:1") == ()


def test_an_entry_whose_blobs_are_gone_can_be_removed(
    provider: Provider, populated: build.Tree
) -> None:
    populated.delete(TOOL.digest)
    assert provider.remove(TOOL_NAME) == (TOOL_NAME,)
    assert NAME in provider.list()


def test_a_removal_leaves_what_is_being_written(provider: Provider) -> None:
    store = provider.store()
    with store.writer("half") as writer:
        writer.write(b"half of")
    provider.remove(NAME)
    assert store.status("half").offset == 7


def test_nothing_goes_when_part_of_what_others_need_cannot_be_read(
    provider: Provider, populated: build.Tree
) -> None:
    populated.truncate(APP.digest)
    before = populated.blobs()
    with pytest.raises(UnreadableGraph):
        provider.remove(TOOL_NAME)
    assert populated.blobs() == before
    assert TOOL_NAME not in provider.list()
