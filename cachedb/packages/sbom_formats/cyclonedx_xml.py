"""Packages in CycloneDX documents of 1.x as XML.

Each component is converted to the keys of the JSON format, and read by its reader. Names follow
the XML schema of CycloneDX; elements of other namespaces, and elements that are not read, are
skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from xml.parsers import expat

from cachedb.errors import InvalidManifest
from cachedb.limits import (
    JSON_DEPTH,
    PACKAGE_TEXT_CHARACTERS,
    SBOM_BYTES,
    SBOM_PACKAGES,
    SBOM_VALUE_CHARACTERS,
)
from cachedb.oci.json_fields import Fields
from cachedb.packages.sbom_formats import cyclonedx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cachedb.packages.package import Package, SkippedElement

_NAMESPACE = "http://cyclonedx.org/schema/bom/"
_PIECE = 64 * 1024
# Roles of elements in their parents: an element without a role is skipped with its content.
_ROLES: Mapping[tuple[str, str], str] = {
    ("document", "bom"): "bom",
    ("bom", "components"): "components",
    ("components", "component"): "component",
    ("component", "components"): "components",
    ("component", "group"): "text",
    ("component", "name"): "text",
    ("component", "version"): "text",
    ("component", "purl"): "text",
    ("component", "licenses"): "licenses",
    ("licenses", "expression"): "expression",
    ("licenses", "license"): "license",
    ("license", "id"): "text",
    ("license", "name"): "text",
}


def packages(stream: BinaryIO) -> Iterator[Package | SkippedElement]:
    """Yield the packages of a document in its order, and the components that cannot be read.

    The stream is read once and stays open; memory holds one component and those nested in it.
    Packages yielded before an error are void.

    Raises:
        InvalidManifest: The text is not XML, has a document type declaration (so that no entity is
        ever expanded), or is not CycloneDX of a known version.
        LimitExceeded: The document, one tag or the components are too many or too deep.
    """
    reader = cyclonedx.CycloneDXComponents()
    document = _Document()
    for chunk in _pieces(stream):
        document.feed(chunk)
        for component in document.taken():
            yield from reader.read(component)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the content in pieces, then b''."""
    read = 0
    while True:
        chunk = stream.read(_PIECE)
        read += len(chunk)
        SBOM_BYTES.check(read, "the document")
        yield chunk
        if not chunk:
            return


class _Element(NamedTuple):
    """An open element: its role, and the object that its values are added to."""

    role: str
    name: str
    value: dict[str, Any]
    text: list[str]


class _Document:
    """State of reading one document: the open elements, and the components that are complete."""

    def __init__(self) -> None:
        self._open = [_Element("document", "", {}, [])]
        self._passed_over = 0  # depth of open elements inside an element without a role
        self._complete: list[Fields] = []
        self._count = 0
        self._made = 0
        self._fed = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def feed(self, chunk: bytes) -> None:
        """Parse the next piece of the document, b'' at its end."""
        self._fed += len(chunk)
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            raise InvalidManifest(f"not XML: {error}") from error
        if chunk:  # expat buffers a tag until it ends
            SBOM_VALUE_CHARACTERS.check(self._fed - self._parser.CurrentByteIndex, "a tag")

    def taken(self) -> Iterator[Fields]:
        """Yield the outermost components that have become complete."""
        complete, self._complete = self._complete, []
        yield from complete

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(" ")
        parent = self._open[-1]
        role = None
        if not self._passed_over and namespace.startswith(_NAMESPACE):
            role = _ROLES.get((parent.role, name))
        if parent.role == "document" and not self._passed_over:
            _check_root(namespace, name)
        if role is None:
            self._passed_over += 1
        elif role == "component":
            self._made += 1
            SBOM_PACKAGES.check(self._made, "the document")
            self._push(role, name, {"type": attributes.get("type")})
        else:
            is_own = role == "license"
            self._push(role, name, {} if is_own else parent.value)

    def _push(self, role: str, name: str, value: dict[str, Any]) -> None:
        JSON_DEPTH.check(len(self._open), "the document")
        self._open.append(_Element(role, name, value, []))

    def _characters(self, text: str) -> None:
        element = self._open[-1]
        if self._passed_over or element.role not in ("text", "expression"):
            return
        # A longer text is refused later, and need not be kept.
        if sum(map(len, element.text)) <= PACKAGE_TEXT_CHARACTERS.value:
            element.text.append(text[: PACKAGE_TEXT_CHARACTERS.value + 1])

    def _end(self, _: str) -> None:
        if self._passed_over:
            self._passed_over -= 1
            return
        element = self._open.pop()
        parent = self._open[-1]
        match element.role:
            case "text":
                parent.value.setdefault(element.name, "".join(element.text).strip())
            case "expression":
                found = {"expression": "".join(element.text).strip()}
                parent.value.setdefault("licenses", []).append(found)
            case "license":
                parent.value.setdefault("licenses", []).append({"license": element.value})
            case "component":
                self._end_of_component(element.value)
            case _:
                pass

    def _end_of_component(self, component: dict[str, Any]) -> None:
        # The element list may be that of the bom, or that of an enclosing component.
        around = self._open[-2]
        if around.role == "component":
            around.value.setdefault("components", []).append(component)
            return
        self._complete.append(Fields(component, f"components[{self._count}]"))
        self._count += 1


def _check_root(namespace: str, name: str) -> None:
    if name != "bom" or not namespace.startswith(_NAMESPACE):
        raise InvalidManifest(f"an XML document of {name!r} is not read: expected CycloneDX")
    cyclonedx.check_version(namespace.removeprefix(_NAMESPACE), "xmlns")


def _refuse_doctype(*_: object) -> None:
    raise InvalidManifest("a document type declaration is not read")
