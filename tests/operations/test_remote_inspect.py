"""Questions to registries: what is there, what is not, and what could not be asked."""

import json
from collections.abc import Iterator

import pytest

from cachedb.errors import (
    AuthenticationFailed,
    InvalidReference,
    RefNotFound,
    RegistryError,
    RegistryUnavailable,
)
from cachedb.oci import Platform, Reference
from cachedb.operations.transfer import remote_inspect
from cachedb.operations.transfer.remote_inspect import Publication
from cachedb.registry.client import Client
from tests import build
from tests.operations.registries import Holding, connecting, put
from tests.registry import servers
from tests.registry.counting import Counter
from tests.registry.scripted import Reply, scripted

BASE = build.layer({"base": "b" * 4000})
AMD = build.image(BASE, build.layer({"arch": "amd64"}))
ARM7 = build.image(BASE, build.layer({"arch": "arm"}), arch="arm", variant="v7")
ARM64 = build.image(BASE, build.layer({"arch": "arm64"}), arch="arm64", variant="v8")
THINGS = {
    "index": build.index(AMD, ARM7, build.attestation(AMD)),
    "nested": build.index(AMD, build.index(ARM64)),
    "image": ARM7,
    "artifact": build.artifact(BASE, artifact_type="application/vnd.example.thing"),
    "docker": build.index(build.image(docker=True), docker=True),
}


@pytest.fixture(scope="module")
def filled(registry: servers.Served) -> servers.Served:
    for name, thing in THINGS.items():
        put(registry.host, f"r/{name}", thing)
    return registry


@pytest.fixture
def client(filled: servers.Served) -> Iterator[Client]:
    with connecting() as connect:
        yield connect(filled.host)


def reference(host: str, name: str) -> Reference:
    return Reference.parse(f"{host}/r/{name}")


# -- is it there? ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "platform", "is_there"),
    [
        pytest.param("index:1", None, True, id="image"),
        pytest.param("index:2", None, False, id="no such tag"),
        pytest.param("nothing:1", None, False, id="no such repository"),
        pytest.param("index:1", "linux/amd64", True, id="listed"),
        pytest.param("index:1", "linux/arm", True, id="arm is arm/v7"),
        pytest.param("index:1", "linux/arm/v6", False, id="another variant"),
        pytest.param("index:1", "linux/arm64", False, id="arm64 would run arm"),
        pytest.param("index:1", "windows/amd64", False, id="another system"),
        pytest.param("nested:1", "linux/arm64/v8", True, id="in an inner index"),
        pytest.param("nested:1", "linux/riscv64", False, id="not in an inner index"),
        pytest.param("image:1", "linux/arm/v7", True, id="by its config"),
        pytest.param("image:1", "linux/amd64", False, id="not by its config"),
        pytest.param("artifact:1", "linux/amd64", False, id="an artifact"),
        pytest.param("docker:1", "linux/amd64", True, id="Docker's list"),
        pytest.param(f"index@{AMD.digest}", "linux/amd64", True, id="by digest"),
        pytest.param("nothing:1", "linux/amd64", False, id="no repository for a platform"),
    ],
)
def test_an_image_is_there_or_it_is_not(
    client: Client, filled: servers.Served, name: str, platform: str | None, is_there: bool
) -> None:
    wanted = Platform.parse(platform) if platform else None
    found = remote_inspect.image_in_registry(client, reference(filled.host, name), wanted)
    assert found is is_there


@pytest.mark.parametrize("platform", [None, Platform(os="linux", architecture="amd64")])
@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AuthenticationFailed), (403, AuthenticationFailed), (500, RegistryUnavailable),
     (418, RegistryError)],
)  # fmt: skip
def test_a_registry_that_does_not_answer_has_not_said_no(
    platform: Platform | None, status: int, error: type[Exception]
) -> None:
    with (
        scripted(lambda _asked: Reply(status)) as server,
        connecting() as connect,
        pytest.raises(error),
    ):
        remote_inspect.image_in_registry(
            connect(server.host), reference(server.host, "x:1"), platform
        )


def test_a_registry_that_is_down_has_not_said_no() -> None:
    with connecting() as connect, pytest.raises(RegistryUnavailable):
        remote_inspect.image_in_registry(
            connect("127.0.0.1:1"), reference("127.0.0.1:1", "x:1"), None
        )


# -- what is it? -------------------------------------------------------------------------------


def test_an_index_is_described_by_its_manifests(client: Client, filled: servers.Served) -> None:
    found = remote_inspect.inspect(client, reference(filled.host, "index:1"))

    thing = THINGS["index"]
    assert (found.descriptor.digest, found.content) == (thing.digest, thing.root.content)
    assert [str(each.platform) for each in found.manifests] == [
        "linux/amd64",
        "linux/arm/v7",
        "unknown/unknown",
    ]
    assert found.manifests[0].size == sum(blob.size for blob in AMD.blobs)
    assert found.manifests[0].layers == 2
    # What two of them share counts once.
    assert found.size == sum(blob.size for blob in thing.blobs)


