"""Any multiset of entries of index.json: what a plan keeps stays, and nothing else is removed.

Entries are named and unnamed, of one name and one digest several times, attached to images,
pinned, with containerd's name, referrers with a subject, or unreadable.
"""

import io
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cachedb.cache import Cache
from cachedb.catalog.index.ref_rows import PIN
from cachedb.errors import CacheError
from cachedb.feedback.progress import UNWATCHED
from cachedb.linuxkit.provider import Provider
from cachedb.oci import Reference
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.operations.gc.remove import RemovalPlan
from cachedb.operations.gc.retention import Policy
from cachedb.operations.read.resolve import Root
from cachedb.operations.transfer.pull import PullOptions
from tests import build
from tests.property.laws import hold, lengths
from tests.registry import scripted
from tests.registry.model import BEHAVIOURS, RegistryModel

NAMES = (None, "example.com/a:1", "example.com/b:1", "latest")
AMD, OTHER = (build.image(build.layer({"n": str(n)})) for n in range(2))
ARM = build.image(build.layer({"n": "arm"}), arch="arm64")
INDEX = build.index(AMD, ARM)
SIGNATURE = build.signature(AMD)
THINGS = (AMD, ARM, OTHER, INDEX, SIGNATURE)
KINDS = (None, None, "dev.cosignproject.cosign/image", "dev.cosignproject.cosign/sigs")
UNREADABLE = ({"digest": "x"}, {"digest": AMD.digest, "size": "1"}, {})
Entries = list[build.Json]
Texts = Counter[str]


@st.composite
def readable(draw: st.DrawFn) -> build.Json:
    name, kind = draw(st.sampled_from(NAMES)), draw(st.sampled_from(KINDS))
    notes = {
        build.CONTAINERD_NAME if draw(st.integers(0, 4)) == 0 else build.REF_NAME: name,
        "kind": kind,
        PIN: "true" if draw(st.integers(0, 5)) == 0 else None,
    }
    thing = draw(st.sampled_from(THINGS))
    found = thing.descriptor(platform=None)
    found.pop("platform")
    kept = {key: value for key, value in notes.items() if value is not None}
    return found | ({"annotations": kept} if kept else {})


ENTRIES = st.lists(
    st.one_of(readable(), readable(), readable(), st.sampled_from(UNREADABLE)), max_size=7
)
READABLE = st.lists(readable(), max_size=7)
QUICK = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LENGTHS = lengths(15, 1500)


def text(entry: object) -> str:
    """Return the JSON of an entry without its pin, which any write restores."""
    if isinstance(entry, dict):
        notes = {k: v for k, v in entry.get("annotations", {}).items() if k != PIN}
        rest = {k: v for k, v in entry.items() if k != "annotations"}
        entry = rest | ({"annotations": notes} if notes else {})
    return json.dumps(entry, sort_keys=True, separators=(",", ":"))


def texts(tree: build.Tree) -> Texts:
    return Counter(map(text, tree.entries()))


@contextmanager
def opened(entries: Entries) -> Iterator[tuple[build.Tree, Cache]]:
    with tempfile.TemporaryDirectory() as folder:
        tree = layout(Path(folder) / "cache", entries)
        with Cache.open(tree.path) as cache:
            yield tree, cache


def layout(folder: Path, entries: Entries) -> build.Tree:
    tree = build.layout(folder)
    for thing in THINGS:
        tree.put(*thing.blobs)
    tree.write_entries(entries)
    return tree


def kept_alive(entries: list[build.Json]) -> set[str]:
    """Return what readable entries reach, subjects included; computed without cachedb."""
    things = {thing.digest: thing for thing in THINGS}
    found: set[str] = set()
    for entry in entries:
        thing = things.get(entry.get("digest", "")) if "mediaType" in entry else None
        if thing is not None:
            found |= thing.digests
            subject = thing.document.get("subject", {}).get("digest")
            found |= things[subject].digests if subject in things else set()
    return found


def check_collection(tree: build.Tree, cache: Cache) -> None:
    """What the entries reach stays with a collection; an unreadable entry stops it."""
    before = tree.blobs()
    alive = kept_alive(tree.entries()) & before
    try:
        cache.collect(cache.plan_collection(grace=0))
    except CacheError:
        assert tree.blobs() == before
    assert tree.blobs() >= alive


