"""The commands that talk to registries: what they print, where, and how they end."""

import json
from pathlib import Path
from threading import Barrier

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheError, NotFound, RefNotFound
from cachedb.feedback.progress import UNWATCHED
from cachedb.oci import Reference
from cachedb.operations.transfer.pull import PullOptions
from cachedb.operations.transfer.push import PushOptions
from tests import build
from tests.cli.conftest import Run
from tests.interop.tools import cachedb
from tests.operations.registries import Place, connecting, put, tags
from tests.registry import servers
from tests.registry.counting import counting
from tests.registry.scripted import Reply, scripted

BASE = build.layer({"base": "b" * 4000})
AMD = build.image(BASE, build.layer({"arch": "amd64"}))
ARM = build.image(BASE, build.layer({"arch": "arm"}), arch="arm", variant="v7")
MULTI = build.index(AMD, ARM, build.attestation(AMD))


@pytest.fixture
def place(registry: servers.Served) -> Place:
    return Place.new(registry.host)


@pytest.fixture
def held(tree: build.Tree, place: Place) -> build.Tree:
    """A cache with an index that has the name of a place in the registry."""
    tree.add(MULTI, place.name)
    return tree


# -- push and copy -----------------------------------------------------------------------------


def test_push_says_what_it_did(run: Run, held: build.Tree, place: Place) -> None:
    first = run(held.path, "push", place.name, "--with-arch-tags")
    second = run(held.path, "push", place.name)
    quiet = run(held.path, "push", "--quiet", place.name)

    assert (first.code, first.err) == (0, "")
    line, *arch_tags = first.out.splitlines()
    assert line.startswith(f"{place.name}  {MULTI.digest}  pushed, 7 blobs uploaded  (")
    assert arch_tags == [f"{place.name}-amd64", f"{place.name}-arm-v7"]
    assert second.out == f"{place.name}  {MULTI.digest}  unchanged\n"
    assert quiet.out == f"{MULTI.digest}\n"


def test_push_lets_the_registry_mount_blobs_under_another_name(
    run: Run, held: build.Tree, place: Place
) -> None:
    other = place.next()
    run(held.path, "push", place.name)
    done = run(held.path, "push", place.name, "--remote-name", other.name)
    assert done.out == f"{other.name}  {MULTI.digest}  pushed, 7 mounted\n"


def test_push_sends_one_platform_without_the_index(
    run: Run, held: build.Tree, place: Place
) -> None:
    done = run(held.path, "push", place.name, "--platform", "linux/arm/v7", "--jobs", "2")
    assert (done.code, MULTI.digest in done.out) == (0, False)
    failed = run(held.path, "push", place.name, "--platform", "linux/s390x")
    assert failed.code == 3
    assert "no linux/s390x (it has linux/amd64, linux/arm/v7)" in failed.err


def test_push_is_refused_where_it_would_replace(run: Run, held: build.Tree, place: Place) -> None:
    put(place.host, place.path, AMD)
    refused = run(held.path, "push", place.name)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"cachedb: '{place.name}' resolves to {AMD.digest} already\nhint: --override replaces it\n"
    )
    assert run(held.path, "push", "--override", place.name).code == 0


def test_one_failure_of_several_is_told_beside_the_others(
    run: Run, held: build.Tree, place: Place
) -> None:
    taken, again = place.next(), place.next()
    for each in (taken, again):
        put(each.host, each.path, AMD)
        held.add(MULTI, each.name)
    done = run(held.path, "push", taken.name, place.name, again.name)
    assert done.code == 2
    assert done.out.startswith(f"{place.name}  {MULTI.digest}")
    assert done.err.count("resolves to") == 2


def test_copy_says_what_it_did(run: Run, tree: build.Tree, place: Place) -> None:
    put(place.host, place.path, MULTI)
    target = place.next()
    done = run(tree.path, "copy", place.name, target.name, "--no-referrers")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{target.name}  {MULTI.digest}  pushed, 7 mounted\n"
    assert tags(target.host, target.path) == {"1": MULTI.digest}


# -- tags and inspect --------------------------------------------------------------------------


def test_tags_are_listed(run: Run, tree: build.Tree, place: Place) -> None:
    for tag in ("v1", "v2"):
        put(place.host, place.path, AMD, tag)
    repository = f"{place.host}/{place.path}"
    assert run(tree.path, "tags", repository).out == "v1\nv2\n"
    as_json = run(tree.path, "tags", repository, "--format", "json").out
    assert json.loads(as_json) == [{"tag": "v1"}, {"tag": "v2"}]
    assert run(tree.path, "tags", f"{repository}:v1").code == 2
    assert run(tree.path, "tags", f"{repository}/nothing").code == 3


def test_an_image_is_inspected(run: Run, tree: build.Tree, place: Place) -> None:
    put(place.host, place.path, MULTI)
    done = run(tree.path, "inspect", place.name)
    assert (done.code, done.err) == (0, "")
    name, kind, empty, head, *rows = done.out.splitlines()
    assert name == f"{place.name}  {MULTI.digest}"
    assert kind.startswith(f"{build.OCI_INDEX}  ")
    assert (empty, head.split()) == ("", ["PLATFORM", "DIGEST", "SIZE", "LAYERS", "ARTIFACT_TYPE"])
    assert [row.split()[:2] for row in rows] == [
        ["linux/amd64", AMD.digest],
        ["linux/arm/v7", ARM.digest],
        ["unknown/unknown", build.attestation(AMD).digest],
    ]


