"""Salvage: the readable descriptors of documents that violate the specification.

Pull and import never use it. It reads documents that are in a layout already: the collector must
not delete their content, whatever their fault is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.errors import InvalidManifest
from cachedb.oci import config, manifest
from cachedb.oci.descriptor import Descriptor
from cachedb.oci.json_fields import Fields
from cachedb.oci.manifest import Child, ChildRole
from cachedb.oci.strict_json import decode_damaged, kind_of
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cachedb.oci.platform.model import Platform

_PLURAL = {"manifests": ChildRole.MANIFEST, "layers": ChildRole.LAYER, "blobs": ChildRole.LAYER}
_SINGULAR = {"config": ChildRole.CONFIG, "subject": ChildRole.SUBJECT}
_UNREADABLE = ("fsLayers",)


class Salvage(NamedTuple):
    """The readable descriptors of a document; `is_whole` if every descriptor can be read."""

    found: tuple[Child, ...]
    """Descriptors that can be read, in the order of the document."""
    is_whole: bool
    annotations: Mapping[str, str]
    """Annotations of the document whose values are texts."""
    artifact_type: str | None
    """Value of ``artifactType`` if it is a text; None otherwise."""

    def children(self) -> Iterator[Child]:
        """Yield the descriptors, as for `Index` and `Manifest`."""
        yield from self.found


def salvage(content: bytes) -> Salvage:
    """Read the descriptors of a document of any kind, or of several kinds at once.

    Raises:
        InvalidManifest: The content is not an unambiguous JSON object.
    """
    fields = _fields(content)
    found: list[Child] = []
    whole = not any(name in fields for name in _UNREADABLE)
    places = dict.fromkeys(ChildRole, 0)
    for key, role in (*_SINGULAR.items(), *_PLURAL.items()):
        try:
            items = fields.objects(key) if key in _PLURAL else filter(None, [fields.object(key)])
            for item in items:
                descriptor = _descriptor(item)
                found.append(Child(role=role, position=places[role], descriptor=descriptor))
                places[role] += 1
        except InvalidManifest:
            whole = False
    return Salvage(
        found=tuple(found),
        is_whole=whole,
        annotations=_annotations(fields),
        artifact_type=_artifact_type(fields),
    )


def salvage_platform(content: bytes) -> Platform | None:
    """Return the platform of an image config that may violate other rules; None without one."""
    found = config.salvage(content)
    if found is None or not (found.platform.os and found.platform.architecture):
        return None
    return found.platform


def _fields(content: bytes) -> Fields:
    value = decode_damaged(content)
    if not isinstance(value, dict):
        raise InvalidManifest(f"expected a JSON object, found {kind_of(value)}")
    return Fields(value)


def _descriptor(item: Fields) -> Descriptor:
    """Read a descriptor; faults in fields other than media type and digest are ignored."""
    try:
        return Descriptor.from_fields(item)
    except InvalidManifest:
        return Descriptor.pointer(item.damaged())


def _annotations(fields: Fields) -> Mapping[str, str]:
    try:
        return fields.string_map("annotations")
    except InvalidManifest:
        return {}


def _artifact_type(fields: Fields) -> str | None:
    try:
        return fields.get("artifactType", str) or None
    except InvalidManifest:
        return None


def leads_on(content: bytes) -> bool:
    """Return whether content of an unknown type has, or may have, descriptors of other content."""
    try:
        return bool(salvage(content).found) or manifest.guess(content) is not None
    except InvalidManifest:
        return False
