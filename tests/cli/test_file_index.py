"""The index of files as its users meet it: what is read, what is kept, and what queries find."""

import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cachedb.archive.image_tree import LayerFile
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.cache import Cache
from cachedb.catalog.connect import Catalog
from cachedb.oci import Digest
from cachedb.operations.files import file_rows, index_files
from tests import build as images
from tests.archive import build
from tests.cli.conftest import Run, succeed
from tests.interop import real_trees
from tests.operations.registries import put
from tests.operations.test_image_files import BASE, NAME, OTHER, layer
from tests.programs import require
from tests.registry import servers

LOG4J = layer(build.file("opt/app/lib/log4j-core-2.14.jar", b"jar"))
TOOLS = layer(
    build.directory("usr/bin"),
    build.file("usr/bin/bash", b"b" * 1_200_000, mode=0o755),
    build.file("usr/bin/su", b"su", mode=0o4755),
    build.file("usr/bin/ls", b"ls", mode=0o755),
)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return a cache of two images: one of tools, one of a Java program; nothing is indexed."""
    named = {NAME: images.image(TOOLS), OTHER: images.image(layer(*BASE), LOG4J)}
    return images.layout(tmp_path / "cache", named).path


# -- what is indexed ------------------------------------------------------------------------------


def test_index_files_reads_the_images_of_a_query(run: Run, cache: Path) -> None:
    done = run(cache, "index", "files", "--where", f"refs name:{OTHER}")

    assert done.code == 0
    assert done.err.splitlines()[-1].startswith("indexed 2 layers of 1 image, 0 known before")
    assert succeed(run, cache, "query", "-q", "refs is:listed show name") == f"{OTHER}\n"
    assert succeed(run, cache, "query", "-q", "refs not is:listed show name") == f"{NAME}\n"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("files path:/usr/bin/* size gt 1M show path", ["/usr/bin/bash"]),
        ("refs file:/usr/bin/bash show name", [NAME]),
        ("refs not file:**/log4j-core-*.jar show name", [NAME]),
        (f"files layer.digest:{LOG4J.digest} type:file show path",
         ["/opt/app/lib/log4j-core-2.14.jar"]),
        ("layers file.is:setuid", [TOOLS.digest]),
        ("layers file:/usr/bin/su", [TOOLS.digest]),
        ("refs(files name:log4j*) show name", [OTHER]),
        (f"files any manifest(ref.name:{NAME}) type:file show path sort path",
         ["/usr/bin/bash", "/usr/bin/ls", "/usr/bin/su"]),
        ("refs any layer(any file(name:su is:setuid)) show name", [NAME]),
    ],
)  # fmt: skip
def test_queries_find_files_by_layers_and_refs(
    run: Run, cache: Path, query: str, expected: list[str]
) -> None:
    succeed(run, cache, "index", "files", "-q", "--all")

    assert succeed(run, cache, "query", "-q", query).splitlines() == expected


def test_a_query_of_a_digest_finds_every_place_of_a_content(run: Run, cache: Path) -> None:
    succeed(run, cache, "index", "files", "-q", "--all")
    query = f"files sha256:{hashlib.sha256(b'su').hexdigest()[:12]} show path,layer"

    found = json.loads(succeed(run, cache, "query", "--format", "json", query))

    assert found == [{"path": "/usr/bin/su", "layer": TOOLS.digest}]


def test_explain_describes_a_query_of_files_that_scans_no_entries(run: Run, cache: Path) -> None:
    succeed(run, cache, "index", "files", "-q", "--all")

    told = succeed(run, cache, "query", "--explain", "refs file:/usr/bin/bash")

    (meaning,) = (line for line in told.splitlines() if line.startswith("meaning"))
    assert "a file that containers of an image inside see whose path is `/usr/bin/bash`" in meaning
    plan = [line for line in told.splitlines() if line.startswith("plan")]
    assert any("ix_files_entry_path_id" in line for line in plan)
    assert not any("SCAN" in line and "entry" in line for line in plan)


# -- no second read -------------------------------------------------------------------------------


def traced(folder: Path, cache: Path, *arguments: str) -> list[str]:
    """Run a command under strace; return its calls that open or read files."""
    require("strace")
    trace = folder / "trace"
    command = [sys.executable, "-m", "cachedb", *arguments, "--cache", str(cache)]
    calls = "trace=openat,read,pread64,readv"
    subprocess.run(["strace", "-f", "-y", "-e", calls, "-o", trace, *command], check=True)
    return trace.read_text().splitlines()


def read_from(calls: list[str], path: Path) -> int:
    """Return the bytes that were read from a file."""
    counts = (
        re.search(r"= (\d+)$", call)
        for call in calls
        if "read" in call and f"<{path}>" in call and "openat" not in call
    )
    return sum(int(found[1]) for found in counts if found)


def layer_reads(calls: list[str], cache: Path) -> dict[str, int]:
    """Return the bytes that were read from each layer in the cache."""
    blobs = cache / "blobs/sha256"
    paths = {each.digest: blobs / each.digest.partition(":")[2] for each in (TOOLS, LOG4J)}
    return {digest: read_from(calls, path) for digest, path in paths.items()}


def test_an_import_with_index_files_reads_its_archive_once_and_no_layer(tmp_path: Path) -> None:
    archive, caches = tmp_path / "app.tar", (tmp_path / "plain", tmp_path / "cache")
    archive.write_bytes(images.archive({NAME: images.image(TOOLS, LOG4J)}))
    plain = traced(tmp_path, caches[0], "import", "-q", str(archive))

    indexed = traced(tmp_path, caches[1], "import", "-q", str(archive), "--index-files")

    assert read_from(indexed, archive) == read_from(plain, archive) > 0
    assert layer_reads(indexed, caches[1]) == layer_reads(plain, caches[0])
    assert set(layer_reads(indexed, caches[1]).values()) <= {0, 1}  # a byte tells its kind


@pytest.fixture(scope="module")
def registry(registry: servers.Served) -> servers.Served:
    put(registry.host, "t/tools", images.image(TOOLS, LOG4J), tag="1")
    return registry


def test_a_pull_with_index_files_reads_no_layer_from_the_cache(
    tmp_path: Path, registry: servers.Served
) -> None:
    name = f"{registry.host}/t/tools:1"

    calls = traced(tmp_path, tmp_path / "cache", "pull", "-q", name, "--index-files")

    assert set(layer_reads(calls, tmp_path / "cache").values()) <= {0, 1}  # a byte tells its kind
    with Cache.open(tmp_path / "cache") as cache:
        assert [row.name for row in cache.query("refs file:/usr/bin/bash show name")] == [name]


# -- how it is kept -------------------------------------------------------------------------------


def test_the_catalog_stays_as_small_as_without_an_index(run: Run, cache: Path) -> None:
    succeed(run, cache, "ls")
    (catalog,) = cache.rglob("index.db")
    before = catalog.stat().st_size

    succeed(run, cache, "index", "files", "-q", "--all")

    assert catalog.stat().st_size == before
    assert (catalog.parent / "files.db").stat().st_size > 0


def test_two_layers_are_read_at_the_same_time(
    run: Run, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the first two readers waits for the other one."""
    both = threading.Barrier(2)
    waiting = iter(range(2))
    original = index_files.hash_members

    def hash_members(source: Any, *, name: str) -> Iterator[LayerFile]:
        if next(waiting, None) is not None:
            both.wait(timeout=60)
        return original(source, name=name)

    monkeypatch.setattr(index_files, "hash_members", hash_members)
    monkeypatch.setattr(index_files.os, "cpu_count", lambda: 2)

    assert run(cache, "index", "files", "--all").code == 0
    assert not both.broken


