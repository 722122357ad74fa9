"""Formats of an export; a separate module, since the command line imports it at start-up."""

from __future__ import annotations

from enum import StrEnum

from cachedb.errors import InvalidInput


class Form(StrEnum):
    """Format of an exported image."""

    OCI = "oci"
    """An OCI image layout in a tar archive."""
    DOCKER = "docker"
    """An archive for ``docker load``."""
    FILESYSTEM = "filesystem"
    """The file tree of all layers, in a tar archive."""

    @classmethod
    def parse(cls, text: str) -> Form:
        """Return the form of a word, such as ``docker``.

        Raises:
            InvalidInput: No format has that name.
        """
        if text not in {str(form) for form in cls}:
            forms = ", ".join(cls)
            raise InvalidInput(f"unknown archive format {text!r}: expected one of {forms}")
        return cls(text)
