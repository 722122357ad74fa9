"""Packages in CycloneDX documents, 1.x as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.errors import InvalidManifest
from cachedb.packages.package import Package

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.oci.json_fields import Fields


class CycloneDXComponents:
    """Reads the elements of ``components``, and the components inside of them."""

    def read(self, element: Fields) -> Iterator[Package]:
        """Yield the package that a component is, if it is one, and those it holds."""
        if element.get("type", str) != "file":
            yield _package(element)
        for component in element.objects("components"):
            yield from self.read(component)

    def finish(self) -> Iterator[Package]:
        """Yield what could not be told before: nothing."""
        yield from ()


def check_version(version: object, path: str) -> None:
    """Require the ``specVersion`` at `path` to be one that `CycloneDXComponents` reads."""
    if not isinstance(version, str) or not version.startswith("1."):
        raise InvalidManifest(f"unsupported version {version!r}", path)


def _package(component: Fields) -> Package:
    name = component.require("name", str)
    group = component.get("group", str) or ""
    return Package.stated(
        # A scope is part of the name of an npm package; other groups are not of theirs.
        name=f"{group}/{name}" if group.startswith("@") else name,
        version=component.get("version", str) or "",
        purl=component.get("purl", str) or "",
        licenses=(" AND ".join(_licenses(component)),),
        path=component.at("name"),
    )


def _licenses(component: Fields) -> Iterator[str]:
    for choice in component.objects("licenses"):
        if expression := choice.get("expression", str):
            yield expression
        elif found := choice.object("license"):
            name = found.get("id", str) or found.get("name", str)
            if name:
                yield name
