"""The rows of data/http_registry.json."""

import base64
import json
from types import SimpleNamespace

import pytest

from cachedb.errors import AuthenticationFailed, RegistryError
from cachedb.registry import endpoint
from cachedb.registry.http import api_errors, headers
from cachedb.registry.http.api_errors import APIError
from cachedb.registry.http.origin import Origin
from tests import facts

_APPLIED = {
    "retryable", "error_message", "error_body", "link_parse", "link_next", "warning",
    "content_length",
}  # fmt: skip


def _rows(*categories):
    return facts.cases("http_registry", *categories)


def test_every_row_is_applied():
    rows = facts.rows("http_registry")
    assert {row["category"] for row in rows} <= _APPLIED


@pytest.mark.parametrize("row", _rows("retryable"))
def test_another_attempt_may_help(row):
    found = tuple(APIError(code=code) for code in row["codes"])
    assert api_errors.is_transient(row["status"] or 0, found) == row["expect"]["retry"]


def _answer(row, url):
    """An answer as far as errors and next_page look at one."""
    return SimpleNamespace(
        status=row.get("status"),
        url=url,
        origin=Origin.of(url),
        proxy=None,
        read_start=lambda size: row["body"].encode()[:size],
        header={}.get,
        header_lines=lambda name: [row["header"]] if name == "Link" else [],
    )


@pytest.mark.parametrize("row", _rows("error_message"))
def test_an_error_says_status_and_body_and_no_secret(row):
    url = row.get("request", "GET https://example.com/").removeprefix("GET ")
    error = api_errors.error_of(_answer(row, url), "pull 'x'")
    assert str(row["status"]) in str(error)
    assert "hunter2" not in str(error)
    assert isinstance(error, AuthenticationFailed) == (row["status"] == 401)
    if row["body"]:
        assert repr(row["body"]) in str(error)


@pytest.mark.parametrize("row", _rows("error_body"))
def test_an_error_document_is_read(row):
    found = api_errors.parse(row["body"].encode())
    assert [one.code for one in found] == row["expect"]["codes"]
    assert [one.message for one in found] == row["expect"]["messages"]


@pytest.mark.parametrize("row", _rows("link_parse"))
def test_links_are_read(row):
    if "error" in row["expect"]:
        with pytest.raises(RegistryError):
            headers.parse_links(row["header_list"])
        return
    found = [
        link.target
        for link in headers.parse_links(row["header_list"])
        if link.parameters.get(row["parameter"]) == row["value"]
    ]
    assert found[:1] == ([row["expect"]["uri"]] if row["expect"]["found"] else [])


@pytest.mark.parametrize("row", _rows("link_next"))
def test_the_next_page_is_at_the_same_origin(row):
    answer = _answer(row, row["request_url"])
    if "error" in row["expect"]:
        with pytest.raises(RegistryError):
            endpoint.next_page(answer)
    else:
        assert f"{answer.origin}{endpoint.next_page(answer)}" == row["expect"]["url"]


def _bytes(value):
    if isinstance(value, dict):
        return base64.b64decode(value["bytes_b64"])
    return value.encode()


@pytest.mark.parametrize("row", _rows("warning"))
def test_a_warning_has_one_form(row):
    found = headers.warning_text(_bytes(row["header"]))
    wanted = _bytes(row["expect"].get("text", "")).decode("utf-8", "replace")
    assert found == (wanted or None), json.dumps(row)


@pytest.mark.parametrize("row", _rows("content_length"))
def test_a_length_is_known_or_not(row):
    assert headers.content_length(row["header_list"]) == row["expect"]["size"]
