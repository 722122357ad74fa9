"""Log records of the library, for programs that use logging; a command without -v imports none.

Records never have credentials, tokens, or the query of a URL, which may be signed.
"""

from __future__ import annotations

import sys


class Logger:
    """Logger of the standard library with a name, in a program that has imported `logging`.

    Otherwise a call costs one lookup in `sys.modules`.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def info(self, message: str, *values: object) -> None:
        """Log a step, such as a request, at the level INFO."""
        logging = sys.modules.get("logging")
        if logging is not None:
            logging.getLogger(self._name).info(message, *values)

    def debug(self, message: str, *values: object) -> None:
        """Log a detail at the level DEBUG."""
        logging = sys.modules.get("logging")
        if logging is not None:
            logging.getLogger(self._name).debug(message, *values)
