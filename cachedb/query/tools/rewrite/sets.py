"""Rules for sets: `layers of A and B`, `files in A minus B`, `layers unique to A`, `size of A`."""

from __future__ import annotations

from typing import Final

from cachedb.query.syntax import quoting
from cachedb.query.tools.rewrite import words
from cachedb.query.tools.rewrite.reader import WordReader
from cachedb.query.vocabulary import FIELDS, FLAGS, KEYED_FIELDS, NOUNS
from cachedb.query.words import STATES, Sort

_OTHERS: Final = {"as": "", "minus": "not "}
"""Words before the second of two images, with the sign of its content."""
_FLAGS: Final = frozenset({*STATES, *(flag for flags in FLAGS.values() for flag in flags)})
_IMAGES: Final = frozenset({"images", "refs", "image", "references"})


class SetRules(WordReader):
    """Each rule consumes its words and returns True, or returns False."""

    def _owned(self) -> bool:
        """Read `nginx layers`, `layers nginx` and `packages nginx:1` as parts of that image."""
        first = 0 if self._noun_at(0) else 1
        noun = self._noun_at(first)
        if noun is None or self._noun is not None or self._terms or self._next(2) in words.OF:
            return False
        place = 1 - first
        if not self._is_reference(place) or (first and self._next(2) in words.OF):
            return False
        if noun == "packages" and ":" not in self._next(place):
            word = self._left[place]
            if self._names.is_package(word) or not self._names.has_references:
                return False
        name = self._left[place]
        self._take(2)
        return self._part_of(noun, name)

    def _part_of(self, noun: str, name: str) -> bool:
        self._noun = noun
        return self._rewritten(self._content(quoting.selector(name)))

    def _content(self, selection: str, sign: str = "") -> str:
        """Return the term for the content of a selection of references, as the noun has it."""
        function = self._noun if self._noun in {"packages", "files"} else "blobs"
        return f"{sign}{function}({selection})"

    def _noun_at(self, place: int) -> str | None:
        """Return the noun of content, as plural or singular, at a place."""
        word = self._next(place)
        noun = quoting.SINGULARS.get(word, word)
        is_content = noun in NOUNS and NOUNS[noun].sort not in {Sort.REF, Sort.LINK}
        return noun if is_content else None

    def _is_reference(self, place: int) -> bool:
        word = self._next(place)
        is_word = word in words.STOPS or word in words.QUALIFIERS or word in _FLAGS
        return not (is_word or words.DIGEST.fullmatch(word)) and self._is_name(place)

    def _inside(self) -> bool:
        """Read `of nginx`, `in nginx minus redis` behind a noun and its terms."""
        if self._noun is None or self._sort in {Sort.REF, Sort.LINK}:
            return False
        if self._next() in _OTHERS and self._terms and self._is_reference(1):
            sign = _OTHERS[self._next()]
            name = quoting.selector(self._take(2))
            return self._rewritten(self._content(name, sign))
        if self._next() not in words.OF or not self._is_reference(1):
            return False
        if self._next(2) in {"and", "or", ","} and self._is_reference(3):
            return self._refused()  # of both, or of any of them
        return self._rewritten(self._content(quoting.selector(self._take(2))))

    def _of_images(self) -> bool:
        """Read `layers of arm64 images`, `packages of images with openssl`."""
        place = 1 if self._noun_at(0) and self._noun is None else 0
        is_behind = place or (self._noun is not None and self._sort not in {Sort.REF, Sort.LINK})
        if not is_behind or self._next(place) not in words.OF:
            return False
        rest = [word.lower() for word in self._left[place + 1 :]]
        if not _IMAGES & set(rest) or set(rest) & {"per", "by"}:
            return False
        found = self._rewritten_of(" ".join(self._left[place + 1 :]))
        if found is None:
            return self._refused()
        if place:
            self._noun = self._noun_at(0)
        self._left = []
        return self._rewritten(self._content(found))

    def _unique(self) -> bool:
        """Read `layers unique to nginx` as what removing it would free."""
        if (self._next(), self._next(1)) != ("unique", "to") or not self._is_reference(2):
            return False
        if self._noun is None:
            self._noun = "blobs"
        if self._sort is not Sort.BLOB:
            return self._refused()
        return self._rewritten(f"exclusive({quoting.selector(self._take(3))})")

    def _attribute(self) -> bool:
        """Read `size of nginx`, `nginx digest` as a column of that image."""
        is_of = self._next(1) == "of" and self._is_reference(2) and not self._next(3)
        is_behind = self._is_reference(0) and bool(self._next(1)) and not self._next(2)
        if self._noun not in {None, "refs"} or self._terms or not (is_of or is_behind):
            return False
        word = self._next(0 if is_of else 1)
        field = words.PLURALS.get(word, words.ATTRIBUTES.get(word, word))
        if field in KEYED_FIELDS:
            return self._refused()
        if field not in FIELDS[Sort.REF] or field in {"file", "cache"}:
            return False
        name = self._left[2 if is_of else 0]
        self._left = []
        if field == "tag" or (word in words.PLURALS and not FIELDS[Sort.REF][field].is_scalar):
            self._clauses["group"] = field
        else:
            self._clauses["show"] = field if field == "name" else f"name,{field}"
        return self._rewritten(quoting.selector(name))

    def _tag_of(self) -> bool:
        """Read `nginx latest`, `nginx version 1.25` as a tag of that repository."""
        is_alone = self._next() == "latest" and not (self._next(1) or self._terms or self._noun)
        if is_alone and self._names.selects("refs tag:latest"):
            return self._rewritten(f"tag:{self._take()}")
        is_tag = self._next(1) in words.TAG and bool(self._next(2))
        if self._noun not in {None, "refs"} or ":" in self._next():
            return False
        if not (is_tag or self._next(1) == "latest") or not self._is_reference(0):
            return False
        if self._next(1 + is_tag) in quoting.RESERVED or self._next(2 + is_tag).isdecimal():
            return False
        name = quoting.selector(self._take())
        tag = self._take(1 + is_tag)
        self._emit(name)
        return self._rewritten(f"tag:{tag.removeprefix('=')}")

    def _version_of(self) -> bool:
        """Read `alpine 3.20` as the tag of that repository, if it has it."""
        if self._noun not in {None, "refs"} or not self._next(1)[:1].isdecimal():
            return False
        name = f"{self._left[0]}:{self._left[1]}"
        if ":" in self._next() or not self._names.has_references or not self._is_reference(0):
            return False
        if not self._names.matches(name):
            return False
        self._take(2)
        return self._rewritten(quoting.selector(name))

    def _for_platform(self) -> bool:
        """Read `for arm64`, `on linux/arm64` as a platform."""
        word = self._next(1)
        is_platform = (
            word in words.ARCHITECTURES
            or word in words.SYSTEMS
            or word.partition("/")[0] in words.SYSTEMS
        )
        if self._next() not in {"for", "on", "of", "in", "supports", "with"} or not is_platform:
            return False
        self._take()
        return self._rewritten()

    def _except(self) -> bool:
        """Read `except nginx and redis` as everything else."""
        if self._next() != "except" or not self._is_reference(1):
            return False
        self._take()
        names = [quoting.selector(self._take())]
        while self._next() in {"and", "or", ","} and self._is_reference(1):
            names.append(quoting.selector(self._take(2)))
        for name in names:
            self._emit(f"not {name}")
        return self._rewritten()

    def _excluded(self) -> bool:
        """Read `-nginx` as the complement."""
        word = self._next()
        if word[:1] != "-" or self._noun not in {None, "refs"} or self._clauses:
            return False
        self._left[0] = self._left[0][1:]
        if not self._is_reference(0):
            self._left[0] = f"-{self._left[0]}"
            return False
        return self._rewritten(f"not {quoting.selector(self._take())}")

    def _below(self) -> bool:
        """Read `ghcr.io/acme`, `acme/`, `in acme` as what a registry or a namespace has."""
        place = 1 if self._next() in words.OF else 0
        word = self._next(place).rstrip("*").rstrip("/")
        is_path = place or "/" in self._next(place)
        if self._sort is not Sort.REF or not (word and is_path) or not self._names.has_references:
            return False
        if not place and self._names.matches(self._left[0]):
            return False
        path = quoting.value(f"{word}/*")
        terms = (f"registry:{quoting.value(word)}", f"repository:{path}", f"repo:{path}")
        found = next((term for term in terms if self._names.selects(f"refs {term}")), None)
        if found is None:
            return False
        self._take(place + 1)
        while found.startswith("registry:") and self._is_registry(1):
            found += f",{self._take(2)}"
        return self._rewritten(found)

    def _is_registry(self, place: int) -> bool:
        """Return whether another registry follows `and`, `or` or a comma."""
        host = self._next(place)
        is_joined = self._next(place - 1) in {"and", "or", ","}
        return is_joined and "." in host and self._names.selects(f"refs registry:{host}")

    def _whole_repository(self) -> bool:
        """Read `repository nginx` as the reference, where no repository has that whole path."""
        field = self._next()
        if field not in {"repository", "repo"} or not self._is_reference(1):
            return False
        if self._next(2) or not self._names.has_references or ":" in self._next(1):
            return False
        if self._names.selects(f"refs {field}:{quoting.value(self._left[1])}"):
            return False
        self._take()
        return self._rewritten(quoting.selector(self._take()))

    def _any_of(self) -> bool:
        """Read `nginx, redis` and `nginx redis` as either of them."""
        joint = self._next(1) if self._next(1) in {",", "and", "|", "||"} else ""
        if self._terms or self._noun not in {None, "refs"} or not self._is_reference(0):
            return False
        second = 2 if joint else 1
        if not self._is_reference(second) or self._next(second + 1) or not self._are_apart(second):
            return False
        names = [quoting.selector(self._left[0]), quoting.selector(self._left[second])]
        self._left = []
        return self._rewritten(" or ".join(names))

    def _are_apart(self, second: int) -> bool:
        """Return whether no reference has both names."""
        both = f"{quoting.selector(self._left[0])} {quoting.selector(self._left[second])}"
        return self._names.has_references and not self._names.selects(f"refs {both}")