def test_an_image_is_inspected_as_json(run: Run, tree: build.Tree, place: Place) -> None:
    put(place.host, place.path, MULTI)
    found = json.loads(run(tree.path, "inspect", place.name, "--format", "json").out)
    assert (found["digest"], found["media_type"]) == (MULTI.digest, build.OCI_INDEX)
    assert found["document_size"] == MULTI.size
    assert found["manifests"][1] == {
        "platform": "linux/arm/v7",
        "digest": ARM.digest,
        "size": sum(blob.size for blob in ARM.blobs),
        "layers": 2,
        "artifact_type": None,
    }


def test_a_document_is_written_byte_for_byte(tree: build.Tree, place: Place) -> None:
    put(place.host, place.path, MULTI)
    done = cachedb(tree.path, "inspect", "--raw", place.name)
    assert (done.code, done.out.encode()) == (0, MULTI.root.content)


def test_no_cache_is_needed_to_ask(run: Run, place: Place, tmp_path: Path) -> None:
    put(place.host, place.path, MULTI)
    assert run(tmp_path / "nothing", "inspect", place.name).code == 0
    assert not (tmp_path / "nothing").exists()


# -- pull --------------------------------------------------------------------------------------


def test_pull_resolves_a_trusted_digest_instead_of_the_tag(
    run: Run, tree: build.Tree, place: Place
) -> None:
    put(place.host, place.path, AMD)
    put(place.host, place.path, ARM)
    done = run(tree.path, "pull", place.name, "--trusted", AMD.digest)
    assert done.code == 0
    assert done.out.startswith(f"{place.name}  {AMD.digest}  ")
    assert run(tree.path, "pull", place.name, "--trusted", "sha256:no").code == 2


def test_pull_takes_all_platforms_or_some(run: Run, tree: build.Tree, place: Place) -> None:
    put(place.host, place.path, MULTI)
    both = run(tree.path, "pull", place.name, "--all-platforms", "--platform", "linux/amd64")
    assert both.code == 2
    assert run(tree.path, "pull", place.name, "--platform", "linux/arm/v7").code == 0
    assert AMD.digest not in tree.blobs()
    assert run(tree.path, "pull", place.name, "--all-platforms").code == 0
    assert tree.blobs() == MULTI.digests


