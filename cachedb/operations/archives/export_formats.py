"""The forms in which an image leaves the cache; apart, since a command line lists them."""

from __future__ import annotations

from enum import StrEnum

from cachedb.errors import InvalidInput


class Form(StrEnum):
    """Format of an exported image."""

    OCI = "oci"
    """An OCI image layout in a tar archive."""
    DOCKER = "docker"
    """What ``docker load`` reads."""
    FILESYSTEM = "filesystem"
    """The tree that the layers make up, in a tar archive."""

    @classmethod
    def parse(cls, text: str) -> Form:
        """Return the form of a word, such as ``docker``.

        Raises:
            InvalidInput: There is no such form.
        """
        if text not in {str(form) for form in cls}:
            forms = ", ".join(cls)
            raise InvalidInput(f"unknown archive format {text!r}: expected one of {forms}")
        return cls(text)
