"""Files of real packages: what `files`, queries and the export show is what umoci unpacks.

The small image has packages that every Debian system has; those of the campaign are all required
packages with Node.js, and the tree of debootstrap.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import build
from tests.interop import real_trees
from tests.interop.containers import Storage
from tests.interop.real_trees import Seen
from tests.interop.tools import skopeo, succeed, umoci
from tests.programs import require, require_files

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "x.io/debian:1"
IS_ROOT = os.geteuid() == 0
ROOTLESS = () if IS_ROOT else ("--rootless",)


@dataclass(frozen=True)
class RealImage:
    """A cache with an image of real files, and the trees that other programs make of it."""

    folder: Path

    @property
    def cache(self) -> Path:
        """The cache."""
        return self.folder / "cache"

    @cached_property
    def unpacked(self) -> Path:
        """The tree that umoci unpacks."""
        return unpack(self.cache, self.folder / "bundle")

    @cached_property
    def exported(self) -> Path:
        """The tree that GNU tar extracts from the export."""
        require("tar")
        archive, root = self.folder / "export.tar", self.folder / "exported"
        succeed(self.cache, "export", "--format", "filesystem", "-q", "-o", archive, NAME)
        root.mkdir()
        extract = ["tar", "--extract", "--preserve-permissions", "--delay-directory-restore"]
        extract += ["--xattrs", "--xattrs-include=*"]
        subprocess.run([*extract, "--directory", root, "--file", archive], check=True)
        return root


def unpack(layout: Path, bundle: Path) -> Path:
    umoci("unpack", *ROOTLESS, "--image", f"{layout}:{NAME}", bundle)
    return bundle / "rootfs"


def small(folder: Path) -> list[bytes]:
    return real_trees.layers_on(real_trees.packages(*real_trees.SMALL), folder)


def every_required_package(folder: Path) -> list[bytes]:
    """Return four packages a layer, and Node.js."""
    names = real_trees.required()
    groups = [names[start : start + 4] for start in range(0, len(names), 4)]
    require_files("nodejs", Path("/usr/bin/nodejs"))
    node = real_trees.packages("nodejs")
    layers = [real_trees.packages(*group) for group in groups]
    return [*layers, *real_trees.layers_on(node, folder)]


def debootstrap(folder: Path) -> list[bytes]:
    """Return the minimal tree of a Debian mirror."""
    require("debootstrap")
    root = folder / "debootstrap"
    command = ["debootstrap", "--variant=minbase", "stable", root, "http://deb.debian.org/debian"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"debootstrap has no mirror: {done.stdout.splitlines()[-1:]}")
    paths = [f"./{path.relative_to(root)}" for path in sorted(root.rglob("*"))]
    return real_trees.layers_on(real_trees.files(paths, folder=root), folder)


IMAGES = [
    pytest.param(small, id="small"),
    pytest.param(every_required_package, id="every required package", marks=pytest.mark.campaign),
    pytest.param(debootstrap, id="debootstrap", marks=pytest.mark.campaign),
]


@pytest.fixture(scope="module", params=IMAGES)
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RealImage:
    folder = tmp_path_factory.mktemp("real")
    write: Callable[[Path], list[bytes]] = request.param
    build.layout(folder / "cache", {NAME: build.image(*map(real_trees.blob, write(folder)))})
    return RealImage(folder)


def listed(cache: Path) -> dict[str, Seen]:
    """Return what `files` prints, without the root."""
    rows: list[Any] = json.loads(succeed(cache, "files", "--format", "json", NAME))
    return {
        row["path"]: Seen(
            mode="l" if row["type"] == "symlink" else row["mode"],
            owner=(row["uid"], row["gid"]),
            size=row["size"],
            target=row["target"] or "",
            modified=row["modified"],
        )
        for row in rows
        if row["path"] != "/"
    }


def comparable(files: dict[str, Seen], *, with_directory_times: bool = False) -> dict[str, Seen]:
    """Return what every user can unpack; umoci leaves other times of directories."""
    return {
        path: file
        if with_directory_times or not file.mode.startswith("d")
        else replace(file, modified="")
        for path, file in (files if IS_ROOT else without_owners(files)).items()
    }


def without_owners(files: dict[str, Seen]) -> dict[str, Seen]:
    """Return files as a user other than root unpacks them: own, and without set-user-id bits."""
    return {
        path: replace(file, owner=(0, 0), mode=file.mode.replace("s", "x").replace("S", "-"))
        for path, file in files.items()
    }


def test_files_lists_what_umoci_unpacks(image: RealImage) -> None:
    found = listed(image.cache)

    assert comparable(found) == comparable(real_trees.in_folder(image.unpacked))
    assert {file.mode[0] for file in found.values()} >= {"-", "d", "l", "p"}


def test_files_lists_what_tar_extracts_from_the_export(image: RealImage) -> None:
    found, tree = listed(image.cache), real_trees.in_folder(image.exported)

    assert comparable(found, with_directory_times=True) == comparable(
        tree, with_directory_times=True
    )


def test_the_export_has_the_content_and_the_hard_links_that_umoci_unpacks(
    image: RealImage,
) -> None:
    assert real_trees.contents(image.exported) == real_trees.contents(image.unpacked)
    groups = real_trees.link_groups(image.unpacked)
    assert real_trees.link_groups(image.exported) == groups
    assert any("/usr/bin/perl-too" in group for group in groups)


def test_the_export_has_the_extended_attributes_that_umoci_unpacks(image: RealImage) -> None:
    if not real_trees.can_hold_attributes(image.folder):
        pytest.skip("the file system of temporary files keeps no extended attributes")
    found = real_trees.attributes(image.unpacked)

    assert real_trees.attributes(image.exported) == found
    assert found["/etc/noted"] == {"user.note": b"a=b", "user.empty": b"-"}
    if IS_ROOT:
        assert found["/usr/bin/ping"] == {"security.capability": real_trees.CAPABILITY}


def test_the_index_lists_what_the_layers_do(image: RealImage) -> None:
    before = succeed(image.cache, "files", "--format", "json", NAME)

    succeed(image.cache, "index", "files", "-q", "--all")

    assert succeed(image.cache, "files", "--format", "json", NAME) == before


def test_visible_files_of_queries_are_those_that_umoci_unpacks(image: RealImage) -> None:
    succeed(image.cache, "index", "files", "-q", "--all")
    query = "files is:visible show path,type,size,digest,target"

    rows: list[Any] = json.loads(succeed(image.cache, "query", "--format", "json", query))

    tree, contents = real_trees.in_folder(image.unpacked), real_trees.contents(image.unpacked)
    paths = {as_printed(path): path for path in tree}
    assert sorted(row["path"] for row in rows if row["path"] != "/") == sorted(paths)
    for row in rows:
        path = paths.get(row["path"], "/")
        if row["type"] == "file":
            assert (row["size"], row["digest"]) == (tree[path].size, f"sha256:{contents[path]}")
        elif row["type"] == "symlink":
            assert row["target"] == tree[path].target
        else:
            assert path not in contents or row["type"] == "hardlink"


def as_printed(path: str) -> str:
    """Return a path with an escape for each byte that is not UTF-8."""
    return path.encode("utf-8", "backslashreplace").decode()


@pytest.mark.parametrize(
    "path", ["usr/bin/perl-too", "bin/perl", "usr/share/doc/only", "sparse", "opt/far"]
)
def test_cat_prints_what_umoci_unpacks(image: RealImage, path: str) -> None:
    command = [sys.executable, "-m", "cachedb", "cat", f"{NAME}:/{path}"]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE,
        env={**os.environ, "CACHEDB_CACHE": str(image.cache)},
    )  # fmt: skip

    assert done.stdout
    assert done.stdout == (image.unpacked / path).read_bytes()


def test_zstd_layers_of_skopeo_have_the_same_files(image: RealImage) -> None:
    """Skopeo writes the layers in zstd, and in gzip again for umoci, which reads no zstd."""
    packed, again = image.folder / "zstd", image.folder / "again"
    convert(image.cache, packed, "zstd")
    convert(packed, again, "gzip")
    tree = unpack(again, image.folder / "bundle of zstd")

    found = listed(packed)

    assert comparable(found) == comparable(real_trees.in_folder(tree))
    succeed(packed, "index", "files", "-q", "--all")
    assert listed(packed) == found == listed(image.cache)
    types = [json.loads(path.read_bytes()) for path in small_files(packed / "blobs/sha256")]
    layers = [layer for each in types for layer in each.get("layers", ())]
    assert {layer["mediaType"] for layer in layers} == {build.OCI_LAYER_ZSTD}


def convert(source: Path, target: Path, compression: str) -> None:
    options = ("--dest-compress", "--dest-compress-format", compression)
    skopeo("copy", *options, f"oci:{source}:{NAME}", f"oci:{target}:{NAME}")


def small_files(folder: Path) -> list[Path]:
    """Return the documents of a layout: its small blobs that begin as JSON objects do."""
    found = [path for path in folder.iterdir() if path.stat().st_size < 100_000]
    return [path for path in found if path.read_bytes().startswith(b"{")]


def test_buildah_mounts_what_files_lists_of_zstd_layers(tmp_path: Path) -> None:
    storage, plain = Storage(tmp_path / "storage"), tmp_path / "plain"
    image = RealImage(tmp_path)
    layers = [real_trees.packages("base-files", "grep"), real_trees.sparse(tmp_path)]
    build.layout(plain, {NAME: build.image(*map(real_trees.blob, layers))})
    convert(plain, image.cache, "zstd")
    pulled = storage.buildah("pull", "--quiet", f"oci:{image.cache}:{NAME}").strip()
    root = Path(storage.buildah("mount", storage.buildah("from", pulled).strip()).strip())

    found = listed(image.cache)

    assert comparable(found) == comparable(real_trees.in_folder(root))
    assert real_trees.contents(image.exported) == real_trees.contents(root)
    assert found["/sparse"].size == (image.exported / "sparse").stat().st_size


def test_tar_extracts_old_sparse_files_as_the_export_has_them(tmp_path: Path) -> None:
    """Umoci and buildah refuse sparse files in the format of GNU tar."""
    image, layer = RealImage(tmp_path), real_trees.sparse(tmp_path, "--format=gnu")
    build.layout(image.cache, {NAME: build.image(real_trees.blob(layer))})
    extracted = tmp_path / "extracted"
    extracted.mkdir()
    command = ["tar", "--extract", "--preserve-permissions", "--directory", extracted]
    subprocess.run(command, check=True, input=layer)

    assert listed(image.cache) == real_trees.in_folder(extracted)
    assert real_trees.contents(image.exported) == real_trees.contents(extracted)


# -- images that other programs build -------------------------------------------------------------


def test_layers_of_umoci_insert_show_what_umoci_unpacks(tmp_path: Path) -> None:
    base = real_trees.packages("grep", "base-files")
    image = RealImage(tmp_path)
    build.layout(image.cache, {NAME: build.image(real_trees.blob(base))})
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "only").write_text("one document is left\n")
    insert = ["insert", *ROOTLESS, "--image", f"{image.cache}:{NAME}"]
    umoci(*insert, "--opaque", documents, "/usr/share/doc")
    umoci(*insert, "--whiteout", "/usr/bin/grep")
    umoci(*insert, documents, "/usr/bin")

    found = listed(image.cache)

    assert comparable(found) == comparable(real_trees.in_folder(image.unpacked))
    assert comparable(found) == comparable(real_trees.in_folder(image.exported))
    assert {path for path in found if path.startswith("/usr/share/doc/")} == {
        "/usr/share/doc/only"
    }
    assert "/usr/bin/grep" not in found
    assert "/usr/bin/only" in found
    assert "/bin/only" not in found


def test_buildah_mounts_what_files_lists_of_its_commits(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "storage")
    image = RealImage(tmp_path)
    root = build_with_buildah(storage)
    storage.buildah("push", "--quiet", "built", f"oci:{image.cache}:{NAME}")

    found = listed(image.cache)

    tree = real_trees.in_folder(root)
    assert comparable(found) == comparable(tree)
    assert comparable(found) == comparable(real_trees.in_folder(image.unpacked))
    assert comparable(found) == comparable(real_trees.in_folder(image.exported))
    assert real_trees.contents(root) == real_trees.contents(image.exported)
    assert real_trees.link_groups(root) == real_trees.link_groups(image.exported)
    assert real_trees.attributes(root) == real_trees.attributes(image.exported)
    succeed(image.cache, "index", "files", "-q", "--all")
    assert listed(image.cache) == found
    deleted = succeed(image.cache, "query", "-q", "files is:deleted show path").splitlines()
    assert "/usr/bin/zgrep" not in tree
    assert "/usr/bin/zgrep" in deleted


def build_with_buildah(storage: Storage) -> Path:
    """Commit an image of four layers; return where buildah mounts what it shows."""
    require("tar")
    container = storage.buildah("from", "scratch").strip()
    for number, change in enumerate((install, upgrade, remove, replace_kinds)):
        change(Path(storage.buildah("mount", container).strip()))
        storage.buildah("commit", "--quiet", container, name := f"step-{number}")
        container = storage.buildah("from", name).strip()
    storage.buildah("tag", name, "built")
    return Path(storage.buildah("mount", container).strip())


def install(root: Path) -> None:
    archive = real_trees.packages("base-files", "gzip", "perl-base")
    command = ["tar", "--extract", "--preserve-permissions", "--directory", root]
    subprocess.run(command, check=True, input=archive)


def upgrade(root: Path) -> None:
    for number, path in enumerate(sorted((root / "usr/bin").iterdir())):
        if path.is_file() and not path.is_symlink() and number % 2:
            with path.open("ab") as file:
                file.write(b"upgraded")
    (root / "usr/bin/perl").chmod(0o4755)
    with (root / "sparse").open("wb") as file:
        file.truncate(20_000_000)
    if real_trees.can_hold_attributes(root):
        os.setxattr(root / "sparse", "security.capability", real_trees.CAPABILITY)


def remove(root: Path) -> None:
    (root / "usr/bin/zgrep").unlink()
    shutil.rmtree(root / "usr/share/doc")
    (root / "usr/share/doc").mkdir()
    (root / "usr/share/doc/only").write_text("one document is left\n")
    (root / real_trees.LONG / real_trees.LONG).mkdir(parents=True)
    (root / real_trees.LONG / real_trees.LONG / "file").write_text("long")


def replace_kinds(root: Path) -> None:
    """Replace a directory by a symlink and a file by a directory, and add a hard link."""
    shutil.rmtree(root / "usr/share/doc")
    (root / "usr/share/doc").symlink_to("base-files")
    (root / "usr/bin/zless").unlink()
    (root / "usr/bin/zless").mkdir(mode=0o1777)
    (root / "usr/bin/zless").chmod(0o1777)
    os.link(root / "usr/bin/gzip", root / "usr/bin/gunzip-too")
    os.mkfifo(root / "pipe")
