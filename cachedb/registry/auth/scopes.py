"""Scopes: the repositories and actions of a token (distribution, token scope)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterable

_ALL = "*"
_SCOPE = lazy(r"[A-Za-z0-9_./:*,()-]{1,512}")


class Access(NamedTuple):
    """Authorization that a request needs: the repository of the credential, and token scopes."""

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
    """Sort scopes, with the actions of one resource joined; a scope without actions is dropped."""
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
    """Parse the ``scope`` of a challenge; invalid scopes are left out."""
    return tuple(scope for scope in parameter.split(" ") if _SCOPE.fullmatch(scope))


def of_both(own: tuple[str, ...], asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes of a request and those of its challenge, merged."""
    return merge((*own, *asked))


def of_redirect_target(own: tuple[str, ...], asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes of the challenge, if any: the target has repositories of its own."""
    return merge(asked or own)
