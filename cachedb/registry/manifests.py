"""Manifests and indexes of a registry: resolved, fetched and stored byte for byte."""

from __future__ import annotations

import io
from http import HTTPStatus
from typing import TYPE_CHECKING

from cachedb.errors import (
    InvalidDigest,
    InvalidMediaType,
    RefNotFound,
    RegistryError,
    WrongContent,
)
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci import manifest as documents
from cachedb.oci import media_type as media_types
from cachedb.oci.descriptor import Descriptor
from cachedb.oci.digest import Digest
from cachedb.oci.media_type import MediaType
from cachedb.oci.reference import DEFAULT_TAG, TagName
from cachedb.registry.endpoint import HEAD_REFUSED
from cachedb.registry.http import api_errors, headers
from cachedb.registry.http.origin import path_segment
from cachedb.registry.http.request import Request

if TYPE_CHECKING:
    from cachedb.oci.reference import Reference
    from cachedb.registry.endpoint import Endpoint
    from cachedb.registry.http.response import Response

_KINDS = (
    media_types.OCI_INDEX,
    media_types.OCI_MANIFEST,
    media_types.DOCKER_LIST,
    media_types.DOCKER_MANIFEST,
    media_types.OCI_ARTIFACT,
)
_DOCKER_KINDS = frozenset({media_types.DOCKER_LIST, media_types.DOCKER_MANIFEST})
_DOCKER_TYPES_HINT = (
    'zot takes Docker\'s types with "compat": ["docker2s2"] under "http" in its configuration; '
    "`skopeo copy --format oci` converts an image, which changes its digest"
)
_ACCEPT = {"Accept": ", ".join(_KINDS)}
# Content types of servers without a media type for manifests.
_VAGUE_TYPES = frozenset(
    {"", "application/json", "application/octet-stream", "binary/octet-stream", "text/plain"}
)


def resolve(endpoint: Endpoint, reference: Reference) -> Descriptor:
    """Resolve a tag or digest to its descriptor, with one HEAD where the registry allows it.

    Raises:
        RefNotFound: The registry does not have it.
    """
    target = reference.digest or reference.tag or DEFAULT_TAG
    return _resolve(endpoint, reference.path, target, str(reference))


def resolve_tag(endpoint: Endpoint, repository: str, tag: TagName) -> Descriptor:
    """Resolve a tag of a repository: see `resolve`."""
    return _resolve(endpoint, repository, tag, f"{repository}:{tag}")


def _resolve(
    endpoint: Endpoint, repository: str, target: Digest | TagName, what: str
) -> Descriptor:
    path = _path(endpoint, repository, target)
    with endpoint.request("HEAD", path, endpoint.pulling(repository), _ACCEPT) as response:
        if response.status == HTTPStatus.NOT_FOUND:
            raise RefNotFound(what, why=f"{endpoint} has no {what!r}")
        if response.status == HTTPStatus.OK:
            found = _described(response, target)
            if found is not None:
                return found
        elif response.status not in HEAD_REFUSED:
            raise api_errors.error_of(response, f"resolve {what!r}")
    return get(endpoint, repository, target)[0]


def get(
    endpoint: Endpoint, repository: str, target: Descriptor | Digest | TagName
) -> tuple[Descriptor, bytes]:
    """Fetch a manifest or an index byte for byte, and verify its digest.

    With a descriptor, its size is verified as well, and its media type counts: a registry may
    send Docker's type for OCI's, or no type of a document at all. Costs one GET.

    Raises:
        RefNotFound: The registry does not have it.
        WrongContent: Digest or size differ, or the registry states another kind of document.
        LimitExceeded: It is too large to be parsed.
    """
    name: Digest | TagName = Digest(target.digest) if isinstance(target, Descriptor) else target
    what = f"{repository}@{name}" if isinstance(name, Digest) else f"{repository}:{name}"
    path = _path(endpoint, repository, name)
    title = f"the manifest of {what!r}"
    access = endpoint.pulling(repository)
    if isinstance(target, Descriptor):
        MANIFEST_BYTES.check(target.size, title)
    with endpoint.fetch(path, access, MANIFEST_BYTES, title, _ACCEPT) as (response, content):
        if response.status == HTTPStatus.NOT_FOUND:
            raise RefNotFound(what, why=f"{endpoint} has no {what!r}")
        if response.status != HTTPStatus.OK:
            raise api_errors.error_of(response, f"pull {what!r}")
        digest = _verified_digest(response, content, name, what)
        if isinstance(target, Descriptor):
            _check_descriptor(response, content, target, what)
            return target, content
        media_type = _type_of(response, content, what)
    return Descriptor(media_type=media_type, digest=digest, size=len(content)), content