@pytest.mark.parametrize("how", ["option", "option of one registry", "environment"])
def test_pull_uses_a_mirror(
    run: Run, tree: build.Tree, place: Place, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    put(place.host, f"copies/{place.path}", AMD)
    url = f"http://{place.host}/copies"
    options = []
    match how:
        case "option":
            options = ["--mirror", url]
        case "option of one registry":
            options = ["--mirror", f"nowhere.example.com={url}"]
        case _:
            monkeypatch.setenv("CACHEDB_MIRROR", f"nowhere.example.com={url}")

    done = run(tree.path, "pull", f"nowhere.example.com/{place.path}:1", *options)

    assert (done.code, tree.blobs()) == (0, AMD.digests)


def test_what_a_registry_warns_of_is_shown_once(run: Run, tree: build.Tree) -> None:
    def answer(asked: object) -> Reply:
        name = asked.path.rpartition("/")[2]  # type: ignore[attr-defined]
        blob = next((each for each in AMD.blobs if each.digest == name), AMD.root)
        return Reply(
            200,
            blob.content,
            (("Content-Type", blob.media_type), ("Warning", '299 - "going away soon"')),
        )

    with scripted(answer) as server:
        done = run(tree.path, "pull", f"{server.host}/t/x:1")
    assert done.code == 0
    assert done.err == f"warning: {server.host} warns: 'going away soon'\n"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--client-cert", "client.pem"], id="client certificate"),
        pytest.param(["--mirror", "ftp://mirror"], id="mirror"),
        pytest.param(["--platform", "a/b/c/d"], id="platform"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    run: Run, tree: build.Tree, options: list[str]
) -> None:
    done = run(tree.path, "pull", "example.com/a:1", *options)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("cachedb: ")


# -- rm --published-only -----------------------------------------------------------------------


def test_only_what_is_published_is_removed(run: Run, held: build.Tree, place: Place) -> None:
    other, absent = place.next(), place.next()
    put(place.host, place.path, MULTI)
    put(other.host, other.path, AMD)
    for each in (other, absent):
        held.add(MULTI, each.name)
    held.add(AMD, "only-a-tag")

    planned = run(held.path, "rm", "--published-only", "--dry-run")
    done = run(held.path, "rm", "--published-only")

    assert planned.out == done.out == f"{place.name}  {MULTI.digest}\n"
    assert "would remove 1 name" in planned.err
    assert done.code == 0
    nowhere = "invalid reference 'only-a-tag': not the name of an image in a registry"
    assert done.err.splitlines()[:-1] == [
        f"kept {other.name}: its registry has another image of that name",
        f"kept {absent.name}: not in its registry",
        f"kept only-a-tag: {nowhere}",
    ]
    assert [each["annotations"][build.REF_NAME] for each in held.entries()] == [
        other.name,
        absent.name,
        "only-a-tag",
    ]


def test_a_registry_that_refuses_keeps_the_name_and_is_told(
    run: Run, held: build.Tree, place: Place
) -> None:
    put(place.host, place.path, MULTI)
    with scripted(lambda _asked: Reply(403)) as server:
        held.add(AMD, f"{server.host}/t/secret:1")
        done = run(held.path, "rm", "--published-only", place.name, f"{server.host}/t/secret:1")
    assert (done.code, done.out) == (7, f"{place.name}  {MULTI.digest}\n")
    assert f"kept {server.host}/t/secret:1: " in done.err
    assert done.err.endswith(f"hint: docker login {server.host}\n")


def test_names_are_asked_about_side_by_side(run: Run, tree: build.Tree, place: Place) -> None:
    other, both = place.next(), Barrier(2)

    def watch(line: str) -> None:
        if line.startswith("HEAD") and "/manifests/" in line:
            both.wait(20)  # raises when the other one does not come

    with counting(place.host) as counter:
        for each in (place, other):
            put(place.host, each.path, AMD)
            tree.add(AMD, f"{counter.host}/{each.path}:1")
        counter.watch = watch
        done = run(tree.path, "rm", "--published-only")
    assert (done.code, len(done.out.splitlines())) == (0, 2), done.err
    assert tree.entries() == []


def test_rm_asks_no_registry_unless_told(run: Run, held: build.Tree, place: Place) -> None:
    with counting(place.host) as counter:
        held.add(AMD, f"{counter.host}/t/x:1")
        assert run(held.path, "rm", f"{counter.host}/t/x:1").code == 0
        assert counter.take() == []


# -- mirrors are for pulls ---------------------------------------------------------------------


def test_a_mirror_has_no_say_in_what_is_pushed_or_published(
    run: Run, held: build.Tree, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """linuxkit asks the mirror: it pushes no image of it, and removes one that only it has."""
    with scripted(lambda _asked: Reply(500)) as mirror:
        monkeypatch.setenv("LINUXKIT_MIRROR", mirror.url)
        kept = run(held.path, "rm", "--published-only")
        pushed = run(held.path, "push", place.name)
        removed = run(held.path, "clean", "--yes", "--published-only")
    assert mirror.asked == []
    assert f"kept {place.name}: not in its registry" in kept.err
    assert pushed.out.startswith(f"{place.name}  {MULTI.digest}  pushed, ")
    assert removed.out == f"{place.name}  {MULTI.digest}\n"


# -- what a pull changed ------------------------------------------------------------------------


def test_pull_tells_new_moved_and_unchanged_names_apart(
    run: Run, held: build.Tree, place: Place, tmp_path: Path
) -> None:
    cache = tmp_path / "pulled"
    run(held.path, "push", place.name)
    first = run(cache, "pull", place.name).out.split("  ")[-1]
    again = run(cache, "pull", place.name).out.split("  ")[-1]
    other = build.multi_platform("amd64", salt="other")
    held.name(held.add(other), "other:1")
    run(held.path, "push", "other:1", "--remote-name", place.name, "--override")
    run(held.path, "push", "other:1", "--remote-name", place.tagged("2"))
    moved = run(cache, "pull", place.name).out.split("  ")[-1]
    second_name = run(cache, "pull", place.tagged("2")).out.split("  ")[-1]

    assert first.startswith("new, ")
    assert first.endswith(" transferred\n")
    assert again == "unchanged\n"
    assert moved.startswith(f"moved from {MULTI.digest}, ")
    assert second_name == "new\n"


def test_cache_pull_and_push_raise_for_an_image_that_fails(
    held: build.Tree, place: Place, tmp_path: Path
) -> None:
    references = [Reference.parse(place.tagged(tag)) for tag in ("absent", "missing")]
    with connecting() as connect, Cache.create(tmp_path / "pulled") as cache:
        with pytest.raises(NotFound):
            cache.pull(references[:1], registries=connect)
        with pytest.raises(ExceptionGroup, match="cannot pull 2 images") as several:
            cache.pull(references, registries=connect)
        report = cache.pull_each(references, connect, PullOptions(), UNWATCHED)
    assert [type(each) for each in several.value.exceptions] == [RefNotFound, RefNotFound]
    assert [reference for reference, _ in report.failures] == references
    notes = [each.__notes__ for each in several.value.exceptions]
    assert notes == [[f"pull {reference.familiar}"] for reference in references]

    held.delete(MULTI.blobs[0].digest)
    with connecting() as connect, Cache.open(held.path) as cache:
        sendings = cache.plan_push([place.name])
        with pytest.raises(CacheError):
            cache.push(place.name, registries=connect)
        assert cache.push_each(sendings, connect, PushOptions(), UNWATCHED).failures
