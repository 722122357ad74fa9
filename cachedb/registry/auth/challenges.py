"""WWW-Authenticate challenges: the logins that a server offers (RFC 9110, 11.6.1)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from cachedb.patterns import lazy
from cachedb.registry.http.headers import unquoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LONGEST_LINE = 16 * 1024
_MOST_CHALLENGES = 16
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
# Unquoted values have more characters in practice than a token may: URLs, base64.
_BARE = r'[^\s",]+'
# Possessive quantifiers keep matching linear: a run of OWS is matched once.
_SCHEME = lazy(rf'[\s,]*+("?)({_WORD})\1(?=\s|,|$)[ \t]*+')
_PARAMETER = lazy(rf'[\s,]*+("?)({_WORD})\1[ \t]*+=[ \t]*+({_QUOTED}|{_BARE})?[ \t]*+')
_END_OF_PARAMETER = lazy(r"\s*+(?:,|$)")


class Challenge(NamedTuple):
    """One login that a server offers: its scheme and parameters, their names in lower case."""

    scheme: str
    parameters: Mapping[str, str] = MappingProxyType({})


def parse(lines: Sequence[str]) -> tuple[Challenge, ...]:
    """Parse the challenges of all WWW-Authenticate lines, in order, up to 16.

    A malformed line is parsed up to the error: a login needs the realm only, and a challenge
    without one is refused later. Of a repeated parameter the first one counts.
    """
    found: list[Challenge] = []
    for line in lines:
        if len(line) <= _LONGEST_LINE:
            found += _challenges_of(line)
    return tuple(found[:_MOST_CHALLENGES])


def _challenges_of(line: str) -> list[Challenge]:
    found: list[Challenge] = []
    position = 0
    while scheme := _SCHEME.match(line, position):
        parameters: dict[str, str] = {}
        position = scheme.end()
        while parameter := _PARAMETER.match(line, position):
            if parameter[3] is not None:
                parameters.setdefault(parameter[2].lower(), unquoted(parameter[3]))
            position = parameter.end()
            if not _END_OF_PARAMETER.match(line, position):
                found.append(Challenge(scheme=scheme[2].lower(), parameters=parameters))
                return found
        found.append(Challenge(scheme=scheme[2].lower(), parameters=parameters))
    return found


def choose(challenges: Sequence[Challenge]) -> Challenge | None:
    """Return the challenge to answer with a user name: the first Basic or Bearer one."""
    return next((one for one in challenges if one.scheme in {"basic", "bearer"}), None)


def choose_anonymous(challenges: Sequence[Challenge]) -> Challenge | None:
    """Return the challenge to answer without a user name: Bearer first.

    Token servers issue anonymous tokens; Basic always needs a user.
    """
    bearer = (one for one in challenges if one.scheme == "bearer")
    return next(bearer, None) or choose(challenges)
