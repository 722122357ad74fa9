"""Packages in documents of syft in its own format, from version 0.24 on.

Only the fields of its schema that name a package are read, which every version has: ``artifacts``
with ``name``, ``version``, ``purl`` and ``licenses``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cachedb.errors import InvalidManifest
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import kind_of
from cachedb.packages.package import Package, SkippedElement, unless_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator


class SyftArtifacts:
    """Reader of the elements of ``artifacts``."""

    def read(self, element: Fields) -> Iterator[Package | SkippedElement]:
        """Yield the package that an artifact is."""
        yield from unless_unreadable(partial(_package, element), element.path)

    def finish(self) -> Iterator[Package | SkippedElement]:
        """Yield nothing: every package is known when its element has been read."""
        yield from ()


def is_schema(schema: object) -> bool:
    """Return whether the value of ``schema`` is that of a document of syft."""
    url = schema.get("url") if isinstance(schema, dict) else None
    return isinstance(url, str) and "/anchore/syft/" in url


def _package(element: Fields) -> Package:
    return Package.stated(
        name=element.get("name", str) or "",
        version=element.get("version", str) or "",
        purl=element.get("purl", str) or "",
        licenses=(" AND ".join(_licenses(element)),),
        path=element.at("name"),
    )


def _licenses(element: Fields) -> Iterator[str]:
    for place, stated in enumerate(element.get("licenses", list) or []):
        if isinstance(stated, str):  # before schema 8
            yield stated
        elif isinstance(stated, dict):
            fields = Fields(stated, f"{element.at('licenses')}[{place}]")
            found = fields.get("spdxExpression", str) or fields.get("value", str)
            if found:
                yield found
        elif stated is not None:
            raise InvalidManifest(
                f"expected object, found {kind_of(stated)}", f"{element.at('licenses')}[{place}]"
            )
