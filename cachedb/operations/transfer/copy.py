"""Copy: an image from one registry to another, through the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.feedback.progress import UNWATCHED
from cachedb.operations.transfer.pull import PullOptions, pull
from cachedb.operations.transfer.push import PushOptions, Sending, push
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachedb.catalog.connect import Catalog
    from cachedb.feedback.progress import Progress
    from cachedb.layout import Layout
    from cachedb.oci import Reference
    from cachedb.operations.transfer.pull import Pulled
    from cachedb.operations.transfer.push import Pushed
    from cachedb.registry.client import Client


class CopyOptions(Record):
    """Selection to copy, and options of its push; referrers are copied by default."""

    push: PushOptions
    has_referrers: bool = True

    @property
    def pull(self) -> PullOptions:
        """Options of the pull."""
        return PullOptions(
            platforms=self.push.platforms, jobs=self.push.jobs, has_referrers=self.has_referrers
        )


class Copied(Record):
    """Result of a copy: the pull and the push."""

    pulled: Pulled
    pushed: Pushed


def copy(
    layout: Layout,
    catalog: Catalog,
    source: Reference,
    target: Reference,
    connect: Callable[[str], Client],
    options: CopyOptions,
    progress: Progress = UNWATCHED,
) -> Copied:
    """Pull an image and push it under another name; it stays in the cache under the old one.

    Inside of one registry its blobs are mounted instead of uploaded. Tags of cosign 2 are copied
    with the image, except those of an index of which only some platforms are copied, because it
    gets another digest.
    """
    got = pull(layout, catalog, [source], connect, options.pull, progress)
    for _, error in got.failures:
        raise error
    (pulled,) = got.pulled
    sending = Sending(name=pulled.name, root=pulled.descriptor, target=target.with_default_tag())
    sent = push(layout, catalog, [sending], connect, options.push, progress)
    for _, error in sent.failures:
        raise error
    (pushed,) = sent.pushed
    return Copied(pulled=pulled, pushed=pushed)
