"""Short names: the last parts of the path of a reference, with or without its tag."""

from __future__ import annotations

from cachedb.records import NamedTuple


class ShortName(NamedTuple):
    """Last parts of a path, and a tag; None stands for every tag."""

    path: str
    """Last parts of the path, whole ones."""
    tag: str | None
    """Tag; None stands for every tag."""

    @classmethod
    def parse(cls, text: str) -> ShortName | None:
        """Parse a short name; return None for a text that names a registry or a digest.

        Example:
            >>> ShortName.parse("library/nginx:1.25")
            ShortName(path='library/nginx', tag='1.25')
            >>> ShortName.parse("localhost:5000/nginx")
        """
        first, slash, _ = text.partition("/")
        is_registry = bool(slash) and (first == "localhost" or not {".", ":"}.isdisjoint(first))
        if is_registry or "@" in text or text.startswith("sha256:"):
            return None
        path, tag = _split(text)
        return cls(path, tag) if path and all(path.split("/")) else None

    def matches(self, name: str) -> bool:
        """Return whether the path of a name ends with these parts, and its tag is this one."""
        path, tag = _split(name.partition("@")[0])
        if self.tag is not None and tag != self.tag:
            return False
        return path == self.path or path.endswith(f"/{self.path}")


def _split(text: str) -> tuple[str, str | None]:
    """Split a name at its tag; a colon before a slash is that of a port."""
    path, colon, tag = text.rpartition(":")
    return (path, tag) if colon and "/" not in tag else (text, None)
