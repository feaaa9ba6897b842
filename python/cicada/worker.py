"""python3 -m cicada.worker FD - a process that runs a Locust file's users, or leads those that do.

FD is this process's end of the controller's channel. In order: the plan comes, the script is
loaded, `init` is fired, the engine says it is ready; orders say how many users of each class there
are; a stop ends the test and the process. What a script may do on the way, and what comes of it:

    cannot be loaded, or calls sys.exit while it is      the run does not start, exit status 2
    sys.exit(n) later, in a task, a hook or a greenlet   the run ends in order, with exit status n
    an exception in a hook or in a greenlet of a runner  logged; exit status 2 if nothing is worse
    users that cannot be made (no host, say)             logged; the run ends if there are no others
    on_stop methods that do not end                      cut short after 30 s, with a warning
    a task that never gives way                          reported with its line (cicada.monitor);
                                                         the controller ends the process
"""

from cicada import surroundings

surroundings.restore()

from gevent import monkey  # noqa: E402

monkey.patch_all()

import atexit  # noqa: E402
import faulthandler  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import traceback  # noqa: E402

import _cicada  # noqa: E402
import gevent  # noqa: E402
from gevent.event import Event  # noqa: E402
from gevent.queue import SimpleQueue  # noqa: E402

from cicada import messages, script  # noqa: E402
from cicada.monitor import Monitor  # noqa: E402
from cicada.plan import Plan  # noqa: E402

# gevent remembers for each greenlet where it was spawned: half a KiB a user that nobody looks at.
gevent.config.track_greenlet_tree = False

INBOX_LIMIT_BYTES = 64 << 20  # of messages that wait for the script's listeners
DRAIN_S = 10  # how long the last frames may take to leave
EXIT_CODE_NONE = -1

_thread_id = monkey.get_original("_thread", "get_ident")


