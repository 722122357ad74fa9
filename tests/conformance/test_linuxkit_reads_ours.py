"""What linuxkit reads of a cache and of an archive that are ours.

It is not at hand, so its rules stand in for it, as design/linuxkit.md has them: §1 and §2 for how
it lists a cache and finds a root, §2 (ImageLoad) and §4 C for what it takes from an archive. The
newest version is the strictest: it drops what only `org.opencontainers.image.ref.name` names.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.feedback.progress import UNWATCHED
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.import_ import ImportOptions
from tests import build, recorded

pytestmark = pytest.mark.recorded

CASES = [
    "im-docker", "im-config-full", "ix-alias", "ix-att-dangling", "ix-docker", "ix-nested-mixed",
    "ix-shared", "ix-two-os", "ix-unknown-child", "fs-mixed-compression", "tar-docker25",
]  # fmt: skip
IMAGES = {build.OCI_MANIFEST, build.DOCKER_MANIFEST}
INDEXES = {build.OCI_INDEX, build.DOCKER_LIST}
CONTAINERD = "io.containerd.image.name"

Read = Callable[[str], bytes]


def list_images(index_json: bytes, annotation: str) -> dict[str, dict[str, Any]]:
    """Return the descriptors by name: entries without one are invisible, the last of two wins."""
    index = json.loads(index_json)
    assert index["schemaVersion"] == 2
    named = ((each.get("annotations", {}).get(annotation), each) for each in index["manifests"])
    return {name: each for name, each in named if name}


def follow(read: Read, descriptor: dict[str, Any]) -> Iterator[str]:
    """Yield every blob below a root, as Go's layout package opens it: by digest, with its size."""
    content = read(descriptor["digest"])
    assert len(content) == descriptor["size"]
    assert "sha256:" + hashlib.sha256(content).hexdigest() == descriptor["digest"]
    yield descriptor["digest"]
    if descriptor["mediaType"] in INDEXES | IMAGES:
        document = json.loads(content)
        below = [document.get("config"), *document.get("layers", ())]
        for child in [*document.get("manifests", ()), *filter(None, below)]:
            yield from follow(read, child)


@pytest.fixture(params=CASES)
def imported(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Cache, Any]]:
    """A cache that is ours, with what was recorded of linuxkit's own."""
    folder = recorded.root() / "linuxkit"
    listing = json.loads((folder / "seed" / f"{request.param}.json").read_text())["ls"]
    with (
        (folder / "inputs" / f"{request.param}.tar").open("rb") as stream,
        Cache.create(tmp_path / "cache") as cache,
    ):
        cache.import_archive(stream, request.param, ImportOptions(), UNWATCHED)
        yield cache, listing


def test_linuxkit_lists_our_cache_and_finds_every_root(imported: tuple[Cache, Any]) -> None:
    cache, listing = imported
    root = cache.layout.root

    def read(digest: str) -> bytes:
        return (root / "blobs" / digest.replace(":", "/")).read_bytes()

    found = list_images((root / "index.json").read_bytes(), build.REF_NAME)
    assert {name: each["digest"] for name, each in found.items()} == listing
    for descriptor in found.values():
        assert descriptor["mediaType"] in IMAGES | INDEXES
        assert list(follow(read, descriptor))


def test_linuxkit_takes_our_archive_in(imported: tuple[Cache, Any]) -> None:
    cache, listing = imported
    plan = cache.plan_export(list(listing), ExportOptions())
    files = {}
    with tarfile.open(fileobj=io.BytesIO(b"".join(cache.export_chunks(plan)))) as archive:
        for member in archive:
            # It writes members below its folder as they are named, and knows files and folders.
            assert member.isreg() or member.isdir()
            assert not {"..", ""} & set(member.name.split("/"))
            extracted = archive.extractfile(member)
            files[member.name] = extracted.read() if extracted else b""

    def read(digest: str) -> bytes:
        return files["blobs/" + digest.replace(":", "/")]

    found = list_images(files["index.json"], CONTAINERD)
    assert {name: each["digest"] for name, each in found.items()} == listing
    for descriptor in found.values():
        assert list(follow(read, descriptor))