def test_the_index_takes_at_most_100_bytes_for_a_file_of_debian(tmp_path: Path) -> None:
    """The paths are those of required packages; an empty index has a page for each table."""
    paths = real_trees.paths_of(*real_trees.required())
    directories = {path.rpartition("/")[0] for path in paths}
    entries = [entry_of(path, is_directory=path in directories) for path in paths]
    catalog = Catalog.open(tmp_path / "index.db")
    with catalog.writing_files():
        pass
    empty = catalog.files_index_size
    with catalog.writing_files() as connection:
        file_rows.write_layer(connection, Digest.of(b"layer"), entries)
    size = catalog.files_index_size - empty
    catalog.close()

    assert len(entries) > 2_000
    assert size / len(entries) <= 100


def entry_of(path: str, *, is_directory: bool) -> LayerFile:
    if is_directory:
        return LayerFile(Member(path=path, kind=MemberKind.DIRECTORY, mode=0o755))
    size = len(path) * 977
    file = Member(path=path, kind=MemberKind.FILE, size=size, modified_ns=1_700_000_000 * 10**9)
    return LayerFile(file, hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest())


# -- what is printed ------------------------------------------------------------------------------


def test_a_path_with_a_colon_begins_at_the_first_colon_before_a_slash(
    run: Run, tmp_path: Path
) -> None:
    image = images.image(layer(build.directory("a:"), build.file("a:/b", b"1")))
    cache = images.layout(tmp_path / "cache", {"localhost:5000/app:1": image}).path

    assert succeed(run, cache, "cat", "localhost:5000/app:1:/a:/b") == "1"
    assert succeed(run, cache, "files", "-q", "localhost:5000/app:1:/a:") == "/a:\n/a:/b\n"


