"""Scopes: what a token is good for (distribution's token specification)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_ALL = "*"
_SCOPE = re.compile(r"[A-Za-z0-9_./:*,()-]{1,512}")


class Access(NamedTuple):
    """What a request needs: the repository whose credentials count, and scopes for a token."""

    repository: str
    scopes: tuple[str, ...]


def of_repository(repository: str, actions: Iterable[str]) -> str:
    """Return the scope for `actions` on `repository`; empty if either is.

    Example:
        >>> of_repository("library/alpine", ["push", "pull"])
        'repository:library/alpine:pull,push'
    """
    merged = merge_actions(actions)
    return f"repository:{repository}:{','.join(merged)}" if repository and merged else ""


def merge_actions(actions: Iterable[str]) -> tuple[str, ...]:
    """Sort actions, each once; ``*`` includes all others."""
    found = {action for action in actions if action}
    return (_ALL,) if _ALL in found else tuple(sorted(found))


def merge(scopes: Iterable[str]) -> tuple[str, ...]:
    """Sort scopes and join the actions of those on one resource; no action means no scope."""
    actions: dict[str, set[str]] = {}
    others: set[str] = set()
    for scope in scopes:
        kind, _, rest = scope.partition(":")
        name, colon, listed = rest.rpartition(":")
        if colon and name:
            actions.setdefault(f"{kind}:{name}", set()).update(listed.split(","))
        elif scope:
            others.add(scope)
    joined = ((name, merge_actions(found)) for name, found in actions.items())
    return tuple(sorted(others | {f"{name}:{','.join(found)}" for name, found in joined if found}))


def of_challenge(parameter: str) -> tuple[str, ...]:
    """Return the scopes that a challenge asks for, without what cannot be one."""
    return tuple(scope for scope in parameter.split(" ") if _SCOPE.fullmatch(scope))
