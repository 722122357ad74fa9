"""``cachedb du``: rows, groups, trees, and the totals of every format."""

import csv
import io
import json
from typing import Any

import pytest

from tests import build
from tests.cli.conftest import Run, succeed
from tests.conftest import APP, TOOL

APP_1, TOOL_2 = "example.com/app:1", "docker.io/library/tool:2"


def as_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), strict=True))


def totals_on_disk(tree: build.Tree) -> int:
    return sum(tree.blob_path(digest).stat().st_size for digest in tree.blobs())


def test_the_largest_image_comes_first_and_the_total_last(run: Run, populated: build.Tree) -> None:
    head, *lines = succeed(run, populated.path, "du").splitlines()
    assert head.split() == ["NAMES", "DIGEST", "SIZE", "SHARED", "EXCLUSIVE"]
    assert [line.split()[0] for line in lines] == [APP_1, TOOL_2, "garbage", "total"]


@pytest.mark.parametrize("words", [[], [APP_1], ["--group-by", "registry"]])
def test_rows_and_totals_are_the_same_in_every_format(
    run: Run, populated: build.Tree, words: list[str]
) -> None:
    in_json, in_jsonl, in_csv = (
        succeed(run, populated.path, "du", *words, "--format", form)
        for form in ("json", "jsonl", "csv")
    )
    found = json.loads(in_json)
    listed = found.get("images") or found["groups"]
    lines = [json.loads(line) for line in in_jsonl.splitlines()]
    kinds = {line["kind"] for line in lines[: len(listed)]}
    assert kinds == {"image" if "images" in found else "group"}
    assert [
        {key: value for key, value in line.items() if key != "kind"}
        for line in lines[: len(listed)]
    ] == listed
    rest = lines[len(listed) :]
    assert {line["kind"]: line["size"] for line in rest} == {
        key: value for key, value in found["totals"].items() if key not in {"exclusive", "shared"}
    }
    assert [row["size"] for row in as_csv(in_csv)] == [str(line["size"]) for line in lines]


def test_a_cache_without_images_has_totals_alone(run: Run, tree: build.Tree) -> None:
    found = json.loads(succeed(run, tree.path, "du", "--format", "json"))
    assert found["images"] == []
    assert set(found["totals"].values()) == {0}
    assert [row["kind"] for row in as_csv(succeed(run, tree.path, "du", "--format", "csv"))] == [
        "garbage", "trash", "temporary", "total",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "jsonl", "{names},{digest},{size},{kind}"])
def test_the_last_row_is_the_total_in_every_format(
    run: Run, populated: build.Tree, form: str
) -> None:
    text = succeed(run, populated.path, "du", "--format", form)
    totals = json.loads(succeed(run, populated.path, "du", "--format", "json"))["totals"]
    last: dict[str, Any]
    if form == "csv":
        last = as_csv(text)[-1]
    elif form == "jsonl":
        last = json.loads(text.splitlines()[-1])
    else:
        last = dict(
            zip(("names", "digest", "size", "kind"), text.splitlines()[-1].split(","), strict=True)
        )
    assert last["kind"] == "total"
    assert not last["names"]
    assert not last["digest"]
    assert int(last["size"]) == totals["total"] == totals_on_disk(populated)


def test_the_total_covers_rows_that_the_limit_leaves_out(run: Run, populated: build.Tree) -> None:
    found = json.loads(succeed(run, populated.path, "du", "--limit", 1, "--format", "json"))
    assert [image["digest"] for image in found["images"]] == [APP.digest]
    assert found["totals"]["total"] == totals_on_disk(populated)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param("size", [TOOL_2, APP_1], id="smallest-first"),
        pytest.param("-exclusive", [APP_1, TOOL_2], id="most-exclusive-first"),
        pytest.param("names", [TOOL_2, APP_1], id="by-name"),
        pytest.param("-names,size", [APP_1, TOOL_2], id="two-keys"),
    ],
)
def test_rows_are_sorted_by_columns(
    run: Run, populated: build.Tree, keys: str, expected: list[str]
) -> None:
    found = json.loads(succeed(run, populated.path, "du", "--sort", keys, "--format", "json"))
    assert [name for image in found["images"] for name in image["names"]] == expected


def test_names_are_measured_each_and_together(run: Run, populated: build.Tree) -> None:
    text = succeed(run, populated.path, "du", APP_1, TOOL_2, "--format", "json")
    found = json.loads(text)
    everything = APP.digests | TOOL.digests
    size = sum(populated.blob_path(digest).stat().st_size for digest in everything)
    assert found["totals"] == {"exclusive": size, "shared": 0, "total": size}
    assert len(found["images"]) == 2
    assert all(image["shared"] for image in found["images"])


