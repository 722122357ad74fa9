"""A registry of things in memory, to whose answers a test gives the quirks of another registry."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from tests import build
from tests.registry.scripted import Asked, Reply, Scripted, scripted

Quirk = Callable[[Asked, Reply], Reply | None]

_PATH = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs)/(?P<target>[^/]+)")
_NOT_FOUND = Reply(404, b'{"errors":[{"code":"NOT_FOUND"}]}')


def as_it_is(_asked: Asked, reply: Reply) -> Reply:
    """Change nothing."""
    return reply


@contextmanager
def shelf(tagged: Mapping[str, build.Thing], quirk: Quirk = as_it_is) -> Iterator[Scripted]:
    """Serve things by tag and by digest in every repository, without a referrers API.

    `quirk` changes each reply, or returns None to close the connection.
    """
    blobs = {blob.digest: blob for thing in tagged.values() for blob in thing.blobs}

    def answer(asked: Asked) -> Reply | None:
        found = _PATH.fullmatch(asked.path)
        target = found["target"] if found else ""
        blob = tagged[target].root if target in tagged else blobs.get(target)
        if blob is None or asked.method not in {"GET", "HEAD"}:
            return quirk(asked, _NOT_FOUND)
        stated = (("Content-Type", blob.media_type), ("Docker-Content-Digest", blob.digest))
        return quirk(asked, Reply(body=blob.content, headers=stated))

    with scripted(answer) as server:
        yield server


def with_headers(reply: Reply, **changed: str) -> Reply:
    """Replace headers of a reply, whose dashes are written as underscores; '' leaves one out."""
    names = {name.replace("_", "-"): value for name, value in changed.items()}
    kept = tuple((name, value) for name, value in reply.headers if name not in names)
    return replace(reply, headers=(*kept, *((name, v) for name, v in names.items() if v)))
