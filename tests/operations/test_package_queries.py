"""Questions about packages, put to a cache that has read its SBOMs itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.query.syntax.parser import parse
from tests import attested, build
from tests.packages import sboms


def image(name: str) -> build.Thing:
    return build.image(build.layer({"name": name}))


def with_sbom(thing: build.Thing, *packages: dict[str, Any]) -> build.Thing:
    document = attested.blob(sboms.statement(sboms.spdx(*packages)))
    return build.index(thing, attested.annotated(thing, document))


def openssl(version: str, kind: str = "deb/debian") -> dict[str, Any]:
    return attested.package("openssl", version, kind, licenseConcluded="Apache-2.0")


BASH = attested.package("bash", "5.2.15-2+b2", licenseConcluded="GPL-3.0-or-later")
OPENSSL = {
    "deb-older": openssl("3.0.9-1"),
    "deb-security": openssl("3.0.13-1~deb12u1"),
    "deb-same": openssl("3.0.14-1~deb12u2"),
    "deb-newer": openssl("3.0.100-1"),
    "deb-epoch": openssl("1:1.0-1"),
    "apk-older": openssl("3.0.8-r3", "apk/alpine"),
    "apk-candidate": openssl("3.0.14_rc1-r0", "apk/alpine"),
    "apk-same": openssl("3.0.14-r0", "apk/alpine"),
    "rpm-older": openssl("3.0.7-25.el9", "rpm/redhat"),
    "rpm-newer": openssl("3.1.1-1.fc39", "rpm/fedora"),
    "npm-candidate": openssl("3.0.14-rc.1", "npm"),
    "npm-same": openssl("3.0.14+build.5", "npm"),
    "pypi-dev": openssl("3.0.14.dev1", "pypi"),
    "pypi-same": openssl("3.0.14.0", "pypi"),
    "pypi-post": openssl("3.0.14.post1", "pypi"),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    tree = build.layout(tmp_path_factory.mktemp("queries") / "cache")
    for name, package in OPENSSL.items():
        tree.add(with_sbom(image(name), package), f"example.com/{name}:1")
    tree.add(with_sbom(image("bash"), BASH, openssl("3.0.9-1")), "example.com/bash:1")
    tree.add(image("bare"), "example.com/bare:1")
    tree.add(with_sbom(image("empty")), "example.com/empty:1")
    with Cache.open(Path(tree.path)) as opened:
        yield opened


def ask(cache: Cache, query: str) -> list[Any]:
    return [row[0] for row in cache.query(parse(query)).rows]


def images(*names: str) -> set[str]:
    return {f"example.com/{name}:1" for name in names}


OLD = (
    "deb-older", "deb-security", "apk-older", "apk-candidate", "rpm-older", "npm-candidate",
    "pypi-dev", "bash",
)  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("refs pkg:openssl lt 3.0.14", images(*OLD), id="older"),
        pytest.param(
            "refs pkg:openssl ge 3.0.14",
            images(*OPENSSL.keys() - set(OLD)),
            id="not-older",
        ),
        pytest.param(
            "refs pkg:openssl=3.0.8..3.0.13",
            images("apk-older", "deb-older", "bash"),
            id="range",
        ),
        pytest.param("refs pkg:openssl gt 1:0", images("deb-epoch"), id="epoch"),
        pytest.param("refs pkg:bash", images("bash"), id="by-name"),
        pytest.param("refs pkg:bas", set(), id="not-by-part-of-a-name"),
        pytest.param("refs pkg:open* pkg:bash", images("bash"), id="by-glob"),
        pytest.param("refs license:GPL*", images("bash"), id="licence"),
        pytest.param(
            "refs license:GPL* and not pkg:openssl", set(), id="licence-and-another-package"
        ),
        pytest.param(
            "refs any package(name:openssl license:GPL*)", set(), id="both-of-one-package"
        ),
        pytest.param("refs no package", images("bare", "empty"), id="without"),
        pytest.param("refs count package gt 1", images("bash"), id="how-many"),
        pytest.param(
            "refs all package(version lt 3.0.10) any package",
            images("deb-older", "apk-older", "rpm-older"),
            id="every-package",
        ),
    ],
)
def test_images_are_found_by_what_is_in_them(cache: Cache, query: str, expected: set[str]) -> None:
    assert set(ask(cache, query)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("packages(example.com/bash:1)", ["bash", "openssl"], id="of-an-image"),
        pytest.param("packages(tag:1) license:GPL*", ["bash"], id="of-a-set"),
        pytest.param("packages(example.com/bare:1)", [], id="of-an-image-without"),
        pytest.param("license:GPL*", ["bash"], id="by-licence"),
        pytest.param("purl:pkg:deb/debian/bash@*", ["bash"], id="by-purl"),
        pytest.param("purl:pkg:deb/debian/bash@5.2.15-2%2Bb2", ["bash"], id="by-canonical-purl"),
        pytest.param("purl:pkg:deb/debian/bash@5.2.15-2+b2", ["bash"], id="by-purl-of-a-scanner"),
        pytest.param("purl:pkg:deb/Debian/bash@5.2.15-2+b2", ["bash"], id="by-purl-in-capitals"),
        pytest.param("purl:pkg:deb/debian/bash@*+b2", ["bash"], id="by-a-pattern-with-a-plus"),
        pytest.param("purl:pkg:deb/debian/bash@5.2.15-2", [], id="by-purl-of-another-version"),
        pytest.param("type:apk version lt 3.0.9", ["openssl"], id="by-type-and-version"),
        pytest.param("any blob(kind:manifest) name:bash", ["bash"], id="by-where-it-was-found"),
    ],
)
def test_packages_are_found(cache: Cache, query: str, expected: list[str]) -> None:
    assert ask(cache, f"packages {query} sort name") == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param(
            "deb",
            ["3.0.9-1", "3.0.13-1~deb12u1", "3.0.14-1~deb12u2", "3.0.100-1", "1:1.0-1"],
            id="deb",
        ),
        pytest.param("apk", ["3.0.8-r3", "3.0.14_rc1-r0", "3.0.14-r0"], id="apk"),
        pytest.param("rpm", ["3.0.7-25.el9", "3.1.1-1.fc39"], id="rpm"),
        pytest.param("npm", ["3.0.14-rc.1", "3.0.14+build.5"], id="semver"),
        pytest.param("pypi", ["3.0.14.dev1", "3.0.14.0", "3.0.14.post1"], id="pep440"),
    ],
)
def test_versions_are_sorted_as_their_ecosystem_has_it(
    cache: Cache, kind: str, expected: list[str]
) -> None:
    query = f"packages name:openssl type:{kind} sort version show version"
    assert ask(cache, query) == expected


def test_a_package_in_two_images_is_one_package(cache: Cache) -> None:
    assert ask(cache, "packages name:openssl version:3.0.9-1 show version") == ["3.0.9-1"]
    assert set(ask(cache, "refs pkg:openssl=3.0.9-1")) == images("deb-older", "bash")
