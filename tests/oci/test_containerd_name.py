"""Names as containerd's reference.Spec splits them."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cachedb.errors import InvalidReference
from cachedb.oci.names.containerd_name import ContainerdName
from tests.oci.table import Table

TABLE = Table(
    "reference_containerd_spec",
    {"host_is_localhost/*": "which hosts may speak http is decided in cachedb.registry"},
)


@pytest.mark.parametrize("row", TABLE.rows("parse", "parse_error"))
def test_a_name_is_split_into_locator_and_object(row: Any) -> None:
    expect = row["expect"]
    if expect["error"]:
        with pytest.raises(InvalidReference):
            ContainerdName.parse(row["input"])
        return
    name = ContainerdName.parse(row["input"])
    assert name.locator == expect["locator"]
    assert name.object == expect["object"]
    assert name.digest == expect["digest"]
    assert name.hostname == expect["hostname"]
    assert str(name) == expect["normalized"]


def test_every_row_of_the_table_is_applied_or_listed() -> None:
    TABLE.check()


@pytest.mark.parametrize(
    "text",
    ["", "foo:v1", "https://foo/bar", "foo/b\nar", "[::1/foo", "./a:1", "a/../b:1", "a/:1"],
)
def test_a_name_needs_a_host_and_stays_below_it(text: str) -> None:
    with pytest.raises(InvalidReference):
        ContainerdName.parse(text)


def test_the_tag_is_what_stands_before_a_digest() -> None:
    assert ContainerdName.parse("a/b:t@sha256:ab").tag == "t"
    assert ContainerdName.parse("a/b@sha256:ab").tag == ""


@given(st.from_regex(r"[a-z./]{1,8}(?::[0-9]{1,4})?(?:/[a-z]{1,4}){1,3}[:@][a-z0-9:]{0,8}"))
@example("./a:1")
@example("a/:1")
def test_what_was_printed_splits_the_same(text: str) -> None:
    try:
        name = ContainerdName.parse(text)
    except InvalidReference:
        return
    assert ContainerdName.parse(str(name)) == name
