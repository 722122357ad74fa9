"""Type errors: words that members of the sort at hand do not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.query.messages import did_you_mean, error_at
from cachedb.query.syntax.tree import Saved
from cachedb.query.vocabulary import FIELDS, FLAGS, RELATIONS
from cachedb.query.words import Sort

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cachedb.errors import QueryError
    from cachedb.query.syntax.tree import Call, Compare, Keyed, Match, Selector, Span, Value

_MOST_HINTS: Final = 2
_SHORT: Final = 60
# Conversions: how to write a set of the second sort where the first is expected.
_ROUTES: Final = {
    (Sort.BLOB, Sort.REF): ("ref.{}", "blobs({}) for everything they contain"),
    (Sort.REF, Sort.BLOB): ("any blob({})", "target.{}"),
    (Sort.REF, Sort.PACKAGE): ("package.{}",),
    (Sort.BLOB, Sort.PACKAGE): ("package.{}",),
    (Sort.REF, Sort.FILE): ("file.{}",),
    (Sort.BLOB, Sort.FILE): ("file.{}",),
    (Sort.FILE, Sort.BLOB): ("layer.{}", "manifest.{}"),
    (Sort.FILE, Sort.REF): ("manifest.ref.{}",),
    (Sort.FILE, Sort.PACKAGE): ("manifest.package.{}",),
    (Sort.FILE, Sort.LINK): ("layer.link.{}",),
    (Sort.LINK, Sort.FILE): ("child.file.{}",),
    (Sort.PACKAGE, Sort.FILE): ("blob.file.{}",),
    (Sort.REF, Sort.LINK): ("any blob(link.{})",),
    (Sort.BLOB, Sort.LINK): ("link.{}",),
    (Sort.LINK, Sort.BLOB): ("child.{}", "parent.{}"),
    (Sort.LINK, Sort.REF): ("child.ref.{}",),
    (Sort.LINK, Sort.PACKAGE): ("child.package.{}",),
    (Sort.PACKAGE, Sort.BLOB): ("blob.{}",),
    (Sort.PACKAGE, Sort.REF): ("any blob(blobs({}))",),
    (Sort.PACKAGE, Sort.LINK): ("blob.link.{}",),
}
_WRAPPED: Final = {
    Sort.REF: "refs({}) gives the references that contain those",
    Sort.FILE: "files({}) gives the files in those",
    Sort.PACKAGE: "packages({}) gives the packages found in those",
    Sort.LINK: "any child({}) are the links that point at those",
    Sort.BLOB: "blobs({}) gives everything that those contain",
}
_OF_FILES: Final = "queries know indexed files only; refs not is:listed gives the other images"


def field(node: Match | Compare | Keyed, name: str, sort: Sort) -> QueryError:
    """Report a field that members of `sort` do not have."""
    here = _last(node.path.span, name)
    term = node.span.replace(start=here.start).text
    return error_at(here, f"{sort.one} has no field `{name}`", *_hints(name, term, sort, FIELDS))


def flag(value: Value, sort: Sort) -> QueryError:
    """Report a flag that members of `sort` do not have."""
    why = f"{sort.one} has no flag `{value.text}`"
    hints = _hints(value.text, f"is:{value.text}", sort, FLAGS)
    if value.text == "indexed" and sort is Sort.FILE:
        hints = (_OF_FILES, *hints)
    return error_at(value.span, why, *(hints or did_you_mean(value.text, FLAGS[sort])))


def relation(span: Span, name: str, sort: Sort) -> QueryError:
    """Report a relation that members of `sort` do not have."""
    has = ", ".join(RELATIONS[sort])
    return error_at(
        span,
        f"{sort.one} has no `{name}`",
        f"{sort.many} have {has}",
    )


def of_another_sort(node: Call | Saved, given: Sort, wanted: Sort) -> QueryError:
    """Report a set of `given` where one of `wanted` is expected."""
    shown = f"@{node.name}" if isinstance(node, Saved) else f"{node.function}(…)"
    why = f"`{shown}` is a set of {given.noun}, and a set of {wanted.noun} is expected"
    written = _short(node.span, shown)
    return error_at(
        node.span,
        why,
        f"to select {given.many}: {given.noun} {written}",
        f"wrap it: {_WRAPPED[wanted].format(written)}",
    )


def argument(node: Call, given: Sort) -> QueryError:
    """Report an argument that is not a set of references."""
    why = f"`{node.function}(…)` takes references, and these are {given.noun}"
    inner = _short(node.span, f"{node.function}({given.noun} …)").removeprefix(node.function)
    return error_at(node.span, why, f"{node.function}(refs{inner})")


def selector(node: Selector, sort: Sort) -> QueryError:
    """Report a bare word in a set of links or packages."""
    why = f"`{node.text}` is a reference, which does not select {sort.many}"
    if sort is Sort.PACKAGE:
        return error_at(
            node.span,
            why,
            f"name:{node.text}",
            f"packages({node.text}) for the packages found in that image",
        )
    return error_at(node.span, why, f"any child({node.text})", f"any parent({node.text})")


def preposition(node: Selector) -> QueryError:
    """Report `in` among files, which would be a path."""
    why = f"`{node.text}` is not a word of queries"
    return error_at(node.span, why, "files(alpine) for the files in that image", f'"{node.text}"')


def _hints(
    name: str, term: str, sort: Sort, table: Mapping[Sort, Collection[str]]
) -> tuple[str, ...]:
    """List the sorts that have the word, with a path to each; the nearest first."""
    found = [
        f"`{name}` belongs to {owner.many}: write "
        + ", or ".join(way.format(term) for way in ways)
        for (asker, owner), ways in _ROUTES.items()
        if asker is sort and name in table[owner]
    ]
    return tuple(found[:_MOST_HINTS])


def _short(span: Span, otherwise: str) -> str:
    return span.text if span.end - span.start <= _SHORT else otherwise


def _last(span: Span, name: str) -> Span:
    """Return the last part of a path, which is its field."""
    start = max(span.start, span.end - len(name) - (span.text[-1:] == ":"))
    return span.replace(start=start, end=start + len(name))
