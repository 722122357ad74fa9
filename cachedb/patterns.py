"""Regular expressions that are compiled at their first use."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def lazy(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a pattern that is compiled when one of its attributes is first used.

    Compiling takes 0.1 to 0.6 ms, and a short command uses few of the patterns of the modules
    that it imports. After its first use, a method costs the same as that of a compiled pattern.
    An invalid pattern raises `re.error` at its first use; a test compiles every one.

    Example:
        >>> lazy(r"[a-f0-9]+").fullmatch("6c3c62").group()
        '6c3c62'
    """
    return cast("re.Pattern[AnyStr]", _LazyPattern(text, flags))


class _LazyPattern:
    """Proxy of a compiled pattern, whose attributes it takes over one by one."""

    def __init__(self, text: Any, flags: int) -> None:
        self._source = (text, flags)

    def __getattr__(self, name: str) -> Any:
        value = getattr(re.compile(*self._source), name)
        setattr(self, name, value)
        return value

    def __repr__(self) -> str:
        text, flags = self._source
        return f"lazy({text!r}, {flags!r})"