def test_cat_follows_symlinks_inside_the_image_only(run: Run, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_text("of the host\n")
    image = images.image(
        layer(
            build.file("etc/motd", b"of the image\n"),
            build.link("climbs", "../../../../../../etc/motd"),
            build.link("absolute", "/etc/motd"),
            build.link("host", str(outside)),
            build.link("up", f"../../../../../../../..{outside}"),
        )
    )
    cache = images.layout(tmp_path / "cache", {NAME: image}).path

    for path in ("climbs", "absolute"):
        assert succeed(run, cache, "cat", f"{NAME}:/{path}") == "of the image\n"
    for path in ("host", "up"):
        done = run(cache, "cat", f"{NAME}:/{path}")
        assert (done.code, done.out) == (3, "")


def test_diff_prints_packages_and_platforms_that_differ(run: Run, tmp_path: Path) -> None:
    one = images.image(layer(*BASE))
    two = images.image(layer(*BASE), arch="arm64")
    tree = images.layout(tmp_path / "cache", {NAME: one, OTHER: two})
    tree.add(images.sbom(one, {"curl": "7.88.1", "zlib": "1.2", "less": "5"}))
    tree.add(images.sbom(two, {"curl": "8.0.0", "zlib": "1.2", "vim": "9"}))

    printed = succeed(run, tree.path, "diff", NAME, OTHER)
    found = json.loads(succeed(run, tree.path, "diff", "--format", "json", NAME, OTHER))

    assert re.search(r"^~  .*platform.*amd64 -> linux/arm64", printed, re.MULTILINE)
    changes = {each["name"]: (each["before"], each["after"]) for each in found["packages"]}
    assert changes == {
        "curl": (["7.88.1"], ["8.0.0"]),
        "less": (["5"], []),
        "vim": ([], ["9"]),
    }
    for name in changes:
        assert re.search(rf"^[-+~] .*{name}", printed, re.MULTILINE)


def test_waste_measures_every_image_at_once(run: Run, cache: Path) -> None:
    succeed(run, cache, "index", "files", "-q", "--all")

    found = json.loads(succeed(run, cache, "waste", "--format", "json"))

    assert [image["name"] for image in found["images"]] == [NAME, OTHER]
