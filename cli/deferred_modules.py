"""Modules of the standard library that dependencies import, and that few commands use."""

from __future__ import annotations

import sys
from _thread import RLock
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any, Final

NAMES: Final = ("bz2", "importlib.metadata", "ipaddress", "lzma", "subprocess", "tokenize")
"""A tenth of the processor time of `import typer`, and a twentieth of that of SQLAlchemy.

inspect, pathlib, shutil, SQLAlchemy and typer import them, and use them in functions that few
commands call.
"""
# The import statement reads it of every module that is in sys.modules.
_READ_BY_IMPORT: Final = frozenset({"__spec__", "__class__"})
_read = object.__getattribute__


class _DeferredModule(ModuleType):
    """A module in sys.modules that is executed when one of its attributes is first read.

    Threads that read an attribute meanwhile wait until the module is complete, which those of
    `importlib.util.LazyLoader` do not before Python 3.12.3; there, a second import statement reads
    an attribute, too.
    """

    def __getattribute__(self, name: str) -> Any:
        if name not in _READ_BY_IMPORT:
            _execute(self)
        return _read(self, name)


_locks: dict[str, RLock] = {}
_executing: set[str] = set()


def defer(*names: str) -> None:
    """Execute modules when they are first used; imported and absent ones stay unchanged.

    Errors of a deferred import are raised by the first use of the module.
    """
    for name in names:
        spec = None if name in sys.modules else find_spec(name)
        if spec is not None:
            module = module_from_spec(spec)
            module.__class__ = _DeferredModule
            _locks[name] = RLock()
            sys.modules[name] = module
            package, _, last = name.rpartition(".")
            if package:
                setattr(sys.modules[package], last, module)


def _execute(module: ModuleType) -> None:
    spec: Any = _read(module, "__spec__")
    with _locks[spec.name]:
        if type(module) is not _DeferredModule or spec.name in _executing:
            return  # another thread has executed it, or this one is in the middle of it
        _executing.add(spec.name)
        try:
            spec.loader.exec_module(module)
            object.__setattr__(module, "__class__", ModuleType)
        finally:
            _executing.remove(spec.name)
