"""run_single_user: one user in this very process, for a debugger or a first try."""

import inspect
import os
from datetime import datetime, timezone

from . import log
from .argument_parser import default_args_dict, parse_options  # noqa: F401
from .env import Environment
from .exception import CatchResponseError

_environment = None


class PrintListener:
    """Prints a line for each request. The include_* flags add columns."""

    def __init__(self, env, include_length=False, include_time=False, include_context=False,
                 include_payload=False):
        self._has = {"time": include_time, "length": include_length, "context": include_context,
                     "payload": include_payload}
        env.events.request.add_listener(self.on_request)
        self._print({"time": "time".ljust(24), "type": "type", "name": "name".ljust(50),
                     "resp_ms": "resp_ms", "length": "length", "exception": "exception",
                     "context": "context", "payload": "payload"})

    def _print(self, columns):
        print("\t".join(str(text) for name, text in columns.items() if self._has.get(name, True)))

    def on_request(self, request_type, name, response_time, response_length, exception=None,
                   context=None, start_time=None, response=None, **_others):
        when = datetime.fromtimestamp(start_time, tz=timezone.utc) if start_time else datetime.now()
        payload = getattr(getattr(response, "request", None), "body", None)
        self._print({
            "time": when, "type": request_type, "name": (name or "").ljust(50),
            "resp_ms": str(round(-1 if response_time is None else response_time)).ljust(7),
            "length": response_length, "exception": _error_text(exception).ljust(9),
            "context": context or "", "payload": payload or "",
        })


def _error_text(exception):
    if not exception:
        return ""
    text = str(exception) if isinstance(exception, CatchResponseError) else repr(exception)
    return text[:500].replace("\n", " ")


def run_single_user(user_class, include_length=False, include_time=False, include_context=False,
                    include_payload=False, loglevel="WARNING"):
    """Run one user until it stops or the program is interrupted; each request is printed.

    `init` and `test_start` are fired; `test_stop` and `quit` are not.
    """
    global _environment
    import locust

    if loglevel:
        log.setup_logging(loglevel)
    if _environment is None:
        _environment = environment = Environment(events=locust.events)
        environment.parsed_options = parse_options([])
        environment.parsed_options.locustfile = os.path.basename(inspect.stack()[1].filename)
        environment.events.request.add_listener(environment.stats.record)
        PrintListener(environment, include_length, include_time, include_context, include_payload)
        environment.events.init.fire(environment=environment, runner=None, web_ui=None)
    environment = _environment
    environment.user_classes = [user_class]
    environment._filter_tasks_by_tags()
    environment.events.test_start.fire(environment=environment)
    user = user_class(environment)
    environment.single_user_instance = user
    user.run()
