"""Named tuples that cost little to define."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    # Checkers know the fields of a named tuple by this name alone.
    from typing import NamedTuple
else:
    from collections import _tuplegetter

    class _RowType(type):
        """Class of named tuples: makes the annotations of a class its fields, in their order."""

        def __new__(cls, name: str, bases: Any, namespace: dict[str, Any]) -> Any:
            if getattr(bases[0], "_fields", ()):  # a subclass inherits the fields, and adds none
                return super().__new__(cls, name, bases, namespace)
            fields = tuple(namespace.get("__annotations__", ()))
            namespace |= {
                "__slots__": (),
                "__match_args__": fields,
                "_fields": fields,
                "_field_defaults": {
                    field: namespace.pop(field) for field in fields if field in namespace
                },
                **{field: _tuplegetter(place, "") for place, field in enumerate(fields)},
            }
            return super().__new__(cls, name, bases, namespace)

    class NamedTuple(tuple, metaclass=_RowType):
        """Base of named tuples, with the interface of `typing.NamedTuple`.

        A class is defined in a tenth of the time: no constructor is compiled for it, and its
        annotations are not read. `_make` costs the same; a call takes a quarter longer.

        Example:
            >>> class Point(NamedTuple):
            ...     x: int
            ...     y: int = 0
            >>> Point(1), Point(x=1, y=2), Point._make([3, 4])
            (Point(x=1, y=0), Point(x=1, y=2), Point(x=3, y=4))
        """

        __slots__ = ()

        def __new__(cls, *values: Any, **named: Any) -> Any:
            """Make a tuple from its fields, by position or name."""
            if named or len(values) != len(cls._fields):
                values = cls._arranged(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _arranged(cls, values: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
            if tuple(named) == cls._fields and not values:
                return tuple(named.values())
            given = dict(zip(cls._fields, values, strict=False))
            found = cls._field_defaults | given | named
            is_twice = not given.keys().isdisjoint(named)
            if len(values) > len(cls._fields) or is_twice or found.keys() != set(cls._fields):
                raise TypeError(f"{cls.__name__} takes each of {', '.join(cls._fields)} once")
            return tuple(found[field] for field in cls._fields)

        @classmethod
        def _make(cls, values: Any) -> Any:
            """Make a tuple of the class from its fields in their order."""
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(made)}")
            return made

        def _replace(self, **changes: Any) -> Any:
            """Return a tuple of the same class with some fields changed."""
            return type(self)(**(self._asdict() | changes))

        def _asdict(self) -> dict[str, Any]:
            """Return the fields by name, in their order."""
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            shown = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({shown})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)
