"""Part of `Cache` that publishes its catalog to the database of a fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cache_reader import CacheReader
from cachedb.errors import CacheError, InvalidInput
from cachedb.feedback.progress import as_step
from cachedb.operations.sync import open_catalog

if TYPE_CHECKING:
    from cachedb.operations.fleet.membership import Membership
    from cachedb.operations.fleet.publish import PublishedCopy


class CacheFleet(CacheReader):
    """Publish the catalog of a cache to the database of a fleet."""

    def fleet(self) -> Membership | None:
        """Return the fleet to which this cache is published; None if there is none."""
        from cachedb.operations.fleet import membership

        return membership.read(self.layout)

    def join_fleet(self, url: str, *, follows_changes: bool = False) -> PublishedCopy:
        """Publish the catalog as the cache that a URL names, and remember the URL.

        With `follows_changes`, every change of this cache is published as it is closed.

        Raises:
            InvalidInput: The URL is malformed, has a password, or names no cache.
            CatalogOfAnother: The cache of that name is another one.
            StorageFailed: The server cannot be reached, or refuses the user.
        """
        open_catalog.server_catalogs()
        from cachedb.catalog.server.address import has_password
        from cachedb.operations.fleet import membership

        if has_password(url):
            what = "the URL has a password, and the cache keeps it where others can read it"
            raise InvalidInput(what, hint="keep the password in ~/.pgpass")
        found = self._publish(url)
        membership.store(
            self.layout, membership.Membership(url=url, follows_changes=follows_changes)
        )
        return found

    def publish(self) -> PublishedCopy:
        """Publish the catalog to the fleet of this cache; sends nothing if it is up to date.

        Raises:
            InvalidInput: The cache is not in a fleet.
            StorageFailed: The server cannot be reached, or refuses the user.
        """
        found = self.fleet()
        if found is None:
            what = "this cache is not published to a fleet"
            raise InvalidInput(what, hint="cachedb fleet add URL")
        return self._publish(found.url)

    @as_step("publish")
    def leave_fleet(self) -> None:
        """Forget the fleet of this cache; its copy in the database stays until it is removed."""
        from cachedb.operations.fleet import membership

        if self.fleet() is not None:
            membership.store(self.layout, None)

    @as_step("publish")
    def _publish(self, url: str) -> PublishedCopy:
        open_catalog.server_catalogs()
        from cachedb.operations.fleet import publish

        return publish.publish(self.layout, self._with_uses(), url)

    def publish_changes(self) -> None:
        """Publish what has changed if the fleet follows changes; warn where it cannot be."""
        try:
            found = self.fleet()
            if found is not None and found.follows_changes:
                self._publish(found.url)
        except CacheError as error:
            import logging  # delays the start of every command

            logging.getLogger(__name__).warning(
                "cachedb: the change is not published to the fleet: %s (cachedb fleet sync)", error
            )
