"""Records: immutable values compared by class and fields."""

import copy
import pickle
from collections.abc import Callable

import pytest

from cachedb.records import Record


class Named(Record, uncompared=("note",)):
    name: str
    note: str = ""


class Aged(Named):
    age: int = 0


class Other(Record):
    name: str
    age: int = 0


def test_a_record_takes_its_fields_by_keyword_with_defaults() -> None:
    found = Aged(name="a", note="n")

    assert (found.name, found.note, found.age) == ("a", "n", 0)
    assert repr(found) == "Aged(name='a', age=0)"


@pytest.mark.parametrize("fields", [{}, {"name": "a", "size": 1}])
def test_a_record_refuses_missing_and_unknown_fields(fields: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="Aged: missing"):
        Aged(**fields)


def test_records_are_equal_by_class_and_compared_fields() -> None:
    assert Aged(name="a", note="x") == Aged(name="a", note="y")
    assert hash(Aged(name="a", note="x")) == hash(Aged(name="a", note="y"))
    assert Aged(name="a") != Other(name="a")
    assert Aged(name="a") != Aged(name="a", age=1)
    assert Aged(name="a") != "a"


def test_a_record_cannot_be_changed_but_replaced() -> None:
    found = Aged(name="a")

    with pytest.raises(AttributeError, match="immutable"):
        found.age = 1  # type: ignore[misc]
    with pytest.raises(AttributeError, match="immutable"):
        del found.age

    assert found.replace(age=2) == Aged(name="a", age=2)
    with pytest.raises(TypeError):
        found.replace(size=1)


def test_a_record_keeps_its_values_in_slots() -> None:
    assert not hasattr(Aged(name="a"), "__dict__")


def test_a_record_refuses_a_field_in_place_of_another() -> None:
    fields = {"age": 1, "nome": "a"}

    with pytest.raises(TypeError, match=r"missing \[name\], unknown \[nome\]"):
        Other(**fields)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))]
)
def test_a_record_can_be_copied_and_pickled(copied: Callable[[Aged], Aged]) -> None:
    found = Aged(name="a", note="n", age=3)

    again = copied(found)

    assert again == found
    assert again.note == "n"