class Worker:
    """The engine's handlers (they run inside the hub: none of them waits) and what they start."""

    def __init__(self, fd):
        self.engine = _cicada.Engine(fd, self)
        self.plan = None
        self.environment = None
        self.runner = None
        self._inbox = SimpleQueue()
        self._inbox_bytes = 0
        self._dropped = 0
        self._monitor = None
        self._is_ending = False
        self._is_done = Event()
        self._main_thread = _thread_id()

    def on_plan(self, script_json):
        gevent.spawn(self._start, script_json)

    def on_users(self, counts, is_final):
        if self.runner is not None and not self._is_ending:
            self.runner.order(dict(zip(self.plan.classes, counts)), is_final)

    def on_stop(self, timeout_s):
        if not self._is_ending:
            self._is_ending = True
            gevent.spawn(self._end, timeout_s)

    def on_message(self, type, data, source):
        is_own = type.startswith(messages.OWN_TYPES)
        if not is_own and self._inbox_bytes + len(data) > INBOX_LIMIT_BYTES:
            self._dropped += 1
            if self._dropped == 1:
                _log("warning", "Messages are dropped: %d MiB of them wait for their listeners",
                     INBOX_LIMIT_BYTES >> 20)
            return
        self._inbox_bytes += len(data)
        self._inbox.put((type, data, source))

    def on_closed(self):
        os._exit(1)

    def run(self):
        """Until the end. Called by the main greenlet, to which a SystemExit of any other comes."""
        while not self._is_done.is_set():
            try:
                self._is_done.wait()
            except SystemExit as error:
                self._exit_by_script(error)
            except BaseException:
                self._mark_unhandled("An error that nobody handled")
        self._drain()

    # The start

    def _start(self, script_json):
        from locust import log

        try:
            self.plan = Plan(script_json)
            sys.argv = ["locust", *self.plan.words]
            log.line_sink = self._log_line
            options = self.plan.options
            if not getattr(options, "skip_log_setup", False):
                log.setup_logging(options.loglevel, options.logfile)
            self._build()
        except script.ScriptError as error:
            self.engine.fail(f"{error}\n{error.detail}" if error.detail else str(error))
            return
        except SystemExit as error:
            self.engine.fail(f"the script ended while it was loaded: sys.exit({error.code!r})")
            return
        except Exception as error:
            self.engine.fail(f"the script cannot be run: {script.summary(error)}\n"
                             f"{script.describe(error)}")
            return
        self._monitor = Monitor(self.plan.folders)
        self._monitor.start()
        gevent.spawn(self._take_messages)
        self.engine.ready()
        if self.environment.shape_class is not None and self.plan.role != "worker":
            self.runner.start_shape()

    def _build(self):
        import locust
        from locust.env import Environment
        from locust.stats import LiveStats, stats_history, warn_of_settings

        plan = self.plan
        if plan.seed is not None:
            random.seed(f"{plan.seed}/{plan.role}/{plan.index}")
        users, shape = plan.load()
        import locust.clients  # noqa: F401  now, or the first user's first request would wait for it

        options = plan.parse_custom()
        self.environment = environment = Environment(
            user_classes=[users[name] for name in plan.classes if name in users],
            shape_class=shape() if shape else None, events=locust.events, host=plan.host,
            locustfile=os.path.basename(plan.file), parsed_options=options,
            reset_stats=bool(options.reset_stats), stop_timeout=plan.stop_timeout,
            available_user_classes=users)
        environment.stats = LiveStats(_cicada)
        self.runner = self._make_runner()
        if plan.role != "worker":
            self.runner.spawn(stats_history, self.runner)
            warn_of_settings()
        if getattr(options, "equal_weights", False):
            environment.events.init.add_listener(
                lambda environment, **_others: environment.assign_equal_weights())
        environment.events.init.fire(environment=environment, runner=self.runner, web_ui=None)
        if plan.role == "lead":
            self.runner.greet()

    def _make_runner(self):
        plan, environment = self.plan, self.environment
        if plan.role == "local":
            runner = environment.create_local_runner()
            runner.engine = self.engine
        elif plan.role == "worker":
            runner = environment.create_worker_runner(None, None)
            runner.attach(self.engine, plan.index, plan.count)
        else:
            runner = environment.create_master_runner()
            runner.attach(self.engine, plan.index, plan.count)
        runner.target_user_count = plan.options.num_users or 0
        runner.spawn_rate = plan.options.spawn_rate or 0
        runner.has_stages = plan.has_stages
        return runner

    def _take_messages(self):
        while True:
            type, data, source = self._inbox.get()
            self._inbox_bytes -= len(data)
            try:
                self.runner.receive(type, messages.decode(data), messages.client_id(source))
            except Exception:
                self._mark_unhandled(f"A message of the type {type!r} could not be taken")

    # The end

    def _end(self, timeout):
        code = EXIT_CODE_NONE
        if self.runner is not None:
            for step in (lambda: self.runner.stop_within(timeout), self._fire_quitting):
                self._guarded(step)
            code = exit_code_of(self.environment.process_exit_code)
            self._guarded(lambda: self._fire_quit(code))
        if self._dropped:
            _log("warning", "%d messages were dropped, unheard", self._dropped)
        self.engine.done(code, _unhandled())
        self._is_done.set()

    def _guarded(self, step):
        """Whatever a hook does, the end goes on."""
        try:
            step()
        except SystemExit as error:
            self._exit_by_script(error)
        except BaseException:
            self._mark_unhandled("The end of the test went wrong")

    def _fire_quitting(self):
        self.environment.events.quitting.fire(environment=self.environment, reverse=True)

    def _fire_quit(self, code):
        if code == EXIT_CODE_NONE:
            stats, runner = self.environment.stats, self.runner
            if stats.errors or runner.exceptions:
                code = self.plan.options.exit_code_on_error
            else:
                code = 2 if _unhandled() else 0
        self.environment.events.quit.fire(exit_code=code)

    def _exit_by_script(self, error):
        """sys.exit() anywhere in a script: an ordinary end, with that exit status."""
        code = exit_code_of(0 if error.code is None else error.code)
        if self.environment is not None and self.environment.process_exit_code is None:
            self.environment.process_exit_code = code
        if not self._is_ending:
            self.engine.quit()

    def _drain(self):
        """Let the last frames leave, then end. Threads that a script forgot do not keep us."""
        if self._monitor is not None:
            self._monitor.stop()
        deadline = time.monotonic() + DRAIN_S
        while not self.engine.is_drained and time.monotonic() < deadline:
            gevent.sleep(0.005)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    # The log

    def _log_line(self, line):
        """Hand a line to the controller. False where that is not possible: in another thread."""
        if _thread_id() != self._main_thread or self._is_done.is_set():
            return False
        self.engine.log(line)
        return True

    def _mark_unhandled(self, what):
        import logging

        from locust import log

        log.unhandled_greenlet_exception = True
        logging.getLogger("locust.worker").critical("%s:\n%s", what, traceback.format_exc())


def _log(level, *words):
    import logging

    getattr(logging.getLogger("locust.worker"), level)(*words)


def _unhandled():
    from locust import log

    return log.unhandled_greenlet_exception


def exit_code_of(value):
    """What sys.exit(value) would give, as a number; EXIT_CODE_NONE for None."""
    if value is None:
        return EXIT_CODE_NONE
    if isinstance(value, int):
        return int(value) & 0xFF
    print(value, file=sys.stderr)
    return 1


def _ignore(_signal, _frame):
    """A handler, and not SIG_IGN: programs that the script starts do not inherit it."""


def _heed_signals():
    """In a process that the script forks: who started it may end it."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler),
                            (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is _ignore:
            signal.signal(number, handler)


def main(words):
    if len(words) != 1 or not words[0].isdigit():
        sys.exit("usage: python3 -m cicada.worker FD")
    faulthandler.enable()
    signal.signal(signal.SIGINT, _ignore)
    signal.signal(signal.SIGTERM, _ignore)
    os.register_at_fork(after_in_child=_heed_signals)
    worker = Worker(int(words[0]))
    from locust import _engine

    _engine.attach(worker.engine)
    worker.run()


if __name__ == "__main__":
    main(sys.argv[1:])
