"""Log lines on stderr, for -v."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cachedb.cli.render.output import in_zone, show

if TYPE_CHECKING:
    from collections.abc import Callable


class _TextFormatter(logging.Formatter):
    """One line: time of day, level, message; text from outside is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        moment = _moment(record).strftime("%H:%M:%S.%f")[:-3]
        name = record.name.removeprefix("cachedb.")
        return f"{moment} {record.levelname.lower():7} {name}: {show(record.getMessage())}"


class _JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({
            "time": _moment(record).isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        })  # fmt: skip


class _StderrHandler(logging.Handler):
    """Write to what stderr is now: above the bars while a terminal has some."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{self.format(record)}\n")


def _moment(record: logging.LogRecord) -> datetime:
    return in_zone(datetime.fromtimestamp(record.created, UTC))


def start(verbosity: int, *, is_json: bool) -> Callable[[], None]:
    """Write the log records of cachedb to stderr: steps, and details from verbosity 2.

    Returns a function that ends the log and restores the configuration of the logger.
    """
    logger = logging.getLogger("cachedb")
    handlers, propagate, level = logger.handlers[:], logger.propagate, logger.level

    def stop() -> None:
        logger.handlers[:] = handlers
        logger.propagate = propagate
        logger.setLevel(level)

    handler = _StderrHandler()
    handler.setFormatter(_JsonFormatter() if is_json else _TextFormatter())
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)
    return stop