def test_an_inner_index_is_described_as_well(client: Client, filled: servers.Served) -> None:
    found = remote_inspect.inspect(client, reference(filled.host, "nested:1"))
    assert [str(each.platform) for each in found.manifests] == ["linux/amd64", "linux/arm64/v8"]


def test_an_image_is_described_by_its_config(client: Client, filled: servers.Served) -> None:
    (found,) = remote_inspect.inspect(client, reference(filled.host, "image:1")).manifests
    assert (str(found.platform), found.artifact_type) == ("linux/arm/v7", None)


def test_an_artifact_is_described_by_its_type(client: Client, filled: servers.Served) -> None:
    (found,) = remote_inspect.inspect(client, reference(filled.host, "artifact:1")).manifests
    assert (found.platform, found.artifact_type) == (None, "application/vnd.example.thing")


def test_no_layer_is_fetched_for_a_description(filled: servers.Served, counted: Counter) -> None:
    with connecting() as connect:
        remote_inspect.inspect(connect(counted.host), reference(counted.host, "index:1"))
    asked = counted.take()
    assert len(asked) == 4
    assert all("/manifests/" in line for line in asked)


def test_what_is_not_there_cannot_be_described(client: Client, filled: servers.Served) -> None:
    with pytest.raises(RefNotFound):
        remote_inspect.inspect(client, reference(filled.host, "index:2"))


def test_a_document_comes_byte_for_byte(client: Client, filled: servers.Served) -> None:
    found = remote_inspect.document(client, reference(filled.host, "docker:1"))
    assert found == THINGS["docker"].root.content


def test_tags_are_those_of_a_repository(client: Client, filled: servers.Served) -> None:
    assert list(remote_inspect.list_tags(client, reference(filled.host, "index"))) == ["1"]
    with pytest.raises(InvalidReference):
        remote_inspect.list_tags(client, reference(filled.host, "index:1"))
    with pytest.raises(RefNotFound):
        list(remote_inspect.list_tags(client, reference(filled.host, "nothing")))


def test_wrong_bytes_for_a_config_are_not_believed() -> None:
    config = b"{}" + b" " * (AMD.config.size - 2)

    def answer(asked: object) -> Reply:
        is_blob = "/blobs/" in asked.path  # type: ignore[attr-defined]
        content = config if is_blob else AMD.root.content
        return Reply(200, content, (("Content-Type", build.OCI_MANIFEST),))

    with (
        scripted(answer) as server,
        connecting() as connect,
        pytest.raises(RegistryError, match="other bytes"),
    ):
        remote_inspect.inspect(connect(server.host), reference(server.host, "x:1"))


# -- is it published? --------------------------------------------------------------------------


def test_published_unpublished_and_unknown_images_are_told_apart(
    filled: servers.Served, holding: Holding
) -> None:
    host = filled.host
    expected = {
        f"{host}/r/index:1": Publication.PUBLISHED,
        f"{host}/r/index@{THINGS['index'].digest}": Publication.PUBLISHED,
        f"{host}/r/image:1": Publication.DIFFERENT,
        f"{host}/r/index:2": Publication.ABSENT,
        f"{host}/r/nothing:1": Publication.ABSENT,
        "127.0.0.1:1/r/index:1": Publication.UNKNOWN,
        "v1": Publication.UNKNOWN,
    }
    cache = holding(dict.fromkeys(expected, THINGS["index"]))
    with connecting() as connect:
        answers = remote_inspect.check_published(cache.targets(), connect)

    assert {each.root.name: each.publication for each in answers} == expected
    errors = {str(each.root.name): type(each.error) for each in answers if each.error}
    assert errors == {"127.0.0.1:1/r/index:1": RegistryUnavailable, "v1": InvalidReference}


def test_each_name_costs_one_head(holding: Holding, counted: Counter) -> None:
    names = [f"{counted.host}/r/many:{number}" for number in range(20)]
    cache = holding(dict.fromkeys(names, AMD))
    with connecting() as connect:
        remote_inspect.check_published(cache.targets(), connect)
    assert sorted(counted.last_parts()) == sorted(f"HEAD {number}" for number in range(20))


def test_only_what_is_published_is_planned_to_go(filled: servers.Served, holding: Holding) -> None:
    published, local = f"{filled.host}/r/index:1", f"{filled.host}/r/local:1"
    cache = holding({published: THINGS["index"], local: AMD})
    with connecting() as connect:
        plan, answers = cache.plan_published_removal((), connect)
        assert len(answers) == 2
        assert [root.name for root in cache.remove(plan)] == [published]
        assert [each.name for each in cache.list()] == [local]
        assert cache.plan_published_removal([local], connect)[0].roots == ()


def test_a_refusal_is_no_answer(holding: Holding) -> None:
    document = json.dumps({"errors": []}).encode()
    with scripted(lambda _asked: Reply(403, document)) as server:
        cache = holding({f"{server.host}/r/private:1": AMD})
        with connecting() as connect:
            (answer,) = remote_inspect.check_published(cache.targets(), connect)
    assert answer.publication is Publication.UNKNOWN
    assert isinstance(answer.error, AuthenticationFailed)
