"""JUnit XML, SARIF, JSON and GitHub annotations of check results.

Text from outside is escaped as on a terminal first: XML has no form for control characters, and a
line break would end an annotation.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from cachedb.cli.render.output import count, show
from cachedb.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cachedb.operations.report.check import RuleFinding, RuleResult

_SARIF: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_VERSION: Final = 1


class RuleSource:
    """The rule file as findings name it: its path, and the line of each rule."""

    def __init__(self, path: str, content: bytes) -> None:
        self.path = path
        self._lines = content.decode().splitlines()

    def line(self, rule: str) -> int:
        """Return the line of the table of a rule, from 1; 1 if it is written in another form."""
        head = re.compile(rf"\s*\[\s*rules\s*\.\s*[\"']?{re.escape(rule)}[\"']?\s*\]")
        return next((at for at, line in enumerate(self._lines, 1) if head.match(line)), 1)


def junit(results: Sequence[RuleResult], source: RuleSource) -> Iterator[str]:
    """Yield JUnit XML: a test case for each rule, which fails if it has findings.

    The elements and attributes are those that Jenkins, GitLab and GitHub actions read: testsuites,
    testsuite, testcase, failure, system-out. Findings of notes are output of a case that passes.
    """
    failed = sum(bool(each.findings) and _fails(each) for each in results)
    numbers = f'tests="{len(results)}" failures="{failed}" errors="0"'
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites name="cachedb check" {numbers} time="0">'
    yield f'  <testsuite name={_attribute(source.path)} {numbers} skipped="0" time="0">'
    for each in results:
        yield from _case(each)
    yield "  </testsuite>"
    yield "</testsuites>"


def _case(result: RuleResult) -> Iterator[str]:
    name = _attribute(result.rule.name)
    head = f'    <testcase classname="cachedb" name={name} time="0"'
    if not result.findings:
        yield f"{head}/>"
        return
    yield f"{head}>"
    from xml.sax.saxutils import escape  # which imports http.client

    text = "\n".join(escape(show(found.message)) for found in result.findings)
    if _fails(result):
        message = _attribute(count(len(result.findings), "finding"))
        yield f'      <failure type="{result.rule.severity}" message={message}>{text}</failure>'
    else:
        yield f"      <system-out>{text}</system-out>"
    yield "    </testcase>"


def _fails(result: RuleResult) -> bool:
    return result.rule.severity != "note"


def _attribute(text: str) -> str:
    from xml.sax.saxutils import quoteattr

    return quoteattr(show(text))


def sarif(results: Sequence[RuleResult], source: RuleSource) -> Iterator[str]:
    """Yield SARIF 2.1.0: a rule for each rule, a result for each finding.

    A result is located at its rule in the rule file, which is what code scanning can show, and
    names its image or blob as a logical location.
    """
    document = {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "cachedb",
                        "semanticVersion": VERSION,
                        "rules": [_descriptor(each) for each in results],
                    }
                },
                "results": [
                    _sarif_result(place, each, found, source)
                    for place, each in enumerate(results)
                    for found in each.findings
                ],
                "columnKind": "unicodeCodePoints",
            }
        ],
    }
    yield json.dumps(document, ensure_ascii=True, indent=2)


def _descriptor(result: RuleResult) -> dict[str, Any]:
    rule = result.rule
    found: dict[str, Any] = {
        "id": rule.name,
        "shortDescription": {"text": f"{show(rule.query)}: {rule.expect.text} expected"},
        "defaultConfiguration": {"level": str(rule.severity)},
    }
    if rule.help:
        found["help"] = {"text": show(rule.help)}
    return found


def _sarif_result(
    place: int, result: RuleResult, found: RuleFinding, source: RuleSource
) -> dict[str, Any]:
    from urllib.parse import quote

    rule = result.rule
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(source.path)},
            "region": {"startLine": source.line(rule.name)},
        }
    }
    if found.subject is not None:
        subject = show(found.subject)
        location["logicalLocations"] = [{"fullyQualifiedName": subject, "kind": "resource"}]
    identity = f"{rule.name}\n{found.subject or ''}"
    return {
        "ruleId": rule.name,
        "ruleIndex": place,
        "level": str(rule.severity),
        "message": {"text": show(found.message)},
        "locations": [location],
        "partialFingerprints": {"finding/v1": hashlib.sha256(identity.encode()).hexdigest()},
    }


def as_json(results: Sequence[RuleResult], source: RuleSource) -> Iterator[str]:
    """Yield one JSON document: an object for each rule with its findings."""
    document = {
        "version": _VERSION,
        "file": source.path,
        "rules": [
            {
                "name": each.rule.name,
                "severity": str(each.rule.severity),
                "query": each.rule.query,
                "expect": each.rule.expect.text,
                "count": each.count,
                "passed": not each.findings,
                "findings": [
                    {"subject": found.subject, "message": found.message} for found in each.findings
                ],
                "help": each.rule.help,
            }
            for each in results
        ],
    }
    from cachedb.cli.render.tables import printable_json

    yield printable_json(json.dumps(document, ensure_ascii=False, indent=2))


def github(results: Sequence[RuleResult], source: RuleSource) -> Iterator[str]:
    """Yield workflow commands of GitHub actions, which become annotations of the rule file."""
    levels = {"error": "error", "warning": "warning", "note": "notice"}
    for each in results:
        rule = each.rule
        for found in each.findings:
            where = f"file={_property(source.path)},line={source.line(rule.name)}"
            title = _property(f"cachedb: {rule.name}")
            yield f"::{levels[rule.severity]} {where},title={title}::{_data(found.message)}"


def _data(text: str) -> str:
    """Escape the message of a workflow command."""
    return show(text).replace("%", "%25")


def _property(text: str) -> str:
    """Escape a property of a workflow command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


DOCUMENTS: Final[dict[str, Callable[[Sequence[RuleResult], RuleSource], Iterator[str]]]] = {
    "json": as_json,
    "junit": junit,
    "sarif": sarif,
    "github": github,
}
"""The formats that are one text for all rules."""
