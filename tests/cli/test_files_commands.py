"""``files``, ``cat``, ``diff`` and ``waste``: what they print, and bad input in one line."""

import gzip
import json
from pathlib import Path

import pytest

from cachedb.archive.tar import reader
from cachedb.limits import Limit
from tests import build as images
from tests.archive import build
from tests.cli.conftest import Run, succeed
from tests.operations.registries import put
from tests.operations.test_image_files import BASE, NAME, OTHER, cache_of, layer
from tests.registry import servers


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return a cache of two images; the second overwrites one file and deletes another."""
    upper = layer(
        build.file("etc/motd", b"two\n"),
        build.file("usr/lib/.wh.os-release"),
        build.file("esc\x1b", b""),
    )
    one = images.image(layer(*BASE), labels={"v": "1"})
    two = images.image(layer(*BASE), upper, labels={"v": "2"})
    return images.layout(tmp_path / "cache", {NAME: one, OTHER: two}).path


def test_files_prints_a_long_listing(run: Run, cache: Path) -> None:
    assert succeed(run, cache, "files", f"{NAME}:/etc") == (
        "drwxr-xr-x  0  0  0  1970-01-01T00:00:00Z  /etc\n"
        "-rw-r--r--  0  0  4  1970-01-01T00:00:00Z  /etc/motd\n"
        "lrw-r--r--  0  0  0  1970-01-01T00:00:00Z  /etc/os-release  -> ../usr/lib/os-release\n"
        "-rw-r--r--  0  0  4  1970-01-01T00:00:00Z  /etc/same\n"
    )


def test_files_prints_a_tree(run: Run, cache: Path) -> None:
    assert succeed(run, cache, "files", "--tree", OTHER) == (
        "/\n"
        "|-- esc\\x1b\n"
        "|-- etc\n"
        "|   |-- motd\n"
        "|   |-- os-release -> ../usr/lib/os-release\n"
        "|   `-- same\n"
        "|-- lib -> usr/lib\n"
        "`-- usr\n"
        "    `-- lib\n"
    )


def test_files_prints_paths_for_pipes(run: Run, cache: Path) -> None:
    assert succeed(run, cache, "files", "-q", "-0", f"{NAME}:/lib/") == (
        "/usr/lib\0/usr/lib/os-release\0"
    )
    assert succeed(run, cache, "files", f"{NAME}:/etc/motd", "--format", "{path} {size}") == (
        "/etc/motd 4\n"
    )


def test_files_of_a_digest_are_listed(run: Run, cache: Path) -> None:
    digest = succeed(run, cache, "find-root", "-q", NAME).strip()

    assert succeed(run, cache, "files", "-q", f"{digest}:/etc/motd") == "/etc/motd\n"


def test_cat_prints_a_file(run: Run, cache: Path) -> None:
    assert succeed(run, cache, "cat", f"{NAME}:/etc/os-release") == "NAME=Test\n"
    assert succeed(run, cache, "cat", f"{OTHER}:/etc/motd") == "two\n"


def test_diff_prints_settings_and_files(run: Run, cache: Path) -> None:
    assert succeed(run, cache, "diff", NAME, OTHER) == (
        "~  config.Labels.v      1 -> 2\n"
        "+  /esc\\x1b             0 B\n"
        "~  /etc/motd            content\n"
        "-  /usr/lib/os-release  10 B\n"
    )


def test_diff_prints_json_with_totals(run: Run, cache: Path) -> None:
    found = json.loads(succeed(run, cache, "diff", "--format", "json", NAME, OTHER))

    assert found["totals"] == {"config": 1, "packages": 0, "files": 3, "bytes": -10}
    assert [file["change"] for file in found["files"]] == ["added", "changed", "removed"]


def test_diff_of_text_files_is_one_that_patch_reads(run: Run, cache: Path) -> None:
    lines = succeed(run, cache, "diff", "--format", "unified", NAME, OTHER).splitlines()

    assert lines[:5] == ["--- a/etc/motd", "+++ b/etc/motd", "@@ -1 +1 @@", "-one", "+two"]


def test_diff_tells_by_its_exit_code_whether_images_differ(run: Run, cache: Path) -> None:
    assert run(cache, "diff", "--quiet", NAME, OTHER).code == 8
    assert run(cache, "diff", "--exit-code", NAME, OTHER).code == 8
    assert succeed(run, cache, "diff", "--quiet", NAME, NAME) == ""


def test_waste_prints_images_files_and_totals(run: Run, cache: Path) -> None:
    assert succeed(run, cache, "waste", OTHER) == (
        "NAME               PLATFORM     STORED  OVERWRITTEN  DELETED  EFFICIENCY\n"
        "example.com/app:2  linux/amd64    18 B          0 B     10 B       44.4%\n"
        "\n"
        "STATE    SIZE  LAYER"
        "                                                                    PATH\n"
        f"deleted  10 B  {layer(*BASE).digest}  /usr/lib/os-release\n"
        "\n"
        "hidden by later layers: 10 B, stored more than once: 0 B\n"
    )


def test_waste_names_an_image_that_cannot_be_measured(run: Run, tmp_path: Path) -> None:
    damaged = images.Blob(b"\x1f\x8bnothing", images.OCI_LAYER_GZIP, "sha256:" + "0" * 64)
    tree = images.layout(tmp_path / "cache", {NAME: images.image(damaged)})

    done = run(tree.path, "waste")

    assert done.code == 8
    assert f"cannot measure 1 image, first '{NAME}'" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["cat", NAME], 2, "has no path of a file"),
        (["cat", ":/etc/motd"], 2, "has no name of an image"),
        (["cat", f"{NAME}:/etc"], 2, "is a directory, not a file"),
        (["cat", f"{NAME}:/absent"], 3, "has no file '/absent'"),
        (["cat", f"{NAME}:/etc/motd", "--format", "json"], 2, "as it is, in no format"),
        (["--format", "{path}", "cat", f"{NAME}:/etc/motd"], 2, "as it is, in no format"),
        (["index", "files", "--all", "--format", "csv"], 2, "cannot be printed as csv"),
        (["files", f"{NAME}:/absent"], 3, "has no file '/absent'"),
        (["files", "example.com/none:1"], 3, "example.com/none:1"),
        (["files", "--tree", "-q", NAME], 2, "--tree prints names as a tree"),
        (["files", "--platform", "linux/s390x", NAME], 3, "s390x"),
        (["diff", NAME, "example.com/none:1"], 3, "example.com/none:1"),
    ],
)
def test_bad_input_is_one_line(
    run: Run, cache: Path, arguments: list[str], code: int, message: str
) -> None:
    done = run(cache, *arguments)

    assert done.code == code
    assert message in done.err.splitlines()[0]
    assert not done.out


def test_index_files_tells_what_it_read(run: Run, cache: Path) -> None:
    first = run(cache, "index", "files", NAME)
    second = run(cache, "index", "files", "--all")

    assert first.err.startswith("indexed 1 layer of 1 image, 0 known before; 8 files, index ")
    assert second.err.startswith("indexed 1 layer of 2 images, 1 known before; 11 files, index ")
    assert (first.code, second.code) == (0, 0)


def test_index_files_prints_json(run: Run, cache: Path) -> None:
    found = json.loads(succeed(run, cache, "index", "files", "--all", "--format", "json"))

    assert (found["images"], found["read"], found["entries"]) == (2, 2, 11)
    assert found["unreadable"] == []


def test_import_indexes_the_files_of_its_images(run: Run, tmp_path: Path) -> None:
    archive = tmp_path / "app.tar"
    archive.write_bytes(images.archive({NAME: images.image(layer(*BASE))}))
    to = tmp_path / "cache"

    done = run(to, "import", str(archive), "--index-files")

    assert (done.code, done.err) == (0, "")
    assert succeed(run, to, "query", "-q", "refs file:/etc/motd show name") == f"{NAME}\n"
    again = run(to, "index", "files", "--all")
    assert again.err.startswith("indexed 0 layers of 1 image, 1 known before")


def test_import_warns_about_a_layer_that_cannot_be_indexed(run: Run, tmp_path: Path) -> None:
    broken = images.Blob(
        gzip.compress(b"no tar" * 999), images.OCI_LAYER_GZIP, "sha256:" + "0" * 64
    )
    archive = tmp_path / "app.tar"
    archive.write_bytes(images.archive({NAME: images.image(broken)}))

    done = run(tmp_path / "cache", "import", str(archive), "--index-files")

    assert done.code == 0
    assert done.err.startswith(f"warning: cannot index layer {broken.digest}: layer sha256:")


def test_index_files_refuses_a_format_before_it_reads(run: Run, cache: Path) -> None:
    run(cache, "index", "files", "--all", "--format", "{name}")

    assert run(cache, "index", "files", "--drop").err == "there is no index of files\n"


def test_cat_ignores_the_format_of_the_environment(
    run: Run, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHEDB_FORMAT", "json")

    assert succeed(run, cache, "cat", f"{NAME}:/etc/motd") == "one\n"


def test_index_files_drops_the_index(run: Run, cache: Path) -> None:
    succeed(run, cache, "index", "files", "--all")

    assert run(cache, "index", "files", "--drop").err == "removed the index of files\n"
    assert run(cache, "index", "files", "--drop").err == "there is no index of files\n"


def test_index_files_names_a_layer_that_cannot_be_read(run: Run, tmp_path: Path) -> None:
    damaged = images.Blob(b"\x1f\x8bnothing", images.OCI_LAYER_GZIP, "sha256:" + "0" * 64)
    tree = images.layout(tmp_path / "cache", {NAME: images.image(damaged)})

    done = run(tree.path, "index", "files", "--all")

    assert done.code == 8
    assert " indexed\n" not in done.err
    assert f"cannot read 1 layer, first {damaged.digest}" in done.err
    again = run(tree.path, "index", "files", "--all")
    for err in (done.err, again.err):
        assert "indexed 0 layers of 1 image, 0 known before; 0 files" in err


@pytest.mark.parametrize("arguments", [[], ["--all", NAME], ["--all", "--drop"]])
def test_index_files_needs_one_choice_of_images(
    run: Run, cache: Path, arguments: list[str]
) -> None:
    done = run(cache, "index", "files", *arguments)

    assert done.code == 2
    assert "name images, or give one of --where, --all and --drop" in done.err


def test_a_query_of_files_tells_what_is_not_indexed(run: Run, tmp_path: Path) -> None:
    one, two = images.image(layer(*BASE)), images.image(layer(build.file("new")))
    with cache_of(tmp_path, one=one, two=two) as cache:
        cache.index_files(NAME)
        root = cache.layout.root

    done = run(root, "query", "refs not file:/etc/motd")

    assert done.err == "1 of 2 refs is not indexed (cachedb index files --all)\n"
    assert OTHER in done.out


def test_a_query_of_files_without_an_index_selects_nothing(run: Run, tmp_path: Path) -> None:
    with cache_of(tmp_path, one=images.image(layer(*BASE))) as cache:
        root = cache.layout.root

    done = run(root, "query", "files")

    assert (done.code, done.err) == (0, "1 of 1 ref is not indexed (cachedb index files --all)\n")
    assert "/etc" not in done.out


def test_dropping_the_index_prints_json(run: Run, cache: Path) -> None:
    succeed(run, cache, "index", "files", "--all")

    for existed in (True, False):
        done = run(cache, "index", "files", "--drop", "--format", "json")
        assert (json.loads(done.out), done.err) == ({"dropped": existed}, "")


def test_waste_limits_the_files_of_its_json_only_when_asked(run: Run, tmp_path: Path) -> None:
    base = layer(*(build.file(f"f{n}", bytes([n]) * (n + 1)) for n in range(12)))
    upper = layer(*(build.file(f".wh.f{n}") for n in range(12)))
    tree = images.layout(tmp_path / "cache", {NAME: images.image(base, upper)})

    def told(*words: str) -> list[int]:
        found = json.loads(succeed(run, tree.path, "waste", "--format", "json", *words))
        return [file["size"] for file in found["images"][0]["files"]]

    assert told() == told("--limit", "0") == list(range(12, 0, -1))
    assert told("--limit", "2") == [12, 11]
    lines = succeed(run, tree.path, "waste", "--limit", "2").splitlines()
    assert sum(line.startswith("deleted") for line in lines) == 2


def test_a_layer_beyond_the_limit_is_a_finding_until_the_limit_is_raised(
    run: Run, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Limit(name="layer members", variable="CACHEDB_LIMIT_LAYER_MEMBERS", value=5)
    with monkeypatch.context() as patched:
        patched.setattr(reader, "LAYER_MEMBERS", small)
        done = run(cache, "index", "files", "--all")

    assert done.code == 8
    assert "cannot read 1 layer" in done.err
    assert "exceeds the layer members limit of 5" in done.err
    assert done.err.startswith("indexed 1 layer of 2 images, 0 known before; 3 files")
    again = run(cache, "index", "files", "--all")
    assert (again.code, again.err.splitlines()[-1].partition(",")[0]) == (
        0, "indexed 1 layer of 2 images",
    )  # fmt: skip
    assert "1 known before" in again.err


@pytest.fixture(scope="module")
def registry(registry: servers.Served) -> servers.Served:
    put(registry.host, "t/app", images.image(layer(*BASE)), tag="1")
    return registry


def test_pull_indexes_the_files_of_its_images(
    run: Run, tmp_path: Path, registry: servers.Served
) -> None:
    name = f"{registry.host}/t/app:1"

    succeed(run, tmp_path / "cache", "pull", name, "--index-files")

    found = succeed(run, tmp_path / "cache", "query", "-q", "refs file:/etc/motd show name")
    assert found == f"{name}\n"
    again = run(tmp_path / "cache", "index", "files", "--all")
    assert again.err.startswith("indexed 0 layers of 1 image, 1 known before")


def test_sync_indexes_the_files_of_its_images(
    run: Run, tmp_path: Path, registry: servers.Served
) -> None:
    file = tmp_path / "sync.yml"
    file.write_text(f"{registry.host}:\n  tls-verify: false\n  images:\n    t/app: ['1']\n")

    succeed(run, tmp_path / "cache", "sync", file, "--index-files")

    assert succeed(run, tmp_path / "cache", "query", "-q", "refs is:listed show name") == (
        f"{registry.host}/t/app:1\n"
    )


@pytest.fixture
def odd(run: Run, tmp_path: Path) -> Path:
    """Return an indexed cache of two images; the second deletes a file whose name is not UTF-8."""
    base = layer(build.file("caf\udce9", b"one\n"), build.link("link", "caf\udce9"))
    upper = layer(build.file(".wh.caf\udce9"), build.file("th\udce9", b"two\n"))
    one, two = images.image(base), images.image(base, upper)
    cache = images.layout(tmp_path / "cache", {NAME: one, OTHER: two}).path
    succeed(run, cache, "index", "files", "-q", "--all")
    return cache


def test_a_name_that_is_not_utf_8_prints_escaped(run: Run, odd: Path) -> None:
    for arguments, printed in (
        (["files", NAME], "/caf\\udce9\n"),
        (["files", NAME], "-> caf\\udce9\n"),
        (["files", "--tree", NAME], "|-- caf\\udce9\n"),
        (["files", "-q", NAME], "/caf\\udce9\n"),
        (["files", "-q", f"{NAME}:/caf\udce9"], "/caf\\udce9\n"),
        (["files", "--format", "json", NAME], '"path": "/caf\\udce9"'),
        (["files", "--format", "csv", NAME], ",/caf\\udce9,"),
        (["files", "--format", "{path}", NAME], "/caf\\udce9\n"),
        (["diff", NAME, OTHER], "-  /caf\\udce9"),
        (["diff", "--format", "json", NAME, OTHER], '"path": "/caf\\udce9"'),
        (["waste", OTHER], "/caf\\udce9\n"),
        (["waste", "--format", "json", OTHER], '"path": "/caf\\udce9"'),
        (["query", "files name:caf*"], "/caf\\udce9 "),
        (["query", "-q", "files name:caf* type:file show path"], "/caf\\udce9\n"),
        (["query", "--format", "csv", "files name:caf*"], "/caf\\udce9,"),
        (["query", "--format", "{target}", "files name:link"], "caf\\udce9\n"),
    ):
        assert printed in succeed(run, odd, *arguments), arguments


def test_a_name_that_is_not_utf_8_is_the_same_in_json_of_files_and_of_queries(
    run: Run, odd: Path
) -> None:
    listed = json.loads(succeed(run, odd, "files", "--format", "json", NAME))
    query = f"files any manifest(ref.name:{NAME}) show path sort path"
    found = json.loads(succeed(run, odd, "query", "--format", "json", query))

    assert [row["path"] for row in found] == [
        row["path"].encode("utf-8", "backslashreplace").decode() for row in listed
    ]


def test_files_whose_names_are_not_utf_8_are_read_and_compared(run: Run, odd: Path) -> None:
    assert succeed(run, odd, "cat", f"{NAME}:/caf\udce9") == "one\n"
    assert succeed(run, odd, "cat", f"{NAME}:/link") == "one\n"
    assert succeed(run, odd, "query", "-q", "refs file:/caf\\\\udce9 show name") == f"{NAME}\n"
