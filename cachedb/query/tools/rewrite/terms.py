"""Rules for other terms: flags, platforms, packages, negation, filters of docker."""

from __future__ import annotations

import re
from typing import Final

from cachedb.patterns import lazy
from cachedb.query.syntax import quoting
from cachedb.query.tools.rewrite import words
from cachedb.query.tools.rewrite.reader import WordReader
from cachedb.query.vocabulary import FLAGS, NOUNS
from cachedb.query.words import STATES, SYMBOLS, Sort

_JOINTS: Final = frozenset({",", "and", "or"})
_HAD: Final = frozenset({"attestation", "attestations", "referrer", "referrers"})
_HOST: Final = lazy(r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?|localhost(?::\d+)?")


class TermRules(WordReader):
    """Each rule consumes its words and returns True, or returns False."""

    _is_only = False

    def _negation(self) -> bool:
        word, following = self._next(), self._next(1)
        if self._next()[:1] == "-" and self._next()[1:] in words.ARCHITECTURES:
            self._left[:1] = ["!", self._left[0][1:]]
            return True
        if word not in words.NEGATIONS or not following:
            return False
        is_flag = self._noun and word in FLAGS[self._sort]
        if word in FLAGS[Sort.BLOB] and (is_flag or following in NOUNS):
            return False  # `missing layers`, `blobs missing`; images are not missing
        self._negate_list(word)
        self._take()
        self._is_negated = not self._is_negated
        self._has_rewritten |= word != "not"
        is_package = word in words.OF_PACKAGES and not self._is_known(following)
        if is_package and self._is_package_name(0):
            return self._rewritten(self._package_term())
        if word in words.OF_PACKAGES and following.startswith("/"):
            return self._rewritten(f"file:{self._take()}")
        return True

    def _negate_list(self, word: str) -> None:
        """Read `without arm64 and riscv64`, `not app, tool` as without any of them.

        `not app and tool` is a query, of other meaning. Platforms with commas are one term.
        """
        joints, place = {","} if word == "not" else _JOINTS, 2
        if self._next(2) == "," and self._field_of_platform(1):
            return
        if self._next(2) == "," and self._next(3) in words.NEGATIONS:
            del self._left[2]  # `not app, not tool`
            self._has_rewritten = True
        while self._next(place) in joints:
            behind = place + 1 + (self._next(place) == "," and self._next(place + 1) in _JOINTS)
            if not self._are_alike(1, behind, word):
                return
            self._left[place:behind] = [word]
            self._has_rewritten = True
            joints, place = _JOINTS, place + 2

    def _are_alike(self, one: int, other: int, negation: str) -> bool:
        """Return whether both words are platforms, names in the cache, or names of packages."""
        if field := self._field_of_platform(one):
            return self._field_of_platform(other) == field
        if self._is_name(one):
            return self._is_name(other)
        return negation in words.OF_PACKAGES and all(
            bool(self._next(place))
            and not self._is_known(self._next(place))
            and self._is_package_name(place)
            for place in (one, other)
        )

    def _path(self) -> bool:
        """Read `with file /bin/sh` and `has /bin/sh`."""
        place = 1 if self._next() in words.WITH or self._next() == "who" else 0
        place += self._next(place) in words.WITH | words.USES
        if not self._next(place).startswith("/") or self._sort is Sort.FILE:
            return False
        return self._rewritten(f"file:{self._take(place + 1)}")

    def _package(self) -> bool:
        if self._next() not in words.WITH or not self._next(1) or self._sort is Sort.PACKAGE:
            return False
        self._take()
        relation = quoting.SINGULAR_OF.get(self._next(), self._next())
        if relation in _HAD and not words.DIGEST.fullmatch(self._next(1)):
            self._take()
            term = f"{'no' if self._is_negated else 'any'} {relation}"
            self._is_negated = False
            return self._rewritten(term)
        if self._next() in words.COMPRESSIONS or self._next() in words.AUTHORS:
            return self._rewritten()
        if self._next() in words.SBOM:
            return self._sbom()
        if self._is_known(self._next()) or not self._is_package_name(0):
            return self._rewritten()
        self._rewritten(self._package_term())
        while self._next() in _JOINTS and self._is_package_name(1):
            if self._is_known(self._next(1)) or words.COMPARATIVES.get(self._next(1)):
                break
            joint = self._take()
            self._emit("and" if joint == "," else joint)
            self._emit(self._package_term())
        return True

    def _is_package_name(self, place: int) -> bool:
        word = self._next(place)
        is_package = word in {"package", "packages"} and bool(self._next(place + 1))
        is_word = word in quoting.RESERVED or word in words.STOPS or word in words.QUALIFIERS
        return is_package or not (is_word or "/" in word.strip("@"))

    def _sbom(self) -> bool:
        self._take()
        term = "no package" if self._is_negated else "any package"
        self._is_negated = False
        return self._rewritten(term)

    def _package_noun(self) -> bool:
        if self._next() in words.SBOM and (self._is_negated or not self._next(1)):
            return self._sbom()
        if self._next() != "package" or not self._next(1) or self._noun == "packages":
            return False
        self._take()
        return self._rewritten(self._package_term())

    def _adjective(self) -> bool:
        """Read `deb packages`, `gpl packages`, `mit licensed packages`."""
        word = self._next()
        place = 2 if self._next(1) == "licensed" else 1
        if self._next(place) not in {"package", "packages"} or self._noun is not None:
            return False
        if word in words.PACKAGE_TYPES and place == 1:
            term = f"type:{words.PACKAGE_TYPES[word]}"
        elif word in words.LICENSES:
            term = f"license:{words.LICENSES[word]}"
        else:
            return False
        self._take(place + 1)
        self._noun = "packages"
        return self._rewritten(term)

    def _parenthesis(self) -> bool:
        """Keep the parentheses of a condition."""
        if self._next() not in {"(", ")"}:
            return False
        word = self._take()
        if word == "(":
            self._emit(word)
        else:
            self._terms.append(word)
        return True

    def _package_term(self) -> str:
        if self._next() in {"package", "packages"} and self._next(1):
            self._take()
        term = f"pkg:{self._take()}"
        if self._next() in SYMBOLS and self._next(1):
            symbol = SYMBOLS[self._take()]
            joint = "=" if symbol == "eq" else f" {symbol} "
            return f"{term}{joint}{self._take()}"
        if self._next() in {"version", "versions", "v"} and self._next(1)[:1].isdecimal():
            self._take()
        if self._next() == "between" and self._next(2) == "and" and self._next(3)[:1].isdecimal():
            low, high = self._left[1], self._left[3]
            self._take(4)
            return f"{term}={low}..{high}"
        place = 2 if self._next(1) == "than" else 1
        op = words.VERSIONS.get(self._next())
        if op is not None and self._next(place)[:1].isdecimal():
            return f"{term} {op} {self._take(place + 1)}"
        if self._next()[:1].isdecimal():
            return f"{term}={self._take()}"
        return term

    def _bare_package(self) -> bool:
        """Read `openssl`, `openssl 3.0.2`, `openssl before 3.0.8`, if no image is called so."""
        word = self._next()
        if self._sort is not Sort.REF or word in quoting.RESERVED or ":" in word:
            return False
        if self._is_known(word) or self._names.matches(self._left[0]):
            return False
        if not self._names.is_package(self._left[0]):
            return False
        return self._rewritten(self._package_term())

    def _versioned(self) -> bool:
        """Read `openssl < 3.0.14` and `openssl version < 3` as a version of a package."""
        is_name = self._next() not in quoting.RESERVED and self._sort is not Sort.PACKAGE
        if is_name and self._next(1) == "version" and self._next(2) in SYMBOLS:
            del self._left[1]
            self._has_rewritten = True
        is_version = self._next(2)[:1].isdecimal()
        if self._next(1) not in SYMBOLS or not is_version or self._sort is Sort.PACKAGE:
            return False
        if ":" in self._next() or quoting.RESERVED & {self._next()}:
            return False
        return self._rewritten(self._package_term())

    def _docker_filter(self) -> bool:
        name = self._next()
        if self._next(1) != "=" or name not in words.DOCKER or not self._next(2):
            return False
        value = self._take(3)
        if name == "dangling":
            if self._noun == "refs":
                self._is_negated = self._is_negated != (value.lower() in {"false", "0"})
                return self._rewritten("is:untagged")
            self._noun = self._noun or "blobs"
            self._is_negated = self._is_negated != (value.lower() in {"false", "0"})
            return self._rewritten("is:garbage")
        return self._rewritten(words.DOCKER[name].format(value))

    def _flag(self) -> bool:
        word = self._next()
        noun, term = words.FLAGS.get(word) or self._flag_of(word)
        if word == "unused" and self._later_sort() is Sort.BLOB:
            term = "is:garbage"
        if word == "dangling" and self._next(1) in {"image", "images"}:
            noun, term = None, "is:untagged"
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
        if self._noun is None:
            for sort in (Sort.BLOB, Sort.FILE):
                if word in FLAGS[sort]:
                    return sort.noun, f"is:{word}"
        return None, None

    def _origin(self) -> bool:
        if self._next() not in {"from", "on"} or not self._next(1):
            return False
        if self._noun is None and self._next(1) in NOUNS:
            self._take()
            return self._rewritten()
        host = self._take(2)
        if (
            self._next() in {"and", "or", ","}
            and self._is_host(host)
            and self._is_host(self._next(1))
        ):
            return self._rewritten(f"registry:{host},{self._take(2)}")
        if ":" in host and "/" not in host and not host.rpartition(":")[2].isdecimal():
            return self._rewritten(host)
        is_host = "/" not in host and ("." in host or ":" in host or host == "localhost")
        return self._rewritten(f"registry:{host}" if is_host else f"repo:{host}")

    def _platform(self) -> bool:
        """Read `arm64`, `linux/arm64`, and lists as in `amd64, arm64 or arm`."""
        word = self._next()
        field = self._field_of_platform(0)
        if not field:
            return False
        listed, last_joint = [self._take()], ""
        while place := self._place_in_list(field, is_begun=len(listed) > 1):
            last_joint = self._next(place - 1)
            listed.append(self._take(place + 1))
        if last_joint == "and" and not self._is_negated:
            return all(self._rewritten(f"{field}:{one}") for one in listed)
        term = f"{field}:{','.join(listed)}"
        if word in self._left or not self._is_of_layers():
            return self._rewritten(term)
        # A layer has no platform of its own: its manifests have.
        last = self._terms.pop() if self._terms and self._terms[-1].startswith("blobs(") else ""
        return self._rewritten(f"blobs(manifests {last} {term})".replace("  ", " "))

    def _field_of_platform(self, place: int) -> str:
        word = self._next(place)
        system, slash, architecture = word.partition("/")
        if word in words.ARCHITECTURES:
            return "arch"
        if word in words.SYSTEMS:
            return "os"
        return "platform" if slash and system in words.SYSTEMS and architecture else ""

    def _place_in_list(self, field: str, *, is_begun: bool) -> int:
        """Return where the next value of a list with commas is, 0 at its end."""
        place = 1 if self._next() == "," else 0
        place += (bool(place) or is_begun) and self._next(place) in {"and", "or"}
        return place if place and self._field_of_platform(place) == field else 0

    def _is_of_layers(self) -> bool:
        """Return whether layers are asked for, by the noun before or after the word."""
        noun = self._noun or next((word for word in self._left if word in NOUNS), "")
        return noun == "layers"

    def _only(self) -> bool:
        """Read `only arm64` as images of that platform alone."""
        if self._next() not in {"only", "just", "solely"}:
            return False
        self._take()
        if self._sort is Sort.REF:
            self._is_only = self._next() not in words.PLURALS
        return self._rewritten()

    def _word_of_list(self) -> bool:
        """Read `foreign layers`, `zstd layers`."""
        word, sort = self._next(), self._later_sort()
        if word in words.COMPRESSIONS and sort in {Sort.REF, Sort.BLOB}:
            kind = {"zstandard": "zstd"}.get(self._take().lower(), word)
            field = "type" if sort is Sort.BLOB else "layer.type"
            pattern = "*.tar" if kind == "uncompressed" else f"*{kind}*"
            return self._rewritten(f"{field}:{pattern}")
        if sort is Sort.BLOB and word in STATES:
            return self._rewritten(f"state:{self._take().lower()}")
        return False

    def _host(self) -> bool:
        """Read `ghcr.io` as a registry where no reference has that name."""
        word = self._next()
        if self._sort is not Sort.REF or not self._is_host(word) or self._names.matches(word):
            return False
        return self._rewritten(f"registry:{self._take()}")

    def _is_host(self, word: str) -> bool:
        """Return whether a word is a host, and no path of a field: `config.env`."""
        is_path = word.rpartition(".")[2] in quoting.RESERVED
        return not is_path and _HOST.fullmatch(word) is not None

    def _using(self) -> bool:
        """Read `images use openssl` as a package, where no image has that name."""
        is_verb = self._next() in words.USES - {"is", "with", "has"}
        if not is_verb or self._sort is not Sort.REF or not self._is_package_name(1):
            return False
        if not self._next(1) or self._is_known(self._next(1)):
            return False
        if self._names.matches(self._left[1]) and not self._names.is_package(self._left[1]):
            return False
        self._take()
        return self._rewritten(self._package_term())

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
