"""Defaults of output in the configuration of a cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cachedb.cli.options.cache_folder import cache_folder
from cachedb.cli.settings.defaults import Setting, option_name
from cachedb.errors import CacheError, InvalidInput


def apply(ctx: Any) -> None:
    """Set options of output that have no other value to those of the cache.

    Raises:
        InvalidInput: The configuration of the cache is malformed.
    """
    if "cache" not in ctx.params:
        return
    given = ctx.params["cache"]
    folder = cache_folder(None if given is None else Path(given))
    if not os.path.exists(folder / ".cachedb" / "cachedb.toml"):
        return
    from cachedb.layout import Layout
    from cachedb.operations.read import cache_configuration

    try:
        with Layout.open(folder) as layout:
            found = cache_configuration.display(layout)
    except InvalidInput:
        raise
    except CacheError:  # which the command reports
        return
    for param in ctx.command.params:
        name = option_name(param) or ""
        if name in found and not param.multiple and _is_default(ctx, param):
            origin = str(folder / cache_configuration.PATH)
            setting = Setting(found[name], origin, f"display.{name}")
            ctx.command.settings = {**ctx.command.settings, param.name: setting}
            value = param.process_value(ctx, setting.value)
            if param.expose_value:  # a shared option may not be one of the function
                ctx.params[param.name] = value


def _is_default(ctx: Any, param: Any) -> bool:
    source = ctx.get_parameter_source(param.name)
    return source is not None and source.name == "DEFAULT"
