"""Layers with tables that other tools write: the index of a table is that of the archive."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cachedb.archive import table_of_contents
from tests import build
from tests.archive import lazy_layers
from tests.interop import real_trees
from tests.interop.containers import containerd, run
from tests.interop.tools import skopeo, succeed
from tests.programs import extract, require

NAME = "x.io/debian:1"


@dataclass(frozen=True)
class Converted:
    """An image of real files in a format that can be read lazily."""

    layers: tuple[build.Blob, ...]

    def cache(self, folder: Path, *, with_tables: bool) -> Path:
        """Write a cache of the image; without tables, its layers are archives like others."""
        kept = self.layers
        if not with_tables:
            kept = tuple(replace(layer, annotations=()) for layer in kept)
        return build.layout(folder, {NAME: build.image(*kept)}).path


Write = Callable[[build.Thing, Path], Iterable[build.Blob]]


def stargz_snapshotter(image: build.Thing, folder: Path, option: str) -> Iterator[build.Blob]:
    """Let stargz-snapshotter convert the layers of an image."""
    require("ctr-remote")
    (folder / "image.tar").write_bytes(build.archive({NAME: image}))
    with containerd() as daemon:
        daemon.ctr("images", "import", "--no-unpack", folder / "image.tar")
        convert = ("ctr-remote", "--address", daemon.socket, "images", "convert", "--oci")
        run(*convert, option, NAME, "x.io/debian:lazy")
        daemon.ctr("images", "export", folder / "lazy.tar", "x.io/debian:lazy")
    extracted = folder / "extracted"
    with tarfile.open(folder / "lazy.tar") as archive:
        extract(archive, extracted)
    return layers_of(extracted)


def estargz(image: build.Thing, folder: Path) -> Iterator[build.Blob]:
    return stargz_snapshotter(image, folder, "--estargz")


def chunked_by_containerd(image: build.Thing, folder: Path) -> Iterator[build.Blob]:
    return stargz_snapshotter(image, folder, "--zstdchunked")


def chunked_by_skopeo(image: build.Thing, folder: Path) -> Iterator[build.Blob]:
    """Let skopeo, with the writer of containers/storage, compress the layers of an image."""
    source, target = build.layout(folder / "source", {NAME: image}).path, folder / "target"
    options = ("--dest-compress", "--dest-compress-format", "zstd:chunked")
    skopeo("copy", *options, f"oci:{source}:{NAME}", f"oci:{target}:{NAME}")
    return layers_of(target)


@pytest.fixture(scope="module", params=[estargz, chunked_by_containerd, chunked_by_skopeo])
def converted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Converted:
    """Convert layers of Debian packages, and of rare kinds of files."""
    packages = real_trees.packages("base-files", "grep", "perl-base")
    image = build.image(real_trees.blob(packages), real_trees.blob(utf8(real_trees.rare())))
    write: Write = request.param
    return Converted(tuple(write(image, tmp_path_factory.mktemp("lazy"))))


def utf8(archive: bytes) -> bytes:
    """Return an archive without names that are not UTF-8, which no table can have."""
    found = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as source,
        tarfile.open(fileobj=found, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for info in source:
            if info.name.isascii():
                target.addfile(info, source.extractfile(info) if info.isreg() else None)
    return found.getvalue()


def layers_of(layout: Path) -> Iterator[build.Blob]:
    def document(descriptor: Any) -> Any:
        return json.loads(blob(descriptor))

    def blob(descriptor: Any) -> bytes:
        return (layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()

    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    manifest = document(entry)
    if "manifests" in manifest:
        manifest = document(manifest["manifests"][0])
    for layer in manifest["layers"]:
        content, media_type = blob(layer), layer["mediaType"]
        annotations = tuple(sorted(layer["annotations"].items()))
        yield build.Blob(
            content, media_type, diff_id(content, media_type), annotations=annotations
        )


def diff_id(content: bytes, media_type: str) -> str:
    """Return the digest of the archive in a layer: skopeo changes it, and keeps that of before."""
    unpack = lazy_layers.zstd if media_type == build.OCI_LAYER_ZSTD else gzip
    return "sha256:" + hashlib.sha256(unpack.decompress(content)).hexdigest()


def indexed(cache: Path) -> list[Any]:
    succeed(cache, "index", "files", "-q", "--all")
    query = "files sort layer,path show path,type,size,mode,uid,gid,target,digest,layer"
    rows: list[Any] = json.loads(succeed(cache, "query", "--format", "json", query))
    return rows


def test_the_index_of_tables_is_that_of_the_archives(converted: Converted, tmp_path: Path) -> None:
    lazy = converted.cache(tmp_path / "lazy", with_tables=True)
    plain = converted.cache(tmp_path / "plain", with_tables=False)
    assert all(table_of_contents.is_declared(dict(each.annotations)) for each in converted.layers)
    for layer in converted.layers:  # only the end of a layer can be read
        path = lazy / "blobs/sha256" / layer.digest.partition(":")[2]
        path.chmod(0o644)
        path.write_bytes(bytes(64) + layer.content[64:])

    found = indexed(lazy)

    assert found == indexed(plain)
    assert {row["type"] for row in found} >= {"file", "directory", "symlink", "hardlink", "fifo"}
    assert len(found) > 700
    listings = [succeed(cache, "files", "--format", "json", NAME) for cache in (lazy, plain)]
    assert without_times(listings[0]) == without_times(listings[1])


def without_times(listing: str) -> list[Any]:
    """Return a listing without times: a table rounds them, an archive cuts them off."""
    return [{**row, "modified": ""} for row in json.loads(listing)]


def test_extended_attributes_of_tables_are_those_of_the_archives(
    converted: Converted, tmp_path: Path
) -> None:
    told = [
        file
        for layer in converted.layers
        for file in table_of_contents.read(
            io.BytesIO(layer.content), layer.size, dict(layer.annotations), name=layer.digest
        )
        or ()
    ]
    lazy = converted.cache(tmp_path / "lazy", with_tables=True)

    assert succeed(lazy, "validate", "--deep", NAME)
    attributes = {key for file in told for key in file.member.xattrs}
    assert attributes == {"security.capability", "user.note", "user.empty"}
