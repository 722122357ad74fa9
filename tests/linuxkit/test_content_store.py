"""The content store: blobs by digest, written under refs, with labels."""

from collections.abc import Iterator

import pytest

from cachedb.cache import Cache
from cachedb.errors import (
    BlobNotFound,
    CacheBusy,
    CorruptBlob,
    InvalidInput,
    NotFound,
    Refused,
)
from cachedb.limits import MANIFEST_BYTES
from cachedb.linuxkit import ContentStore, Provider
from cachedb.oci import Digest
from tests import build
from tests.conftest import APP, BASE

CONTENT = b"what is written in two parts"
DIGEST = Digest.of(CONTENT)
KEPT = Digest(BASE.digest)


@pytest.fixture
def store(provider: Provider) -> ContentStore:
    return provider.store()


@pytest.fixture
def again(provider: Provider) -> Iterator[ContentStore]:
    """The store of the same cache, as another process would open it."""
    with Provider(provider.cache.layout.root) as other:
        yield other.store()


def write(store: ContentStore, ref: str, content: bytes) -> Digest:
    with store.writer(ref) as writer:
        writer.write(content)
        return writer.commit().digest


# -- info, walk, reader --------------------------------------------------------------------------


def test_info_says_what_is_there(store: ContentStore) -> None:
    info = store.info(KEPT)
    assert (info.digest, info.size, info.labels) == (KEPT, BASE.size, {})
    assert info.updated_at.tzinfo is not None
    with pytest.raises(BlobNotFound):
        store.info(DIGEST)


def test_walk_yields_every_blob_once(store: ContentStore, populated: build.Tree) -> None:
    found = [str(info.digest) for info in store.walk()]
    assert len(found) == len(set(found))
    assert set(found) == populated.blobs()


def test_a_reader_reads_and_checks(store: ContentStore, populated: build.Tree) -> None:
    with store.reader(KEPT) as reader:
        assert reader.read() == BASE.content
        reader.seek(3)
        assert reader.read(5) == BASE.content[3:8]
    populated.flip(BASE.digest)
    with store.reader(KEPT) as reader, pytest.raises(CorruptBlob):
        reader.read()


# -- writer, status, list_statuses, abort --------------------------------------------------------


def test_a_commit_puts_the_blob_into_the_store(store: ContentStore) -> None:
    with store.writer("layer-1", total=len(CONTENT), expected=DIGEST) as writer:
        assert writer.write(CONTENT[:10]) == 10
        assert DIGEST not in {info.digest for info in store.walk()}
        writer.write(CONTENT[10:])
        assert writer.digest == DIGEST
        info = writer.commit(size=len(CONTENT), expected=DIGEST, labels={"from": "test"})
    assert (info.digest, info.size, info.labels) == (DIGEST, len(CONTENT), {"from": "test"})
    assert store.reader(DIGEST).read() == CONTENT
    assert store.list_statuses() == []


def test_a_writer_goes_on_where_the_last_one_stopped(
    store: ContentStore, again: ContentStore
) -> None:
    with store.writer("layer-1", total=len(CONTENT)) as writer:
        writer.write(CONTENT[:10])
    status = again.status("layer-1")
    assert (status.ref, status.offset, status.total) == ("layer-1", 10, len(CONTENT))
    assert status.started_at <= status.updated_at
    with again.writer("layer-1") as writer:
        assert writer.offset == 10
        writer.write(CONTENT[10:])
        assert writer.commit(expected=DIGEST).digest == DIGEST


def test_a_ref_has_one_writer_at_a_time(store: ContentStore, again: ContentStore) -> None:
    with store.writer("layer-1"):
        with pytest.raises(CacheBusy, match="layer-1"), again.writer("layer-1"):
            pass
        with pytest.raises(CacheBusy):
            again.abort("layer-1")
        with again.writer("layer-2") as other:
            other.write(b"2")
    assert [status.ref for status in again.list_statuses()] == ["layer-1", "layer-2"]


def test_an_aborted_write_leaves_nothing(store: ContentStore, provider: Provider) -> None:
    with store.writer("layer-1") as writer:
        writer.write(CONTENT)
    store.abort("layer-1")
    for ask in (store.status, store.abort):
        with pytest.raises(NotFound, match="layer-1"):
            ask("layer-1")
    assert not list((provider.cache.layout.private / "ingest").iterdir())
    with store.writer("layer-1") as writer:
        assert writer.offset == 0


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"size": len(CONTENT) + 1}, id="size"),
        pytest.param({"expected": Digest.of(b"other")}, id="digest"),
        pytest.param({"expected": Digest.of(b"other", "sha512")}, id="digest of another kind"),
    ],
)
def test_a_commit_of_something_else_is_refused_and_can_be_repeated(
    store: ContentStore, wrong: dict[str, object]
) -> None:
    with store.writer("layer-1") as writer:
        writer.write(CONTENT)
        with pytest.raises(CorruptBlob):
            writer.commit(**wrong)  # type: ignore[arg-type]
        with pytest.raises(BlobNotFound):
            store.info(DIGEST)
        writer.truncate()
        assert writer.offset == 0
        writer.write(CONTENT)
        assert writer.commit(size=len(CONTENT), expected=DIGEST).digest == DIGEST


