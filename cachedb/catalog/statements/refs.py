"""Statements about refs: entries of index.json with the blobs that they point at."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows, Scalars, Write
from cachedb.records import NamedTuple


class RefRow(NamedTuple):
    """A ref and its target; `size` is what index.json declares, in bytes."""

    id: int
    name: str | None
    media_type: str
    size: int
    blob_id: int
    digest: str
    kind: int
    pinned: int
    entry: str
    """The JSON of the entry in one form: keys sorted, without spaces."""
    entry_kind: str | None
    """The annotation `kind`, which distinguishes an image from its attachments."""
    declared_id: int | None
    """The platform that the entry declares for its target, NULL if it declares none."""
    configured_id: int | None
    """The platform that the config of the target names, NULL if it names none."""


class ClaimRow(NamedTuple):
    """The media type and the size in bytes that a descriptor declares."""

    media_type: str
    size: int


class RefSourceRow(NamedTuple):
    """The repository in the name of a ref, and the reference that it was pulled from."""

    registry: str | None
    repo: str | None
    source: str | None
    origin: str | None


class TaggedRow(NamedTuple):
    """A named ref with the parts of its name, and the target as index.json declares it."""

    name: str
    registry: str | None
    repo: str | None
    tag: str
    digest: str
    media_type: str
    size: int


class ReferrerRow(NamedTuple):
    """A ref without a name, its target, and the subject that the target refers to."""

    id: int
    blob_id: int
    digest: str
    subject: str
    """Digest of the subject."""


class RefName(NamedTuple):
    """The id and the name of a ref."""

    id: int
    name: str | None


class RefDigest(NamedTuple):
    """The id of a ref and the digest of its target."""

    id: int
    digest: str


ALL: Final = Rows("refs.all", RefRow)
"""Every ref, in the order of index.json, as in all selections of refs below."""
BY_NAME: Final = Rows("refs.by_name", RefName)
"""Every ref by name, those of one name by digest, the nameless last."""
DIGESTS: Final = Rows("refs.digests", RefDigest)
"""The digests of every ref, in the order of `BY_NAME`."""
OF_IDS: Final = Rows("refs.of_ids", RefRow)
"""The refs of `ids`."""
OF_NAMES: Final = Rows("refs.of_names", RefRow)
"""The refs whose name is exactly one of `names`."""
OF_SHARED_NAMES: Final = Rows("refs.of_shared_names", RefRow)
"""The refs whose name another ref has, too."""
TAGGED: Final = Rows("refs.tagged", TaggedRow)
"""The refs with one of `tags`, in whatever repository, by name and digest."""
OF_TAG: Final = Rows("refs.of_tag", RefRow)
"""The refs of a `tag`, NULL for none, in the repository `registry`, `repo`."""
OF_DIGESTS: Final = Rows("refs.of_digests", RefRow)
"""The refs whose target has a digest from `low` to `high`, both included."""
CONTAINING: Final = Rows("refs.containing", RefRow)
"""The refs whose target contains the blob `blob_id` at any depth, or is that blob."""
CONTAINING_DIGEST: Final = Rows("refs.containing_digest", RefRow)
"""The refs whose target contains the blob of `digest` at any depth, or is that blob."""
RECORD_SOURCE: Final = Write("refs.record_source")
"""Record the `source`, `origin` and time `pulled` of every ref with the name `name`."""
PINNED: Final = Scalars("refs.pinned", int)
"""The ids of the pinned refs."""
PARTIAL: Final = Rows("refs.partial", RefRow)
"""The refs whose target contains a platform that was not pulled."""
CLAIMS: Final = Rows("refs.claims", ClaimRow)
"""The claims of refs about the blob `blob_id`."""
SOURCES: Final = Rows("refs.sources", RefSourceRow)
"""The sources of the refs that contain the blob `blob_id`."""
UNNAMED_REFERRERS: Final = Rows("refs.unnamed_referrers", ReferrerRow)
"""The refs without a name whose target has a subject, and that the targets of `ids` contain."""
UNNAMED_WITHIN: Final = Rows("refs.unnamed_within", RefRow)
"""The refs without a name whose target is in the content of the refs `ids`, those excepted."""
TAGGED_AFTER: Final = Rows("refs.tagged_after", RefRow)
"""The refs whose tag has the digest of a document that only the refs `ids` reach, but those."""
NAMES: Final = Scalars("refs.names", str)
"""Every name."""