# -- removals ------------------------------------------------------------------------------

TARGETS = (
    *(name for name in NAMES if name is not None),
    *(f"example.com/a:1@{thing.digest}" for thing in THINGS),
    *(thing.digest for thing in THINGS),
    "index.json[0]",
    "index.json[3]",
)
QUERIES = (
    "name:example.com/a",
    "is:pinned",
    "not is:pinned",
    "platform:linux/arm64",
    f"digest:{AMD.digest}",
    "is:untagged",
    "everything",
)


def check_removal(entries: Entries, target: str) -> None:
    """A removal of a name, a digest or an address removes what its plan says and nothing else."""
    with opened(entries) as (tree, cache):
        before = texts(tree)
        with suppress(CacheError):
            plan = cache.plan_removal([target])
            assert texts(tree) == before
            planned = planned_in(plan)
            addressed = [tree.entries()[each.position] for each in plan.unreadable]
            planned += Counter(map(text, addressed))
            weak = {row.digest for row in plan.weak}
            cache.remove(plan)
            check_removed(tree, before, planned, weak)
        if texts(tree) != before:
            assert target.startswith("index.json") or any(
                target_matches(target, e) for e in entries
            )
        check_collection(tree, cache)


def entry_of(root: Root) -> str:
    assert root.entry is not None
    return text(json.loads(root.entry))


def planned_in(plan: RemovalPlan) -> Texts:
    return Counter(map(entry_of, plan.roots))


def check_removed(tree: build.Tree, before: Texts, planned: Texts, weak: set[str]) -> None:
    after = texts(tree)
    assert planned <= before
    assert not after - before
    gone = before - after
    assert planned <= gone
    for each, count in (gone - planned).items():
        entry = json.loads(each)
        assert entry["digest"] in weak, (count, each)
        assert not {build.REF_NAME, build.CONTAINERD_NAME} & entry.get("annotations", {}).keys()


def target_matches(target: str, entry: build.Json) -> bool:
    name, _, digest = target.rpartition("@")
    digest = digest if digest.startswith("sha256:") else ""
    stated = entry.get("annotations", {})
    its = stated.get(build.CONTAINERD_NAME) or stated.get(build.REF_NAME)
    if digest:
        return bool(entry.get("digest") == digest)
    return its in {target, name}


@LENGTHS
def test_a_removal_removes_what_its_plan_says_and_nothing_else(length: settings) -> None:
    hold(length, check_removal, entries=ENTRIES, target=st.sampled_from(TARGETS))


def check_selected(entries: Entries, query: str) -> None:
    """A removal of a query, and a policy, act on the entries of their plans."""
    with opened(entries) as (tree, cache):
        before = texts(tree)
        with suppress(CacheError):
            plan = cache.plan_removal(where=query)
            cache.remove(plan)
            check_removed(tree, before, planned_in(plan), {row.digest for row in plan.weak})
        tree.write_entries(entries)
        with suppress(CacheError):
            policy = Policy(drop=(cache.parse(query),))
            decided = cache.plan_retention(policy)
            removal = decided.removal
            cache.remove(removal)
            check_removed(tree, before, planned_in(removal), {row.digest for row in removal.weak})
            dropped = [each.root for each in decided.decisions if each.is_dropped]
            assert Counter(map(entry_of, dropped)) == planned_in(removal)
            assert not any(PIN in (root.entry or "") for root in dropped)
        check_collection(tree, cache)


@LENGTHS
def test_a_query_removes_the_entries_of_its_plan(length: settings) -> None:
    hold(length, check_selected, entries=ENTRIES, query=st.sampled_from(QUERIES))


# -- writes --------------------------------------------------------------------------------


