"""Message templates of the code: what errors and warnings print, collected from the source.

A template is the text of an error with a word in capitals for each part that varies. It is built
by the error class itself, from the arguments at the place that raises it. An argument that is a
variable is looked up: in assignments of its function, and, for a parameter, at the calls of the
function in the same module.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cachedb import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = Path(__file__).resolve().parents[1]
_DEEPEST: Final = 4
_MOST: Final = 12
_OF_PYTHON: Final = frozenset(
    {"AttributeError", "ImportError", "TimeoutError", "TypeError", "ValueError", "KeyError"}
)
_REASON: Final = re.compile(r"error|cause|why|reason|problem|fault|refused|failure")
_VARIABLE_PART: Final = re.compile(r"[A-Z][A-Z0-9_]+|\bN\b")
# Exceptions inside of a package whose text becomes the reason of an error.
_REASONS: Final = {
    "BadHeader": ("InvalidArchive", "NAME: is not a tar archive, or is damaged: {}"),
    "InvalidValue": ("InvalidManifest", "PATH: {}"),
}
# Names of variables that tell a reader nothing about the text in their place.
_SPOKEN: Final = {
    "CLS": "TEXT", "FAMILIAR": "NAME", "FOUND": "TEXT", "GIVEN": "TEXT", "INT": "N",
    "LABEL": "NAME", "LOWER": "TEXT", "MATCHED": "TEXT", "MISSING": "DIGEST", "NONE": "TEXT",
    "RPARTITION": "TEXT", "SELF": "URL", "SHOWN": "TEXT", "STR": "TEXT", "STRIP": "TEXT",
    "TAKE": "CHARACTER",
}  # fmt: skip


class Message(NamedTuple):
    """A template, the hint beside it, the class of the error, and the module that raises it."""

    text: str
    hint: str
    kind: str
    module: str


def collect() -> list[Message]:
    """Return every message of the package and the command line, in the order of the source."""
    sources = []
    for folder in ("cachedb", "cli"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(("cachedb/cli/", "cachedb/migrations/", "cachedb/errors.py")):
                sources.append(Source(name, ast.parse(path.read_text())))
    count = Counter(name for each in sources for name in each.called)
    several = [name for name, modules in count.items() if modules > 1]
    return _without_repetitions(message for each in sources for message in each.messages(several))


def _without_repetitions(found: Iterable[Message]) -> list[Message]:
    """Return one message of each shape, and none that another message fills."""
    shapes: dict[tuple[str, str, str], Message] = {}
    for each in found:
        if not is_variable(each.text):
            shapes.setdefault((shape(each.text), each.kind, each.module), each)
    return list(shapes.values())


def is_variable(text: str) -> bool:
    """Return whether no word of a template is constant."""
    return not re.search(r"[a-z]{2,}", _VARIABLE_PART.sub("", text))


def shape(text: str) -> str:
    """Return a template with one sign for each part that varies."""
    return _VARIABLE_PART.sub("#", text)


def pattern(text: str) -> re.Pattern[str]:
    """Return a regular expression for what a template can become."""
    constant = map(re.escape, shape(text).split("#"))
    # One of something is counted without the plural.
    parts = [re.sub(r"^(\\ \w+)s\b", r"\1s?", part) for part in constant]
    return re.compile(".*".join(parts), re.DOTALL)


class Source:
    """One module: its functions, and the calls of each."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self._name = name
        self._tree = tree
        self._function_of: dict[ast.AST, ast.FunctionDef | None] = {}
        self._calls: dict[str, list[ast.Call]] = defaultdict(list)
        self._walk(tree, None)
        self._elsewhere: frozenset[str] = frozenset()

    @property
    def called(self) -> set[str]:
        """Names of the functions that the module calls."""
        return set(self._calls)

    def _walk(self, node: ast.AST, function: ast.FunctionDef | None) -> None:
        inner = node if isinstance(node, ast.FunctionDef) else function
        for child in ast.iter_child_nodes(node):
            self._function_of[child] = inner
            if isinstance(child, ast.Call):
                self._calls[_name_of(child)].append(child)
            self._walk(child, inner)

    def messages(self, elsewhere: Iterable[str] = ()) -> Iterator[Message]:
        """Yield the messages of the module; `elsewhere` are functions that others call as well."""
        self._elsewhere = frozenset(elsewhere)
        for calls in list(self._calls.values()):
            for call in calls:
                yield from self._of_call(call)

    def _of_call(self, call: ast.Call) -> Iterator[Message]:
        name = _name_of(call)
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, errors.CacheError):
            yield from self._of_error(kind, call)
        elif name == "of" and ast.unparse(call.func) == "StorageFailed.of":
            for doing in self._texts(call.args[1]):
                yield self._message(f"cannot {doing}: REASON", "", "StorageFailed")
        elif name in {"error_at", "PatternError"}:
            why, *hints = call.args[1:] if name == "error_at" else call.args
            typed = [each for each in hints if not isinstance(each, ast.Starred)]
            hint = self._texts(typed[0])[0] if typed else ""
            for text in self._texts(why):
                yield self._message(f"error: {text}", hint, "QueryError")
        elif name in _REASONS and call.args:
            kind_name, around = _REASONS[name]
            for text in self._texts(call.args[0]):
                yield self._message(around.format(text), "", kind_name)
        elif name in {"warn", "_warn", "print_stderr", "BadParameter"} | _OF_PYTHON and call.args:
            yield from self._of_text(name, call)

    def _of_text(self, name: str, call: ast.Call) -> Iterator[Message]:
        for text in self._texts(call.args[0]):
            if name in _OF_PYTHON:
                yield self._message(text, "", name)
            elif name == "BadParameter":
                yield self._message(f"invalid value for 'OPTION': {text}", "", "InvalidInput")
            elif name != "print_stderr":
                yield self._message(f"warning: {text}", "", "warning")
            elif text.startswith(("warning: ", "unreadable ")):
                yield self._message(text, "", "warning")

    def _of_error(self, kind: type[errors.CacheError], call: ast.Call) -> Iterator[Message]:
        texts = [self._texts(each) for each in call.args]
        keys = [each.arg or "" for each in call.keywords]
        values = [self._texts(each.value) for each in call.keywords]
        if "hint" in keys:
            values[keys.index("hint")] = values[keys.index("hint")][:1]
        for chosen in itertools.islice(itertools.product(*texts, *values), _MOST * 4):
            given = dict(zip(keys, chosen[len(texts) :], strict=True))
            made = _made(kind, chosen[: len(texts)], given)
            yield self._message(str(made), made.hint or "", kind.__name__)

    def _message(self, text: str, hint: str, kind: str) -> Message:
        return Message(" ".join(text.split()), " ".join(hint.split()), kind, self._name)

    def _of_variable(self, node: ast.Name, depth: int) -> list[str]:
        """Return the texts of a variable; its own name where nothing else is known of it."""
        found = self._values_of(node.id, node, depth) if depth < _DEEPEST else []
        constant = [each for each in found if not is_variable(each)]
        return constant if len(constant) == len(found) > 0 else [*constant, _placeholder(node)]

    def _texts(self, node: ast.expr, depth: int = 0) -> list[str]:
        """Return the texts that an expression can have."""
        match node:
            case ast.Constant(str(text)):
                return [text]
            case ast.JoinedStr(values):
                parts = [self._texts(each, depth) for each in values]
                return ["".join(each) for each in itertools.product(*parts)][:_MOST]
            case ast.FormattedValue(value, conversion):
                found = self._texts(value, depth)
                return [f"{each!r}" for each in found] if conversion == ord("r") else found
            case ast.IfExp(_, body, orelse):
                return [*self._texts(body, depth), *self._texts(orelse, depth)]
            case ast.BinOp(left, ast.Add(), right):
                pairs = itertools.product(self._texts(left, depth), self._texts(right, depth))
                return [f"{a}{b}" for a, b in pairs][:_MOST]
            case ast.BoolOp(ast.Or(), values):
                found = [text for each in values for text in self._texts(each, depth)]
                # A word that stands in for a text that is absent is no message of its own.
                return [each for each in found if not is_variable(found[0]) or " " in each or (
                    is_variable(each)
                )]  # fmt: skip
            case ast.Call(func, [ast.expr() as first, *_]) if ast.unparse(func) == "repr":
                return [f"{each!r}" for each in self._texts(first, depth)]
            case ast.Call(func, [_, ast.Constant(str(noun))]) if ast.unparse(func).endswith(
                "count"
            ):
                return [f"N {noun}s"]
            case ast.Name():
                return self._of_variable(node, depth)
        return [_placeholder(node)]

    def _values_of(self, name: str, node: ast.AST, depth: int) -> list[str]:
        """Return the texts of a variable: assigned in the function, or passed to it."""
        function = self._function_of.get(node)
        assigned = [
            value for value in _assigned(name, function or self._tree)
            if self._function_of.get(value) is function
        ]  # fmt: skip
        found = [text for each in assigned for text in self._texts(each, depth + 1)]
        if function is not None and not assigned:
            found += self._passed(name, function, depth) or [
                value.value for value in _assigned(name, self._tree)
                if isinstance(value, ast.Constant) and isinstance(value.value, str)
            ]  # fmt: skip
        return list(dict.fromkeys(found))[: _MOST * 3]

    def _passed(self, name: str, function: ast.FunctionDef, depth: int) -> list[str]:
        names = [each.arg for each in function.args.args if each.arg not in {"self", "cls"}]
        every = [*names, *(each.arg for each in function.args.kwonlyargs)]
        if name not in every:
            return []
        found = [name.upper()] if function.name in self._elsewhere else []
        for call in self._calls[function.name]:
            if self._function_of.get(call) is function:
                continue
            given: dict[str | None, ast.expr] = dict(zip(names, call.args, strict=False))
            given |= {each.arg: each.value for each in call.keywords}
            if name in given:
                found += self._texts(given[name], depth + 1)
        return found


