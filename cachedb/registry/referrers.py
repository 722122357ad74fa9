"""Referrers: what refers to a manifest, by the API or by the tag that stands in for it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from cachedb.errors import InvalidManifest, InvalidMediaType, RefNotFound, WrongContent
from cachedb.limits import GRAPH_NODES, MANIFEST_BYTES, PAGES
from cachedb.oci import manifest as documents
from cachedb.oci import media_type as media_types
from cachedb.oci import strict_json
from cachedb.oci.manifest import Index
from cachedb.oci.media_type import MediaType
from cachedb.oci.reference import TagName
from cachedb.registry import manifests
from cachedb.registry.endpoint import next_page
from cachedb.registry.http import api_errors
from cachedb.registry.http.origin import path_segment

if TYPE_CHECKING:
    from cachedb.oci.descriptor import Descriptor
    from cachedb.oci.digest import Digest
    from cachedb.registry.endpoint import Endpoint
    from cachedb.registry.http.transport import Answer

_NO_API = frozenset({404, 405, 501})
_LONGEST_ALGORITHM = 32
_LONGEST_ENCODED = 64


def of(endpoint: Endpoint, repository: str, subject: Digest) -> tuple[Descriptor, ...]:
    """Return the manifests that refer to `subject`, each once; none is not an error.

    A registry without the API is asked for the tag that stands in for it.

    Raises:
        WrongContent: The registry answers with something that is not an index.
    """
    found: dict[Digest, Descriptor] = {}
    path: str | None = endpoint.path(repository, f"referrers/{path_segment(subject)}")
    seen: set[str] = set()
    while path is not None:
        if path in seen:
            raise WrongContent(f"the referrers of {subject}", "the list of pages is a circle")
        seen.add(path)
        PAGES.check(len(seen), f"the list of the referrers of {subject}")
        title = f"the list of the referrers of {subject}"
        access = endpoint.pulling(repository)
        with endpoint.fetch(path, access, MANIFEST_BYTES, title) as (answer, content):
            if answer.status in _NO_API and len(seen) == 1:
                return _by_tag(endpoint, repository, subject)
            page = _page(answer, content, subject)
            path = next_page(answer)
        known = len(found)
        found.update((descriptor.digest, descriptor) for descriptor in page)
        GRAPH_NODES.check(len(found), f"the list of the referrers of {subject}")
        if path is not None and len(found) == known:
            raise WrongContent(f"the referrers of {subject}", "a page brings nothing new")
    return tuple(found.values())


def add(endpoint: Endpoint, repository: str, subject: Digest, referrer: Descriptor) -> None:
    """Put `referrer` on the list that the tag stands for; done if it is there.

    Two who do this at once may lose one entry: the distribution-spec knows no way around.
    """
    known = _by_tag(endpoint, repository, subject)
    if any(descriptor.digest == referrer.digest for descriptor in known):
        return
    content = strict_json.encode(
        {
            "schemaVersion": 2,
            "mediaType": str(media_types.OCI_INDEX),
            "manifests": [descriptor.to_json() for descriptor in (*known, referrer)],
        }
    )
    manifests.put(endpoint, repository, tag_of(subject), media_types.OCI_INDEX, content)


def tag_of(subject: Digest) -> TagName:
    """Return the tag that stands in for the API (distribution-spec, referrers tag schema).

    Example:
        >>> from cachedb.oci import Digest
        >>> tag_of(Digest.of(b""))[:20]
        'sha256-e3b0c44298fc1'
    """
    algorithm, encoded = subject.algorithm, subject.encoded
    return TagName(f"{algorithm[:_LONGEST_ALGORITHM]}-{encoded[:_LONGEST_ENCODED]}")


def _page(answer: Answer, content: bytes, subject: Digest) -> tuple[Descriptor, ...]:
    if answer.status != HTTPStatus.OK:
        raise api_errors.error_of(answer, f"list the referrers of {subject}")
    try:
        stated = MediaType(answer.header("Content-Type") or "")
    except InvalidMediaType:
        stated = media_types.OCTET_STREAM
    if stated != media_types.OCI_INDEX:
        raise WrongContent(f"the referrers of {subject}", f"{str(stated)!r} is not an index")
    return _manifests_in(content, stated, subject)


def _by_tag(endpoint: Endpoint, repository: str, subject: Digest) -> tuple[Descriptor, ...]:
    try:
        descriptor, content = manifests.get(endpoint, repository, tag_of(subject))
    except RefNotFound:
        return ()
    return _manifests_in(content, descriptor.media_type, subject)


def _manifests_in(
    content: bytes, media_type: MediaType, subject: Digest
) -> tuple[Descriptor, ...]:
    try:
        document = documents.parse(content, media_type)
    except InvalidManifest as error:
        raise WrongContent(f"the referrers of {subject}", str(error)) from error
    if not isinstance(document, Index):
        raise WrongContent(f"the referrers of {subject}", f"{str(media_type)!r} is not an index")
    return document.manifests
