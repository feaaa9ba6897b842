"""The environment as the user had it. cicada starts our processes with variables of its own, which
must not reach the programs that a script starts."""

import os

NAMES = ("PYTHONPATH", "PYTHONSAFEPATH")
PREFIX = "CICADA_HAD_"  # "=value" what the user had, "" nothing


def restore(environ=os.environ):
    """Without effect where cicada did not start us. This process has read its variables already."""
    for name in NAMES:
        had = environ.pop(PREFIX + name, None)
        if had:
            environ[name] = had[1:]
        elif had is not None:
            environ.pop(name, None)
