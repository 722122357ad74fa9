"""The distribution API of one registry, as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.errors import InvalidManifest
from cachedb.oci import manifest as documents
from cachedb.oci.descriptor import Descriptor
from cachedb.oci.digest import Digest
from cachedb.registry import blobs, manifests, referrers, tags, uploads
from cachedb.registry.uploads import Content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from cachedb.oci.media_type import MediaType
    from cachedb.oci.reference import Reference, TagName
    from cachedb.registry.blobs import BlobStream, Sink
    from cachedb.registry.endpoint import Endpoint
    from cachedb.registry.referrers import TaggedReferrer
    from cachedb.registry.uploads import Outcome


class Registry:
    """One registry, or one mirror; several threads may use it.

    Repositories are paths without a domain. "It is not there" is `NotFound`; a `RegistryError`
    means that we could not find out, or that the registry refused.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def __str__(self) -> str:
        return str(self._endpoint)

    def resolve(self, reference: Reference) -> Descriptor:
        """Return what a tag or digest stands for: `manifests.resolve`."""
        return manifests.resolve(self._endpoint, reference)

    def manifest(
        self, repository: str, target: Descriptor | Digest | TagName
    ) -> tuple[Descriptor, bytes]:
        """Return a manifest or an index, checked: `manifests.get`."""
        return manifests.get(self._endpoint, repository, target)

    def blob(
        self, repository: str, descriptor: Descriptor, offset: int = 0
    ) -> AbstractContextManager[BlobStream]:
        """Open a blob for reading: `blobs.stream`."""
        return blobs.stream(self._endpoint, repository, descriptor, offset)

    def download(self, repository: str, descriptor: Descriptor, sink: Sink) -> None:
        """Bring a blob into a sink, resuming as needed: `blobs.download`."""
        blobs.download(self._endpoint, repository, descriptor, sink)

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Ask whether a repository has a blob."""
        return blobs.is_there(self._endpoint, repository, digest)

    def mount_blob(self, repository: str, digest: Digest, source: str) -> bool:
        """Take a blob over from another repository, if the registry agrees: `uploads.mount`."""
        return uploads.mount(self._endpoint, repository, digest, source)

    def upload_blob(
        self, repository: str, descriptor: Descriptor, open_at: Callable[[int], BinaryIO]
    ) -> None:
        """Upload a blob that is not there: `uploads.upload`."""
        content = Content(descriptor=descriptor, open_at=open_at)
        uploads.upload(self._endpoint, repository, content)

    def push_blob(
        self,
        repository: str,
        descriptor: Descriptor,
        open_at: Callable[[int], BinaryIO],
        *,
        source: str | None = None,
    ) -> Outcome:
        """Make a repository have a blob, sending it only if nothing else helps: `uploads.push`."""
        content = Content(descriptor=descriptor, open_at=open_at)
        return uploads.push(self._endpoint, repository, content, source)

    def put_manifest(
        self, repository: str, target: Digest | TagName, media_type: MediaType, content: bytes
    ) -> None:
        """Store a document under a tag or its digest: `manifests.put`.

        Where the registry does not keep track of referrers, the list of those of the subject
        is brought up to date.
        """
        if manifests.put(self._endpoint, repository, target, media_type, content):
            return
        try:
            document = documents.parse(content, media_type)
        except InvalidManifest:
            return  # the registry took a document that we cannot read: it names no subject
        if document.subject is not None:
            referrer = Descriptor(
                media_type=media_type,
                digest=Digest.of(content),
                size=len(content),
                artifact_type=_artifact_type(document),
                annotations=document.annotations,
            )
            subject = Digest(document.subject.digest)
            referrers.add(self._endpoint, repository, subject, referrer)

    def tags(self, repository: str) -> Iterator[TagName]:
        """Yield the tags of a repository: `tags.iter_tags`."""
        return tags.iter_tags(self._endpoint, repository)

    def referrers(self, repository: str, subject: Digest) -> tuple[Descriptor, ...]:
        """List the referrers of a manifest: `referrers.of`."""
        return referrers.of(self._endpoint, repository, subject)

    def cosign_referrers(self, repository: str, subject: Digest) -> tuple[TaggedReferrer, ...]:
        """Find what cosign 2 attached to a manifest by tag: `referrers.of_cosign_tags`."""
        return referrers.of_cosign_tags(self._endpoint, repository, subject)

    def close(self) -> None:
        """Close idle connections."""
        self._endpoint.close()


def _artifact_type(document: documents.Index | documents.Manifest) -> MediaType | None:
    """Return what the list of referrers calls a document: its own type, else its config's."""
    if document.artifact_type:
        return document.artifact_type
    if isinstance(document, documents.Manifest) and document.config is not None:
        return document.config.media_type
    return None
