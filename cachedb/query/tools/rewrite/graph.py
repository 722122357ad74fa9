"""Rules for content: `layers of nginx`, `who uses DIGEST`, `based on alpine`."""

from __future__ import annotations

from typing import Final

from cachedb.query.syntax import quoting
from cachedb.query.tools.rewrite import words
from cachedb.query.tools.rewrite.reader import WordReader
from cachedb.query.vocabulary import FUNCTIONS, NOUNS
from cachedb.query.words import Sort

_CONTENTS: Final = frozenset({"content", "contents", "inside"})
_PARTS: Final = frozenset(quoting.SINGULARS) - {"image", "ref", "reference"}


class GraphRules(WordReader):
    """Each rule consumes its words and returns True, or returns False."""

    def _uses(self) -> bool:
        """Read `who uses DIGEST`, `images using layer DIGEST`, `where is DIGEST`."""
        place = 1 if self._next() in {"who", "what", "which", "where"} else 0
        while place and self._next(place) in words.FILLERS - words.USES | {"images", "refs"}:
            place += 1
        if self._next(place) not in words.USES or not self._next(place + 1):
            return False
        place += 1
        has_part = self._next(place) in _PARTS and bool(self._next(place + 1))
        place += has_part
        is_digest = words.DIGEST.fullmatch(self._next(place))
        is_asked = self._next() in {"who", "what", "which"} and self._is_name(place)
        if not is_digest and (not is_asked or self._next(place - 1 - has_part) == "is"):
            return False
        return self._rewritten(f"refs({self._take(place + 1)})")

    def _part(self) -> bool:
        """Read `layer=DIGEST` and `layer DIGEST` as the references that contain it."""
        place = 2 if self._next(1) in {"=", "=="} else 1
        if self._next() not in _PARTS or not words.DIGEST.fullmatch(self._next(place)):
            return False
        return self._rewritten(f"refs({self._take(place + 1)})")

    def _of(self) -> bool:
        """Read `layers of nginx`, `packages in nginx`, `layers(nginx)`, `parents of DIGEST`."""
        word, joint = self._next(), self._next(1)
        noun = quoting.SINGULARS.get(word, word)
        function = noun if noun in FUNCTIONS else quoting.SINGULAR_OF.get(f"{word}s", f"{word}s")
        is_part = noun in NOUNS and NOUNS[noun].sort is not Sort.REF
        if not is_part and function not in FUNCTIONS:
            return False
        is_call = joint == "(" and self._next(3) == ")"
        if not (joint in words.OF or is_call) or not self._is_name(2) or self._noun is not None:
            return False
        if not is_call and self._next(3) in {"and", ","} and self._is_name(4):
            return self._refused()  # of both, or of either of them
        name = quoting.selector(self._left[2])
        self._take(4 if is_call else 3)
        if not is_part:
            self._noun = "blobs"
            return self._rewritten(f"{function}({name})")
        self._noun = noun
        return self._rewritten(f"{noun if noun in {'packages', 'files'} else 'blobs'}({name})")

    def _contents(self) -> bool:
        """Read `what is in nginx`, `contents of nginx`."""
        place = 2 if (self._next(), self._next(1)) == ("what", "is") else 0
        if not place and self._next() not in _CONTENTS:
            return False
        place += self._next() in _CONTENTS and self._next(1) in words.OF
        if place and self._next(place) not in words.OF:
            return False
        if not self._is_name(place + 1):
            return False
        self._noun = "blobs"
        return self._rewritten(f"blobs({quoting.selector(self._take(place + 2))})")

    def _based(self) -> bool:
        """Read `based on alpine` as the references that contain a layer of it."""
        word, joint = self._next(), self._next(1)
        if word not in words.BASED or joint not in {"on", "from", "image", "="}:
            return False
        place = 3 if self._next(2) in {"=", "is"} else 2
        if not self._is_name(place):
            return False
        return self._rewritten(f"refs(layers blobs({quoting.selector(self._take(place + 1))}))")

    def _named(self) -> bool:
        """Read `named app`, `list app`, `show app` as the reference."""
        if self._next() not in {"named", "called", "list", "show"} or not self._is_name(1):
            return False
        is_verb = self._next() in {"list", "show"}
        if is_verb and (self._terms or self._noun):
            return False
        self._take()
        return self._rewritten(quoting.selector(self._take()))
