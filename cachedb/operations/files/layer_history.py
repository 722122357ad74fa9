"""Build history of an image: the steps in its config, each with its layer (config.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import decode_object
from cachedb.operations.transfer.local_graph import read_config
from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.layout import Layout
    from cachedb.oci import Descriptor
    from cachedb.operations.files.image_layers import ImageLayers


class HistoryStep(Record):
    """A step of a build: its layer, None if it made none, and its entry in the config.

    `created` is the text of the config. A layer that the config does not list is a step without
    other values.
    """

    layer: Descriptor | None
    """Descriptor of the layer; None for a step without one."""
    created: str | None = None
    created_by: str | None = None
    """Command of the step, as the config has it."""
    comment: str | None = None
    """Comment of the step, as the config has it."""
    author: str | None = None
    """Author of the step, as the config has it."""
    is_listed: bool = True
    """Whether the config has an entry for the step."""


def steps(layout: Layout, image: ImageLayers) -> tuple[HistoryStep, ...]:
    """Return the steps of an image, oldest first.

    Steps that made a layer are paired with the layers in order. A config may list fewer steps than
    layers, as buildah and ko write, or more: the rest is not paired.

    Raises:
        InvalidManifest: The config is malformed.
        CorruptBlob: Its bytes have another digest.
    """
    content = read_config(layout, image.config)
    layers = list(reversed(image.layers))
    found = []
    for step in Fields(decode_object(content)).objects("history"):
        is_empty = bool(step.get("empty_layer", bool))
        found.append(
            HistoryStep(
                layer=layers.pop() if layers and not is_empty else None,
                created=step.get("created", str),
                created_by=step.get("created_by", str),
                comment=step.get("comment", str),
                author=step.get("author", str),
            )
        )
    found += (HistoryStep(layer=layer, is_listed=False) for layer in reversed(layers))
    return tuple(found)
