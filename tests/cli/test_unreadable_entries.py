"""Entries of index.json that cannot be read: told by every command that opens the cache."""

import hashlib
import json

import pytest

from cachedb.cache import Cache
from cachedb.errors import Refused
from tests import build
from tests.cli.conftest import Run, succeed
from tests.conftest import APP

BROKEN = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "x", "size": 1}


@pytest.fixture
def broken(populated: build.Tree) -> build.Tree:
    populated.write_entries([*populated.entries(), BROKEN])
    return populated


@pytest.mark.parametrize(
    "arguments",
    [["ls"], ["query", "refs"], ["show", "example.com/app:1"], ["du"], ["tree", "tool:2"]],
)
def test_an_unreadable_entry_is_told_and_everything_else_is_answered(
    run: Run, broken: build.Tree, arguments: list[str]
) -> None:
    done = run(broken.path, *arguments)
    assert done.code == 0
    assert "unreadable entry in index.json: manifests[2]" in done.err
    assert done.out


def address(tree: build.Tree, position: int) -> str:
    text = json.dumps(tree.entries()[position], sort_keys=True, separators=(",", ":"))
    return f"index.json[{position}]@{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def test_ls_has_a_row_without_a_name_for_it(run: Run, broken: build.Tree) -> None:
    rows = json.loads(succeed(run, broken.path, "ls", "--format", "json"))
    assert rows[-1] == {
        "name": None,
        "digest": None,
        "platforms": [],
        "size": 0,
        "state": "unreadable",
        "pinned": False,
    }
    assert address(broken, 2) in succeed(run, broken.path, "ls").splitlines()[-1]
    assert len(succeed(run, broken.path, "ls", "-q").splitlines()) == 2


@pytest.mark.parametrize("form", ["position and fingerprint", "position", "short fingerprint"])
def test_rm_removes_it_by_its_address(run: Run, broken: build.Tree, form: str) -> None:
    text = address(broken, 2)
    short = {"position": text.partition("@")[0], "short fingerprint": text[:-6]}.get(form, text)
    left = broken.entries()[:2]
    assert run(broken.path, "rm", "--dry-run", short).out == f"<unreadable>  {text}\n"
    assert len(broken.entries()) == 3
    assert "removed 1 name" in run(broken.path, "rm", short).err
    assert broken.entries() == left
    assert run(broken.path, "ls").err == ""


def test_rm_removes_it_by_the_digest_that_it_declares(run: Run, populated: build.Tree) -> None:
    digest = build.image(labels={"not": "here"}).digest
    left = populated.entries()
    populated.write_entries([{"digest": digest, "size": "1"}, *left])
    assert (
        json.loads(succeed(run, populated.path, "ls", "--format", "json"))[-1]["digest"] == digest
    )
    succeed(run, populated.path, "rm", digest)
    assert populated.entries() == left


def test_a_readable_entry_of_the_digest_is_removed_before_an_unreadable_one(
    run: Run, populated: build.Tree
) -> None:
    bad = {"digest": APP.digest, "size": "1"}
    populated.write_entries([bad, *populated.entries()])
    succeed(run, populated.path, "rm", APP.digest)
    assert bad in populated.entries()
    assert len(populated.entries()) == 2
    succeed(run, populated.path, "rm", APP.digest)
    assert bad not in populated.entries()


def test_rm_refuses_an_address_whose_entry_has_changed(run: Run, broken: build.Tree) -> None:
    text = address(broken, 2)
    broken.write_entries([BROKEN, *broken.entries()[:2], BROKEN | {"size": 2}])
    before = broken.entries()
    done = run(broken.path, "rm", text)
    assert done.code == 2
    assert "entry 2 of index.json has changed since it was listed" in done.err
    assert f"cachedb rm '{address(broken, 0)}'" in done.err
    assert broken.entries() == before


@pytest.mark.parametrize(
    ("position", "code", "told"),
    [(0, 2, "entry 0 of index.json can be read"), (9, 3, "index.json has no entry 9")],
)
def test_rm_refuses_an_address_without_an_unreadable_entry(
    run: Run, broken: build.Tree, position: int, code: int, told: str
) -> None:
    before = broken.entries()
    done = run(broken.path, "rm", f"index.json[{position}]")
    assert (done.code, broken.entries()) == (code, before)
    assert told in done.err


def test_rm_does_nothing_if_the_entry_changes_after_the_plan(broken: build.Tree) -> None:
    with Cache.open(broken.path) as cache:
        plan = cache.plan_removal(["index.json[2]"])
        broken.write_entries([*broken.entries()[:2], BROKEN | {"size": 2}])
        before = broken.entries()
        with pytest.raises(Refused, match="has changed since"):
            cache.remove(plan)
    assert broken.entries() == before


def test_an_address_is_never_a_name(run: Run, broken: build.Tree) -> None:
    named = dict(broken.entries()[0])
    named["annotations"] = {build.REF_NAME: address(broken, 2)}
    broken.write_entries([*broken.entries(), named])
    succeed(run, broken.path, "rm", address(broken, 2))
    assert broken.entries()[-1] == named
    assert len(broken.entries()) == 3


def test_gc_refuses_and_names_the_command_that_removes_it(run: Run, broken: build.Tree) -> None:
    for options in ([], ["--dry-run"]):
        done = run(broken.path, "gc", *options)
        assert done.code == 4
        assert f"hint: cachedb rm '{address(broken, 2)}'" in done.err
    (found,) = (
        each
        for each in json.loads(run(broken.path, "doctor", "--format", "json").out)
        if each["finding"] == "name-unreadable"
    )
    assert found["hint"] == f"cachedb rm '{address(broken, 2)}'"
    succeed(run, broken.path, "rm", address(broken, 2))
    succeed(run, broken.path, "gc")


@pytest.mark.parametrize("entry", [None, 5, "x", [], {}, {"digest": 7}])
def test_an_element_of_any_type_is_removed(run: Run, populated: build.Tree, entry: object) -> None:
    left = populated.entries()
    populated.write_entries([entry, *left])  # type: ignore[list-item]
    succeed(run, populated.path, "rm", "index.json[0]")
    assert populated.entries() == left


@pytest.mark.parametrize("size", [2**63, 10**90])
def test_a_size_out_of_range_is_a_fault_of_its_entry_alone(
    run: Run, populated: build.Tree, size: int
) -> None:
    bad = APP.descriptor(size=size)
    populated.write_entries([*populated.entries(), bad])
    done = run(populated.path, "ls", "--format", "json")
    assert [row["state"] for row in json.loads(done.out)] == ["complete", "complete", "unreadable"]
    assert f"manifests[2].size: {size} is out of range" in done.err
    succeed(run, populated.path, "rm", "example.com/app:1")
    assert populated.entries()[-1] == bad
    succeed(run, populated.path, "rm", "index.json[1]")
    assert len(populated.entries()) == 1


def test_of_many_unreadable_entries_the_first_are_told(run: Run, populated: build.Tree) -> None:
    populated.write_entries([BROKEN] * 10)
    done = run(populated.path, "ls")
    assert len(done.err.splitlines()) == 4
    assert "7 more unreadable entries" in done.err


def test_a_cache_opens_by_a_path_as_text(populated: build.Tree) -> None:
    with Cache.open(str(populated.path)) as cache:
        assert len(cache.list()) == 2
