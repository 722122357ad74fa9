"""The tables of versions that other implementations test themselves with."""

import operator
import re
from typing import Any

import pytest

from cachedb.packages.versions import is_valid, key
from tests import facts

_FUZZY = "~ asks whether one version begins with another one: the query language has globs"
_LOOSE = "strict only: cachedb reads what Go and npm write, v1.2, 1.2.3.4, leading zeros"
_LARGE = "a limit of JavaScript's numbers or of node-semver; numbers have no largest one here"
_CONSTRAINT = "a dialect of constraints (^ ~ x || - and pre-releases left out); queries have none"

NOT_APPLICABLE = {
    "versions_deb/valid/005": "go-deb-version takes '_' in a revision, dpkg does not",
    "versions_semver/valid/023": _LARGE,
    "versions_semver/valid/024": _LARGE,
    "versions_semver/valid/026": _LARGE,
    **{
        f"versions_semver/valid_strict/{number}": _LOOSE
        for number in "002 005 007 014 018 019 021 023 026 027 028 033 040 043".split()
    },
}
"""Single rows that do not apply, and why."""

# What both npm, Masterminds and regclient take for the same: comparisons with a full version.
_PLAIN = re.compile(r"\s*(?:(?:<|<=|>|>=|=)?\s*v?[0-9]+\.[0-9]+\.[0-9]+(?:\s*,\s*|\s+|$))+")
_TERM = re.compile(r"(<=|>=|<|>|=)?\s*(v?[0-9]+\.[0-9]+\.[0-9]+)")
_OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "": operator.eq,
}


def why_not(row: dict[str, Any]) -> str | None:
    """Say why a row does not apply, or None."""
    if row["id"] in NOT_APPLICABLE:
        return NOT_APPLICABLE[row["id"]]
    if "~" in row.get("op", ""):
        return _FUZZY
    if row["category"] == "constraint":
        is_plain = _PLAIN.fullmatch(row["constraint"]) and "-" not in row["version"]
        return None if is_plain else _CONSTRAINT
    return None


def check_relation(scheme: str, row: dict[str, Any]) -> None:
    holds = _OPERATORS[row["op"]](key(scheme, row["a"]), key(scheme, row["b"]))
    assert holds == row["expect"]["holds"]


def check_order(scheme: str, row: dict[str, Any]) -> None:
    one, other = key(scheme, row["a"]), key(scheme, row["b"])
    assert (one > other) - (one < other) == row["order"]


def check_valid(scheme: str, row: dict[str, Any]) -> None:
    assert is_valid(scheme, row["version"]) == row["expect"]["valid"]


def check_normalized(scheme: str, row: dict[str, Any]) -> None:
    assert is_valid(scheme, row["version"])
    assert key(scheme, row["version"]) == key(scheme, row["expect"]["normalized"])


def check_constraint(scheme: str, row: dict[str, Any]) -> None:
    version = key(scheme, row["version"])
    holds = all(
        _OPERATORS[sign](version, key(scheme, bound))
        for sign, bound in _TERM.findall(row["constraint"])
    )
    assert holds == row["expect"]["satisfied"]


_CHECKS = {
    "relation": check_relation,
    "order": check_order,
    "rpmvercmp": check_order,
    "evr": check_order,
    "valid": check_valid,
    "valid_strict": check_valid,
    "normalize": check_normalized,
    "constraint": check_constraint,
}
_SCHEMES = ("apk", "deb", "pep440", "rpm", "semver")


@pytest.mark.parametrize("scheme", _SCHEMES)
def test_every_row_is_applied_or_listed_with_its_reason(scheme):
    table = facts.rows(f"versions_{scheme}")
    applied, listed, failed = [], {}, []

    for row in table:
        if reason := why_not(row):
            listed[row["id"]] = reason
            continue
        applied.append(row["id"])
        try:
            _CHECKS[row["category"]](scheme, row)
        except AssertionError:
            failed.append(row)

    assert failed == []
    assert len(applied) + len(listed) == len(table)
    assert len(applied) > len(listed) or scheme == "semver"


def test_the_rows_that_do_not_apply_are_rows():
    ids = {row["id"] for scheme in _SCHEMES for row in facts.rows(f"versions_{scheme}")}

    assert set(NOT_APPLICABLE) <= ids
