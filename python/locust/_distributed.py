"""The runners of a test with several processes (--processes N).

Each process with users has a WorkerRunner, one more has the MasterRunner. Workers report every few
seconds, and once more at the end, over the controller's channel: their figures as they stand (not
what came since), users, and what listeners of `report_to_master` add. The MasterRunner adds the
reports up, so that scripts find the figures of the whole test in `environment.stats` there. In
between a worker says each second that it is alive; one that is silent counts as missing.
"""

import logging
import time

import gevent
from gevent.event import Event

from cicada import messages

from .runners import (
    HEARTBEAT_INTERVAL,
    ON_STOP_PATIENCE_S,
    STATE_INIT,
    STATE_MISSING,
    STATE_RUNNING,
    STATE_SPAWNING,
    STATE_STOPPED,
    STATE_STOPPING,
    WORKER_REPORT_INTERVAL,
    Runner,
    class_names,
)
from .stats_entry import FIGURES

logger = logging.getLogger("locust.runners")

# Types of messages between our own runners; scripts' types are theirs to choose.
REPORT, SPAWNED, STOPPED = "cicada.report", "cicada.spawned", "cicada.stopped"
ALIVE, RESET = "cicada.alive", "cicada.reset"
LOST = "cicada.lost"  # by the controller, in the name of a worker that died
OWN_TYPES = (REPORT, SPAWNED, STOPPED, ALIVE, RESET, LOST)
SILENCE_S = 5.0  # a worker that says nothing for so long is missing
GOODBYE_S = 2.0  # how much longer than workers may take the lead waits for their last reports


class DistributedRunner(Runner):
    """One of several processes."""

    def __init__(self, environment):
        super().__init__(environment)
        self.worker_count_at_start = 0

    def attach(self, engine, index, count):
        """Take the place of worker `index` of `count` (or the lead's) in a run."""
        self.engine = engine
        self.worker_count_at_start = count

    def _post(self, msg_type, data, destination):
        self.engine.message(msg_type, messages.encode(data), destination)


class WorkerRunner(DistributedRunner):
    """Runs users as the lead tells it."""

    def __init__(self, environment, master_host=None, master_port=None):
        super().__init__(environment)
        self.master_host = master_host
        self.master_port = master_port
        self.client_id = self.node_id
        self._reported = {}  # {(name, method): figures} as last reported
        environment.events.spawning_complete.add_listener(self._tell_spawned)

    def attach(self, engine, index, count):
        super().attach(engine, index, count)
        self.worker_index = index
        self.client_id = self.node_id = messages.client_id(index)
        self.spawn(self._report_for_ever)
        self.spawn(self._beat_for_ever)

    @property
    def worker_state(self):
        return self.state

    def send_message(self, msg_type, data=None, client_id=None):
        """To the listener of the lead."""
        self._post(msg_type, data, messages.LEAD)

    def receive(self, msg_type, data, node_id):
        if msg_type == RESET:
            self.stats.reset_all()
        else:
            super().receive(msg_type, data, node_id)

    def stop_within(self, timeout):
        super().stop_within(timeout)
        if self.engine is not None:
            self.report()
            self._post(STOPPED, None, messages.LEAD)

    def _tell_spawned(self, user_count, **_others):
        if self.engine is not None:
            self._post(SPAWNED, self.user_classes_count, messages.LEAD)

    def _beat_for_ever(self):
        while True:
            gevent.sleep(HEARTBEAT_INTERVAL)
            self._post(ALIVE, {
                "state": self.state,
                "current_cpu_usage": self.current_cpu_usage,
                "current_memory_usage": self.current_memory_usage,
            }, messages.LEAD)
            self.environment.events.heartbeat_sent.fire(
                client_id=self.client_id, timestamp=time.time())

    def _report_for_ever(self):
        while True:
            gevent.sleep(WORKER_REPORT_INTERVAL)
            self.report()

    def report(self):
        """Send what has changed since the last report."""
        stats = self.stats
        data = {
            "stats": self._changed_rows(),
            "stats_total": stats.total.serialize(),
            "errors": stats.serialize_errors(),
            "exceptions": [{"msg": each["msg"], "traceback": each["traceback"],
                            "count": each["count"]} for each in self.exceptions.values()],
            "user_classes_count": self.user_classes_count,
            "user_count": self.user_count,
        }
        self.environment.events.report_to_master.fire(client_id=self.client_id, data=data)
        self._post(REPORT, data, messages.LEAD)

    def _changed_rows(self):
        changed = []
        for key, entry in self.stats.entries.items():
            row = entry.serialize()
            counts = (row["num_requests"], row["num_failures"], row["start_time"])
            if self._reported.get(key) != counts:
                self._reported[key] = counts
                changed.append(row)
        return changed


