"""Names as containerd's ``reference.Spec`` splits them: the form that linuxkit's API takes.

Nothing is added and nothing is validated beyond a host: ``docker.io/library/redis:foo``.
`Reference` is the type for names that users type.
"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote

from cachedb.errors import InvalidReference
from cachedb.patterns import lazy
from cachedb.records import Record

_HOST = lazy(r"(?:\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::[0-9]*)?")
_BEFORE_OBJECT = lazy("[:@]")
_UNPRINTABLE = lazy(r"[\x00-\x20\x7f]")


class ContainerdName(Record):
    """A locator (host and path) and an object: a tag, a digest with its ``@``, both, or ''.

    Example:
        >>> name = ContainerdName.parse("docker.io/library/redis:foo@sha256:abcdef")
        >>> name.locator, name.object, name.digest
        ('docker.io/library/redis', 'foo@sha256:abcdef', 'sha256:abcdef')
    """

    locator: str
    """Host and path, ``docker.io/library/redis``."""
    object: str = ""
    """Text behind the locator: ``foo``, ``@sha256:…``, ``foo@sha256:…`` or ''."""

    def __str__(self) -> str:
        colon = ":" if self.object and not self.object.startswith("@") else ""
        return f"{self.locator}{colon}{self.object}"

    @property
    def hostname(self) -> str:
        """The registry, with its port."""
        return self.locator.partition("/")[0]

    @property
    def digest(self) -> str:
        """Text after the ``@``: unchecked, possibly short or ''."""
        return self.object.partition("@")[2]

    @property
    def tag(self) -> str:
        """Text before the ``@``."""
        return self.object.partition("@")[0]

    @classmethod
    def parse(cls, text: str) -> ContainerdName:
        """Split a name; a query string is dropped.

        Raises:
            InvalidReference: There is no host, or it is not one: ``foo:v1`` is a port.
        """
        if "://" in text or _UNPRINTABLE.search(text):
            raise InvalidReference(text, "expected host/path:object")
        authority, _, rest = re.split("[?#]", text, maxsplit=1)[0].partition("/")
        host = authority.rpartition("@")[2]
        if not host:
            raise InvalidReference(text, "a host name is required")
        if not _HOST.fullmatch(host):
            raise InvalidReference(text, f"{host!r} is not a host and a port")
        path = unquote(rest)
        split = _BEFORE_OBJECT.search(path)
        end = split.start() if split else len(path)
        name = cls(
            locator=posixpath.normpath(f"{host}/{path[:end]}"),
            object=path[end:].removeprefix(":"),
        )
        if name.hostname != host or (name.locator == host and str(name) != host):
            # containerd joins the two like the parts of a path: ./a:1 would become host a, port 1.
            raise InvalidReference(text, "the path is outside of the host, or empty")
        return name
