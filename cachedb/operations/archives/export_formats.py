"""The forms in which an image leaves the cache; apart, since a command line lists them."""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """What an image is exported as."""

    OCI = "oci"
    """An OCI image layout in a tar archive."""
    DOCKER = "docker"
    """What ``docker load`` reads."""
    FILESYSTEM = "filesystem"
    """The tree that the layers make up, in a tar archive."""
