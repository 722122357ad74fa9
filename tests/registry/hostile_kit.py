"""Hostile registry of the conformance data, loaded as a module."""

import importlib.util
import sys
import threading
from contextlib import contextmanager
from functools import cache

import pytest

from tests import recorded

_NAME = "hostile_registry"


@cache
def load():
    """Return the module; it keeps its own helpers beside itself."""
    path = recorded.root() / "hostile" / f"{_NAME}.py"
    spec = importlib.util.spec_from_file_location(_NAME, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    # Otherwise each of its answers waits for an acknowledgement, 40 ms long.
    module.Handler.disable_nagle_algorithm = True
    return module


@contextmanager
def serving(mode, port=0):
    """Run a registry of one mode; its two servers are stopped side by side, to save time."""
    registry = load().HostileRegistry(mode, port)
    servers = (registry.s, registry.e)
    try:
        yield registry
    finally:
        stopping = [threading.Thread(target=server.shutdown) for server in servers]
        for thread in stopping:
            thread.start()
        for thread, server in zip(stopping, servers, strict=True):
            thread.join()
            server.server_close()


@recorded.parameters()
def modes(*operations):
    """Return the modes of some operations as parameters."""
    return [
        pytest.param(mode, id=mode.name) for mode in load().MODES.values() if mode.op in operations
    ]
