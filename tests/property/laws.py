"""Laws in two lengths: a few generated examples in every run, many of them in a campaign."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy


def lengths(quick: int, campaign: int, *marks: pytest.MarkDecorator) -> pytest.MarkDecorator:
    """Parametrize a test by `length`: numbers of examples, the longer one in a campaign."""
    short = settings(
        max_examples=quick, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    long = settings(short, max_examples=campaign)
    return pytest.mark.parametrize(
        "length",
        [
            pytest.param(short, id="quick", marks=marks),
            pytest.param(long, id="long", marks=pytest.mark.campaign),
        ],
    )


def hold(length: settings, check: Callable[..., None], **arguments: SearchStrategy[Any]) -> None:
    """Run a check on generated arguments, as often as `length` says."""
    length(given(**arguments)(check))()
