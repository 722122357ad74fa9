"""The whole spine on images that other tools made: pull, look, remove, collect, export.

umoci builds an image for three platforms from files of this system, an index and an attestation
are written beside them (umoci knows neither), skopeo pushes to Debian's docker-registry, and then
it is our turn, by the command line. In the end skopeo has to get out what it has put in.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import build
from tests.interop.tools import archive_system, cachedb, skopeo, succeed, umoci
from tests.programs import require
from tests.registry.servers import docker_registry

BASE_BYTES = 50_000_000
PLATFORMS = {"amd64": "", "arm64": "v8", "arm": "v7"}


@dataclass(frozen=True)
class Source:
    """What was pushed: the layout that umoci made, and the names in the registry."""

    tree: build.Tree
    app: str
    """An index: three platforms and an attestation."""
    tool: str
    """An image that has the base layer of the other one."""

    def digest(self, tag: str) -> str:
        (found,) = (e for e in self.tree.entries() if e["annotations"][build.REF_NAME] == tag)
        return str(found["digest"])

    def content(self, digest: str) -> set[str]:
        """Return what a digest leads to, by reading the documents."""
        found = {digest}
        document = self.read(digest)
        for child in document.get("manifests", []):
            found |= self.content(child["digest"])
        for child in [document.get("config"), *document.get("layers", [])]:
            found |= {child["digest"]} if child else set()
        return found

    def read(self, digest: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.tree.blob_path(digest).read_bytes())
        return value

    def size(self, digests: set[str]) -> int:
        return sum(self.tree.blob_path(digest).stat().st_size for digest in digests)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    require("umoci", "skopeo", "docker-registry")
    folder = tmp_path_factory.mktemp("source")
    tree = build_images(folder)
    with docker_registry(folder / "registry") as registry:
        made = Source(tree, app=f"{registry.host}/team/app:1", tool=f"{registry.host}/team/tool:2")
        for tag, name in (("app", made.app), ("tool", made.tool)):
            skopeo("copy", "--all", "--dest-tls-verify=false",
                   f"oci:{tree.path}:{tag}", f"docker://{name}")  # fmt: skip
        yield made


def build_images(folder: Path) -> build.Tree:
    layout, base = folder / "layout", folder / "base.tar"
    archive_system(base, BASE_BYTES)
    umoci("init", "--layout", layout)
    umoci("new", "--image", f"{layout}:base")
    umoci("raw", "add-layer", "--image", f"{layout}:base", base)
    for arch in PLATFORMS:
        add_image(folder, arch, ["--architecture", arch, "--config.entrypoint", f"/bin/{arch}"])
    add_image(folder, "tool", ["--config.label", "org.example.team=red"])
    tree = build.Tree(layout)
    add_index(tree)
    return tree


def add_image(folder: Path, tag: str, settings: list[str]) -> None:
    """Make an image of the base and a layer of its own."""
    image, layer = f"{folder / 'layout'}:{tag}", folder / f"{tag}.tar"
    layer.write_bytes(build.tar({f"opt/{tag}": tag * 100_000}))
    umoci("config", "--image", f"{folder / 'layout'}:base", "--tag", tag, *settings)
    umoci("raw", "add-layer", "--image", image, layer)


def add_index(tree: build.Tree) -> None:
    """Write what umoci cannot: the index over the platforms, with provenance for one of them."""
    tagged = {entry["annotations"][build.REF_NAME]: entry["digest"] for entry in tree.entries()}
    images = [
        build.Thing(
            root=build.Blob(tree.blob_path(tagged[arch]).read_bytes(), build.OCI_MANIFEST),
            parts=(),
            platform=build.platform_of(arch, variant=variant),
        )
        for arch, variant in PLATFORMS.items()
    ]
    tree.add(build.index(*images, build.attestation(images[0])), "app")


@pytest.fixture(scope="module")
def pulled(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with both images, for tests that only look."""
    cache = tmp_path_factory.mktemp("pulled") / "cache"
    succeed(cache, "pull", source.app, source.tool)
    return cache


