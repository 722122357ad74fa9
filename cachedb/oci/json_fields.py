"""Typed access to decoded JSON, with the path of the value in every error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from cachedb.errors import InvalidManifest
from cachedb.oci.strict_json import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView, Mapping

_T = TypeVar("_T")
_JSON_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}


class Fields:
    """One JSON object of a document, and its path in the document."""

    __slots__ = ("_data", "_path")

    def __init__(self, data: Mapping[str, Any], path: str = "") -> None:
        self._data = data
        self._path = path

    @property
    def path(self) -> str:
        """Return the place of the object in its document, '' for the document itself."""
        return self._path

    def __contains__(self, key: str) -> bool:
        return self._data.get(key) is not None

    @property
    def keys(self) -> KeysView[str]:
        """Return the keys that are present, those with the value null included."""
        return self._data.keys()

    def has(self, key: str) -> bool:
        """Return whether `key` is present, also as null, which Go writes for an empty list."""
        return key in self._data

    def get(self, key: str, kind: type[_T]) -> _T | None:
        """Return the value of `key` if it is present, not null, and a `kind`; None if absent.

        Raises:
            InvalidManifest: The value has another type; True is no integer.
        """
        value = self._data.get(key)
        if value is None:
            return None
        if type(value) is not kind:  # not isinstance: True is an int
            raise InvalidManifest(
                f"expected {_JSON_NAMES[kind]}, found {kind_of(value)}", self.at(key)
            )
        return value

    def require(self, key: str, kind: type[_T]) -> _T:
        """Return the value of `key`, which has to be present.

        Raises:
            InvalidManifest: It is absent, null or of another type.
        """
        value = self.get(key, kind)
        if value is None:
            raise InvalidManifest("missing", self.at(key))
        return value

    def object(self, key: str) -> Fields | None:
        """Return the object under `key`, if there is one.

        Raises:
            InvalidManifest: The value has another type.
        """
        value = self.get(key, dict)
        return None if value is None else Fields(value, self.at(key))

    def objects(self, key: str) -> Iterator[Fields]:
        """Yield the objects of the array under `key`; nothing if it is absent or null.

        Raises:
            InvalidManifest: The value is no array, or an element no object.
        """
        for where, item in self._items(key):
            if not isinstance(item, dict):
                raise InvalidManifest(f"expected object, found {kind_of(item)}", where)
            yield Fields(item, where)

    def present_objects(self, key: str) -> Iterator[Fields]:
        """Yield the objects of the array under `key`, without its nulls.

        Raises:
            InvalidManifest: The value is no array, or an element neither an object nor null.
        """
        for where, item in self._items(key):
            if item is None:
                continue
            if not isinstance(item, dict):
                raise InvalidManifest(f"expected object, found {kind_of(item)}", where)
            yield Fields(item, where)

    def check_objects(self) -> None:
        """Require every value to be an object: a set of names, as Go writes it.

        Raises:
            InvalidManifest: A value has another type.
        """
        for key in self._data:
            self.object(key)

    def strings(self, key: str) -> tuple[str, ...]:
        """Return the strings of the array under `key`; none if it is absent or null.

        Raises:
            InvalidManifest: The value is no array, or an element no string.
        """
        found = self.get(key, list) or ()
        if not {str}.issuperset(map(type, found)):
            for where, item in self._items(key):
                if not isinstance(item, str):
                    raise InvalidManifest(f"expected string, found {kind_of(item)}", where)
        return tuple(found)

    def string_map(self, key: str) -> dict[str, str]:
        """Return the object of strings under `key` (annotations, labels) without its nulls.

        Raises:
            InvalidManifest: The value is no object, or one of its values no string.
        """
        found = self.get(key, dict) or {}
        if {str}.issuperset(map(type, found.values())):
            return dict(found)
        for name, value in found.items():
            if value is not None and not isinstance(value, str):
                raise InvalidManifest(
                    f"expected string, found {kind_of(value)}", f"{self.at(key)}[{name!r}]"
                )
        return {name: value for name, value in found.items() if value is not None}

    def damaged(self) -> Fields:
        """Return the same object, in which an unreadable value counts as absent."""
        return DamagedFields(self._data, self._path)

    def at(self, key: str) -> str:
        """Return the place of `key` in the document."""
        return f"{self._path}.{key}" if self._path else key

    def _items(self, key: str) -> Iterator[tuple[str, Any]]:
        for position, item in enumerate(self.get(key, list) or []):
            yield f"{self.at(key)}[{position}]", item


class DamagedFields(Fields):
    """One JSON object of a document that breaks rules: an unreadable value counts as absent.

    A required value that is absent is empty: '' or 0.
    """

    __slots__ = ()

    def get(self, key: str, kind: type[_T]) -> _T | None:
        """Return the value of `key` if it is a `kind`."""
        value = self._data.get(key)
        return value if type(value) is kind else None

    def require(self, key: str, kind: type[_T]) -> _T:
        """Return the value of `key` if it is a `kind`, else the empty value of that kind."""
        value = self.get(key, kind)
        return kind() if value is None else value

    def object(self, key: str) -> Fields | None:
        """Return the object under `key`, if there is one."""
        value = self.get(key, dict)
        return None if value is None else DamagedFields(value, self.at(key))

    def strings(self, key: str) -> tuple[str, ...]:
        """Return the strings of the array under `key`."""
        return tuple(item for _, item in self._items(key) if isinstance(item, str))

    def string_map(self, key: str) -> dict[str, str]:
        """Return the strings of the object under `key`."""
        found = self.get(key, dict) or {}
        return {name: value for name, value in found.items() if isinstance(value, str)}
