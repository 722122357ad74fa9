"""Copying from one registry to another, through the cache."""

from collections.abc import Iterator
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import PlatformNotFound, RefNotFound, Refused
from cachedb.operations.transfer.copy import Copied
from tests import build
from tests.operations.registries import (
    Holding,
    Place,
    connecting,
    document,
    has_blob,
    on_disk,
    platforms,
    put,
    send,
    tags,
)
from tests.registry import servers
from tests.registry.counting import Counter

BASE = build.layer({"base": "b" * 4000})
AMD = build.image(BASE, build.layer({"arch": "amd64"}))
ARM = build.image(BASE, build.layer({"arch": "arm64"}), arch="arm64", variant="v8")
MULTI = build.index(AMD, ARM, build.attestation(AMD), build.attestation(ARM))
SIGNATURE = build.signature(MULTI)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Served]:
    with servers.docker_registry(tmp_path_factory.mktemp("second")) as served:
        yield served


@pytest.fixture
def source(registry: servers.Served, holding: Holding) -> str:
    name = f"{registry.host}/c/source:1"
    send(holding({name: MULTI}, SIGNATURE), name)
    return name


def copy(cache: Cache, source: str, target: str, **options: Any) -> Copied:
    with connecting() as connect:
        return cache.copy(source, target, registries=connect, **options)


def test_an_image_is_copied_with_what_refers_to_it(
    empty: Cache, source: str, second: servers.Served
) -> None:
    copied = copy(empty, source, f"{second.host}/c/target:2")

    assert copied.pushed.descriptor.digest == MULTI.digest
    fallback = MULTI.digest.replace(":", "-")
    assert tags(second.host, "c/target")["2"] == MULTI.digest
    listed = document(second.host, "c/target", fallback)["manifests"]
    assert [each["digest"] for each in listed] == [SIGNATURE.digest]
    assert [each.name for each in empty.list()] == [source, None]
    assert on_disk(empty) == MULTI.digests | SIGNATURE.digests


def test_referrers_stay_when_told(empty: Cache, source: str, second: servers.Served) -> None:
    copied = copy(empty, source, f"{second.host}/c/plain:1", referrers=False)
    assert copied.pushed.referrers == ()
    assert tags(second.host, "c/plain") == {"1": MULTI.digest}


def test_inside_of_a_registry_nothing_is_sent(empty: Cache, source: str, place: Place) -> None:
    copied = copy(empty, source, place.name, referrers=False)
    assert (copied.pushed.sent, copied.pushed.uploaded) == (0, 0)
    assert tags(place.host, place.path) == {"1": MULTI.digest}


def test_a_second_copy_costs_its_source_one_head(
    empty: Cache, source: str, counted: Counter, second: servers.Served
) -> None:
    path = source.partition("/")[2]
    target = f"{second.host}/c/again:1"
    copy(empty, f"{counted.host}/{path}", target, referrers=False)
    counted.take()
    copied = copy(empty, f"{counted.host}/{path}", target, referrers=False)
    assert counted.last_parts() == ["HEAD 1"]
    assert (copied.pulled.fetched, copied.pushed.sent) == (0, 0)


def test_one_platform_is_copied_alone(empty: Cache, source: str, second: servers.Served) -> None:
    copy(empty, source, f"{second.host}/c/arm:1", platforms=platforms("linux/arm64"))
    listed = document(second.host, "c/arm", "1")["manifests"]
    assert [each["digest"] for each in listed] == [ARM.digest, build.attestation(ARM).digest]
    assert not has_blob(second.host, "c/arm", AMD.config.digest)
    assert AMD.digest not in on_disk(empty)


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        pytest.param("c/nothing:1", {}, RefNotFound, id="absent"),
        pytest.param(
            "c/source:1",
            {"platforms": platforms("linux/riscv64")},
            PlatformNotFound,
            id="no such platform",
        ),
    ],
)
def test_what_cannot_be_pulled_is_not_copied(
    empty: Cache, source: str, place: Place, name: str, options: dict[str, object],
    error: type[Exception],
) -> None:  # fmt: skip
    with pytest.raises(error):
        copy(empty, f"{place.host}/{name}", place.name, **options)
    with pytest.raises(RefNotFound):
        tags(place.host, place.path)


def test_what_must_not_be_replaced_is_not(empty: Cache, source: str, place: Place) -> None:
    put(place.host, place.path, AMD)
    with pytest.raises(Refused):
        copy(empty, source, place.name)
    assert tags(place.host, place.path) == {"1": AMD.digest}