def test_a_writer_is_held_to_the_digest_it_was_opened_with(store: ContentStore) -> None:
    with store.writer("layer-1", expected=DIGEST) as writer:
        writer.write(b"other")
        with pytest.raises(CorruptBlob):
            writer.commit()


def test_other_algorithms_will_do(store: ContentStore) -> None:
    digest = Digest.of(CONTENT, "sha512")
    with store.writer("layer-1") as writer:
        writer.write(CONTENT)
        assert writer.commit(expected=digest).digest == digest
    assert store.reader(digest).read() == CONTENT


def test_what_is_there_already_is_committed_all_the_same(
    store: ContentStore, populated: build.Tree
) -> None:
    populated.flip(BASE.digest)
    assert write(store, "again", BASE.content) == BASE.digest
    assert store.reader(KEPT).read() == BASE.content


def test_a_ref_of_any_characters_will_do_up_to_a_length(store: ContentStore) -> None:
    odd = "manifest-../../é\n" + "x" * 900
    with store.writer(odd) as writer:
        writer.write(b"1")
    assert [status.ref for status in store.list_statuses()] == [odd]
    with pytest.raises(InvalidInput), store.writer("x" * 1025):
        pass


def test_what_is_committed_is_kept_for_the_grace_and_by_a_name(
    store: ContentStore, provider: Provider
) -> None:
    write(store, "layer-1", CONTENT)
    plan = provider.cache.plan_collection()
    assert DIGEST in {each.digest for each in plan.spared}
    provider.cache.collect(plan)
    assert store.info(DIGEST)
    plan = provider.cache.plan_collection(grace=0)
    assert DIGEST in {each.digest for each in plan.garbage}


def test_a_collection_takes_what_no_process_writes_and_nothing_else(
    store: ContentStore, again: ContentStore, provider: Provider
) -> None:
    with store.writer("left") as writer:
        writer.write(b"1")
    with store.writer("running") as writer:
        writer.write(b"2")
        provider.cache.collect(provider.cache.plan_collection(grace=0))
        assert [status.ref for status in again.list_statuses()] == ["running"]
        assert writer.commit().size == 1


# -- delete, update ------------------------------------------------------------------------------


def test_what_something_needs_is_not_deleted(store: ContentStore, populated: build.Tree) -> None:
    before = populated.blobs()
    for digest in (KEPT, Digest(APP.digest)):
        with pytest.raises(Refused, match="in use"):
            store.delete(digest)
    assert populated.blobs() == before


def test_what_nothing_needs_is_deleted_however_young(
    store: ContentStore, populated: build.Tree
) -> None:
    before = populated.blobs()
    write(store, "layer-1", CONTENT)
    store.update(DIGEST, {"a": "1"})
    store.delete(DIGEST)
    assert populated.blobs() == before
    for ask in (store.info, store.delete):
        with pytest.raises(BlobNotFound):
            ask(DIGEST)
    write(store, "layer-1", CONTENT)
    assert store.info(DIGEST).labels == {}


def test_labels_are_set_changed_and_removed(store: ContentStore, again: ContentStore) -> None:
    assert store.update(KEPT, {"a": "1", "b": "2"}).labels == {"a": "1", "b": "2"}
    assert again.update(KEPT, {"a": "3", "b": None}).labels == {"a": "3"}
    assert store.info(KEPT).labels == {"a": "3"}
    assert [info.digest for info in store.walk(labels={"a": "3"})] == [KEPT]
    assert list(store.walk(labels={"a": "1"})) == []
    with pytest.raises(BlobNotFound):
        store.update(DIGEST, {"a": "1"})
    with pytest.raises(InvalidInput, match="longer"):
        store.update(KEPT, {"a": "x" * 4096})


def test_labels_of_any_characters_survive(store: ContentStore) -> None:
    odd = {"size": "1", "Size": "2", "é\n\u2028": '"\\'}
    store.update(KEPT, odd)
    assert store.info(KEPT).labels == odd


def test_labels_go_with_the_blob(store: ContentStore, provider: Provider) -> None:
    write(store, "layer-1", CONTENT)
    store.update(DIGEST, {"a": "1"})
    provider.cache.collect(provider.cache.plan_collection(grace=0))
    store.update(KEPT, {"b": "2"})
    assert DIGEST not in (provider.cache.layout.private / "labels.json").read_text()


def test_broken_labels_are_told(store: ContentStore, provider: Provider) -> None:
    (provider.cache.layout.private / "labels.json").write_text("{")
    with pytest.raises(InvalidInput, match=r"labels\.json"):
        store.info(KEPT)


def test_a_store_is_that_of_the_cache(provider: Provider) -> None:
    write(provider.store(), "layer-1", CONTENT)
    with Cache.open(provider.cache.layout.root) as cache:
        assert cache.layout.blobs.read(DIGEST, MANIFEST_BYTES) == CONTENT
