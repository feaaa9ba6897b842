"""The engine of this process: one `_cicada.Engine`, and its place in gevent's hub.

A worker makes its engine with a channel and hands it over with attach(). A script that runs as a
program of its own gets one without a channel when it makes its first Environment.
"""

import os

import _cicada
from gevent import get_hub

_engine = None
_watcher = None  # keeps the engine's descriptor in the hub


def attach(engine):
    """Let the hub drive `engine` from now on."""
    global _engine, _watcher
    _engine = engine
    _watcher = get_hub().loop.io(engine.fileno(), 1)
    _watcher.start(engine.turn)
    os.register_at_fork(after_in_child=_detach)


def _detach():
    """In a forked child: the engine, its sockets and its controller are the parent's."""
    global _engine, _watcher
    if _watcher is not None:
        _watcher.stop()
    _engine = _watcher = None


def ensure():
    """The engine of this process, made now if there was none."""
    if _engine is None:
        attach(_cicada.Engine(-1, None))
    return _engine
