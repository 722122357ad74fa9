"""The distribution API of one registry as methods of one class."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.errors import InvalidManifest
from cachedb.oci import graph
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
    """One registry, or one mirror; thread-safe.

    Repositories are paths without a domain. Absent content is `NotFound`; a `RegistryError`
    means that the registry refused or could not be reached.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def __str__(self) -> str:
        return str(self._endpoint)

    def resolve(self, reference: Reference) -> Descriptor:
        """Resolve a tag or digest to its descriptor: `manifests.resolve`."""
        return manifests.resolve(self._endpoint, reference)

    def manifest(
        self, repository: str, target: Descriptor | Digest | TagName
    ) -> tuple[Descriptor, bytes]:
        """Fetch and verify a manifest or an index: `manifests.get`."""
        return manifests.get(self._endpoint, repository, target)

    def blob(
        self, repository: str, descriptor: Descriptor, offset: int = 0
    ) -> AbstractContextManager[BlobStream]:
        """Open a blob for reading: `blobs.stream`."""
        return blobs.stream(self._endpoint, repository, descriptor, offset)

    def download(self, repository: str, descriptor: Descriptor, sink: Sink) -> None:
        """Download a blob into a sink, with resume: `blobs.download`."""
        blobs.download(self._endpoint, repository, descriptor, sink)

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Check whether a repository has a blob: `blobs.exists`."""
        return blobs.exists(self._endpoint, repository, digest)

    def mount_blob(self, repository: str, digest: Digest, source: str) -> bool:
        """Mount a blob from another repository, if the registry supports it: `uploads.mount`."""
        return uploads.mount(self._endpoint, repository, digest, source)

    def upload_blob(
        self, repository: str, descriptor: Descriptor, open_at: Callable[[int], BinaryIO]
    ) -> None:
        """Upload a blob: `uploads.upload`."""
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
        """Push a blob: skip if present, mount if possible, else upload: `uploads.push`."""
        content = Content(descriptor=descriptor, open_at=open_at)
        return uploads.push(self._endpoint, repository, content, source)

    def put_manifest(
        self, repository: str, target: Digest | TagName, media_type: MediaType, content: bytes
    ) -> None:
        """Store a document under a tag or its digest: `manifests.put`.

        It is sent as the type that the document states, which its descriptor may spell
        differently. If the registry does not process the subject, the index behind the fallback
        tag is updated.
        """
        with suppress(
            InvalidManifest
        ):  # the registry decides about content that is not a JSON object
            media_type = documents.type_to_send(content, media_type)
        if manifests.put(self._endpoint, repository, target, media_type, content):
            return
        try:
            document = documents.parse(content, media_type)
        except InvalidManifest:
            return  # stored by the registry, but not parsable: there is no subject
        if document.subject is not None:
            referrer = Descriptor(
                media_type=media_type,
                digest=Digest.of(content),
                size=len(content),
                artifact_type=graph.listed_artifact_type(document),
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
        """Find attachments of cosign 2 to a manifest by tag: `referrers.of_cosign_tags`."""
        return referrers.of_cosign_tags(self._endpoint, repository, subject)

    def close(self) -> None:
        """Close idle connections."""
        self._endpoint.close()
