"""A collection sees a digest that a document writes with escapes of JSON."""

import pytest

from cachedb.cache import Cache
from cachedb.errors import CatalogMismatch
from tests import build


def test_a_document_that_escapes_a_digest_stops_the_collection_of_it(
    cache: Cache, populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON may write any character as an escape, which a search for digests does not find."""
    monkeypatch.setattr("cachedb.layout.fingerprint._RACY_NS", 0)
    layer = build.layer({"only": "here"})
    made = build.image(layer).root.content
    escaped = made.replace(layer.digest.encode(), layer.digest.replace(":", "\\u003a").encode())
    assert escaped != made
    root = build.Blob(escaped, build.OCI_MANIFEST)
    populated.put(*build.image(layer).blobs, root)
    populated.write_entries([*populated.entries(), root.descriptor()])
    Cache.open(populated.path).close()
    with cache.catalog.writing() as connection:
        connection.driver.execute(
            "DELETE FROM edge WHERE child_id = (SELECT id FROM blob WHERE digest = ?)",
            (layer.digest,),
        )

    with pytest.raises(CatalogMismatch):
        cache.plan_collection(grace=0)
