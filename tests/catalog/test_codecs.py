"""Codecs decode every value that cachedb writes, and call any other one damage."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cachedb.catalog import codecs
from cachedb.catalog.enums import Kind, Reading, Role, State
from cachedb.errors import CatalogMismatch

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ENUMS = [
    (codecs.kind, Kind),
    (codecs.state, State),
    (codecs.role, Role),
    (codecs.reading, Reading),
]


@pytest.mark.parametrize(("decode", "enum"), ENUMS, ids=lambda each: each.__name__)
def test_a_codec_decodes_every_member_and_refuses_every_other_number(
    decode: Callable[[int], object], enum: type[Kind]
) -> None:
    assert [decode(int(each)) for each in enum] == list(enum)
    for value in (-1, max(enum) + 1, 42, None, "1"):
        with pytest.raises(CatalogMismatch, match="the catalog is damaged"):
            decode(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decode", "value"),
    [
        (codecs.digest, "sha256:zz"),
        (codecs.digest, ""),
        (codecs.digest, "../../etc/passwd"),
        (codecs.digest, b"sha256:00"),
        (codecs.digest, None),
        (codecs.size, -1),
        (codecs.size, "10"),
        (codecs.size, 2**63),
        (codecs.time, 2**62),
        (codecs.time, -(2**63)),
        (codecs.time, "today"),
    ],
)
def test_a_codec_refuses_a_value_out_of_range(decode: Callable[[Any], object], value: Any) -> None:
    with pytest.raises(CatalogMismatch, match="the catalog is damaged") as caught:
        decode(value)
    assert caught.value.hint == "cachedb doctor --rebuild"
    assert len(str(caught.value)) < 200


def test_a_digest_of_an_unknown_algorithm_is_decoded() -> None:
    assert codecs.digest("md5:d41d8cd98f00b204e9800998ecf8427e").algorithm == "md5"


@pytest.mark.parametrize(
    "moment",
    [EPOCH, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)],
    ids=["1970", "year 1", "year 9999"],
)
def test_a_time_of_any_year_is_decoded(moment: datetime) -> None:
    assert codecs.time((moment - EPOCH) // timedelta(microseconds=1)) == moment


def test_a_time_that_an_offset_puts_before_the_year_1_is_decoded_as_none() -> None:
    first = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
    assert codecs.time(first - 1) is None
    with pytest.raises(CatalogMismatch):
        codecs.time(first - 2 * DAY // timedelta(microseconds=1))
