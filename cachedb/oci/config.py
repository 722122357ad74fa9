"""Image configurations: how to run an image (image-spec, config.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cachedb.errors import InvalidDigest, InvalidManifest
from cachedb.oci.digest import Digest
from cachedb.oci.fields import Fields
from cachedb.oci.platform import Platform
from cachedb.oci.strict_json import decode_object

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """The part of a configuration that the catalog and flattening need.

    Docker leaves ``os`` and ``architecture`` empty now and then, so they may be ''.
    """

    platform: Platform
    diff_ids: tuple[Digest, ...]
    created_at: datetime | None = None
    author: str = ""
    user: str = ""
    working_dir: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def parse(content: bytes) -> ImageConfig:
    """Read and check an image configuration.

    Raises:
        InvalidManifest: The document is malformed; the path says where.
    """
    fields = Fields(decode_object(content))
    for key in ("architecture", "os"):
        fields.require(key, str)
    rootfs = fields.object("rootfs")
    if rootfs is None:
        raise InvalidManifest("missing", "rootfs")
    run = fields.object("config") or Fields({}, "config")
    for key in ("Volumes", "ExposedPorts"):
        run.object(key)
    return ImageConfig(
        platform=Platform.from_fields(fields),
        diff_ids=_diff_ids(rootfs),
        created_at=_created_at(fields),
        author=fields.get("author", str) or "",
        user=run.get("User", str) or "",
        working_dir=run.get("WorkingDir", str) or "",
        entrypoint=run.strings("Entrypoint"),
        cmd=run.strings("Cmd"),
        env=run.strings("Env"),
        labels=run.string_map("Labels"),
    )


def _diff_ids(rootfs: Fields) -> tuple[Digest, ...]:
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
