"""A layout of each tool is used by ours, then read by each tool again (docs/reference).

`WRITERS` are the ways in which a tool makes a layout or an archive, `READERS` the tools that read
a layout by a name. The page docs/reference/interoperability.md has a row for each.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache as memoised
from pathlib import Path

import pytest

from cachedb.oci import Digest
from tests import build
from tests.cli.conftest import Run, run, succeed
from tests.interop.containers import (
    Containerd,
    Storage,
    containerd,
    flatpak_bundle,
    flatpak_export,
    flatpak_import,
)
from tests.interop.tools import skopeo, umoci

__all__ = ["run"]  # a fixture

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "interoperability.md"
NAME = "example.com/hello:1"
APPLICATION = "org.example.Hello"
FLATPAK_NAME = f"app/{APPLICATION}/x86_64/master"
OTHER_NAME = "example.com/other:2"
OTHER = build.image(build.layer({"other": "2"}))


@dataclass(frozen=True)
class Workshop:
    """A folder with a file for images, and the stores of the tools."""

    folder: Path
    storage: Storage

    @classmethod
    def new(cls, folder: Path) -> "Workshop":
        """Make the folder, and the file that images will hold."""
        (folder / "files").mkdir(parents=True)
        (folder / "files" / "hello").write_text("hello\n")
        return cls(folder, Storage(folder / "storage"))

    def built(self, media_types: str = "oci") -> Storage:
        """Return the store, with an image that buildah has built in it."""
        if NAME not in self.storage.images():
            self.storage.build(NAME, self.folder / "files", media_types)
        return self.storage


Write = Callable[[Workshop], Path]


def buildah_layout(shop: Workshop) -> Path:
    shop.built().buildah("push", NAME, f"oci:{shop.folder}/layout:{NAME}")
    return shop.folder / "layout"


def buildah_layout_of_an_index(shop: Workshop) -> Path:
    storage = shop.built()
    storage.buildah("manifest", "create", "list", NAME)
    storage.buildah("manifest", "push", "--all", "list", f"oci:{shop.folder}/layout:{NAME}")
    return shop.folder / "layout"


def buildah_archive(shop: Workshop) -> Path:
    shop.built().buildah("push", NAME, f"oci-archive:{shop.folder}/image.tar:{NAME}")
    return shop.folder / "image.tar"


def podman_layout(shop: Workshop) -> Path:
    shop.built().podman("save", "--format", "oci-dir", "-o", shop.folder / "layout", NAME)
    return shop.folder / "layout"


def podman_archive(shop: Workshop) -> Path:
    shop.built().podman("save", "--format", "oci-archive", "-o", shop.folder / "image.tar", NAME)
    return shop.folder / "image.tar"


def podman_docker_archive(shop: Workshop) -> Path:
    storage, target = shop.built("docker"), shop.folder / "image.tar"
    storage.podman("save", "--format", "docker-archive", "-o", target, NAME)
    return target


def skopeo_layout(shop: Workshop) -> Path:
    source = build.layout(shop.folder / "source", {NAME: build.image(build.layer({"hello": "1"}))})
    skopeo("copy", f"oci:{source.path}:{NAME}", f"oci:{shop.folder}/layout:{NAME}")
    return shop.folder / "layout"


def umoci_layout(shop: Workshop) -> Path:
    layout = shop.folder / "layout"
    umoci("init", "--layout", layout)
    umoci("new", "--image", f"{layout}:{NAME}")
    umoci("insert", "--rootless", "--image", f"{layout}:{NAME}", shop.folder / "files", "/")
    umoci("gc", "--layout", layout)
    return layout


def ctr_archive(shop: Workshop) -> Path:
    source = shop.folder / "source.tar"
    source.write_bytes(build.archive({NAME: build.image(build.layer({"hello": "1"}))}))
    with containerd() as daemon:
        daemon.ctr("images", "import", "--no-unpack", source)
        daemon.ctr("images", "export", shop.folder / "image.tar", NAME)
    return shop.folder / "image.tar"


def flatpak_layout(shop: Workshop) -> Path:
    return flatpak_bundle(shop.folder, APPLICATION)


WRITERS = [
    buildah_layout, buildah_layout_of_an_index, buildah_archive,
    podman_layout, podman_archive, podman_docker_archive,
    skopeo_layout, umoci_layout, ctr_archive, flatpak_layout,
]  # fmt: skip
by_every_writer = pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)


def name_of(write: Write) -> str:
    return FLATPAK_NAME if write is flatpak_layout else NAME


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop.new(tmp_path / "shop")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Write], Path]:
    """Let each tool write once for all tests, which copy what it wrote."""

    @memoised
    def write_once(write: Write) -> Path:
        return write(Workshop.new(tmp_path_factory.mktemp(write.__name__) / "shop"))

    return write_once


def cache_of(run: Run, made: Path, folder: Path) -> Path:
    """Return a cache of what a tool wrote: a layout as it stands, an archive imported."""
    if made.is_dir():
        return shutil.copytree(made, folder / "cache")
    succeed(run, folder / "cache", "import", made)
    return folder / "cache"


def blobs(layout: Path) -> set[str]:
    return {path.name for path in (layout / "blobs" / "sha256").iterdir()}


def listed(run: Run, cache: Path) -> dict[str, str]:
    """Return the digest and the state of each image by name."""
    rows = json.loads(succeed(run, cache, "ls", "--format", "json"))
    return {row["name"]: (row["digest"], row["state"]) for row in rows}


@by_every_writer
def test_what_a_tool_wrote_is_listed_whole_and_kept(
    write: Write, written: Callable[[Write], Path], run: Run, tmp_path: Path
) -> None:
    cache = cache_of(run, written(write), tmp_path)
    before = blobs(cache)

    assert {name: state for name, (_, state) in listed(run, cache).items()} == {
        name_of(write): "complete"
    }
    succeed(run, cache, "validate")
    succeed(run, cache, "verify")
    succeed(run, cache, "gc", "--grace", "0")
    assert blobs(cache) == before
    succeed(run, cache, "doctor")


def touch(run: Run, cache: Path, folder: Path) -> None:
    """Do to a cache what users do: import, remove, collect."""
    archive = folder / "other.tar"
    archive.write_bytes(build.archive({OTHER_NAME: OTHER}))
    succeed(run, cache, "import", archive)
    succeed(run, cache, "rm", OTHER_NAME)
    succeed(run, cache, "gc", "--grace", "0")
    assert not blobs(cache) & {digest.partition(":")[2] for digest in OTHER.digests}


def config_of(run: Run, cache: Path, name: str) -> str:
    """Return the encoded digest of the config of the one platform of an image."""
    digest, _ = listed(run, cache)[name]
    while True:
        document = json.loads((cache / "blobs" / digest.replace(":", "/")).read_bytes())
        if "config" in document:
            return str(document["config"]["digest"]).partition(":")[2]
        (child,) = document["manifests"]
        digest = child["digest"]


def read_by_buildah(run: Run, cache: Path, name: str, folder: Path) -> None:
    storage = Storage(folder / "reader")
    pulled = storage.buildah("pull", "--quiet", f"oci:{cache}:{name}").strip()
    assert pulled == config_of(run, cache, name)


def read_by_podman(run: Run, cache: Path, name: str, folder: Path) -> None:
    storage = Storage(folder / "reader")
    pulled = storage.podman("pull", "--quiet", f"oci:{cache}:{name}").strip()
    assert pulled == config_of(run, cache, name)


def read_by_skopeo(run: Run, cache: Path, name: str, folder: Path) -> None:
    copy = folder / "copy"
    skopeo("copy", "--all", "--preserve-digests", f"oci:{cache}:{name}", f"dir:{copy}")
    digest, _ = listed(run, cache)[name]
    assert Digest.of((copy / "manifest.json").read_bytes()) == digest


def read_by_umoci(run: Run, cache: Path, name: str, folder: Path) -> None:
    assert umoci("ls", "--layout", cache).split() == [name]
    umoci("unpack", "--rootless", "--image", f"{cache}:{name}", folder / "bundle")
    umoci("gc", "--layout", cache)
    succeed(run, cache, "validate")


def read_by_ctr(run: Run, cache: Path, name: str, folder: Path) -> None:
    archive = folder / "ours.tar"
    succeed(run, cache, "export", "-o", archive, name)
    with containerd() as daemon:
        daemon.ctr("images", "import", "--no-unpack", archive)
        assert daemon.digests()[name] == listed(run, cache)[name][0]


READERS = [read_by_buildah, read_by_podman, read_by_skopeo, read_by_umoci, read_by_ctr]


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@by_every_writer
def test_a_tool_reads_what_another_wrote_and_we_have_changed(
    write: Write,
    read: Callable[[Run, Path, str, Path], None],
    written: Callable[[Write], Path],
    run: Run,
    tmp_path: Path,
) -> None:
    cache = cache_of(run, written(write), tmp_path)
    touch(run, cache, tmp_path)
    read(run, cache, name_of(write), tmp_path)


def test_flatpak_reads_its_bundle_after_us(run: Run, shop: Workshop, tmp_path: Path) -> None:
    cache = cache_of(run, flatpak_layout(shop), tmp_path)
    touch(run, cache, tmp_path)
    flatpak_import(shop.folder, cache)


def added_by_buildah(cache: Path, shop: Workshop) -> None:
    shop.built().buildah("push", NAME, f"oci:{cache}:{NAME}")


def added_by_podman(cache: Path, shop: Workshop) -> None:
    shop.built().podman("push", NAME, f"oci:{cache}:{NAME}")


def added_by_skopeo(cache: Path, shop: Workshop) -> None:
    skopeo("copy", f"oci:{skopeo_layout(shop)}:{NAME}", f"oci:{cache}:{NAME}")


def added_by_umoci(cache: Path, shop: Workshop) -> None:
    umoci("new", "--image", f"{cache}:{NAME}")
    umoci("insert", "--rootless", "--image", f"{cache}:{NAME}", shop.folder / "files", "/")


def added_by_flatpak(cache: Path, shop: Workshop) -> None:
    flatpak_bundle(shop.folder, APPLICATION)
    flatpak_export(shop.folder, cache, APPLICATION)


ADDERS = [added_by_buildah, added_by_podman, added_by_skopeo, added_by_umoci, added_by_flatpak]


@pytest.mark.parametrize("add", ADDERS, ids=lambda add: add.__name__)
def test_what_a_tool_adds_to_our_cache_is_seen_and_kept(
    add: Callable[[Path, Workshop], None], run: Run, shop: Workshop, tmp_path: Path
) -> None:
    cache = build.layout(tmp_path / "cache", {OTHER_NAME: OTHER}).path
    before = listed(run, cache)
    add(cache, shop)
    succeed(run, cache, "gc", "--grace", "0")
    found = listed(run, cache)
    name = FLATPAK_NAME if add is added_by_flatpak else NAME
    assert found.keys() == {name, OTHER_NAME}
    assert found[OTHER_NAME] == before[OTHER_NAME]
    assert found[name][1] == "complete"
    succeed(run, cache, "verify")


@pytest.fixture(scope="module")
def daemon() -> Iterator[Containerd]:
    with containerd() as started:
        yield started


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_containerd_imports_an_archive_of_either_format(
    form: str, daemon: Containerd, run: Run, tmp_path: Path
) -> None:
    name = f"example.com/{form}:1"
    cache = build.layout(tmp_path / "cache", {name: OTHER}).path
    archive = tmp_path / "image.tar"
    succeed(run, cache, "export", "--format", form, "-o", archive, name)
    daemon.ctr("images", "import", "--no-unpack", archive)
    assert name in daemon.digests()


@pytest.mark.parametrize("form", ["oci-archive", "docker-archive"])
def test_podman_loads_an_archive_of_either_format(
    form: str, shop: Workshop, run: Run, tmp_path: Path
) -> None:
    cache = build.layout(tmp_path / "cache", {NAME: OTHER}).path
    archive = tmp_path / "image.tar"
    succeed(run, cache, "export", "--format", form.partition("-")[0], "-o", archive, NAME)
    shop.storage.podman("load", "--input", archive)
    assert shop.storage.images() == {NAME: config_of(run, cache, NAME)}


def test_the_page_has_a_row_for_every_tool_and_test() -> None:
    """Compare the names in parentheses with the functions of the modules beside this one."""
    rows = set(re.findall(r"\(`(\w+)`\)", PAGE.read_text()))
    functions = {each.__name__ for each in (*WRITERS, *READERS, *ADDERS)}
    for module in ("test_round_trips.py", "test_limits_of_tools.py", "test_syft.py"):
        text = Path(__file__).with_name(module).read_text()
        functions |= set(re.findall(r"^def (test_\w+)", text, re.MULTILINE))
    assert rows == functions
