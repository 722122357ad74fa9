"""Referrers of a manifest: the referrers API, its fallback tag, and the tags of cosign 2.

Distribution-spec, "Listing Referrers" and "Referrers Tag Schema".
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from cachedb.errors import InvalidManifest, InvalidMediaType, RefNotFound, WrongContent
from cachedb.limits import GRAPH_NODES, MANIFEST_BYTES, PAGES
from cachedb.oci import manifest as documents
from cachedb.oci import media_type as media_types
from cachedb.oci import strict_json
from cachedb.oci.digest import Digest
from cachedb.oci.manifest import Index
from cachedb.oci.media_type import MediaType
from cachedb.oci.names.cosign_tag import cosign_tags
from cachedb.oci.reference import TagName
from cachedb.registry import manifests
from cachedb.registry.endpoint import next_page
from cachedb.registry.http import api_errors
from cachedb.registry.http.origin import path_segment

if TYPE_CHECKING:
    from cachedb.oci.descriptor import Descriptor
    from cachedb.registry.endpoint import Endpoint
    from cachedb.registry.http.response import Response

_NO_API = frozenset({404, 405, 501})
_LONGEST_ALGORITHM = 32
_LONGEST_ENCODED = 64


class TaggedReferrer(NamedTuple):
    """A manifest that refers to another one by its tag only: ``sha256-HEX.sig``."""

    tag: TagName
    descriptor: Descriptor


def of(endpoint: Endpoint, repository: str, subject: Digest) -> tuple[Descriptor, ...]:
    """List the manifests whose ``subject`` is `subject`, in the registry's order, each once.

    A registry without the API is asked for the fallback tag. Without referrers the tuple is empty.
    Costs one request a page, and one more for the fallback tag.

    Raises:
        WrongContent: The response is not an index.
        LimitExceeded: More pages or descriptors than the limits allow.
    """
    found: dict[Digest, Descriptor] = {}
    path: str | None = endpoint.path(repository, f"referrers/{path_segment(subject)}")
    seen: set[str] = set()
    title = f"the list of the referrers of {subject}"
    while path is not None:
        if path in seen:
            raise WrongContent(f"the referrers of {subject}", "the pages form a cycle")
        seen.add(path)
        PAGES.check(len(seen), title)
        access = endpoint.pulling(repository)
        with endpoint.fetch(path, access, MANIFEST_BYTES, title) as (response, content):
            if len(seen) == 1 and not _has_api(endpoint, response, content):
                return _of_fallback_tag(endpoint, repository, subject) or ()
            page = _page(response, content, subject)
            path = next_page(response)
        known = len(found)
        found.update((descriptor.digest, descriptor) for descriptor in page)
        GRAPH_NODES.check(len(found), title)
        if path is not None and len(found) == known:
            raise WrongContent(f"the referrers of {subject}", "a page brings nothing new")
    return tuple(found.values())


def of_cosign_tags(
    endpoint: Endpoint, repository: str, subject: Digest
) -> tuple[TaggedReferrer, ...]:
    """Find manifests that cosign 2 attached by tag: ``sha256-HEX.sig``, ``.att``, ``.sbom``.

    Costs one HEAD a suffix, or a GET where the registry answers no HEAD. Tags that the registry
    does not have are omitted.
    """
    found = []
    for tag in cosign_tags(subject):
        try:
            descriptor = manifests.resolve_tag(endpoint, repository, tag)
        except RefNotFound:
            continue
        found.append(TaggedReferrer(tag, descriptor))
    return tuple(found)


def add(endpoint: Endpoint, repository: str, subject: Digest, referrer: Descriptor) -> None:
    """Add `referrer` to the index behind the fallback tag of `subject`; idempotent.

    Read, then write: the distribution-spec has no conditional PUT, so of two clients that add
    at the same time one entry may be lost.

    Raises:
        WrongContent: The tag is that of an image or another artifact, which would lose it.
    """
    known = _of_fallback_tag(endpoint, repository, subject)
    if known is None:
        tag = fallback_tag(subject)
        raise WrongContent(f"'{repository}:{tag}'", "it is an image, and no list of referrers")
    if any(descriptor.digest == referrer.digest for descriptor in known):
        return
    content = strict_json.encode(
        {
            "schemaVersion": 2,
            "mediaType": str(media_types.OCI_INDEX),
            "manifests": [descriptor.to_json() for descriptor in (*known, referrer)],
        }
    )
    manifests.put(endpoint, repository, fallback_tag(subject), media_types.OCI_INDEX, content)


def fallback_tag(subject: Digest) -> TagName:
    """Return the tag of the index that replaces the referrers API (Referrers Tag Schema).

    Example:
        >>> from cachedb.oci import Digest
        >>> fallback_tag(Digest.of(b""))[:20]
        'sha256-e3b0c44298fc1'
    """
    algorithm, encoded = subject.algorithm, subject.encoded
    return TagName(f"{algorithm[:_LONGEST_ALGORITHM]}-{encoded[:_LONGEST_ENCODED]}")


def _has_api(endpoint: Endpoint, response: Response, content: bytes) -> bool:
    """Return whether a response is one of the referrers API, errors included.

    A server that responds to every path with an HTML page and 200 has no such API.
    """
    if response.status in _NO_API:
        return False
    if response.status != HTTPStatus.OK or _kind_of_page(response, content):
        return True
    stated = (response.header("Content-Type") or "")[:80]
    endpoint.settings.warn(
        f"{endpoint} answers a request for referrers with {stated!r}: asking for the fallback tag"
    )
    return False


def _page(response: Response, content: bytes, subject: Digest) -> tuple[Descriptor, ...]:
    if response.status != HTTPStatus.OK:
        raise api_errors.error_of(response, f"list the referrers of {subject}")
    kind = _kind_of_page(response, content)
    if kind is None or not kind.is_index:
        stated = kind or (response.header("Content-Type") or "")[:80]
        raise WrongContent(f"the referrers of {subject}", f"{str(stated)!r} is not an index")
    return _manifests_in(content, kind, subject)


def _kind_of_page(response: Response, content: bytes) -> MediaType | None:
    """Return the stated or actual type of a page that is a document; None for any other page."""
    try:
        stated = MediaType((response.header("Content-Type") or "").lower())
    except InvalidMediaType:
        stated = media_types.OCTET_STREAM
    return stated if documents.kind_of(stated) else documents.guess(content)


def _of_fallback_tag(
    endpoint: Endpoint, repository: str, subject: Digest
) -> tuple[Descriptor, ...] | None:
    """Return the list behind the fallback tag, empty without the tag; None if it is no list."""
    try:
        descriptor, content = manifests.get(endpoint, repository, fallback_tag(subject))
    except RefNotFound:
        return ()
    # GitLab resolves the tag sha256-HEX to the digest sha256:HEX, which is the subject itself.
    if Digest.of(content, subject.algorithm) == subject:
        return ()
    # A user may have given the tag to an image.
    if not descriptor.media_type.is_index:
        return None
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
