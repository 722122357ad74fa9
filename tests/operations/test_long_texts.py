"""Texts longer than an entry of an index of PostgreSQL, and with U+0000, on both catalogs."""

import hashlib
import json
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import attested, build
from tests.postgresql import Server

CATALOGS = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


def incompressible(seed: str, length: int = 4000) -> str:
    """Return a text that a database cannot shorten by compressing it."""
    numbers = range(length // 128 + 1)
    pieces = [hashlib.sha512(f"{seed} {number}".encode()).hexdigest() for number in numbers]
    return "".join(pieces)[:length]


def opened(path: Path, server: Server, kind: str) -> Cache:
    return Cache.open(path, catalog=server.fresh() if kind == "postgresql" else None)


@CATALOGS
def test_texts_of_any_length_are_indexed(tree: build.Tree, server: Server, kind: str) -> None:
    key, value = incompressible("key"), incompressible("value")
    name = f"example.com/{incompressible('name')}:1"
    image = build.image(labels={key: value}, env=[f"{key}={value}"])
    tree.add(image, name)
    tree.add(build.image(env=["n=2"], annotations={key: value}), "short:1")

    with opened(tree.path, server, kind) as cache:
        found = {each.name for each in cache.list()}
        assert name in found
        assert [row.name for row in cache.query(f'refs label:"{key}"="{value}"')] == [name]
        assert [row.name for row in cache.query(f'refs env:"{key}"="{value}"')] == [name]
        assert [row.name for row in cache.query(f'refs annotation:"{key}"="{value}"')] == [
            "short:1"
        ]
        assert cache.find_image(name).roots
        cache.pin([name])
        assert [row.name for row in cache.query("refs is:pinned")] == [name]


@CATALOGS
def test_packages_with_texts_of_any_length_are_indexed(
    tree: build.Tree, server: Server, kind: str
) -> None:
    name, version = incompressible("package"), incompressible("version")
    document = {
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "sbom",
        "packages": [
            {"SPDXID": "SPDXRef-1", "name": name, "versionInfo": version,
             "licenseDeclared": incompressible("license"), "downloadLocation": "NOASSERTION"},
        ],
    }  # fmt: skip
    image = build.image()
    tree.add(build.index(image, attested.annotated(image, attested.blob(document))), "app:1")

    with opened(tree.path, server, kind) as cache:
        (row,) = cache.query(f'packages name:"{name}" show version')
        assert row.version == version


@CATALOGS
def test_a_text_with_nul_is_indexed_with_a_replacement_character_and_reported(
    tree: build.Tree, server: Server, kind: str
) -> None:
    image = build.image(labels={"a": "b\0c"})
    tree.add(image, "app:1")
    url = server.fresh() if kind == "postgresql" else None

    with Cache.open(tree.path, catalog=url) as cache:
        assert [row.name for row in cache.query('refs label:a="b\ufffdc"')] == ["app:1"]
    details = [each.detail for each in Cache.examine(tree.path, catalog=url)]
    assert any("U+0000" in detail for detail in details), json.dumps(details)
