"""Rules for other terms: flags, platforms, packages, negation, filters of docker."""

from __future__ import annotations

import re

from cachedb.query.syntax import quoting
from cachedb.query.tools.rewrite import words
from cachedb.query.tools.rewrite.reader import WordReader
from cachedb.query.vocabulary import FLAGS, NOUNS
from cachedb.query.words import SYMBOLS, Sort


class TermRules(WordReader):
    """Each rule consumes its words and returns True, or returns False."""

    def _negation(self) -> bool:
        word, following = self._next(), self._next(1)
        if self._next()[:1] == "-" and self._next()[1:] in words.ARCHITECTURES:
            self._left[:1] = ["!", self._left[0][1:]]
            return True
        if word not in words.NEGATIONS or not following:
            return False
        if word in FLAGS[Sort.BLOB] and (self._noun or following in NOUNS):
            return False  # `missing layers`
        self._take()
        self._is_negated = not self._is_negated
        self._has_rewritten |= word != "not"
        if word in words.OF_PACKAGES and not self._is_known(following):
            return self._rewritten(self._package_term())
        return True

    def _package(self) -> bool:
        if self._next() not in words.WITH or not self._next(1) or self._sort is Sort.PACKAGE:
            return False
        self._take()
        if self._next() in words.SBOM:
            return self._sbom()
        if self._is_known(self._next()):
            return self._rewritten()
        return self._rewritten(self._package_term())

    def _sbom(self) -> bool:
        self._take()
        term = "no package" if self._is_negated else "any package"
        self._is_negated = False
        return self._rewritten(term)

    def _package_noun(self) -> bool:
        if self._next() in words.SBOM and self._is_negated:
            return self._sbom()
        if self._next() != "package" or not self._next(1) or self._noun == "packages":
            return False
        self._take()
        return self._rewritten(self._package_term())

    def _package_term(self) -> str:
        if self._next() in {"package", "packages"} and self._next(1):
            self._take()
        term = f"pkg:{self._take()}"
        if self._next() in SYMBOLS and self._next(1):
            symbol = SYMBOLS[self._take()]
            joint = "=" if symbol == "eq" else f" {symbol} "
            return f"{term}{joint}{self._take()}"
        if self._next() in {"older", "newer"} and self._next(1) == "than" and self._next(2):
            op = "lt" if self._next() == "older" else "gt"
            return f"{term} {op} {self._take(3)}"
        return term

    def _versioned(self) -> bool:
        """Read `openssl < 3.0.14` as a version of a package."""
        is_version = self._next(2)[:1].isdecimal()
        if self._next(1) not in SYMBOLS or not is_version or self._sort is Sort.PACKAGE:
            return False
        if ":" in self._next() or quoting.RESERVED & {self._next()}:
            return False
        return self._rewritten(self._package_term())

    def _uses(self) -> bool:
        """Read `who uses DIGEST`."""
        place = 1 if self._next() in {"who", "what", "which"} else 0
        while place and self._next(place) in words.FILLERS | {"images", "refs"}:
            place += 1
        if self._next(place) not in words.USES or not self._next(place + 1):
            return False
        if not place and not words.DIGEST.fullmatch(self._next(1)):
            return False
        return self._rewritten(f"refs({self._take(place + 2)})")

    def _docker_filter(self) -> bool:
        name = self._next()
        if self._next(1) != "=" or name not in words.DOCKER or not self._next(2):
            return False
        value = self._take(3)
        if name == "dangling":
            self._noun = self._noun or "blobs"
            self._is_negated = self._is_negated != (value.lower() in {"false", "0"})
            return self._rewritten("is:garbage")
        return self._rewritten(words.DOCKER[name].format(value))

    def _flag(self) -> bool:
        word = self._next()
        noun, term = words.FLAGS.get(word) or self._flag_of(word)
        if word == "unused" and self._later_sort() is Sort.BLOB:
            term = "is:garbage"
        if term is None:
            return False
        if word == "tagged" and self._next(1) and not self._is_known(self._next(1)):
            return self._rewritten(f"tag:{self._take(2)}")
        self._take()
        if self._noun is None and noun is not None and not set(NOUNS) & set(self._left):
            self._noun = noun
        if term.startswith("not ") and self._is_negated:
            self._is_negated, term = False, term.removeprefix("not ")
        return self._rewritten(term)

    def _flag_of(self, word: str) -> tuple[str | None, str | None]:
        known = self._later_sort()
        if word in FLAGS[known]:
            return None, f"is:{word}"
        positive = re.sub(r"^(?:un|in|non-?)", "", word)
        if positive != word and positive in FLAGS[known]:
            return None, f"not is:{positive}"
        if self._noun is None and word in FLAGS[Sort.BLOB]:
            return "blobs", f"is:{word}"
        return None, None

    def _origin(self) -> bool:
        if self._next() not in {"from", "on"} or not self._next(1):
            return False
        if self._noun is None and self._next(1) in NOUNS:
            self._take()
            return self._rewritten()
        host = self._take(2)
        is_host = "/" not in host and ("." in host or ":" in host or host == "localhost")
        return self._rewritten(f"registry:{host}" if is_host else f"repo:{host}")

    def _platform(self) -> bool:
        word = self._next()
        if word in words.ARCHITECTURES:
            return self._rewritten(f"arch:{self._take()}")
        if word in words.SYSTEMS:
            return self._rewritten(f"os:{self._take()}")
        system, slash, architecture = word.partition("/")
        if slash and system in words.SYSTEMS and architecture:
            return self._rewritten(f"platform:{self._take()}")
        return False

    def _connective(self) -> bool:
        word = words.CONNECTIVES.get(self._next())
        if word is None:
            return False
        self._take()
        return self._rewritten(word)

    def _filler(self) -> bool:
        if self._next() not in words.FILLERS:
            return False
        self._take()
        return self._rewritten()

    def _member(self) -> bool:
        """Read a bare word among packages as a name."""
        word = self._next()
        if self._sort is not Sort.PACKAGE or not re.fullmatch(r"[\w.+-]+", word):
            return False
        if word in quoting.RESERVED:
            return False
        return self._rewritten(f"name:{self._take()}")
