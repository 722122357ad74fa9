"""Generated page of the Python API, from signatures and docstrings that griffe reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).resolve().parents[1]
_ABOUT = """\
<!-- Generated from the code by `make golden`; do not edit. -->

[Use cachedb from Python](../how-to/use-from-python.md) has examples. A method whose name begins
with `plan` returns a frozen value and changes nothing; another method applies it. Errors are
classes of [`cachedb.errors`](exit-codes.md).

`import cachedb` gives these names; all but `CacheError` are imported when they are first used:
"""
_ABOUT_CACHE = """\
A cache holds one file descriptor. `with` or `close` releases it; methods of a closed cache raise
`ValueError`. Threads may share a cache: every method reads in one transaction, and writers wait
for each other. A cache must not be used in a child process after `fork`.
"""
_ABOUT_ARGUMENTS = """\
Text is parsed where it enters. In signatures:
"""
_CACHE = {
    "Open and change": "cache.Cache",
    "Transfer": "cache_transfers.CacheTransfers",
    "Remove": "cache_retention.CacheRetention",
    "Retain": "cache_retention.CacheRetention",
    "Read": "cache_reader.CacheReader",
    "Read inside layers": "cache_files.CacheFiles",
}
_VALUES = (
    "operations.read.run_query.QueryResult",
    "registry.clients.Registries",
    "feedback.progress.Progress",
    "feedback.progress.Task",
    "operations.gc.retention.Policy",
    "oci.reference.Reference",
    "oci.digest.Digest",
    "oci.platform.model.Platform",
    "oci.descriptor.Descriptor",
)
_RESULTS = (
    "operations.read.listing.Listing",
    "operations.read.resolve.Root",
    "operations.read.inspect.Inspection",
    "operations.read.usage.Usage",
    "operations.transfer.pull.PullReport",
    "operations.transfer.pull.Pulled",
    "operations.transfer.push.PushReport",
    "operations.transfer.push.Pushed",
    "operations.transfer.copy.Copied",
    "operations.archives.import_.Imported",
    "operations.archives.export.Exported",
    "operations.check.validate.Validation",
    "operations.check.verify.Verification",
    "operations.gc.remove.RemovalPlan",
    "operations.gc.retention.RetentionPlan",
    "operations.gc.mark.GCPlan",
    "operations.gc.sweep.GCReport",
)


def page() -> str:
    """Return the page of the Python API."""
    package = griffe.load("cachedb", search_paths=[str(_ROOT)])
    parts = ["# Python API", _ABOUT, *_exported(package), "", _ABOUT_ARGUMENTS]
    parts += [*_aliases(package), "", "# Cache\n", _ABOUT_CACHE]
    for title, path in _CACHE.items():
        parts.append(f"## {title}\n")
        parts += [text for each in _members(package[path]) for text in _member(each)]
    for title, paths in (("Values", _VALUES), ("Plans and reports", _RESULTS)):
        parts.append(f"# {title}\n")
        parts += [text for path in paths for text in _class(package[path])]
    text = "\n".join(parts).rstrip()
    return f"{text}\n"


def _exported(package: griffe.Object) -> Iterator[str]:
    names = [str(name) for name in package.exports or () if not str(name).startswith("_")]
    homes = ", ".join(f"`{name}`" for name in names)
    yield f"{homes}, `__version__`."


def _aliases(package: griffe.Object) -> Iterator[str]:
    for name, found in package["arguments"].members.items():
        if isinstance(found, griffe.Attribute) and "TypeAlias" in str(found.annotation):
            yield f"- `{name}`: `{found.value}`"


def _members(owner: griffe.Object) -> list[griffe.Object]:
    return [
        member
        for name, member in owner.members.items()
        if not name.startswith("_") and not member.is_alias and member.docstring is not None
    ]


def _class(owner: griffe.Object) -> Iterator[str]:
    yield f"## {owner.name}\n"
    yield from _docstring(owner)
    if owner.name == "Registries":
        yield from _member(owner["__init__"])
    fields = [
        f"- `{name}`: `{member.annotation}`"
        for name, member in owner.members.items()
        if isinstance(member, griffe.Attribute)
        and not name.startswith("_")
        and member.annotation is not None
        and "property" not in member.labels
    ]
    if fields:
        yield "\n".join(["Fields:", "", *fields, ""])
    for member in _members(owner):
        if isinstance(member, griffe.Function) or "property" in member.labels:
            yield from _member(member)


def _member(member: griffe.Object) -> Iterator[str]:
    name = member.name if member.name != "__init__" else member.parent.name
    yield f"### {name}\n"
    if isinstance(member, griffe.Function):
        yield f"```python\n{_signature(member, name)}\n```\n"
    elif isinstance(member, griffe.Attribute):
        yield f"```python\n{name}: {member.annotation}\n```\n"
    yield from _docstring(member)


def _signature(function: griffe.Function, name: str) -> str:
    shown: list[str] = []
    is_keyword_only = False
    for parameter in function.parameters:
        if parameter.name in {"self", "cls"} and not shown:
            continue
        if parameter.kind is griffe.ParameterKind.keyword_only and not is_keyword_only:
            is_keyword_only = True
            shown.append("*")
        shown.append(_parameter(parameter))
        if parameter.kind is griffe.ParameterKind.positional_only:
            positional = [*shown]
            shown = [each for each in positional if each != "/"] + ["/"]
    result = "" if name == function.parent.name else f" -> {function.returns or None}"
    line = f"{name}({', '.join(shown)}){result}"
    if len(line) <= 80:
        return line
    return "\n".join([f"{name}(", *(f"    {each}," for each in shown), f"){result}"])


def _parameter(parameter: griffe.Parameter) -> str:
    stars = {
        griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"
    }.get(parameter.kind, "")  # fmt: skip
    text = f"{stars}{parameter.name}"
    if parameter.annotation is not None:
        text += f": {parameter.annotation}"
    if parameter.default is not None and not stars:
        text += f" = {parameter.default}"
    return text


def _docstring(owner: griffe.Object) -> Iterator[str]:
    if owner.docstring is None:
        return
    for section in owner.docstring.parse("google"):
        match section.kind:
            case griffe.DocstringSectionKind.text:
                yield f"{_flat(section.value)}\n"
            case griffe.DocstringSectionKind.parameters:
                rows = (f"- `{each.name}`: {_line(each.description)}" for each in section.value)
                yield "\n".join(["Arguments:", "", *rows, ""])
            case griffe.DocstringSectionKind.raises:
                rows = (f"- `{e.annotation}`: {_line(e.description)}" for e in section.value)
                yield "\n".join(["Raises:", "", *rows, ""])
            case griffe.DocstringSectionKind.examples:
                for kind, text in section.value:
                    is_text = kind is griffe.DocstringSectionKind.text
                    yield f"{text}\n" if is_text else f"```pycon\n{text}\n```\n"


def _flat(text: str) -> str:
    """Return Markdown for text whose literals have two backquotes."""
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def _line(text: str) -> str:
    return _flat(" ".join(text.split()))
