"""Packages in CycloneDX documents: 1.x as JSON."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cachedb.errors import InvalidManifest
from cachedb.oci.json_fields import Fields
from cachedb.packages.package import Package, SkippedElement, unless_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator


class CycloneDXComponents:
    """Reader of the elements of ``components``, and of the components nested in them."""

    def read(self, element: Fields) -> Iterator[Package | SkippedElement]:
        """Yield the package that a component is, unless it is a file, and those nested in it.

        Components nested in an unreadable one are read.
        """
        pending = [element]
        while pending:
            component = pending.pop()
            yield from unless_unreadable(partial(_package, component), component.path)
            try:
                inside = component.get("components", list) or []
            except InvalidManifest as error:
                yield SkippedElement(error.path, error.why)
                continue
            path = component.at("components")
            for place in reversed(range(len(inside))):
                if isinstance(inside[place], dict):
                    pending.append(Fields(inside[place], f"{path}[{place}]"))
                else:
                    yield SkippedElement(f"{path}[{place}]", "expected object")

    def finish(self) -> Iterator[Package | SkippedElement]:
        """Yield nothing: every package is known when its element has been read."""
        yield from ()


def check_version(version: object, path: str) -> None:
    """Require the ``specVersion`` at `path` to be one that `CycloneDXComponents` reads.

    Raises:
        InvalidManifest: It is another one.
    """
    # Documents written by hand have a number, which is unambiguous.
    text = str(version) if isinstance(version, float) else version
    if not isinstance(text, str) or not text.startswith("1."):
        raise InvalidManifest(f"unsupported version {version!r}", path)


def _package(component: Fields) -> Package | None:
    if component.get("type", str) == "file":
        return None
    name = component.get("name", str) or ""
    group = component.get("group", str) or ""
    return Package.stated(
        # A scope is part of the name of an npm package; groups of other ecosystems are not.
        name=f"{group}/{name}" if group.startswith("@") and name else name,
        version=component.get("version", str) or "",
        purl=component.get("purl", str) or "",
        licenses=(" AND ".join(_licenses(component)),),
        path=component.at("name"),
    )


def _licenses(component: Fields) -> Iterator[str]:
    for choice in component.present_objects("licenses"):
        if expression := choice.get("expression", str):
            yield expression
        elif found := choice.object("license"):
            name = found.get("id", str) or found.get("name", str)
            if name:
                yield name
