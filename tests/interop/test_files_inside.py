"""Files of an image beside the tools that unpack it."""

import hashlib
import io
import json
import stat
import tarfile
from collections import Counter
from pathlib import Path
from typing import IO, cast

from tests import build
from tests.archive import build as archives
from tests.interop.tools import archive_system, succeed, umoci

NAME = "x.io/system:1"
BYTES = 4_000_000


def test_files_lists_and_reads_what_umoci_unpacks(tmp_path: Path) -> None:
    cache = system_image(tmp_path)
    bundle = tmp_path / "bundle"
    umoci("unpack", "--rootless", "--image", f"{cache}:{NAME}", bundle)
    rootfs = bundle / "rootfs"

    listed = set(succeed(cache, "files", "-q", "-0", NAME).split("\0")) - {"", "/"}

    assert listed == {f"/{path.relative_to(rootfs)}" for path in rootfs.rglob("*")}
    texts = [path for path in sorted(rootfs.rglob("*")) if is_text(path)]
    chosen = texts[:: len(texts) // 10]
    assert len(chosen) >= 10
    for path in chosen:
        printed = succeed(cache, "cat", f"{NAME}:/{path.relative_to(rootfs)}")
        assert printed.encode() == path.read_bytes()


def system_image(folder: Path) -> Path:
    """Make an image of files of this system, and a layer that deletes every tenth of them."""
    base = folder / "base.tar"
    archive_system(base, BYTES)
    with tarfile.open(base) as found:
        names = [info.name for info in found if info.isreg()]
    deleted = {f"{name.rpartition('/')[0]}/.wh.{name.rpartition('/')[2]}" for name in names[::10]}
    layers = [blob(base.read_bytes()), blob(build.tar(dict.fromkeys(sorted(deleted), "")))]
    return build.layout(folder / "cache", {NAME: build.image(*layers)}).path


def blob(archive: bytes) -> build.Blob:
    return build.Blob(archive, build.OCI_LAYER, "sha256:" + hashlib.sha256(archive).hexdigest())


def is_text(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    content = path.read_bytes()
    return content.isascii() and b"\r" not in content


def test_waste_counts_what_umoci_does_not_unpack_and_copies_that_hashes_find(
    tmp_path: Path,
) -> None:
    """The bytes of all layers are those that umoci unpacks, and those that no container sees."""
    base = tmp_path / "base.tar"
    archive_system(base, BYTES)
    with tarfile.open(base) as found:
        names = [info.name for info in found if info.isreg()]
    gone = {f"{name.rpartition('/')[0]}/.wh.{name.rpartition('/')[2]}": "" for name in names[::10]}
    changed = dict.fromkeys(names[5::10], "changed")
    archives = [base.read_bytes(), build.tar(gone), build.tar(changed), build.tar(changed)]
    image = build.image(*map(blob, archives))
    cache = build.layout(tmp_path / "cache", {NAME: image}).path
    bundle = tmp_path / "bundle"
    umoci("unpack", "--rootless", "--image", f"{cache}:{NAME}", bundle)

    stored, contents = 0, Counter[bytes]()
    for archive in {*archives}:  # a layer that an image has twice is one blob
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            for info in filter(tarfile.TarInfo.isreg, members):
                if not info.name.rpartition("/")[2].startswith(".wh."):
                    contents[cast("IO[bytes]", members.extractfile(info)).read()] += 1
    for archive in archives:
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            stored += sum(info.size for info in members if info.isreg())
    states = {
        state.st_ino: state.st_size
        for path in (bundle / "rootfs").rglob("*")
        if stat.S_ISREG((state := path.lstat()).st_mode)
    }
    copies = sum((number - 1) * len(content) for content, number in contents.items())
    assert 0 < sum(states.values()) < stored
    assert copies > 0
    for _ in ("from the layers", "from the index"):
        report = json.loads(succeed(cache, "waste", "--format", "json", NAME))
        (measured,) = report["images"]
        assert measured["stored"] == stored
        assert measured["overwritten"] + measured["deleted"] == stored - sum(states.values())
        assert sum(each["wasted"] for each in report["duplicates"]) == copies
        succeed(cache, "index", "files", "--all")


def test_files_behind_symlinks_of_lower_layers_are_where_umoci_and_the_export_have_them(
    tmp_path: Path,
) -> None:
    cache, rootfs, exported = merged_usr(tmp_path)
    unpacked = {f"/{path.relative_to(rootfs)}" for path in rootfs.rglob("*")}

    listed = set(succeed(cache, "files", "-q", NAME).splitlines()) - {"/"}
    assert listed == unpacked
    with tarfile.open(exported) as archive:
        assert {f"/{info.name}" for info in archive} == unpacked
    assert "/usr/bin/bash" in listed
    for path in ("/usr/bin/bash", "/bin/bash", "/lib64/deep/er/so"):
        content = (rootfs / "usr/bin/bash").read_bytes()
        if path.startswith("/lib64"):
            content = (rootfs / "usr/lib64/deep/er/so").read_bytes()
        assert succeed(cache, "cat", f"{NAME}:{path}").encode() == content


def test_queries_and_diffs_know_the_places_that_umoci_unpacks_to(tmp_path: Path) -> None:
    cache, rootfs, _ = merged_usr(tmp_path)
    unindexed = json.loads(succeed(cache, "diff", "--format", "json", BASE_NAME, NAME))
    wasted = succeed(cache, "waste", "--format", "json", NAME)
    succeed(cache, "index", "files", "--all")

    for path in ("/usr/bin/bash", "/usr/lib64/deep/er/so", "/usr/lib64/deep"):
        assert (rootfs / path[1:]).exists()
        assert succeed(cache, "query", "-q", f"refs file:{path} show name") == f"{NAME}\n"
    assert succeed(cache, "query", "-q", "refs file:/bin/bash show name") == ""
    assert succeed(cache, "query", "-q", "refs not file:/usr/bin/sh show name") == f"{NAME}\n"
    assert not (rootfs / "usr/bin/sh").exists()
    visible = f"files any manifest(ref.name:{NAME})"
    shown = succeed(cache, "query", "--format", "{path}", visible).splitlines()
    assert sorted(shown) == sorted(
        ["/", *(f"/{path.relative_to(rootfs)}" for path in rootfs.rglob("*"))]
    )
    indexed = json.loads(succeed(cache, "diff", "--format", "json", BASE_NAME, NAME))
    for side in (indexed, unindexed):
        for file in side["files"]:
            for each in ("before", "after"):
                if file[each]:
                    del file[each]["sha256"]  # without an index only what has to be hashed
    assert indexed == unindexed
    changes = {file["path"]: file["change"] for file in indexed["files"]}
    assert changes == {
        "/usr/bin/bash": "added",
        "/usr/bin/rbash": "added",
        "/usr/bin/sh": "removed",
        "/usr/bin/tool": "changed",
        "/usr/lib64/deep": "added",
        "/usr/lib64/deep/er": "added",
        "/usr/lib64/deep/er/so": "added",
    }
    assert succeed(cache, "waste", "--format", "json", NAME) == wasted
    (image,) = json.loads(wasted)["images"]
    assert {(file["path"], file["state"]) for file in image["files"]} == {
        ("/usr/bin/sh", "deleted"),
        ("/usr/bin/tool", "overwritten"),
    }


BASE_NAME = "x.io/base:1"


def merged_usr(folder: Path) -> tuple[Path, Path, Path]:
    """Make an image that writes through `bin -> usr/bin`; return cache, unpacked tree, export."""
    base = archives.tar(
        archives.directory("usr"),
        archives.directory("usr/bin"),
        archives.directory("usr/lib64"),
        archives.link("bin", "usr/bin"),
        archives.link("lib64", "/usr/lib64"),
        archives.file("usr/bin/sh", b"dash"),
        archives.file("usr/bin/tool", b"one"),
    )
    upper = archives.tar(
        archives.file("bin/bash", b"#! bash"),
        archives.link("bin/rbash", "bin/bash", "hardlink"),
        archives.file("bin/tool", b"two"),
        archives.file("bin/.wh.sh"),
        archives.file("lib64/deep/er/so", b"ELF"),
    )
    one, two = blob(base), blob(upper)
    cache = build.layout(
        folder / "cache", {BASE_NAME: build.image(one), NAME: build.image(one, two)}
    ).path
    umoci("unpack", "--rootless", "--image", f"{cache}:{NAME}", folder / "bundle")
    exported = folder / "export.tar"
    succeed(cache, "export", "--quiet", "--format", "filesystem", "-o", exported, NAME)
    return cache, folder / "bundle" / "rootfs", exported