class WorkerNode:
    """What the lead knows of one worker."""

    def __init__(self, id, state=STATE_INIT, heartbeat_liveness=3):
        self.id = id
        self.state = state
        self.heartbeat = heartbeat_liveness
        self.heard = time.monotonic()  # when it last said anything
        self.cpu_usage = 0
        self.cpu_warning_emitted = False
        self.memory_usage = 0
        self.user_classes_count = {}
        self.is_lost = False

    @property
    def user_count(self):
        return sum(self.user_classes_count.values())

    def is_silent(self):
        return self.is_lost or time.monotonic() - self.heard > SILENCE_S


class WorkerNodes(dict):
    """{client id: WorkerNode}"""

    def get_by_state(self, state):
        return [node for node in self.values() if node.state == state]

    all = property(lambda self: self.values())
    ready = property(lambda self: self.get_by_state(STATE_INIT))
    spawning = property(lambda self: self.get_by_state(STATE_SPAWNING))
    running = property(lambda self: self.get_by_state(STATE_RUNNING))
    missing = property(lambda self: self.get_by_state(STATE_MISSING))


class MasterRunner(DistributedRunner):
    """Leads: shapes, the hooks of the master, the figures of all. It has no users."""

    node_id = "master"

    def __init__(self, environment, master_bind_host="*", master_bind_port=5557):
        super().__init__(environment)
        self.master_bind_host = master_bind_host
        self.master_bind_port = master_bind_port
        self.clients = WorkerNodes()
        self.spawning_completed = False
        self._goodbyes = set()  # client ids that have stopped
        self._news = Event()  # set when a worker said something

    def attach(self, engine, index, count):
        super().attach(engine, index, count)
        for each in range(count):
            self.clients[messages.client_id(each)] = WorkerNode(messages.client_id(each))
        self.stats.reset_workers = lambda: self._post(RESET, None, messages.ALL_WORKERS)
        self.spawn(self._miss_for_ever)

    def greet(self):
        """After `init`: fire `worker_connect` for each worker."""
        for client_id in self.clients:
            self.environment.events.worker_connect.fire(client_id=client_id)

    @property
    def user_count(self):
        return sum(node.user_count for node in self.clients.values())

    @property
    def user_classes_count(self):
        counts = {each.__name__: 0 for each in self.user_classes}
        for node in self.clients.values():
            for name, count in node.user_classes_count.items():
                counts[name] = counts.get(name, 0) + count
        return counts

    reported_user_classes_count = user_classes_count

    @property
    def worker_count(self):
        return len(self.clients.ready) + len(self.clients.spawning) + len(self.clients.running)

    def get_worker_index(self, client_id):
        return messages.index_of(client_id)

    def begin(self):
        super().begin()
        if self.environment.shape_class is None and not self.has_stages:
            self._tell_ramp()

    def _reset_stats(self):
        """For --reset-stats; the workers do the same by themselves, each when it is complete."""
        self.stats.reset_own()

    def _tell_ramp(self):
        logger.info("Sending spawn jobs of %d users at %.2f spawn rate to %d ready workers",
                    self.target_user_count, self.spawn_rate, self.worker_count)

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        """Ask for `user_count` users in all processes together."""
        self.target_user_count = user_count
        self.spawn_rate = spawn_rate
        self._is_paused = False
        self._last_order = None
        self._tell_ramp()
        self.engine.target(user_count, spawn_rate, class_names(user_classes))

    def _be(self, counts):
        """The users are the workers': nothing to start here, but their word to wait for."""
        self.spawning_completed = False
        expected = sum(counts.values()) or self.target_user_count
        deadline = time.monotonic() + 1
        while self._order is None and self.user_count != expected:
            self._news.clear()
            if not self._news.wait(max(0, deadline - time.monotonic())):
                break
        self.spawning_completed = True
        return expected

    def stop_within(self, timeout):
        if not self._has_begun or self.state in (STATE_STOPPED, STATE_STOPPING):
            self.update_state(STATE_STOPPED)
            return
        self.environment.events.test_stopping.fire(environment=self.environment)
        self.final_user_classes_count = self.user_classes_count
        self.update_state(STATE_STOPPING)
        self._end_orders()
        self._wait_for_goodbyes((timeout or 0) + ON_STOP_PATIENCE_S + GOODBYE_S)
        self._has_begun = False
        self.update_state(STATE_STOPPED)
        self.environment.events.test_stop.fire(environment=self.environment)
        self.ended.set()

    def _miss_for_ever(self):
        """Workers that have gone silent have no users, as far as anybody knows."""
        while True:
            gevent.sleep(HEARTBEAT_INTERVAL)
            for node in self.clients.values():
                if node.is_silent() and node.state != STATE_MISSING:
                    logger.info("Worker %s failed to send heartbeat, setting state to missing.",
                                node.id)
                    self._miss(node)
                    self._news.set()

    @staticmethod
    def _miss(node):
        node.state = STATE_MISSING
        node.user_classes_count = {}

    def _wait_for_goodbyes(self, timeout):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if all(node.id in self._goodbyes or node.is_silent()
                   for node in self.clients.values()):
                break
            self._news.clear()
            self._news.wait(max(0, min(1, deadline - time.monotonic())))
        missing = len(self.clients) - len(self._goodbyes)
        if missing:
            logger.warning("%d of %d workers gave no last report", missing, len(self.clients))

    def send_message(self, msg_type, data=None, client_id=None):
        """To the listeners of all workers, or of one."""
        destination = messages.ALL_WORKERS if client_id is None else messages.index_of(client_id)
        self._post(msg_type, data, destination)

    def receive(self, msg_type, data, node_id):
        if msg_type not in OWN_TYPES:
            super().receive(msg_type, data, node_id)
            return
        node = self.clients.setdefault(node_id, WorkerNode(node_id))
        node.heard = time.monotonic()
        if msg_type == ALIVE:
            node.state = data["state"]
            node.cpu_usage = data["current_cpu_usage"]
            node.memory_usage = data["current_memory_usage"]
            self.environment.events.heartbeat_received.fire(
                client_id=node_id, timestamp=time.time())
        elif msg_type == REPORT:
            self._take_report(node, data)
        elif msg_type == SPAWNED:
            node.user_classes_count = data
            node.state = STATE_RUNNING
        elif msg_type == STOPPED:
            node.user_classes_count = {}
            node.state = STATE_INIT
            self._goodbyes.add(node_id)
        elif msg_type == LOST:
            node.is_lost = True
            self._miss(node)
        self._news.set()

    def _take_report(self, node, data):
        node.user_classes_count = data["user_classes_count"]
        stats = self.stats
        rows = stats.remote.setdefault(node.id, {})
        for row in data["stats"]:
            rows[row["name"], row["method"]] = {name: row[name] for name in FIGURES}
        stats.remote_errors[node.id] = {
            (each["method"], each["name"], each["error"]): each["occurrences"]
            for each in data["errors"].values()}
        stats.remote_exceptions[node.id] = {
            (each["msg"], each["traceback"]): each["count"] for each in data["exceptions"]}
        self.environment.events.worker_report.fire(client_id=node.id, data=data)
