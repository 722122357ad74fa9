"""The provider of a cache that may only be read, which newer versions of linuxkit cannot open."""

import json
import subprocess
import sys

from tests import build
from tests.cli.test_refusing_files import protect, unprivileged, unprotect
from tests.conftest import APP, TOOL

SCRIPT = """
import json, sys
from pathlib import Path
from cachedb.errors import StorageFailed
from cachedb.linuxkit import Provider, list_images

name, path = "example.com/app:1", Path(sys.argv[1])
with Provider(path) as provider:
    store, source = provider.store(), provider.new_source("tool:2")
    found = provider.find_root(name).descriptor

    def write():
        with store.writer("x") as writer:
            writer.write(b"1")

    def is_refused(change):
        try:
            change()
        except StorageFailed as error:
            return "is read-only" in str(error)

    read = [
        list_images(path) == provider.list() != {},
        provider.find_root(name).digest() == found.digest,
        provider.image_in_cache(name),
        provider.validate_image(name).descriptor() is not None,
        len(provider.get_content(found.digest).read()) == found.size,
        source.config() == {"Labels": {"team": "blue"}},
        source.sboms() == [],
        all(reader().read() for reader in (
            source.tar_reader, source.v1_tar_reader, source.oci_tar_reader)),
        store.info(found.digest).size == found.size,
        len(list(store.walk())),
        store.list_statuses() == [],
    ]
    refused = [
        is_refused(change) for change in (
            lambda: provider.remove(name),
            lambda: provider.index_write("x.io/new:1", found),
            lambda: provider.descriptor_write("x.io/new:1", found),
            write,
        )
    ]
print(json.dumps([read, refused]))
"""


def test_what_only_looks_works_and_everything_else_is_refused(populated: build.Tree) -> None:
    protect(populated.path)
    try:
        done = subprocess.run(
            unprivileged(sys.executable, "-c", SCRIPT, str(populated.path)),
            check=False,
            capture_output=True,
            text=True,
        )
    finally:
        unprotect(populated.path)
    assert done.returncode == 0, done.stderr
    read, refused = json.loads(done.stdout)
    blobs = len(APP.digests | TOOL.digests) + 1
    assert read == [blobs if type(each) is int else True for each in read]
    assert refused == [True] * 4
