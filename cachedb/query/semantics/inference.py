"""Inference of the sort of an argument from its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.query.syntax.tree import (
    And,
    Call,
    Compare,
    Constant,
    Expression,
    Flag,
    Keyed,
    Match,
    Not,
    Or,
    Quantified,
    Saved,
    Selector,
    Term,
    Top,
)
from cachedb.query.vocabulary import FIELDS, FLAGS, FUNCTIONS, NOUNS, RELATIONS
from cachedb.query.words import Sort

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_PREFERENCE: Final = (Sort.BLOB, Sort.REF, Sort.LINK, Sort.PACKAGE, Sort.FILE)
_EVERY_SORT: Final = frozenset(Sort)
_COLUMNS: Final = {
    sort: [field.name for field in fields.values() if field.is_scalar]
    for sort, fields in FIELDS.items()
}


def likely_sort(node: Expression) -> Sort:
    """Return the sort that all words of `node` allow; blobs if several are possible."""
    possible = _possible(node)
    return next((sort for sort in _PREFERENCE if sort in possible), Sort.BLOB)


def _possible(node: Expression) -> frozenset[Sort]:
    """Return the sorts that the words of `node` allow."""
    match node:
        case Not():
            return _possible(node.operand)
        case And() | Or():
            return frozenset.intersection(*map(_possible, node.operands))
        case _:
            return _possible_of_term(node)


def _possible_of_term(node: Term) -> frozenset[Sort]:
    match node:
        case Match() | Compare() | Keyed():
            return _having(node.path.relations, FIELDS, [node.path.field])
        case Flag():
            return _having(node.relations, FLAGS, [value.text for value in node.words])
        case Quantified():
            return _having((node.relation.text,), FIELDS, [])
        case Call():
            return _given(node)
        case Saved():
            return _with_blobs(NOUNS[node.query.noun].sort)
        case Selector():
            return frozenset({Sort.REF, Sort.BLOB, Sort.FILE})
        case Top():
            keys = [key.name for key in (*node.keys, *node.per)]
            return _having((), _COLUMNS, keys) & (_possible(node.of) if node.of else _EVERY_SORT)
        case Constant():
            return _EVERY_SORT


def _having(
    relations: tuple[str, ...], table: Mapping[Sort, Collection[str]], wanted: Iterable[str]
) -> frozenset[Sort]:
    if relations:
        return frozenset(sort for sort in Sort if relations[0] in RELATIONS[sort])
    return frozenset(sort for sort in Sort if all(name in table[sort] for name in wanted))


def _given(node: Call) -> frozenset[Sort]:
    gives = FUNCTIONS[node.function].gives
    if gives is not None:
        return _with_blobs(gives)
    if node.noun is not None:
        return _with_blobs(NOUNS[node.noun].sort)
    return _possible(node.operand) if node.operand else _EVERY_SORT


def _with_blobs(sort: Sort) -> frozenset[Sort]:
    return frozenset({sort, Sort.BLOB})
