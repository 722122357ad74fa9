"""``cachedb show``: platforms, configuration and labels of an image."""

from __future__ import annotations

import shlex

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import NameArgument, NestedFormatOption
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Format

_ARGUMENTS = {"entrypoint", "cmd"}


def command(
    name: NameArgument,
    cache: CacheOption = None,
    form: NestedFormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Show platforms, configuration and labels of an image."""
    with open_cache(cache) as opened:
        found = opened.inspect(name)
    if quiet:
        for root in found.image.roots:
            output.print_stdout(root.digest)
        return
    details = found.to_json()
    for platform in details["platforms"]:
        platform["created"] = output.rfc3339_of(platform["created"])
    if form is not Format.TABLE:
        tables.render_tree(details, form)
        return
    for line in _lines(details, indent=""):
        output.print_stdout(line)


def _lines(value: object, indent: str) -> list[str]:
    if isinstance(value, dict):
        found = []
        for key, item in value.items():
            if isinstance(item, (dict, list)) and key not in _ARGUMENTS:
                if item:
                    found += [f"{indent}{output.show(str(key))}:", *_lines(item, f"{indent}  ")]
            elif item not in (None, "", []):
                found.append(f"{indent}{output.show(str(key))}: {output.show(_text(key, item))}")
        return found
    if isinstance(value, list):
        found = []
        for item in value:
            first, *rest = _lines(item, f"{indent}  ") or [indent]
            found += [f"{indent}- {first.strip()}", *rest]
        return found
    return [f"{indent}{output.show(str(value))}"]


def _text(key: str, value: object) -> str:
    if key in _ARGUMENTS and isinstance(value, list):
        return shlex.join(value)
    return output.size(value) if key == "size" and isinstance(value, int) else str(value)
