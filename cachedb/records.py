"""Immutable values that cost little to define: records by keyword, and named tuples."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["NamedTuple", "Record", "brief_repr", "maker_of"]

_set = object.__setattr__
_T = TypeVar("_T", bound="tuple[Any, ...]")


class _RecordType(type):
    """Metaclass of records: turns annotations into slots, and keeps their defaults."""

    def __new__(
        cls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        uncompared: tuple[str, ...] = (),
    ) -> _RecordType:
        base: Any = bases[0] if bases else None
        inherited: tuple[str, ...] = getattr(base, "_fields", ())
        own = [
            field
            for field, type_ in namespace.get("__annotations__", {}).items()
            if field[0] != "_" and "ClassVar" not in str(type_)
        ]
        defaults = {field: namespace.pop(field) for field in own if field in namespace}
        added = tuple(field for field in own if field not in inherited)
        skipped = getattr(base, "_uncompared", frozenset()).union(uncompared)
        fields = inherited + added
        compared = tuple(field for field in fields if field not in skipped)
        namespace |= {
            "__slots__": added,
            "_fields": fields,
            "_defaults": {**getattr(base, "_defaults", {}), **defaults},
            "_uncompared": skipped,
            "_compared": compared,
            "_key": attrgetter(*compared) if compared else type,
        }
        return super().__new__(cls, name, bases, namespace)


@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=True)
class Record(metaclass=_RecordType):
    """Base of immutable values whose fields are the annotations of their classes.

    A subclass is defined in about 20 µs, a frozen dataclass with slots in 1 ms; its records take
    the same memory, and 1.5 times as long to make. Fields are given by keyword; one with a value
    in the class body may be omitted. Two records are equal when they have the same class and equal
    fields; fields named in the class keyword `uncompared` count neither for that nor for the repr.

    Example:
        >>> class Point(Record, uncompared=("label",)):
        ...     x: int
        ...     y: int = 0
        ...     label: str = ""
        >>> Point(x=1, label="a") == Point(x=1, label="b")
        True
        >>> Point(x=1).replace(y=2)
        Point(x=1, y=2)
    """

    _fields: ClassVar[tuple[str, ...]]
    _defaults: ClassVar[dict[str, Any]]
    _compared: ClassVar[tuple[str, ...]]
    _key: ClassVar[attrgetter[Any]]

    def __init__(self, **values: Any) -> None:
        fields = self._fields
        if len(values) != len(fields):
            values = self._defaults | values
            if len(values) != len(fields):
                raise self._mismatch(values)
        try:
            for name in fields:
                _set(self, name, values[name])
        except KeyError:
            raise self._mismatch(values) from None

    def _mismatch(self, values: dict[str, Any]) -> TypeError:
        missing = ", ".join(name for name in self._fields if name not in values)
        unknown = ", ".join(name for name in values if name not in self._fields)
        return TypeError(f"{type(self).__name__}: missing [{missing}], unknown [{unknown}]")

    def replace(self, **changes: Any) -> Self:
        """Return a record of the same class with some fields changed."""
        return type(self)(**{**self._values(), **changes})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot delete {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return self is other or (type(self) is type(other) and self._key(self) == self._key(other))

    def __hash__(self) -> int:
        return hash(self._key(self))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._compared)
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (type(self), self._values())

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._fields}


def _make(kind: type[Record], values: dict[str, Any]) -> Record:
    """Make a record from its fields, as `pickle` and `copy` need it: by position."""
    return kind(**values)


if TYPE_CHECKING:
    # Type checkers infer the fields of a named tuple from this name alone.
    from typing import NamedTuple
else:
    from collections import _tuplegetter

    class _RowType(type):
        """Metaclass of named tuples: makes annotations the fields, in their order."""

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


def maker_of(kind: type[_T], length: int) -> Callable[[Iterable[Any]], _T]:
    """Return `_make` of a named tuple for values of a length that is checked once, here.

    It runs in C, in a third of the time.

    Raises:
        TypeError: The class has another number of fields.
    """
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    if len(fields) != length:
        raise TypeError(f"{kind.__name__} has {len(fields)} fields, not {length}")
    return partial(tuple.__new__, kind)


def brief_repr(value: Any) -> str:
    """Return the repr of a plan or a report, in which sequences are counted.

    It is one line, however large the cache is. `value` is a record, a dataclass or a named tuple,
    whose class uses the function as its `__repr__`.
    """
    names = getattr(value, "_fields", None) or type(value).__annotations__
    shown = (f"{name}={_brief(getattr(value, name))}" for name in names if name[0] != "_")
    return f"{type(value).__name__}({', '.join(shown)})"


def _brief(value: object) -> str:
    if not isinstance(value, (tuple, list)) or not value:
        return repr(value)
    kinds = {type(each).__name__ for each in value}
    return f"<{len(value):,} {kinds.pop() if len(kinds) == 1 else 'values'}>"
