"""Event hooks: lists of listeners that are called with keyword arguments."""

import inspect
import logging
import time
import traceback
from contextlib import contextmanager

from . import log
from .exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser

# Raised by a listener these are meant for the task that fired the event.
_CONTROL_FLOW = (StopUser, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)


class EventHook:
    """Calls every listener with the keyword arguments given to fire().

    A listener that raises is logged and marks the run (exit status 2); the others still run.
    """

    def __init__(self):
        self._handlers = []

    def add_listener(self, handler):
        """Usable as a decorator: returns the handler."""
        self._handlers.append(handler)
        return handler

    def add_first(self, handler):
        """Call this one before all others."""
        self._handlers.insert(0, handler)
        return handler

    def remove_listener(self, handler):
        self._handlers.remove(handler)

    def fire(self, *, reverse=False, **kwargs):
        """`reverse`: the listener added last is called first."""
        for handler in tuple(reversed(self._handlers) if reverse else self._handlers):
            try:
                handler(**kwargs)
            except _CONTROL_FLOW:
                raise
            except Exception:
                _unhandled()

    @contextmanager
    def measure(self, request_type, name, response_length=0, context=None):
        """Fire this event with the time that the block took.

        Yields the event's arguments, which the block may change. An exception in the block becomes
        the event's exception and goes no further.
        """
        meta = {
            "request_type": request_type,
            "name": name,
            "response_length": response_length,
            "context": context or {},
            "exception": None,
            "start_time": time.time(),
        }
        started = time.perf_counter()
        try:
            yield meta
        except Exception as error:
            meta["exception"] = error
        finally:
            meta["response_time"] = (time.perf_counter() - started) * 1000
            self.fire(**meta)


class RequestHook(EventHook):
    """The `request` event: the one that is fired for every request, so it takes a short way.

    A script may leave out `exception` and `context`; listeners that insist on an argument of
    `_DEFAULTS` then get its default, all others get exactly what was fired.
    """

    _DEFAULTS = {
        "exception": None, "context": None, "response": None, "start_time": None, "url": None
    }

    def __init__(self):
        super().__init__()
        # id of a handler -> (the handler, which so keeps its id; names of _DEFAULTS it cannot do
        # without)
        self._wanted = {}

    def add_listener(self, handler):
        self._note_wanted(handler)
        return super().add_listener(handler)

    def add_first(self, handler):
        self._note_wanted(handler)
        return super().add_first(handler)

    def _note_wanted(self, handler):
        wanted = _required_arguments(handler) & self._DEFAULTS.keys()
        if wanted:
            self._wanted[id(handler)] = (handler, wanted)

    def remove_listener(self, handler):
        super().remove_listener(handler)
        left = {id(each) for each in self._handlers}
        self._wanted = {key: pair for key, pair in self._wanted.items() if key in left}

    def fire(self, *, reverse=False, **kwargs):
        handlers = self._handlers
        if len(handlers) == 1 and not self._wanted:
            try:
                handlers[0](**kwargs)
            except _CONTROL_FLOW:
                raise
            except Exception:
                _unhandled()
            return
        for handler in tuple(reversed(handlers) if reverse else handlers):
            try:
                _handler, wanted = self._wanted.get(id(handler), (None, ()))
                if wanted and not wanted <= kwargs.keys():
                    handler(**self._completed(wanted, kwargs))
                else:
                    handler(**kwargs)
            except _CONTROL_FLOW:
                raise
            except Exception:
                _unhandled()

    def _completed(self, wanted, kwargs):
        whole = {name: self._DEFAULTS[name] for name in wanted}
        if "context" in whole:
            whole["context"] = {}
        whole.update(kwargs)
        return whole


def _required_arguments(handler):
    try:
        parameters = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError):
        return set()
    return {p.name for p in parameters
            if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def _unhandled():
    logging.error("Uncaught exception in event handler: \n%s", traceback.format_exc())
    log.unhandled_greenlet_exception = True


class Events:
    """The hooks, and the keyword arguments that their listeners get.

    A subclass adds hooks of its own with an annotation: `my_event: EventHook`.
    """

    init: EventHook  # environment, runner, web_ui
    init_command_line_parser: EventHook  # parser
    test_start: EventHook  # environment
    test_stopping: EventHook  # environment
    test_stop: EventHook  # environment
    quitting: EventHook  # environment
    quit: EventHook  # exit_code
    spawning_complete: EventHook  # user_count
    # request_type, name, response_time (ms), response_length, response, context, exception,
    # start_time (unix s), url
    request: RequestHook
    user_error: EventHook  # user_instance, exception, tb
    report_to_master: EventHook  # client_id, data
    worker_report: EventHook  # client_id, data
    worker_connect: EventHook  # client_id
    reset_stats: EventHook
    cpu_warning: EventHook  # environment, cpu_usage, message
    usage_monitor: EventHook  # environment, cpu_usage, memory_usage
    heartbeat_sent: EventHook  # client_id, timestamp
    heartbeat_received: EventHook  # client_id, timestamp

    def __init__(self):
        for kind in reversed(type(self).__mro__):
            for name, hook in getattr(kind, "__annotations__", {}).items():
                if hook in ("EventHook", EventHook):
                    setattr(self, name, EventHook())
                elif hook in ("RequestHook", RequestHook):
                    setattr(self, name, RequestHook())


from ._missing import absent  # noqa: E402

__getattr__ = absent(__name__, {"DeprecatedEventHook": "the events that it was for are gone"})
