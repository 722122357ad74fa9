"""Commands tag, untag, history and inspect on images in the cache."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from tests import build
from tests.cli.conftest import Run, succeed
from tests.conftest import APP, TOOL

TOOL_NAME = "docker.io/library/tool:2"


def names(tree: build.Tree) -> dict[str | None, str]:
    key = "org.opencontainers.image.ref.name"
    return {entry.get("annotations", {}).get(key): entry["digest"] for entry in tree.entries()}


# -- tag -----------------------------------------------------------------------------------


def test_tag_gives_a_name_that_every_command_knows(run: Run, populated: build.Tree) -> None:
    told = succeed(run, populated.path, "tag", "tool:2", "example.com/tool", "more:3")

    assert told.splitlines() == [
        f"example.com/tool:latest  {TOOL.digest}  new",
        f"docker.io/library/more:3  {TOOL.digest}  new",
    ]
    assert names(populated)["example.com/tool:latest"] == TOOL.digest
    assert succeed(run, populated.path, "find-root", "-q", "more:3") == f"{TOOL.digest}\n"
    assert names(populated)[TOOL_NAME] == TOOL.digest


def test_tag_moves_a_name_and_tells_from_where(run: Run, populated: build.Tree) -> None:
    moved = succeed(run, populated.path, "tag", "example.com/app:1", TOOL_NAME)
    again = succeed(run, populated.path, "tag", "example.com/app:1", TOOL_NAME)

    assert moved == f"{TOOL_NAME}  {APP.digest}  moved from {TOOL.digest}\n"
    assert again == f"{TOOL_NAME}  {APP.digest}  unchanged\n"
    assert set(names(populated).values()) == {APP.digest}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["tag", "nothing:1", "x:1"], 3),
        (["tag", "tool:2", "Not A Name"], 2),
        (["tag", str(TOOL.layers[0].digest), "layer:1"], 2),
        (["tag", "tool:2"], 2),
    ],
)
def test_tag_refuses_what_is_no_image_or_no_name(
    run: Run, populated: build.Tree, words: list[str], code: int
) -> None:
    before = names(populated)
    assert run(populated.path, *words).code == code
    assert names(populated) == before


# -- untag ---------------------------------------------------------------------------------


def test_untag_of_the_last_name_keeps_the_image_without_one(
    run: Run, populated: build.Tree
) -> None:
    done = run(populated.path, "untag", "tool:2")

    assert done.out == f"{TOOL_NAME}  {TOOL.digest}\n"
    assert names(populated) == {"example.com/app:1": APP.digest, None: TOOL.digest}
    succeed(run, populated.path, "gc", "--grace", "0", "--trash-ttl", "0")
    assert populated.blobs() >= TOOL.digests


def test_untag_of_one_of_two_names_adds_no_entry(run: Run, populated: build.Tree) -> None:
    populated.name(TOOL, "example.com/other:1")
    succeed(run, populated.path, "untag", "other:1")

    assert names(populated) == {"example.com/app:1": APP.digest, TOOL_NAME: TOOL.digest}


def test_untag_refuses_pinned_and_unknown_names_and_changes_nothing(
    run: Run, populated: build.Tree
) -> None:
    succeed(run, populated.path, "pin", "tool:2")
    before = names(populated)

    assert run(populated.path, "untag", "example.com/app:1", "tool:2").code == 2
    assert run(populated.path, "untag", "example.com/app:1", "nothing:1").code == 3
    assert run(populated.path, "untag", str(TOOL.digest)).code in {2, 3}
    assert names(populated) == before


def test_log_lists_both(run: Run, populated: build.Tree) -> None:
    succeed(run, populated.path, "tag", "tool:2", "more:3")
    succeed(run, populated.path, "untag", "more:3")

    listed = json.loads(succeed(run, populated.path, "log", "--format", "json"))
    assert [event["operation"] for event in listed][:2] == ["untag", "tag"]


def logged(run: Run, tree: build.Tree, *arguments: str) -> list[str]:
    found = json.loads(succeed(run, tree.path, "log", *arguments, "--format", "json"))
    return [f"{event['operation']} {','.join(event['names'])}" for event in found]


def test_log_selects_by_operation_name_and_time(run: Run, populated: build.Tree) -> None:
    succeed(run, populated.path, "tag", "tool:2", "example.com/more:3")
    succeed(run, populated.path, "tag", "tool:2", "example.com/moreover:3")
    succeed(run, populated.path, "untag", "example.com/more:3")
    tree = populated

    both = ["untag example.com/more:3", "tag example.com/more:3"]
    for name in ("example.com/more:3", "example.com/more", "more", "more:3"):
        assert logged(run, tree, name) == both
    assert logged(run, tree, "more:4") == logged(run, tree, "ore") == []
    assert logged(run, tree, "--operation", "untag") == both[:1]
    assert logged(run, tree, "--operation", "untag", "--operation", "tag", "moreover") == [
        "tag example.com/moreover:3"
    ]
    assert logged(run, tree, "more", "--limit", "1") == both[:1]
    assert logged(run, tree, "more", "--since", "1h") == both
    assert logged(run, tree, "more", "--since", "2999-01-01") == []


def test_log_selects_by_the_beginning_of_a_digest(run: Run, populated: build.Tree) -> None:
    thing = build.image(build.layer({"nameless": ""}))
    populated.add(thing)
    succeed(run, populated.path, "pin", str(thing.digest))
    assert logged(run, populated, str(thing.digest)[:19]) == [f"pin {thing.digest}"]


def test_log_refuses_an_unknown_operation(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "log", "--operation", "explode")
    assert done.code == 2
    assert "unknown operation 'explode'" in done.err
    assert "untag" in done.err


def test_log_writes_times_in_the_zone_of_tz(run: Run, populated: build.Tree) -> None:
    succeed(run, populated.path, "tag", "tool:2", "more:3")

    def time(*options: str, form: str = "json") -> str:
        out = succeed(run, populated.path, "log", "--limit", "1", "--format", form, *options)
        return str(json.loads(out)[0]["time"]) if form == "json" else out.split("\n")[1].split()[0]

    utc, moved = time(), time("--tz", "+05:30")
    assert utc.endswith("Z")
    assert moved.endswith("+05:30")
    assert datetime.fromisoformat(utc) == datetime.fromisoformat(moved)
    assert time("--tz", "+05:30", form="table") == moved
    assert run(populated.path, "log", "--tz", "Europe/Berlim").code == 2


def test_history_writes_times_in_the_zone_of_tz(run: Run, tree: build.Tree) -> None:
    steps = [{"created_by": "a", "created": "2024-05-01T00:00:00.123Z"}, {"created_by": "b"}]
    tree.add(build.image(build.layer({"a": ""}), build.layer({"b": ""}), history=steps), "app:1")
    words = ("history", "app:1", "--format", "json", "--tz", "Europe/Berlin")
    found = json.loads(succeed(run, tree.path, *words))
    assert [row["created"] for row in found] == [None, "2024-05-01T02:00:00+02:00"]


# -- history -------------------------------------------------------------------------------


def test_history_puts_layers_beside_the_steps_that_made_them(run: Run, tree: build.Tree) -> None:
    first, second = build.layer({"a": ""}), build.layer({"b": ""})
    steps = [
        {"created_by": "COPY a /", "created": "2024-05-01T00:00:00Z"},
        {"created_by": "ENV A=1", "empty_layer": True},
        {"created_by": "COPY b /", "comment": "buildkit"},
    ]
    tree.add(build.image(first, second, history=steps), "app:1")
    found = json.loads(succeed(run, tree.path, "history", "app:1", "--format", "json"))

    assert [(row["layer"], row["created_by"]) for row in found] == [
        (second.digest, "COPY b /"), (None, "ENV A=1"), (first.digest, "COPY a /")
    ]  # fmt: skip
    assert found[0]["size"] == second.size
    assert found[2]["created"] == "2024-05-01T00:00:00Z"
    quiet = succeed(run, tree.path, "history", "-q", "app:1")
    assert quiet.split() == [second.digest, first.digest]


def test_history_lists_layers_that_the_config_does_not(run: Run, tree: build.Tree) -> None:
    layers = [build.layer({"a": ""}), build.layer({"b": ""})]
    tree.add(build.image(*layers, history=[{"created_by": "one"}]), "app:1")
    tree.add(build.image(layers[0], history=[{"created_by": "1"}, {"created_by": "2"}]), "app:2")

    few = json.loads(succeed(run, tree.path, "history", "app:1", "--format", "json"))
    many = json.loads(succeed(run, tree.path, "history", "app:2", "--format", "json"))
    assert [(row["layer"], row["created_by"]) for row in few] == [
        (layers[1].digest, None), (layers[0].digest, "one")
    ]  # fmt: skip
    assert [(row["layer"], row["created_by"]) for row in many] == [
        (None, "2"), (layers[0].digest, "1")
    ]  # fmt: skip


# -- inspect -------------------------------------------------------------------------------


def test_inspect_shows_the_manifests_of_an_image_in_the_cache(
    run: Run, populated: build.Tree
) -> None:
    found = json.loads(succeed(run, populated.path, "inspect", "app:1", "--format", "json"))

    assert (found["name"], found["digest"]) == ("example.com/app:1", APP.digest)
    assert found["source"] == "cache"
    assert [(each["platform"], each["layers"]) for each in found["manifests"]] == [
        ("linux/amd64", 2), ("linux/arm64/v8", 2)
    ]  # fmt: skip
    assert succeed(run, populated.path, "inspect", "-q", "app:1") == f"{APP.digest}\n"


def test_inspect_prints_documents_byte_for_byte(
    populated: build.Tree,
) -> None:
    def printed(*words: str) -> bytes:
        program = Path(sys.executable).with_name("cachedb")
        command = [program, "--cache", populated.path, "inspect", *words]
        return subprocess.run(command, check=True, capture_output=True).stdout

    blobs = populated.path / "blobs" / "sha256"
    assert printed("app:1", "--raw") == (blobs / APP.digest[7:]).read_bytes()
    assert printed("tool:2", "--config") == (blobs / TOOL.config.digest[7:]).read_bytes()
    arm = json.loads(printed("app:1", "--config", "--arch", "arm64"))
    assert arm["architecture"] == "arm64"


def test_inspect_of_a_short_name_of_several_images_asks_no_registry(
    run: Run, populated: build.Tree
) -> None:
    populated.name(TOOL, "example.com/other/app:1")
    assert "choose one" in run(populated.path, "inspect", "app:1").err


def test_tag_gives_every_platform_of_an_image_without_an_index_the_name(
    run: Run, tmp_path: Path
) -> None:
    images = [build.image(arch=arch) for arch in ("amd64", "arm64")]
    tree = build.layout(tmp_path / "cache")
    for image in images:
        tree.put(*image.blobs)
    named = {build.REF_NAME: "example.com/split:1"}
    tree.write_entries([image.descriptor(annotations=named) for image in images])
    succeed(run, tree.path, "tag", "example.com/split:1", "example.com/again:1")
    found = [
        each["digest"]
        for each in tree.entries()
        if each["annotations"][build.REF_NAME] == "example.com/again:1"
    ]
    assert found == [image.digest for image in images]
    assert "unchanged" in succeed(
        run, tree.path, "tag", "example.com/split:1", "example.com/again:1"
    )


def test_tag_that_moves_a_name_removes_the_weak_roots_of_the_image_that_loses_it(
    run: Run, populated: build.Tree
) -> None:
    signature = build.signature(TOOL)
    populated.add(signature)
    assert signature.digest in {each["digest"] for each in populated.entries()}
    succeed(run, populated.path, "tag", "example.com/app:1", TOOL_NAME)
    assert {each["digest"] for each in populated.entries()} == {APP.digest}


def test_no_command_writes_a_name_with_the_digest_of_other_content(
    run: Run, populated: build.Tree, tmp_path: Path
) -> None:
    before = populated.entries()
    name = f"example.com/app@{TOOL.digest}"
    done = run(populated.path, "tag", "example.com/app:1", name)
    assert done.code != 0
    assert TOOL.digest in done.err
    archive = tmp_path / "app.tar"
    succeed(run, populated.path, "export", "-o", archive, "example.com/app:1")
    done = run(populated.path, "import", "--name", name, archive)
    assert done.code != 0
    assert "another digest" in done.err
    assert run(populated.path, "export", "-o", archive, "--name", name, "example.com/app:1").code
    assert populated.entries() == before
