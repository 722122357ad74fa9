"""Publish the catalog of a host: a copy of it in the database of the fleet."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from cachedb.catalog import state
from cachedb.catalog.enums import FINGERPRINT, JOURNAL
from cachedb.catalog.server import published_copy
from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.fleet_catalog import member_schema
from cachedb.catalog.server.place import CatalogSchema
from cachedb.catalog.server.published_copy import CopyRecord
from cachedb.errors import InvalidInput
from cachedb.layout.fingerprint import racy_since
from cachedb.operations.sync import server_catalog
from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout


class PublishedCopy(Record):
    """Result of a publication."""

    cache: str
    """Name of the copy in its fleet."""
    rows: int
    """Number of rows that were sent; 0 if the copy is up to date."""
    is_changed: bool
    """Whether the copy was replaced."""


def publish(layout: Layout, catalog: Catalog, url: str) -> PublishedCopy:
    """Publish the catalog of a layout as the cache that a URL names, unless the copy is current.

    One transaction replaces the copy: a host that is killed meanwhile leaves the one before, and
    the next publication begins again. Costs a snapshot of the catalog, which writers of this host
    wait for, and one COPY a table, for which they do not; two short statements if the fingerprint
    of the layout, its journal and the catalog are those of the copy.

    Raises:
        InvalidInput: The URL is malformed, or the catalog of the layout is in a server itself.
        CatalogOfAnother: The cache of that name is another one.
        SchemaTooNew: A newer cachedb has written the copy.
        StorageFailed: The server cannot be reached, refuses the user, or is read-only.
    """
    if catalog.dialect != "sqlite":
        what = "the catalog of this cache is in a server, whose fleet it is part of"
        raise InvalidInput(what, hint="cachedb fleet list")
    address = ServerAddress.parse(url)
    schema = member_schema(address)
    owner = str(server_catalog.identify(layout))
    place = CatalogSchema(address=address, schema=schema, owner=owner)
    copy = place.open_copy()
    try:
        with copy.reading() as connection:
            before = CopyRecord.read(connection)
        with ExitStack() as stack:
            with catalog.reading_files() as source:
                stamp = _stamp(source, catalog)
                if before is not None and before.stamp == stamp:
                    return PublishedCopy(cache=schema, rows=0, is_changed=False)
                # Writers of this host would wait for as long as the rows are sent.
                taken = published_copy.taking(source, has_files=catalog.has_files_index)
                rows = stack.enter_context(taken)
            with copy.writing_files() as target:
                number = published_copy.replace(
                    rows, target, stamp=stamp, host=os.uname().nodename
                )
                published_copy.keep_owner(target, owner)
        return PublishedCopy(cache=schema, rows=number, is_changed=True)
    finally:
        copy.close()


def _stamp(source: Connection, catalog: Catalog) -> str:
    """Return what differs when the rows differ: fingerprint, journal and versions of the files.

    A file that was written just now may change without another version: its stamp equals no other.
    """
    parts = [state.read(source, FINGERPRINT), state.read(source, JOURNAL)]
    versions = [catalog.version, catalog.files_version]
    if any(each is not None and each.written_ns >= racy_since() for each in versions):
        parts.append(os.urandom(8).hex())
    return hashlib.sha256(repr((parts, versions)).encode()).hexdigest()
