"""Rules for the content of a cache: named queries with an expectation, in a TOML file."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any, Final

from cachedb.errors import InvalidInput
from cachedb.patterns import lazy
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION: Final = 1
_NAME: Final = lazy(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
_RANGE: Final = lazy(r"(\d{1,9})|(\d{1,9})?\.\.(\d{1,9})?")
_PARAMETER: Final = lazy(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_KEYS: Final = frozenset({"query", "expect", "severity", "message", "help"})
_COUNT: Final = "count"


class Severity(StrEnum):
    """Severity of a finding, the worst first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Expectation(Record):
    """Expected number of results of a query; `most` is None for any number.

    `text` is as the file has it: ``none``, ``some``, or a number or range.
    """

    text: str
    least: int
    """Smallest number that meets it."""
    most: int | None

    def is_met(self, count: int) -> bool:
        """Return whether a number of results meets the expectation."""
        return self.least <= count and (self.most is None or count <= self.most)


NONE: Final = Expectation(text="none", least=0, most=0)
SOME: Final = Expectation(text="some", least=1, most=None)


class Rule(Record):
    """A query, the expected number of its results, and the message of a finding.

    The fields of `message` are columns of the query where no result is expected, one finding a
    result; else `count` alone, and there is one finding.
    """

    name: str
    """Name of the rule in its file."""
    query: str
    expect: Expectation
    """Number of results that is no finding."""
    severity: Severity
    message: str
    help: str | None
    """Text for users behind a finding; None without one."""

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the values that the query takes, without `$`."""
        return frozenset(_PARAMETER.findall(self.query))

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns that the message needs, each once."""
        found = dict.fromkeys(name for _, name, _, _ in Formatter().parse(self.message) if name)
        return tuple(name for name in found if name != _COUNT)


class RuleFile(Record):
    """The rules of a file in its order, and the values of `$name` in their queries."""

    rules: tuple[Rule, ...]
    params: Mapping[str, str]
    """Values of the parameters, by name without ``$``."""

    def with_params(self, params: Mapping[str, str]) -> RuleFile:
        """Return the rules with other values of some parameters.

        Raises:
            InvalidInput: No rule has a parameter of that name.
        """
        for name in params:
            if not any(name in rule.parameters for rule in self.rules):
                raise InvalidInput(f"no rule has a parameter ${name}")
        return self.replace(params={**self.params, **params})


def parse(content: bytes, path: str) -> RuleFile:
    """Parse a rule file.

    Raises:
        InvalidInput: The text is not TOML in UTF-8, of another version, or a rule is not valid.
    """
    try:
        document = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: {error}") from error
    _refuse_unknown(document, {"version", "params", "rules"}, path)
    version = document.get("version", VERSION)
    if version != VERSION:
        raise InvalidInput(
            f"{path}: unsupported version {version!r} of rule files", hint=f"version = {VERSION}"
        )
    rules = tuple(_rules(document.get("rules"), path))
    if not rules:
        raise InvalidInput(f"{path}: no rules", hint="cachedb check --example")
    return RuleFile(rules=rules, params=_params(document.get("params", {}), path))


def example() -> str:
    """Return the example rule file that is part of cachedb."""
    return Path(__file__).with_name("example_rules.toml").read_text(encoding="utf-8")


def _params(found: object, path: str) -> dict[str, str]:
    if not isinstance(found, dict):
        raise InvalidInput(f"{path}: params has to be a table")
    for name, value in found.items():
        if not isinstance(value, str):
            raise InvalidInput(f"{path}: params.{name} is not a text", hint=f'{name} = "…"')
    return found


def _rules(found: object, path: str) -> Iterator[Rule]:
    if not isinstance(found, dict):
        raise InvalidInput(f"{path}: no table of rules", hint="[rules.NAME]")
    for name, table in found.items():
        yield _rule(name, table, f"{path}: rule {name!r}")


def _rule(name: str, table: object, where: str) -> Rule:
    if _NAME.fullmatch(name) is None:
        raise InvalidInput(f"{where}: invalid name", hint="lower case, digits and -, as no-latest")
    if not isinstance(table, dict):
        raise InvalidInput(f"{where}: not a table", hint=f"[rules.{name}]")
    _refuse_unknown(table, _KEYS, where)
    query = _text(table, "query", where)
    if query is None:
        raise InvalidInput(f"{where}: no query", hint='query = "refs …"')
    expect = _expectation(table.get("expect", "none"), where)
    message = _text(table, "message", where) or _default_message(expect)
    rule = Rule(
        name=name,
        query=query,
        expect=expect,
        severity=_severity(table.get("severity", Severity.ERROR), where),
        message=message,
        help=_text(table, "help", where),
    )
    _refuse_message(rule, where)
    return rule


def _default_message(expect: Expectation) -> str:
    return "" if expect == NONE else f"{{count}} results, {expect.text} expected"


def _expectation(value: object, where: str) -> Expectation:
    if value == "none":
        return NONE
    if value == "some":
        return SOME
    text = str(value) if type(value) is int else value
    matched = _RANGE.fullmatch(text) if isinstance(text, str) else None
    if matched is None or text == "..":
        raise InvalidInput(
            f"{where}: invalid expectation {value!r}", hint='expect = "none", "some", 3 or "1..5"'
        )
    exact, low, high = matched.groups()
    least, most = int(exact or low or 0), int(exact or high) if exact or high else None
    if most is not None and most < least:
        raise InvalidInput(f"{where}: {least} is more than {most}", hint=f'"{most}..{least}"')
    return Expectation(text=str(text), least=least, most=most)


def _severity(value: object, where: str) -> Severity:
    if value not in set(Severity):
        raise InvalidInput(f"{where}: invalid severity {value!r}", hint=", ".join(Severity))
    return Severity(str(value))


def _refuse_message(rule: Rule, where: str) -> None:
    try:
        parts = list(Formatter().parse(rule.message))
    except ValueError as error:
        raise InvalidInput(f"{where}: message: {error}", hint="{{ and }} for braces") from error
    for _, name, spec, conversion in parts:
        if name == "" or conversion or spec or re.search(r"[\[\]]", name or ""):
            raise InvalidInput(f"{where}: message: a field is a name", hint="{name}")
        if name and name != _COUNT and rule.expect != NONE:
            raise InvalidInput(
                f"{where}: message: {{{name}}} is of one result, and the finding of many",
                hint="{count}",
            )


def _text(table: Mapping[str, Any], key: str, where: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{where}: {key} is not a text", hint=f'{key} = "…"')
    return value


def _refuse_unknown(
    table: Mapping[str, Any], known: frozenset[str] | set[str], where: str
) -> None:
    for key in table:
        if key not in known:
            raise InvalidInput(
                f"{where}: unknown key {key!r}", hint=f"one of {', '.join(sorted(known))}"
            )
