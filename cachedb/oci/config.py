"""Image configurations: how to run an image (image-spec, config.md)."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cachedb.errors import InvalidDigest, InvalidManifest
from cachedb.oci.digest import Digest
from cachedb.oci.json_fields import DamagedFields, Fields
from cachedb.oci.plain_json import decode_plain
from cachedb.oci.platform.model import Platform
from cachedb.oci.strict_json import decode_damaged, decode_object
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping


class ImageConfig(Record):
    """The part of a configuration that the catalog and flattening need.

    `created_at` is aware, of any offset. `diff_ids` are the digests of the uncompressed layers,
    the lowest first.
    """

    platform: Platform
    diff_ids: tuple[Digest, ...]
    created_at: datetime | None = None
    author: str = ""
    """Text of ``author``; '' without one, as in every text below."""
    user: str = ""
    """Text of ``config.User``."""
    working_dir: str = ""
    """Text of ``config.WorkingDir``."""
    entrypoint: tuple[str, ...] = ()
    """Words of ``config.Entrypoint``."""
    cmd: tuple[str, ...] = ()
    """Words of ``config.Cmd``."""
    env: tuple[str, ...] = ()
    """Variables of ``config.Env``, as ``NAME=value``, in the order of the document."""
    labels: Mapping[str, str] = {}
    """Labels of ``config.Labels``."""


def parse(content: bytes) -> ImageConfig:
    """Parse and check an image configuration (image-spec, config.md).

    Raises:
        InvalidManifest: The document is malformed; the path says where.
    """
    usual = _decode_usual(content)
    if usual is not None:
        with suppress(InvalidManifest):  # which is said of the strictly decoded document
            return _checked(Fields(usual))
    return _checked(Fields(decode_object(content)))


def _checked(fields: Fields) -> ImageConfig:
    run = fields.object("config") or Fields({}, "config")
    _check_unused(fields, run)
    return _config(fields, run, diff_ids=_diff_ids(fields), created_at=_created_at(fields))


def _decode_usual(content: bytes) -> dict[str, Any] | None:
    """Return what `decode_object` returns for a document with the usual fields; None for others.

    What the document says is not checked; integers may be beyond 64 bits.
    """
    plain = decode_plain(content)
    if plain is None:
        return None
    document, keys = plain
    run, rootfs, history = map(document.get, ("config", "rootfs", "history"))
    labels = run.get("Labels") if type(run) is dict else None
    counted = 0
    for item, known in (
        (document, _USUAL_FIELDS),
        (run, _USUAL_RUN_FIELDS),
        (rootfs, _USUAL_ROOTFS_FIELDS),
        *((step, _USUAL_STEP_FIELDS) for step in (history if type(history) is list else ())),
    ):
        if type(item) is dict:
            if not item.keys() <= known:
                return None
            counted += len(item)
    if type(labels) is dict:
        counted += len(labels)
    # Otherwise a key occurs twice, a text looks like one, or objects are at other places.
    return document if counted == keys else None


_USUAL_FIELDS = frozenset("architecture os variant created author config rootfs history".split())
_USUAL_RUN_FIELDS = frozenset("User Env Entrypoint Cmd WorkingDir Labels StopSignal".split())
_USUAL_ROOTFS_FIELDS = frozenset({"type", "diff_ids"})
_USUAL_STEP_FIELDS = frozenset("created created_by author comment empty_layer".split())


def salvage(content: bytes) -> ImageConfig | None:
    """Read what can be read of a configuration that breaks rules; None if that is nothing.

    A field that cannot be read is empty, and so are the parts of a platform; `diff_ids` are
    empty unless all of them can be read. Nothing is pulled, imported or flattened by the result.
    """
    try:
        document = decode_damaged(content)
    except InvalidManifest:
        return None
    if not isinstance(document, dict):
        return None
    fields = DamagedFields(document)
    run = fields.object("config") or DamagedFields({}, "config")
    try:
        diff_ids = _diff_ids(Fields(document))
    except InvalidManifest:
        diff_ids = ()
    try:
        created_at = _created_at(fields)
    except InvalidManifest:
        created_at = None
    return _config(fields, run, diff_ids=diff_ids, created_at=created_at)


def _config(
    fields: Fields, run: Fields, *, diff_ids: tuple[Digest, ...], created_at: datetime | None
) -> ImageConfig:
    return ImageConfig(
        platform=Platform.from_fields(fields),
        diff_ids=diff_ids,
        created_at=created_at,
        author=fields.get("author", str) or "",
        user=run.get("User", str) or "",
        working_dir=run.get("WorkingDir", str) or "",
        entrypoint=run.strings("Entrypoint"),
        cmd=run.strings("Cmd"),
        env=run.strings("Env"),
        labels=run.string_map("Labels"),
    )


def _check_unused(fields: Fields, run: Fields) -> None:
    # Fields without a reader here are checked all the same: a runtime reads them.
    for key in ("Volumes", "ExposedPorts"):
        values = run.object(key)
        if values is not None:
            values.check_objects()
    run.get("StopSignal", str)
    run.get("ArgsEscaped", bool)
    for step in fields.objects("history"):
        for key in ("created", "author", "created_by", "comment"):
            step.get(key, str)
        step.get("empty_layer", bool)


def _diff_ids(fields: Fields) -> tuple[Digest, ...]:
    rootfs = fields.object("rootfs")
    if rootfs is None:
        raise InvalidManifest("missing", "rootfs")
    kind = rootfs.require("type", str)
    if kind != "layers":
        raise InvalidManifest(f"expected 'layers', found {kind!r}", rootfs.at("type"))
    if not rootfs.has("diff_ids"):
        raise InvalidManifest("missing", rootfs.at("diff_ids"))
    found = []
    for position, text in enumerate(rootfs.strings("diff_ids")):
        try:
            found.append(Digest(text))
        except InvalidDigest as error:
            raise InvalidManifest(str(error), f"rootfs.diff_ids[{position}]") from error
    return tuple(found)


def _created_at(fields: Fields) -> datetime | None:
    text = fields.get("created", str)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidManifest(f"{text!r} is not a time by RFC 3339", "created") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
