"""Files that lie beside the checkout: recordings of linuxkit, and what other projects wrote.

They are not part of the repository, since their bytes are others' (layouts, archives, SBOM
documents) or only mean something as they are (53 archives with what two versions of linuxkit
made of each, and programs that make hostile input). Tests that need them have one marker,
``recorded``, and one reason to be skipped; CI has the folder, and there none is skipped.
"""

import json
import os
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import pytest

P = ParamSpec("P")

_ROOT = Path(__file__).resolve().parent.parent.parent / "shared" / "conformance"
_REASON = "needs the recordings in ../shared/conformance, which are not part of a clone"


def is_here() -> bool:
    """Whether the folder is there."""
    return _ROOT.is_dir()


def root() -> Path:
    """Return the folder; the marker ``recorded`` has made sure that it is there."""
    assert is_here(), _REASON
    return _ROOT


def skip_without() -> None:
    """Skip a test when the folder is missing, or fail it where CI has to have it."""
    if is_here():
        return
    if os.environ.get("CI") == "true":
        pytest.fail(_REASON)
    pytest.skip(_REASON)


def parameters(
    width: int = 1,
) -> Callable[[Callable[P, Iterable[Any]]], Callable[P, list[Any]]]:
    """Let a function that reads the folder return one set of `width` nothings without it.

    The set stands for all of the sets: its test is counted, and skipped by the marker.
    """

    def decorate(find: Callable[P, Iterable[Any]]) -> Callable[P, list[Any]]:
        @wraps(find)
        def found(*args: P.args, **kwargs: P.kwargs) -> list[Any]:
            if is_here():
                return list(find(*args, **kwargs))
            return [pytest.param(*[None] * width, id="not-here")]

        return found

    return decorate


def vectors(topic: str) -> dict[str, Any]:
    """Return a table of vectors whose rows are about files."""
    found: dict[str, Any] = json.loads((root() / "vectors" / f"{topic}.json").read_text())
    return found


@parameters()
def cases(topic: str, *categories: str) -> Iterable[Any]:
    """Return the rows of a table as pytest parameters."""
    return [
        pytest.param(row, id=row["id"])
        for row in vectors(topic)["cases"]
        if not categories or row["category"] in categories
    ]