def write_by_import(cache: Cache, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        origin = build.layout(Path(folder) / "origin", {name: OTHER})
        options = ImportOptions(may_replace=True)
        cache.import_directory(origin.path, options, UNWATCHED)


def write_by_tag(cache: Cache, name: str) -> None:
    cache.tag(OTHER.digest, name)


def write_by_pull(cache: Cache, name: str) -> None:
    model = RegistryModel(BEHAVIOURS[0])
    reference = Reference.parse(name)
    repository = model.repository(reference.path)
    repository.manifests[OTHER.digest] = (OTHER.media_type, OTHER.root.content)
    repository.blobs |= {blob.digest: blob.content for blob in OTHER.blobs}
    repository.tags["1"] = OTHER.digest
    with scripted.scripted(model.answer) as server, scripted.client(server.host) as client:
        report = cache.pull_each([reference], lambda _: client, PullOptions(), UNWATCHED)
    assert not report.failures


WRITERS: dict[str, Callable[[Cache, str], None]] = {
    "import": write_by_import,
    "tag": write_by_tag,
    "pull": write_by_pull,
}


def check_write(entries: Entries, writer: str) -> None:
    """A write of a name replaces the images of that name only, and settles it."""
    name = "example.com/a:1"
    with opened(entries) as (tree, cache):
        before = texts(tree)
        with suppress(CacheError):
            WRITERS[writer](cache, name)
            assert str(cache.find_root(name).digest) == OTHER.digest
        after = texts(tree)
        for each in before - after:
            entry = json.loads(each)
            assert target_matches(name, entry) or is_weak(entry), each
        for each in after - before:
            assert json.loads(each)["digest"] == OTHER.digest, each
        check_collection(tree, cache)


def is_weak(entry: build.Json) -> bool:
    names = {build.REF_NAME, build.CONTAINERD_NAME}
    is_named = bool(names & entry.get("annotations", {}).keys())
    return entry.get("digest") == SIGNATURE.digest and not is_named


@pytest.mark.parametrize("writer", WRITERS)
@LENGTHS
def test_a_write_of_a_name_changes_the_images_of_that_name_only(
    length: settings, writer: str
) -> None:
    hold(length, check_write, entries=ENTRIES, writer=st.just(writer))


@QUICK
@given(entries=READABLE)
def test_linuxkits_remove_takes_what_only_the_name_reaches(entries: Entries) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tree = layout(Path(folder) / "cache", entries)
        before = texts(tree)
        with Provider(tree.path) as provider, suppress(CacheError):
            provider.remove("example.com/a:1")
        for each in before - texts(tree):
            entry = json.loads(each)
            assert target_matches("example.com/a:1", entry) or is_weak(entry)
        assert tree.blobs() >= kept_alive(tree.entries())


# -- import and export ---------------------------------------------------------------------


def check_identity(entries: Entries) -> None:
    """An export of every image and an import of the archive give the same names and blobs."""
    with opened(entries) as (tree, cache), tempfile.TemporaryDirectory() as folder:
        names = list(dict.fromkeys(each.name or each.digests[0] for each in cache.list()))
        try:
            plan = cache.plan_export(names, ExportOptions())
        except CacheError:  # a name of several images
            return
        content = b"".join(cache.export_chunks(plan))
        with Cache.create(Path(folder) / "again") as again:
            again.import_archive(io.BytesIO(content), "archive", ImportOptions(), UNWATCHED)
            assert named_in(again) == named_in(cache)
            assert digests_in(again) == digests_in(cache)
            held = {str(file.digest) for file in again.layout.blobs.files()}
        listed = {entry["digest"] for entry in tree.entries()}
        assert held == with_referrers(with_content(listed))


def named_in(cache: Cache) -> set[tuple[str, str]]:
    refs = cache.layout.index().refs
    return {(ref.name, str(ref.descriptor.digest)) for ref in refs if ref.name is not None}


def digests_in(cache: Cache) -> set[str]:
    found = {str(ref.descriptor.digest) for ref in cache.layout.index().refs}
    return found | ({SIGNATURE.digest} if AMD.digest in with_content(found) else set())


def with_content(digests: set[str]) -> set[str]:
    return digests.union(*(thing.digests for thing in THINGS if thing.digest in digests))


def with_referrers(digests: set[str]) -> set[str]:
    return digests | (SIGNATURE.digests if AMD.digest in digests else set())


@LENGTHS
def test_an_import_of_an_export_is_the_same_names_and_blobs(length: settings) -> None:
    hold(length, check_identity, entries=READABLE)
