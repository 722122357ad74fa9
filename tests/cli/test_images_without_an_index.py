"""One manifest a platform under one name, as tools write that make no index: one image."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.feedback.progress import UNWATCHED
from cachedb.linuxkit.provider import Provider
from cachedb.oci import Platform
from cachedb.operations.archives.import_ import ImportOptions
from tests import build
from tests.cli.conftest import Run, succeed

NAME = "example.com/tool:1"
OTHER_NAME = "example.com/other:1"
AMD = build.image(build.layer({"bin/tool": "amd64"}), labels={"for": "amd64"})
ARM = build.image(build.layer({"bin/tool": "arm64"}), arch="arm64", labels={"for": "arm64"})
OTHER = build.image(build.layer({"bin/other": ""}))
PLATFORMS = ["linux/amd64", "linux/arm64"]


def entry(image: build.Thing, name: str = NAME, **more: object) -> build.Json:
    return image.descriptor(annotations={build.REF_NAME: name}, platform=None, **more)


def split(folder: Path, *entries: build.Json) -> build.Tree:
    """Make a layout with an entry of one name for each platform, and others."""
    tree = build.layout(folder, {OTHER_NAME: OTHER})
    tree.put(*AMD.blobs, *ARM.blobs)
    tree.write_entries([*tree.entries(), *(entries or (entry(AMD), entry(ARM)))])
    return tree


@pytest.fixture
def tree(tmp_path: Path) -> build.Tree:
    return split(tmp_path / "cache")


def archived(path: Path) -> list[tuple[str, str]]:
    """Return names and digests of the entries of an archive."""
    with tarfile.open(path) as archive:
        member = archive.extractfile("index.json")
        assert member is not None
        entries = json.load(member)["manifests"]
    return [(each["annotations"][build.REF_NAME], each["digest"]) for each in entries]


@pytest.mark.parametrize("declared", [False, True], ids=["by its config", "by its entry"])
def test_ls_lists_it_once_with_its_platforms(run: Run, tmp_path: Path, declared: bool) -> None:
    platforms = [{"os": "linux", "architecture": arch} for arch in ("amd64", "arm64")]
    entries = [entry(AMD), entry(ARM)]
    if declared:
        entries = [one | {"platform": its} for one, its in zip(entries, platforms, strict=True)]
    tree = split(tmp_path / "cache", *entries)
    for query in ([], ["tool"]):
        found = json.loads(succeed(run, tree.path, "ls", "--format", "json", *query))
        (row,) = [row for row in found if row["name"] == NAME]
        assert row["platforms"] == PLATFORMS
        assert row["digest"] is None
    assert succeed(run, tree.path, "ls", "-q", "tool").split() == [AMD.digest, ARM.digest]
    assert "<per platform>" in succeed(run, tree.path, "ls")


def test_a_query_that_one_platform_matches_lists_the_whole_image(
    run: Run, tree: build.Tree
) -> None:
    found = json.loads(succeed(run, tree.path, "ls", "--format", "json", "label:for=arm64"))
    assert [(row["name"], row["platforms"]) for row in found] == [(NAME, PLATFORMS)]


def test_every_reading_command_shows_all_platforms(run: Run, tree: build.Tree) -> None:
    shown = json.loads(succeed(run, tree.path, "show", "--format", "json", NAME))
    assert [each["platform"] for each in shown["platforms"]] == PLATFORMS
    assert shown["digest"] is None
    assert shown["size"] == sum(blob.size for blob in {*AMD.blobs, *ARM.blobs})
    digests = f"{AMD.digest}\n{ARM.digest}\n"
    assert succeed(run, tree.path, "show", "-q", NAME) == digests
    assert succeed(run, tree.path, "find-root", "-q", NAME) == digests
    assert succeed(run, tree.path, "why", "-q", NAME) == digests
    node = json.loads(succeed(run, tree.path, "tree", "--format", "json", NAME))
    assert (node["digest"], node["kind"]) == (None, "image")
    assert [each["digest"] for each in node["children"]] == [AMD.digest, ARM.digest]
    assert "one manifest per platform" in succeed(run, tree.path, "tree", NAME)
    assert set(succeed(run, tree.path, "tree", "-q", NAME).split()) == AMD.digests | ARM.digests
    du = json.loads(succeed(run, tree.path, "du", "--format", "json", NAME))
    assert du["totals"]["exclusive"] == shown["size"]
    assert "6 blobs" in run(tree.path, "verify", NAME).err


def test_du_measures_the_platforms_together(run: Run, tree: build.Tree) -> None:
    base = build.layer({"base": "shared"})
    amd, arm = build.image(base), build.image(base, arch="arm64")
    tree.put(*amd.blobs, *arm.blobs)
    tree.write_entries(
        [entry(amd), entry(arm), entry(arm, "example.com/arm:1"), entry(OTHER, "x")]
    )
    found = json.loads(succeed(run, tree.path, "du", "--format", "json"))
    rows = {tuple(row["names"]): row for row in found["images"]}
    assert rows[NAME,]["size"] == sum(blob.size for blob in {*amd.blobs, *arm.blobs})
    assert rows[NAME,]["exclusive"] == sum(b.size for b in set(amd.blobs) - set(arm.blobs))
    assert rows["example.com/arm:1",]["exclusive"] == 0
    totals = found["totals"]
    assert totals["exclusive"] + totals["shared"] + totals["garbage"] == totals["total"]


def test_validate_reports_the_platforms_of_one_image(run: Run, tree: build.Tree) -> None:
    (found, *_), done = (
        json.loads(succeed(run, tree.path, "validate", "--format", "json", NAME)),
        run(tree.path, "validate", "-p", "linux/arm64", "-p", "linux/amd64", NAME),
    )
    assert found["platform"] == "linux/amd64"
    assert done.code == 0
    missing = run(tree.path, "validate", "-p", "linux/riscv64", NAME)
    assert missing.code == 8
    assert "findings in 1 of 1 image" in missing.err
    tree.flip(ARM.layers[0].digest)
    assert "findings in 1 of 2 images" in run(tree.path, "validate", "--deep").err


def test_export_writes_an_entry_for_each_platform(
    run: Run, tree: build.Tree, tmp_path: Path
) -> None:
    archive = tmp_path / "a.tar"
    succeed(run, tree.path, "export", "-o", archive, NAME)
    assert archived(archive) == [(NAME, AMD.digest), (NAME, ARM.digest)]
    with Cache.create(tmp_path / "again") as cache, archive.open("rb") as stream:
        cache.import_archive(stream, "a.tar", ImportOptions(), UNWATCHED)
        assert cache.find_image(NAME).is_split
        assert cache.layout.blobs.stat(cache.find_image(NAME).roots[1].digest) is not None
    succeed(run, tree.path, "export", "-o", archive, "--platform", "linux/arm64", NAME)
    assert archived(archive) == [(NAME, ARM.digest)]
    done = run(tree.path, "export", "-o", archive, "--platform", "linux/riscv64", NAME)
    assert done.code == 3
    assert "linux/amd64, linux/arm64" in done.err


def test_other_forms_hold_the_platform_that_is_asked_for(
    run: Run, tree: build.Tree, tmp_path: Path
) -> None:
    out = tmp_path / "fs.tar"
    succeed(
        run, tree.path, "export", "-o", out, "--format", "filesystem", "-p", "linux/arm64", NAME
    )
    with tarfile.open(out) as archive:
        member = archive.extractfile("bin/tool")
        assert member is not None
        assert member.read() == b"arm64"
    succeed(run, tree.path, "export", "-o", out, "--format", "docker", "-p", "linux/amd64", NAME)
    with tarfile.open(out) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        (listed,) = json.load(manifest)
    assert listed["Config"].endswith(AMD.config.digest.partition(":")[2])


def test_rm_of_the_name_removes_all_platforms_and_gc_frees_them(
    run: Run, tree: build.Tree
) -> None:
    assert "removed 2 names" in run(tree.path, "rm", NAME).err
    assert [each["digest"] for each in tree.entries()] == [OTHER.digest]
    succeed(run, tree.path, "gc", "--grace", "0s")
    assert tree.blobs() == OTHER.digests


def test_gc_keeps_every_platform(run: Run, tree: build.Tree) -> None:
    succeed(run, tree.path, "gc", "--grace", "0s")
    assert tree.blobs() == AMD.digests | ARM.digests | OTHER.digests


def test_one_platform_is_addressed_and_removed_by_its_digest(run: Run, tree: build.Tree) -> None:
    assert succeed(run, tree.path, "show", "-q", f"{NAME}@{ARM.digest}") == f"{ARM.digest}\n"
    succeed(run, tree.path, "rm", f"{NAME}@{ARM.digest}")
    listed = json.loads(succeed(run, tree.path, "ls", "--format", "json"))
    assert {row["name"]: row["digest"] for row in listed}[NAME] == AMD.digest


@pytest.mark.parametrize(
    "entries",
    [
        [entry(AMD), entry(build.image(labels={"another": "amd64"}))],
        [entry(AMD), entry(build.index(AMD, ARM))],
        [entry(build.index(AMD)), entry(build.index(ARM))],
        [entry(AMD), entry(ARM), entry(build.image(labels={"a": "third"}))],
    ],
    ids=["same platform", "image and index", "two indexes", "one platform twice"],
)
@pytest.mark.parametrize(
    "command", [["show"], ["rm"], ["tree"], ["validate"], ["export", "-o", "-"]]
)
def test_what_cannot_be_told_apart_is_refused_with_choices(
    run: Run, tmp_path: Path, entries: list[build.Json], command: list[str]
) -> None:
    tree = split(tmp_path / "cache", *entries)
    tree.put(*build.index(AMD, ARM).blobs, *build.index(AMD).blobs, *build.index(ARM).blobs)
    tree.put(*build.image(labels={"another": "amd64"}).blobs)
    tree.put(*build.image(labels={"a": "third"}).blobs)
    before = tree.entries()
    done = run(tree.path, *command, NAME)
    assert done.code == 3
    for each in entries:
        assert f"{NAME}@{each['digest']}" in done.err
    assert tree.entries() == before


def test_where_removes_the_image_or_one_platform_of_it(run: Run, tmp_path: Path) -> None:
    for query, kept in (
        ("label:for=arm64", [OTHER]),
        ("platform:linux/amd64 platform:linux/arm64", [OTHER]),
        ("target.label:for=arm64", [OTHER, AMD]),
        ("target.platform:linux/amd64", [ARM]),
    ):
        tree = split(tmp_path / str(len(kept)) / query.replace("/", "-"))
        succeed(run, tree.path, "rm", "--yes", "--where", query)
        assert [each["digest"] for each in tree.entries()] == [each.digest for each in kept]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("platform:linux/amd64 platform:linux/arm64", [NAME, NAME]),
        ("label:for=amd64 label:for=arm64", [NAME, NAME]),
        ("not platform:linux/arm64", [OTHER_NAME]),
        ("no config(label:for=arm64)", [OTHER_NAME]),
        ("count manifest ge 2", [NAME, NAME]),
        ("is:multiarch", [NAME, NAME]),
        ("target.platform:linux/arm64", [NAME]),
        ("not target.platform:linux/arm64", [NAME, OTHER_NAME]),
        ("top 1 by name", [OTHER_NAME]),
        ("top 1 by -name", [NAME, NAME]),
        ("top 2 by -name", [NAME, NAME, OTHER_NAME]),
        ("not top 1 by -name", [OTHER_NAME]),
    ],
)
def test_a_query_sees_in_every_entry_the_whole_image(
    run: Run, tree: build.Tree, query: str, names: list[str]
) -> None:
    found = json.loads(
        succeed(run, tree.path, "query", "--format", "json", f"refs {query} show name sort name")
    )
    assert sorted(row["name"] for row in found) == sorted(names)


def test_sizes_and_times_of_a_query_are_those_of_the_image(run: Run, tree: build.Tree) -> None:
    query = "refs tool show size,exclusive,platform,added"
    one, other = json.loads(succeed(run, tree.path, "query", "--format", "json", query))
    assert one == other
    assert one["size"] == one["exclusive"] == sum(b.size for b in {*AMD.blobs, *ARM.blobs})
    assert one["platform"] == ", ".join(PLATFORMS)


def test_ranks_treat_images_of_one_platform_and_of_several_alike(run: Run, tmp_path: Path) -> None:
    names = [f"example.com/tool:{number}" for number in range(1, 5)]
    entries = [entry(image, name) for name in names for image in (AMD, ARM)]
    tree = split(tmp_path / "cache", *entries)
    kept = "refs top 2 by -tag per repo of (tool) show tag"
    found = json.loads(succeed(run, tree.path, "query", "--format", "json", kept))
    assert sorted(row["tag"] for row in found) == ["3", "3", "4", "4"]
    succeed(run, tree.path, "gc", "--drop", "tool not top 2 by -tag per repo")
    left = [each["annotations"][build.REF_NAME] for each in tree.entries()]
    assert left == [OTHER_NAME, names[2], names[2], names[3], names[3]]


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (["--drop", "not platform:linux/arm64"], (AMD, ARM)),
        (["--drop", "not name:other"], (OTHER,)),
        (["--drop", "not platform:linux/arm64 not name:other"], (OTHER, AMD, ARM)),
        (["--drop", "platform:linux/arm64"], (OTHER,)),
        (["--drop", "target.platform:linux/arm64"], (OTHER, AMD, ARM)),
        (["--keep", "target.platform:linux/arm64", "--drop", "everything"], (AMD, ARM)),
        (["--drop", "tool", "--keep", "label:for=amd64"], (OTHER, AMD, ARM)),
        (["--drop", "label:for=arm64", "--drop", "label:for=amd64"], (OTHER,)),
        (["--drop", "tool"], (OTHER,)),
    ],
)
@pytest.mark.parametrize("command", [["gc"], ["prune", "--yes"]])
def test_a_policy_keeps_or_drops_all_platforms_of_an_image(
    run: Run, tree: build.Tree, policy: list[str], kept: tuple[build.Thing], command: list[str]
) -> None:
    succeed(run, tree.path, *command, *policy)
    assert [each["digest"] for each in tree.entries()] == [each.digest for each in kept]


def test_keep_only_keeps_all_platforms_of_an_image(run: Run, tree: build.Tree) -> None:
    succeed(run, tree.path, "gc", "--keep-only", "platform:linux/arm64")
    assert [each["digest"] for each in tree.entries()] == [AMD.digest, ARM.digest]


def test_gc_states_why_a_platform_that_a_rule_selects_stays(run: Run, tree: build.Tree) -> None:
    done = succeed(
        run, tree.path, "gc", "--dry-run", "--format", "json", "--drop", "target.label:for=arm64"
    )
    reasons = {row["digest"]: row["reason"] for row in json.loads(done)["items"]}
    assert reasons[ARM.digest] == "no rule drops another platform of it"
    assert reasons[AMD.digest] == "no rule drops it"


def test_export_of_a_query_takes_what_the_query_selects(
    run: Run, tree: build.Tree, tmp_path: Path
) -> None:
    archive = tmp_path / "a.tar"
    succeed(run, tree.path, "export", "-o", archive, "--where", "target.label:for=arm64")
    assert archived(archive) == [(NAME, ARM.digest)]
    succeed(run, tree.path, "export", "-o", archive, "--where", "label:for=arm64")
    assert archived(archive) == [(NAME, AMD.digest), (NAME, ARM.digest)]
    succeed(run, tree.path, "export", "-o", archive, "--where", "tool")
    assert archived(archive) == [(NAME, AMD.digest), (NAME, ARM.digest)]


def test_the_sboms_of_all_platforms_are_printed(run: Run, tmp_path: Path) -> None:
    tree = split(tmp_path / "cache")
    for image in (AMD, ARM):
        tree.add(build.sbom(image, {f"for-{image.digest[7:13]}": "1"}))
    done = succeed(run, tree.path, "sbom", "--format", "json", NAME)
    assert [row["platform"] for row in json.loads(done)] == PLATFORMS
    done = succeed(run, tree.path, "sbom", "--format", "json", "-p", "linux/arm64", NAME)
    assert [row["platform"] for row in json.loads(done)] == ["linux/arm64"]


def test_linuxkit_finds_the_manifest_of_a_platform(tree: build.Tree) -> None:
    with Provider(tree.path) as provider:
        for arch, image in (("amd64", AMD), ("arm64", ARM)):
            platform = Platform.parse(f"linux/{arch}")
            assert provider.image_in_cache(NAME, platform)
            config = provider.new_source(NAME, platform).config()
            assert config["Labels"] == {"for": arch}
            content = provider.new_source(NAME, platform).oci_tar_reader().read()
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                assert f"blobs/sha256/{image.digest[7:]}" in archive.getnames()
        assert provider.image_in_cache(NAME)
        assert provider.list()[NAME] in {AMD.digest, ARM.digest}
        assert set(provider.remove(NAME)) == {NAME}
    assert [each["digest"] for each in tree.entries()] == [OTHER.digest]


def test_an_absent_platform_is_left_out_of_an_export(run: Run, tmp_path: Path) -> None:
    arm = entry(ARM) | {"platform": {"os": "linux", "architecture": "arm64"}}
    tree = split(tmp_path / "cache", entry(AMD), arm)
    tree.delete(ARM.digest)
    found = json.loads(succeed(run, tree.path, "ls", "--format", "json"))
    assert {row["name"]: row["state"] for row in found}[NAME] == "broken"
    archive = tmp_path / "a.tar"
    done = run(tree.path, "export", "-o", archive, NAME)
    assert done.code == 0
    assert "linux/arm64" in done.err
    assert archived(archive) == [(NAME, AMD.digest)]


def test_the_files_of_a_platform_are_listed(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        for arch in ("amd64", "arm64"):
            found = cache.read_file(NAME, "/bin/tool", [Platform.parse(f"linux/{arch}")])
            with found.stream as stream:
                assert stream.read() == arch.encode()