def test_an_image_of_two_names_is_one_row_and_one_name_frees_nothing(
    run: Run, tree: build.Tree
) -> None:
    tree.add(TOOL, "example.com/tool:1")
    tree.add(TOOL, "example.com/tool:2")
    found = json.loads(succeed(run, tree.path, "du", "example.com/tool:1", "--format", "json"))
    (image,) = found["images"]
    assert image["names"] == ["example.com/tool:1", "example.com/tool:2"]
    assert image["exclusive"] == image["size"]
    assert found["totals"]["exclusive"] == 0


def test_groups_add_up_to_what_they_hold_alone_and_together(
    run: Run, populated: build.Tree
) -> None:
    for key in ("registry", "repository"):
        text = succeed(run, populated.path, "du", "--group-by", key, "--format", "json")
        found = json.loads(text)
        groups = {group["group"]: group for group in found["groups"]}
        suffix = "" if key == "registry" else "/app"
        assert groups[f"example.com{suffix}"]["size"] == sum(
            populated.blob_path(digest).stat().st_size for digest in APP.digests
        )
        shared = {digest for digest in APP.digests if digest in TOOL.digests}
        alone = sum(group["exclusive"] for group in found["groups"])
        together = sum(populated.blob_path(digest).stat().st_size for digest in shared)
        assert alone + together + found["totals"]["garbage"] == found["totals"]["total"]


def test_a_group_of_a_platform_holds_its_manifests(run: Run, tree: build.Tree) -> None:
    amd64, arm64 = (
        build.image(build.layer({"a": "1"})),
        build.image(build.layer({"b": "2"}), arch="arm64", variant="v8"),
    )
    tree.add(build.index(amd64, arm64), "example.com/app:1")
    tree.add(amd64, "example.com/other:1")
    text = succeed(run, tree.path, "du", "--group-by", "platform", "--format", "json")
    groups = {group["group"]: group for group in json.loads(text)["groups"]}
    assert set(groups) == {"linux/amd64", "linux/arm64"}
    for image, name, count in ((amd64, "linux/amd64", 2), (arm64, "linux/arm64", 1)):
        assert groups[name]["images"] == count
        assert groups[name]["size"] == sum(blob.size for blob in image.blobs)


def test_a_tree_has_registries_repositories_and_images(run: Run, populated: build.Tree) -> None:
    lines = succeed(run, populated.path, "du", "--tree").splitlines()
    assert [line.split("  ")[0] or line.strip().split()[0] for line in lines[:2]] == [
        "NAME",
        "example.com",
    ]
    assert f"    {APP_1}" in "\n".join(lines)
    found = json.loads(succeed(run, populated.path, "du", "--tree", "--format", "json"))
    (registry,) = (each for each in found["tree"] if each["names"] == ["example.com"])
    (repository,) = registry["children"]
    assert repository["names"] == ["example.com/app"]
    assert [image["names"] for image in repository["children"]] == [[APP_1]]
    assert registry["size"] == repository["size"] == repository["children"][0]["size"]


def test_trash_and_partial_downloads_are_part_of_the_total(
    run: Run, populated: build.Tree
) -> None:
    run(populated.path, "rm", APP_1)
    run(populated.path, "gc", "--grace", "1s")
    staged = populated.path / ".cachedb" / "ingest"
    staged.mkdir(exist_ok=True)
    (staged / "sha256-0000.partial").write_bytes(b"x" * 1234)
    found = json.loads(succeed(run, populated.path, "du", "--format", "json"))["totals"]
    assert found["temporary"] >= 1234
    assert found["total"] == sum(value for key, value in found.items() if key != "total")
    assert "temporary" in succeed(run, populated.path, "du")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["--sort", "weight"], "--sort: no column 'weight'", id="sort"),
        pytest.param(["--group-by", "tag"], "--group-by: no key 'tag'", id="group"),
        pytest.param(["--limit", "0"], "invalid number '0'", id="limit"),
        pytest.param(["--tree", "--group-by", "registry"], "--tree and --group-by", id="both"),
        pytest.param(["--tree", "--format", "csv"], "nested output", id="tree-as-csv"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(
    run: Run, populated: build.Tree, words: list[str], message: str
) -> None:
    done = run(populated.path, "du", *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err.splitlines()[0]
    assert len(done.err.splitlines()) <= 2
