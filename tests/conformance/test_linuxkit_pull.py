"""What a pull with names for the platforms leaves in index.json, as recorded of linuxkit."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cachedb.layout.index_json import IndexJson
from cachedb.linuxkit import Provider
from tests import recorded
from tests.registry.servers import docker_registry

pytestmark = pytest.mark.recorded

# linuxkit gives one name to the images for two systems, and the last one keeps it.
MORE_NAMES = {"ix-two-os": "v1-windows-amd64"}


@recorded.parameters(2)
def pulls() -> list[Any]:
    folder = recorded.root() / "linuxkit"
    recordings = json.loads((folder / "api" / "registry.json").read_text())["pull"]
    return [
        pytest.param(folder / "inputs" / f"{case}.tar", answer, id=f"{version}-{case}")
        for case, versions in recordings.items()
        for version, answer in versions.items()
        if (folder / "inputs" / f"{case}.tar").exists()
    ]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as server:
        yield server.host


@pytest.mark.parametrize(("archive", "answer"), pulls())
def test_a_pull_leaves_what_linuxkit_leaves(
    archive: Path, answer: Any, registry: str, tmp_path: Path
) -> None:
    name = f"{registry}/gold/{archive.stem}:v1"
    with Provider(tmp_path / "source") as source, archive.open("rb") as stream:
        (image,) = source.image_load(stream)
        source.push(image.annotations["org.opencontainers.image.ref.name"], name, override=True)
    with Provider(tmp_path / "cache") as provider:
        provider.pull(name, with_arch_references=True)
        index = IndexJson.parse(provider.cache.layout.read_index_json())
        blobs = {file.digest.encoded for file in provider.cache.layout.blobs.files()}
        catalogued = provider.list()
    expected = json.loads(json.dumps(answer["index"]["manifests"]).replace("$REG", registry))
    more = MORE_NAMES.get(archive.stem, "no more")
    found = [entry.json for entry in index.entries if not str(entry.json).count(more)]
    assert found == expected
    assert blobs == set(answer["blobs"])
    assert len(catalogued) == len(index.entries) == len(expected) + (archive.stem in MORE_NAMES)
