"""The facts in tests/data are those that lie beside the checkout, in another form."""

from typing import Any

import pytest

from tests import facts, recorded

TOPICS = [topic for topic in facts.topics() if not topic.startswith("linuxkit_")]


def differences(row: dict[str, Any], original: dict[str, Any]) -> list[str]:
    """Name the columns that a row has and whose value is another one in the original."""
    verdicts = {f"expect.{key}": value for key, value in row["expect"].items()}
    columns = {key: value for key, value in row.items() if key not in {"id", "expect"}} | verdicts
    return [key for key, value in columns.items() if value != looked_up(original, key)]


def looked_up(original: dict[str, Any], column: str) -> Any:
    outer, dot, inner = column.partition(".")
    value = original[outer]
    if dot:
        return value[inner]
    # Of what several tools made of a case, the one is restated that we are held against.
    return {k: v for k, v in value.items() if k == "umoci"} if outer == "observed" else value


@pytest.mark.recorded
def test_a_restated_row_is_the_original_row() -> None:
    for topic in TOPICS:
        originals = {row["id"]: row for row in recorded.vectors(topic)["cases"]}
        wrong = {row["id"]: differences(row, originals[row["id"]]) for row in facts.rows(topic)}
        assert {key: columns for key, columns in wrong.items() if columns} == {}


@pytest.mark.recorded
def test_what_is_not_restated_is_about_files_of_others() -> None:
    for topic in TOPICS:
        restated = {row["id"] for row in facts.rows(topic)}
        rows = recorded.vectors(topic)["cases"]
        left = {row["category"] for row in rows if row["id"] not in restated}
        assert left == {
            "attestations": {"spdx2", "spdx3", "statement_document", "bundle_or_bom"},
            "image_spec_documents": {"spec_example", "backwards_compat"},
        }.get(topic, set())


def test_every_topic_names_its_sources() -> None:
    assert len(TOPICS) == 19
    assert all(facts.sources(topic) for topic in facts.topics())
