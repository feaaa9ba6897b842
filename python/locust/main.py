"""The `locust` command is called `cicada locust` here; what scripts import from this module."""

from ._missing import absent
from ._version import version  # noqa: F401
from .env import Environment
from .util.load_locustfile import is_shape_class, is_user_class, load_locustfile  # noqa: F401


def create_environment(user_classes, options, events=None, shape_class=None, locustfile=None,
                       **others):
    """An Environment with the values of parsed options."""
    return Environment(
        locustfile=locustfile, user_classes=user_classes, shape_class=shape_class, events=events,
        host=options.host, reset_stats=options.reset_stats,
        stop_timeout=float(options.stop_timeout or 0), parsed_options=options, **others)


def main():
    raise SystemExit("there is no `python -m locust`: use `cicada locust` with the same words")


__getattr__ = absent(__name__, {})
