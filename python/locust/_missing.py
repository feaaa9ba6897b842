"""Names that Locust has and this package has not: asking for one says so, at import time.

A module of this package ends with `__getattr__ = absent(__name__, {...})`. The answer is an
ImportError and not an AttributeError, because `from module import name` replaces the text of the
latter with its own.
"""


def absent(module, names):
    """A module-level __getattr__. `names`: name -> what to use instead, or None."""

    def __getattr__(name):
        if name in names:
            hint = names[name]
            raise ImportError(
                f"{module}.{name} is not part of cicada" + (f": {hint}" if hint else ""), name=name
            )
        raise AttributeError(f"module '{module}' has no attribute '{name}'")

    return __getattr__


def refuse(module, hint):
    """For a module of Locust's that is not here: it calls this as it is imported."""
    raise ImportError(f"{module} is not part of cicada: {hint}", name=module)