@pytest.fixture
def cache(pulled: Path, tmp_path: Path) -> Path:
    """A cache with both images, for a test that changes it."""
    return Path(shutil.copytree(pulled, tmp_path / "cache"))


def records(cache: Path, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(succeed(cache, *arguments, "--format", "json"))
    return found


def test_a_pull_brings_the_image_and_all_that_it_contains(source: Source, pulled: Path) -> None:
    expected = source.content(source.digest("app")) | source.content(source.digest("tool"))
    assert build.Tree(pulled).blobs() == expected
    for digest in expected:
        ours, theirs = build.Tree(pulled).blob_path(digest), source.tree.blob_path(digest)
        assert ours.read_bytes() == theirs.read_bytes()


def test_what_was_pulled_is_not_transferred_again(source: Source, cache: Path) -> None:
    before = (cache / "index.json").read_bytes()
    assert succeed(cache, "pull", source.app).split()[-1] == "unchanged"
    assert (cache / "index.json").read_bytes() == before


def test_ls_names_what_was_pulled(source: Source, pulled: Path) -> None:
    app, tool = (source.digest(tag) for tag in ("app", "tool"))
    assert records(pulled, "ls") == [
        {
            "name": source.app,
            "digest": app,
            "platforms": ["linux/amd64", "linux/arm64", "linux/arm/v7"],
            "size": source.size(source.content(app)),
            "state": "complete",
            "pinned": False,
        },
        {
            "name": source.tool,
            "digest": tool,
            "platforms": ["linux/amd64"],
            "size": source.size(source.content(tool)),
            "state": "complete",
            "pinned": False,
        },
    ]


def test_show_says_how_each_platform_is_run(source: Source, pulled: Path) -> None:
    shown = json.loads(succeed(pulled, "show", source.app, "--format", "json"))
    assert [(each["platform"], each["entrypoint"]) for each in shown["platforms"]] == [
        ("linux/amd64", ["/bin/amd64"]),
        ("linux/arm64", ["/bin/arm64"]),
        ("linux/arm/v7", ["/bin/arm"]),
    ]
    shown = json.loads(succeed(pulled, "show", source.tool, "--format", "json"))
    assert shown["platforms"][0]["labels"] == {"org.example.team": "red"}


def test_validate_finds_every_platform_and_the_attestation(source: Source, pulled: Path) -> None:
    found = records(pulled, "validate", "--deep", source.app)
    assert [(each["platform"], each["state"]) for each in found] == [
        ("linux/amd64", "complete"),
        ("linux/arm64", "complete"),
        ("linux/arm/v7", "complete"),
        ("attestation", "complete"),
    ]


def test_a_pull_of_one_platform_takes_its_attestation_along(
    source: Source, tmp_path: Path
) -> None:
    succeed(tmp_path / "cache", "pull", "--platform", "linux/amd64", source.app)
    index = source.read(source.digest("app"))
    amd64, *_, provenance = (entry["digest"] for entry in index["manifests"])
    assert build.Tree(tmp_path / "cache").blobs() == {
        source.digest("app"),
        *source.content(amd64),
        *source.content(provenance),
    }
    states = [each["state"] for each in records(tmp_path / "cache", "validate")]
    assert states == ["complete", "not pulled", "not pulled", "complete"]


def test_find_root_of_the_shared_layer_finds_both(source: Source, pulled: Path) -> None:
    base = source.read(source.digest("tool"))["layers"][0]["digest"]
    found = records(pulled, "find-root", base)
    assert [root["name"] for root in found] == [source.app, source.tool]


def test_queries_find_images_by_what_they_contain(source: Source, pulled: Path) -> None:
    def names(*query: str) -> list[str]:
        return [row["name"] for row in records(pulled, "query", *query)]

    assert names("refs", "arch:arm64") == [source.app]
    assert names("refs", "label:org.example.team=red") == [source.tool]
    assert names("refs", "not", "label:org.example.team=red") == [source.app]
    assert names("refs", "size", "gt", "1M", "sort", "name") == [source.app, source.tool]
    base = source.read(source.digest("tool"))["layers"][0]["digest"]
    assert names("refs(kind:layer and size gt 1M)") == [source.app, source.tool]
    largest = records(pulled, "query", "layers", "sort", "-size", "limit", "1")
    assert [row["digest"] for row in largest] == [base]
    alone = records(pulled, "query", f"blobs exclusive({source.app})")
    assert {row["digest"] for row in alone} == source.content(
        source.digest("app")
    ) - source.content(source.digest("tool"))


def test_gc_frees_what_du_promised_and_the_other_image_is_whole(
    source: Source, cache: Path, tmp_path: Path
) -> None:
    promised = json.loads(succeed(cache, "du", source.app, "--format", "json"))["totals"]
    before = disk_usage(cache)

    succeed(cache, "rm", source.app)
    assert disk_usage(cache) == before  # names only
    succeed(cache, "gc", "--grace", "0")

    assert before - disk_usage(cache) == promised["exclusive"] > 0
    assert build.Tree(cache).blobs() == source.content(source.digest("tool"))
    assert promised["shared"] == source.size(
        source.content(source.digest("app")) & source.content(source.digest("tool"))
    )
    assert_exports_alike(source, cache, tmp_path)


def disk_usage(cache: Path) -> int:
    return sum(path.stat().st_size for path in cache.glob("blobs/*/*"))


def assert_exports_alike(source: Source, cache: Path, folder: Path) -> None:
    """Have skopeo copy the image out of the cache, and out of where it was built."""
    ours, theirs = folder / "ours", folder / "theirs"
    skopeo("copy", "--all", f"oci:{cache}:{source.tool}", f"dir:{ours}")
    skopeo("copy", "--all", f"oci:{source.tree.path}:tool", f"dir:{theirs}")
    assert files_of(ours) == files_of(theirs)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_index_leaves_the_cache_as_it_was_built(source: Source, pulled: Path) -> None:
    raw = skopeo("inspect", "--raw", f"oci:{pulled}:{source.app}")
    assert raw.encode() == source.tree.blob_path(source.digest("app")).read_bytes()


def test_skopeo_and_umoci_read_what_cachedb_has_touched(source: Source, cache: Path) -> None:
    succeed(cache, "rm", source.app)
    succeed(cache, "gc", "--grace", "0")
    inspected = json.loads(skopeo("inspect", f"oci:{cache}:{source.tool}"))
    assert inspected["Architecture"] == "amd64"
    assert umoci("ls", "--layout", cache).split() == [source.tool]
    stat = json.loads(umoci("stat", "--json", "--image", f"{cache}:{source.tool}"))
    assert len([step for step in stat["history"] if not step.get("empty_layer")]) == 2


def test_what_other_tools_do_to_the_cache_is_seen(source: Source, cache: Path) -> None:
    skopeo("copy", f"oci:{source.tree.path}:arm64", f"oci:{cache}:arm64")
    umoci("rm", "--image", f"{cache}:{source.app}")
    umoci("gc", "--layout", cache)

    listed = {row["name"]: (row["digest"], row["state"]) for row in records(cache, "ls")}
    assert listed == {
        "arm64": (source.digest("arm64"), "complete"),
        source.tool: (source.digest("tool"), "complete"),
    }
    assert cachedb(cache, "verify").code == 0


def test_the_layout_of_another_tool_is_adopted_in_place(source: Source, tmp_path: Path) -> None:
    layout = Path(shutil.copytree(source.tree.path, tmp_path / "layout"))
    before = (layout / "index.json").read_bytes()
    listed = {row["name"]: row["state"] for row in records(layout, "ls")}
    assert listed == dict.fromkeys(["amd64", "app", "arm", "arm64", "base", "tool"], "complete")
    assert (layout / "index.json").read_bytes() == before


def test_without_the_catalog_no_image_and_no_name_is_lost(source: Source, cache: Path) -> None:
    questions = (["ls"], ["validate"], ["tree", source.app])
    before = [succeed(cache, *question) for question in questions]
    shutil.rmtree(cache / ".cachedb")
    assert [succeed(cache, *question) for question in questions] == before
