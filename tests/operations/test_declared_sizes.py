"""Documents and configs that are declared too large are refused by that, and not fetched."""

from dataclasses import replace

import pytest

from cachedb.cache import Cache
from cachedb.errors import LimitExceeded
from cachedb.limits import CONFIG_BYTES, MANIFEST_BYTES
from cachedb.oci import Platform, Reference
from cachedb.operations.transfer import remote_inspect
from tests import build
from tests.operations.registries import connecting, fetch, on_disk, platforms
from tests.registry.scripted import Asked, Reply, Scripted
from tests.registry.shelf import Quirk, shelf

HUGE = 10 << 30
PLAIN = build.image(build.layer({"a": "b"}))


def with_config_of(size: int) -> build.Thing:
    """Make an image that declares a size for its config."""
    value = PLAIN.document
    value["config"]["size"] = size
    return replace(PLAIN, root=build.Blob(build.to_json(value), build.OCI_MANIFEST))


def endless(digest: str) -> Quirk:
    """Send the blob of a digest as a body of 2 MiB that ends too early."""
    body = (b"%x\r\n%s\r\n" % (1 << 20, bytes(1 << 20))) * 2
    headers = (("Transfer-Encoding", "chunked"), ("Content-Length", ""), ("Connection", "close"))

    def quirk(asked: Asked, reply: Reply) -> Reply:
        return Reply(body=body, headers=headers) if asked.path.endswith(digest) else reply

    return quirk


def requests_of(server: Scripted, digest: str) -> list[str]:
    return [asked.method for asked in server.asked if asked.path.endswith(digest)]


IMAGE = with_config_of(HUGE)
SILENT = build.index(replace(IMAGE, platform=None))


@pytest.mark.parametrize("thing", [IMAGE, SILENT], ids=["image", "index"])
@pytest.mark.parametrize("wanted", [(), ("linux/amd64",)], ids=["whole", "one platform"])
def test_pull_refuses_an_image_by_the_declared_size_of_its_config(
    empty: Cache, thing: build.Thing, wanted: tuple[str, ...]
) -> None:
    config = PLAIN.config.digest
    with shelf({"1": thing}, endless(config)) as server, pytest.raises(LimitExceeded) as refused:
        fetch(empty, server.host, "huge:1", platforms=platforms(*wanted))
    assert str(refused.value).startswith(f"config {config}")
    assert requests_of(server, config) == []
    assert on_disk(empty) == set()


def test_copy_refuses_an_image_by_the_declared_size_of_its_config(empty: Cache) -> None:
    with shelf({"1": IMAGE}, endless(PLAIN.config.digest)) as server, connecting() as connect:
        source, target = (f"{server.host}/{path}:1" for path in ("from", "to"))
        with pytest.raises(LimitExceeded):
            empty.copy(source, target, registries=connect)
    assert requests_of(server, PLAIN.config.digest) == []
    assert {asked.method for asked in server.asked} <= {"HEAD", "GET"}


def test_inspection_at_a_registry_refuses_a_config_by_its_declared_size() -> None:
    with shelf({"1": SILENT}, endless(PLAIN.config.digest)) as server, connecting() as connect:
        client, name = connect(server.host), Reference.parse(f"{server.host}/a/b:1")
        with pytest.raises(LimitExceeded):
            remote_inspect.inspect(client, name)
        with pytest.raises(LimitExceeded):
            remote_inspect.image_in_registry(client, name, Platform.parse("linux/amd64"))
    assert requests_of(server, PLAIN.config.digest) == []


def test_pull_refuses_a_document_by_its_declared_size(empty: Cache) -> None:
    value = build.index(PLAIN).document
    value["manifests"][0]["size"] = MANIFEST_BYTES.value + 1
    index = build.Thing(root=build.Blob(build.to_json(value), build.OCI_INDEX), parts=PLAIN.blobs)
    with shelf({"1": index}, endless(PLAIN.digest)) as server, pytest.raises(LimitExceeded):
        fetch(empty, server.host, "huge:1")
    assert requests_of(server, PLAIN.digest) == []


def test_a_config_of_the_largest_size_is_pulled(empty: Cache) -> None:
    padding = build.config_blob(PLAIN.layers, build.platform_of("amd64")).content
    padding += b" " * (CONFIG_BYTES.value - len(padding))
    largest = build.manifest(build.Blob(padding, build.OCI_CONFIG), PLAIN.layers)
    with shelf({"1": largest}) as server:
        fetch(empty, server.host, "largest:1", platforms=platforms("linux/amd64"))
    assert on_disk(empty) == largest.digests


@pytest.mark.parametrize("size", [CONFIG_BYTES.value + 1, HUGE])
def test_a_layout_with_a_config_declared_too_large_is_adopted_and_the_rest_is_kept(
    empty: Cache, size: int
) -> None:
    tree = build.Tree(empty.layout.root)
    tree.add(with_config_of(size), "example.com/huge:1")
    tree.add(build.image(build.layer({"other": "1"})), "example.com/other:1")
    with Cache.open(tree.path) as cache:
        verdicts = {str(each.name): each.is_valid for each in cache.validate()}
        assert verdicts == {"example.com/huge:1": False, "example.com/other:1": True}
        assert cache.collect(cache.plan_collection(grace=0)).freed == 0