def _name_of(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _assigned(name: str, scope: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(scope):
        match node:
            case ast.Assign([ast.Name(found)], value) | ast.AnnAssign(
                ast.Name(found), value=ast.expr() as value
            ) if found == name:
                yield value
            case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)):
                for target, value in zip(targets, values, strict=True):
                    if isinstance(target, ast.Name) and target.id == name:
                        yield value


def _placeholder(node: ast.expr) -> str:
    """Return a word in capitals for an expression, by its last name."""
    words = re.findall(r"[A-Za-z_]{2,}", ast.unparse(node).split("(")[-1].split("[")[0]) or [
        *re.findall(r"[A-Za-z_]{2,}", ast.unparse(node))
    ]
    word = words[-1].strip("_") if words else "TEXT"
    if _REASON.search(word.lower()):
        return "REASON"
    if ast.unparse(node).startswith("len("):
        return "N"
    return _SPOKEN.get(word.upper(), word.upper())


def _made(
    kind: type[errors.CacheError], texts: tuple[str, ...], given: dict[str, str]
) -> errors.CacheError:
    """Construct the error from templates; a list that it takes has two of them."""
    values: list[Any] = list(texts)
    if kind in {errors.RefNotFound, errors.AmbiguousName} and len(values) > 1:
        values[1] = [values[1], "…"]
    if kind is errors.PlatformNotFound:
        values[2] = [values[2]]
    if kind is errors.QueryError:
        return errors.CacheError("")
    flags = {key: value for key, value in given.items() if not key.startswith("is_")}
    return kind(*values, **flags)  # type: ignore[arg-type]
