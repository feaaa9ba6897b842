"""Logging in Locust's format, and the mark for errors that nobody handled.

In a worker process the console handler hands its lines to the engine, which carries them to the
controller; elsewhere it writes to standard error, as Locust does.
"""

import logging
import logging.config
import socket
import sys

HOSTNAME = socket.gethostname()

# An exception got out of a greenlet or an event listener: such a run ends with exit status 2
# unless something worse decides. Read and set by scripts, too.
unhandled_greenlet_exception = False

# Where formatted lines go instead of standard error: a callable, or None.
line_sink = None


class ConsoleHandler(logging.Handler):
    """Writes lines to `line_sink`, or to standard error when there is none or it refuses."""

    def emit(self, record):
        try:
            line = self.format(record)
            if line_sink is None or not line_sink(line):
                sys.stderr.write(line + "\n")
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)


def setup_logging(loglevel, logfile=None):
    """Give the root logger and Locust's own their handlers; `logfile` takes the console's place."""
    level = loglevel.upper()
    where = "file" if logfile else "console"
    handlers = {
        "console": {"class": "locust.log.ConsoleHandler", "formatter": "default"},
        "console_plain": {"class": "locust.log.ConsoleHandler", "formatter": "plain"},
    }
    if logfile:
        handlers["file"] = {
            "class": "logging.FileHandler", "filename": logfile, "formatter": "default"
        }
    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "default": {"format": f"[%(asctime)s] {HOSTNAME}/%(levelname)s/%(name)s: %(message)s"},
            "plain": {"format": "%(message)s"},
        },
        "handlers": handlers,
        "loggers": {
            "locust": {"handlers": [where], "level": level, "propagate": False},
            "locust.stats_logger": {
                "handlers": ["console_plain"], "level": "INFO", "propagate": False
            },
        },
        "root": {"handlers": [where], "level": level},
    })


def greenlet_exception_logger(logger, level=logging.CRITICAL):
    """A callback for Greenlet.link_exception that logs the exception and marks it unhandled."""

    def exception_handler(greenlet):
        global unhandled_greenlet_exception
        unhandled_greenlet_exception = True
        logger.log(
            level, "Unhandled exception in greenlet: %s", greenlet, exc_info=greenlet.exc_info)

    return exception_handler


from ._missing import absent  # noqa: E402

__getattr__ = absent(__name__, {"LogReader": None, "get_logs": None, "greenlet_log_reader": None})
