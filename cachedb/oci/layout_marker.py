"""The ``oci-layout`` file, which marks a directory or archive as an image layout."""

from __future__ import annotations

from cachedb.errors import InvalidManifest
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import decode_object

FILE_NAME = "oci-layout"
VERSION = "1.0.0"
_KEY = "imageLayoutVersion"


def parse(content: bytes) -> str:
    """Return the version of the layout: ``1.0.0``, the only one that exists.

    Raises:
        InvalidManifest: The marker is malformed, or of an unknown version.

    Example:
        >>> parse(b'{"imageLayoutVersion": "1.0.0"}')
        '1.0.0'
    """
    version = Fields(decode_object(content)).require(_KEY, str)
    if version != VERSION:
        raise InvalidManifest(f"{version!r} is not a version of image layouts", _KEY)
    return version