def put(
    endpoint: Endpoint,
    repository: str,
    target: Digest | TagName,
    media_type: MediaType,
    content: bytes,
) -> bool:
    """Store a document under a tag or its digest; return whether its subject was processed.

    A registry with the referrers API sets OCI-Subject (distribution-spec, Pushing Manifests
    with Subject); without it, the caller updates the fallback tag.

    Raises:
        WrongContent: The registry reports another digest.
    """
    request = Request(
        method="PUT",
        url=_path(endpoint, repository, target),
        headers={"Content-Type": str(media_type)},
        open_body=lambda: io.BytesIO(content),
        length=len(content),
        is_slow=True,
    )
    what = f"{repository}@{target}" if isinstance(target, Digest) else f"{repository}:{target}"
    with endpoint.send(request, endpoint.pushing(repository)) as response:
        if response.status != HTTPStatus.CREATED:
            raise _not_stored(response, what, media_type)
        stated = _stated_digest(response, repr(what))
        if stated is not None and stated != Digest.of(content, stated.algorithm):
            raise WrongContent(repr(what), f"the registry reports that it stored {stated}")
        return bool(response.header("OCI-Subject"))


def _not_stored(response: Response, what: str, media_type: MediaType) -> RegistryError:
    error = api_errors.error_of(response, f"push {what!r}")
    if response.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE and media_type in _DOCKER_KINDS:
        # zot accepts OCI's media types only, unless configured otherwise.
        return RegistryError(
            f"{error}: the registry does not accept {str(media_type)!r}", hint=_DOCKER_TYPES_HINT
        )
    return error


def _path(endpoint: Endpoint, repository: str, target: Digest | TagName) -> str:
    return endpoint.path(repository, f"manifests/{path_segment(target)}")


def _described(response: Response, target: Digest | TagName) -> Descriptor | None:
    """Build a descriptor from the headers of a HEAD, None if one is missing."""
    digest = _stated_digest(response, str(target))
    if isinstance(target, Digest):
        if digest is not None and digest.algorithm == target.algorithm and digest != target:
            raise WrongContent(str(target), f"the registry answers with {digest}")
        digest = target
    length = headers.content_length(response.header_lines("Content-Length"))
    kind = _stated_type(response)
    # With a content coding, the length is not that of the document (RFC 9110, 8.6); gateways
    # that drop the body of a HEAD count zero bytes.
    if digest is None or not length or kind is None or response.codings:
        return None
    return Descriptor(media_type=kind, digest=digest, size=length)


def _stated_digest(response: Response, what: str) -> Digest | None:
    text = response.header("Docker-Content-Digest")
    if not text:
        return None
    try:
        return Digest(text)
    except InvalidDigest as error:
        raise WrongContent(what, f"the registry answers with an {error}") from error


def _stated_type(response: Response) -> MediaType | None:
    """Return the Content-Type if it is that of a document; its case does not count (RFC 9110)."""
    try:
        found = MediaType((response.header("Content-Type") or "").lower())
    except InvalidMediaType:
        return None
    return found if found.is_index or found.is_manifest else None


def _verified_digest(
    response: Response, content: bytes, name: Digest | TagName, what: str
) -> Digest:
    """Return the digest of a document after comparing it with those requested and stated."""
    if isinstance(name, Digest):
        digest = Digest.of(content, name.algorithm)
        if digest != name:
            raise WrongContent(repr(what), f"the registry sent {digest}")
        return digest
    stated = _stated_digest(response, repr(what))
    digest = Digest.of(content, stated.algorithm if stated else "sha256")
    if stated is not None and stated != digest:
        raise WrongContent(repr(what), f"the registry sent {digest} and called it {stated}")
    return digest


def _type_of(response: Response, content: bytes, what: str) -> MediaType:
    found = _stated_type(response)
    if found is not None:
        return found
    said = (response.header("Content-Type") or "").partition(";")[0].strip().lower()
    guessed = documents.guess(content) if said in _VAGUE_TYPES else None
    if guessed is None or not (guessed.is_index or guessed.is_manifest):
        shown = guessed or said[:80]
        raise WrongContent(repr(what), f"{str(shown)!r} is not the type of an index or a manifest")
    return guessed


def _check_descriptor(response: Response, content: bytes, wanted: Descriptor, what: str) -> None:
    """Compare a document with the descriptor by which it was requested.

    Docker's and OCI's media type of one kind are interchangeable; the parser checks the one that
    the document itself states.
    """
    if len(content) != wanted.size:
        raise WrongContent(
            repr(what), f"it has {len(content)} bytes, and its descriptor declares {wanted.size}"
        )
    stated = _stated_type(response)
    if stated is not None and documents.kind_of(stated) != documents.kind_of(wanted.media_type):
        raise WrongContent(
            repr(what), f"it is sent as {str(stated)!r}, not as {str(wanted.media_type)!r}"
        )
