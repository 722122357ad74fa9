"""What verify finds, and what it brings back from a registry or from another copy."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.catalog.enums import State
from cachedb.operations.check.repair import Repair
from cachedb.operations.check.verify import BlobFault
from cachedb.registry.auth.credentials import Credentials
from cachedb.registry.client import Client
from cachedb.registry.http.settings import Deadlines, RegistrySettings
from tests import build
from tests.catalog.contents import contents
from tests.cli.registry import Registry, serving_things
from tests.conftest import APP, BASE, TOOL
from tests.interop.tools import cachedb

APP_1, TOOL_2 = "example.com/app:1", "docker.io/library/tool:2"
ARM = build.image(BASE, build.layer({"app": "arm64"}), arch="arm64", variant="v8")
SHORT_DEADLINES = RegistrySettings(deadlines=Deadlines(idle_seconds=5, retries=0))


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with serving_things({"t/app:1": APP, "t/tool:2": TOOL}) as served:
        yield served


@contextmanager
def connecting() -> Iterator[Callable[[str], Client]]:
    with ExitStack() as stack:
        yield lambda domain: stack.enter_context(Client(domain, SHORT_DEADLINES, Credentials([])))


@pytest.fixture
def pulled(registry: Registry, tmp_path: Path) -> build.Tree:
    """A cache with two images from a registry."""
    names = [f"{registry.host}/t/app:1", f"{registry.host}/t/tool:2"]
    with Cache.create(tmp_path / "cache") as cache, connecting() as connect:
        cache.pull(names, registries=connect)
    return build.Tree(tmp_path / "cache")


def check(tree: build.Tree, *names: str) -> Sequence[BlobFault]:
    with Cache.open(tree.path) as cache:
        return cache.verify(names).findings


def repair(tree: build.Tree, *names: str, copies: Sequence[Path] = ()) -> Sequence[Repair]:
    with Cache.open(tree.path) as cache, connecting() as connect:
        return cache.repair(cache.verify(names), copies, connect)


def assert_whole(tree: build.Tree) -> None:
    """Every blob is there and right, the catalog knows it, and no name has changed."""
    assert tree.blobs() == APP.digests | TOOL.digests
    assert check(tree) == ()
    assert {entry["digest"] for entry in tree.entries()} == {APP.digest, TOOL.digest}
    with Cache.open(tree.path) as cache:
        assert contents(cache.catalog).states(State.PRESENT) == tree.blobs()
        assert {state.health.value for state in cache.list()} == {"complete"}


DAMAGES: list[tuple[str, Callable[[build.Tree, str], object]]] = [
    ("flipped", lambda tree, digest: tree.flip(digest)),
    ("cut", lambda tree, digest: tree.truncate(digest)),
    ("emptied", lambda tree, digest: tree.overwrite(digest, b"")),
    ("longer", lambda tree, digest: tree.overwrite(digest, b"x" * 10_000)),
    ("deleted", lambda tree, digest: tree.delete(digest)),
]
damages = pytest.mark.parametrize("damage", [d[1] for d in DAMAGES], ids=[d[0] for d in DAMAGES])


@damages
@pytest.mark.parametrize(
    "digest",
    [BASE.digest, TOOL.config.digest, TOOL.digest, ARM.digest, APP.digest],
    ids=["shared-layer", "config", "manifest", "manifest-of-an-index", "index"],
)
def test_a_blob_comes_back_from_the_registry(
    pulled: build.Tree, damage: Callable[[build.Tree, str], object], digest: str
) -> None:
    damage(pulled, digest)
    if digest == ARM.digest and digest not in pulled.blobs():
        # An index without one of its manifests is what a pull of one platform leaves.
        assert repair(pulled) == ()
        return

    (done,) = [each for each in repair(pulled) if each.finding.digest == digest]

    assert done.source is not None
    assert "/t/" in done.source
    assert_whole(pulled)


@damages
def test_a_blob_comes_back_from_another_copy(
    populated: build.Tree, tmp_path: Path, damage: Callable[[build.Tree, str], object]
) -> None:
    copy = build.layout(tmp_path / "copy", {"any": TOOL}).path
    before = {path: path.stat().st_ctime_ns for path in copy.rglob("*")}
    damage(populated, BASE.digest)

    (done,) = repair(populated, copies=[copy])

    assert done.source == str(copy)
    assert done.finding.names == (APP_1, TOOL_2)
    assert check(populated) == ()
    assert {path: path.stat().st_ctime_ns for path in copy.rglob("*")} == before


def test_the_whole_of_an_image_comes_back_level_by_level(pulled: build.Tree) -> None:
    for digest in APP.digests:
        pulled.delete(digest)
    done = repair(pulled)
    assert {each.finding.digest for each in done if each.source} == APP.digests
    assert_whole(pulled)


def test_a_copy_that_is_corrupt_as_well_is_passed_over(
    pulled: build.Tree, tmp_path: Path, registry: Registry
) -> None:
    copy = build.layout(tmp_path / "copy", {"any": TOOL})
    copy.flip(BASE.digest)
    pulled.flip(BASE.digest)
    (done,) = repair(pulled, copies=[copy.path])
    assert done.source is not None
    assert done.source.startswith(registry.host)
    assert_whole(pulled)


def test_where_a_blob_was_seen_is_asked_when_no_name_says_it(
    pulled: build.Tree, registry: Registry
) -> None:
    pulled.delete(BASE.digest)
    for name in [entry["annotations"][build.REF_NAME] for entry in pulled.entries()]:
        pulled.unname(name)
    pulled.name(TOOL, "v2")
    (done,) = repair(pulled)
    assert done.source in {f"{registry.host}/t/app", f"{registry.host}/t/tool"}


def test_a_name_that_is_a_word_is_not_taken_for_a_repository(populated: build.Tree) -> None:
    for name in APP_1, TOOL_2:
        populated.unname(name)
    populated.name(TOOL, "v2")
    populated.delete(BASE.digest)
    (done,) = repair(populated)
    assert (done.source, done.why) == (None, "no name or origin has a registry")


def test_what_cannot_be_brought_back_is_told_and_left(populated: build.Tree) -> None:
    populated.name(TOOL, "127.0.0.1:1/t/tool:2")
    populated.unname(TOOL_2)
    populated.unname(APP_1)
    populated.flip(BASE.digest)
    before = populated.blob_path(BASE.digest).read_bytes()

    (done,) = repair(populated)

    assert done.source is None
    assert done.why.startswith("127.0.0.1:1/t/tool: ")
    assert populated.blob_path(BASE.digest).read_bytes() == before
    assert [f.digest for f in check(populated)] == [BASE.digest]


def test_a_registry_with_other_bytes_repairs_nothing(tmp_path: Path) -> None:
    with serving_things({"t/tool:2": TOOL}) as lying:
        wrong = build.Blob(BASE.content[::-1], BASE.media_type)
        lying._blobs[BASE.digest] = wrong
        tree = build.layout(tmp_path / "cache", {f"{lying.host}/t/tool:2": TOOL})
        tree.delete(BASE.digest)
        (done,) = repair(tree)
    assert done.source is None
    assert BASE.digest not in tree.blobs()


def test_what_was_not_pulled_is_not_fetched(pulled: build.Tree) -> None:
    pulled.delete(ARM.digest)  # a partial pull: the index lists it, and another platform is here
    for part in ARM.parts:
        if part.digest != BASE.digest:
            pulled.delete(part.digest)
    pulled.flip(BASE.digest)
    done = repair(pulled)
    assert [each.finding.digest for each in done] == [BASE.digest]
    assert ARM.digest not in pulled.blobs()


def test_only_the_images_that_were_named_are_repaired(
    pulled: build.Tree, registry: Registry
) -> None:
    pulled.flip(TOOL.layers[1].digest)
    pulled.flip(ARM.layers[1].digest)
    done = repair(pulled, f"{registry.host}/t/tool:2")
    assert [each.finding.digest for each in done] == [TOOL.layers[1].digest]
    assert [f.digest for f in check(pulled)] == [ARM.layers[1].digest]


def test_names_and_the_bytes_of_index_json_are_not_touched(pulled: build.Tree) -> None:
    written = json.dumps(pulled.document(), indent=7)
    pulled.write_index(written)
    pulled.flip(BASE.digest)
    assert repair(pulled)[0].source is not None
    assert (pulled.path / "index.json").read_text() == written


def test_a_repair_leaves_nothing_on_the_stage(pulled: build.Tree) -> None:
    pulled.flip(BASE.digest)
    repair(pulled)
    private = pulled.path / ".cachedb"
    assert [p for name in ("ingest", "leases", "tmp") for p in private.glob(f"{name}/*")] == []


def test_a_collection_waits_for_what_a_corrupt_manifest_reaches_and_then_works(
    pulled: build.Tree,
) -> None:
    pulled.flip(APP.digest)
    assert cachedb(pulled.path, "gc", "--grace", "0").code == 4
    assert pulled.blobs() == APP.digests | TOOL.digests
    assert cachedb(pulled.path, "verify", "--repair").code == 0
    assert cachedb(pulled.path, "gc", "--grace", "0").code == 0
    assert_whole(pulled)


def test_the_command_line_names_the_images_and_where_the_blob_came_from(
    pulled: build.Tree, registry: Registry, tmp_path: Path
) -> None:
    names = [f"{registry.host}/t/app:1", f"{registry.host}/t/tool:2"]
    pulled.flip(BASE.digest)
    done = cachedb(pulled.path, "verify", "--format", "json")
    assert done.code == 8
    assert "hint: cachedb verify --repair" in done.err
    printed = json.loads(done.out)
    (found,) = printed["items"]
    assert (found["digest"], found["images"]) == (BASE.digest, names)
    present = pulled.blobs()
    intact = sum(pulled.blob_path(digest).stat().st_size for digest in present - {BASE.digest})
    totals = {"blobs": len(present), "bytes": intact, "errors": 1}
    assert printed["summary"] == totals

    done = cachedb(pulled.path, "verify", "--repair", "--offline", "--format", "json")
    assert done.code == 8
    printed = json.loads(done.out)
    assert printed["items"][0]["repaired_from"] is None
    assert printed["summary"] == {**totals, "repaired": 0}

    copy = build.layout(tmp_path / "copy", {"any": TOOL}).path
    offline = ("verify", "--repair", "--offline", "--from", copy, "--format", "json")
    done = cachedb(pulled.path, *offline)
    assert done.code == 0
    printed = json.loads(done.out)
    assert printed["items"][0]["repaired_from"] == str(copy)
    assert printed["summary"] == {**totals, "repaired": 1}

    pulled.flip(BASE.digest)
    done = cachedb(pulled.path, "verify", "--repair", "--format", "json")
    assert done.code == 0
    assert json.loads(done.out)["items"][0]["repaired_from"].startswith(registry.host)
    assert cachedb(pulled.path, "verify").code == 0


def test_from_without_repair_is_refused(populated: build.Tree) -> None:
    assert cachedb(populated.path, "verify", "--from", populated.path).code == 2


def test_a_missing_blob_is_found_while_an_image_needs_it_and_not_when_only_garbage_does(
    populated: build.Tree,
) -> None:
    (missing,) = set(ARM.layers) - {BASE}
    populated.delete(missing.digest)
    assert [fault.digest for fault in check(populated)] == [missing.digest]
    populated.unname(APP_1)
    assert not check(populated)
    populated.name(APP, "again")
    assert [fault.digest for fault in check(populated)] == [missing.digest]
