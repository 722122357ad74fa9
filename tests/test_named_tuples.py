"""Named tuples of cachedb.records behave as those of typing."""

import copy
import pickle
import typing
from typing import Any

import pytest

from cachedb.records import NamedTuple


class Cheap(NamedTuple):
    name: str
    size: int = 0
    note: "str | None" = None


class Typed(typing.NamedTuple):
    name: str
    size: int = 0
    note: "str | None" = None


class Shouting(Cheap):
    @property
    def loud(self) -> str:
        return self.name.upper()


CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("a",), {}),
    (("a", 1, "n"), {}),
    (("a",), {"note": "n"}),
    ((), {"name": "a", "size": 1, "note": "n"}),
    ((), {"note": "n", "name": "a"}),
    ((), {}),
    ((), {"size": 1}),
    (("a", 1, "n", 2), {}),
    (("a",), {"name": "b"}),
    (("a",), {"color": "red"}),
]


@pytest.mark.parametrize(("values", "named"), CALLS)
def test_a_call_makes_the_same_tuple_or_refuses_the_same_arguments(
    values: tuple[Any, ...], named: dict[str, Any]
) -> None:
    try:
        expected = Typed(*values, **named)
    except TypeError:
        with pytest.raises(TypeError, match="name, size, note"):
            Cheap(*values, **named)
        return
    made = Cheap(*values, **named)
    assert made == expected
    assert repr(made) == repr(expected).replace("Typed", "Cheap")
    assert (made.name, made.size, made.note) == tuple(expected)
    assert (made._asdict(), made._fields) == (expected._asdict(), expected._fields)
    assert made._replace(size=9) == expected._replace(size=9)


def test_a_named_tuple_has_the_fields_and_defaults_of_its_class() -> None:
    assert Cheap._fields == Cheap.__match_args__ == Typed._fields
    assert Cheap._field_defaults == Typed._field_defaults
    assert not hasattr(Cheap("a"), "__dict__")


def test_make_refuses_another_number_of_values() -> None:
    assert Cheap._make(["a", 1, None]) == Cheap("a", 1)
    with pytest.raises(TypeError, match="3 fields, not 2"):
        Cheap._make(["a", 1])
    with pytest.raises(TypeError):
        Cheap("a")._replace(color="red")  # type: ignore[call-arg]


def test_a_named_tuple_is_immutable_and_can_be_copied_and_pickled() -> None:
    found = Cheap("a", 1)
    with pytest.raises(AttributeError):
        found.size = 2  # type: ignore[misc]
    assert copy.copy(found) == copy.deepcopy(found) == pickle.loads(pickle.dumps(found)) == found
    assert type(pickle.loads(pickle.dumps(found))) is Cheap


def test_a_subclass_inherits_the_fields() -> None:
    found = Shouting("a", size=2)
    assert (found.loud, found.size, found) == ("A", 2, Cheap("a", 2))
    assert repr(found) == "Shouting(name='a', size=2, note=None)"
