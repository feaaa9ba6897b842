"""A stand-in for the engine, for tests of the Python side alone: it counts rows and carries frames
as lines of JSON over the channel. It sends no requests: there is no Client.

Down the channel: {"plan": text} {"users": [counts], "final": bool} {"stop": seconds}
{"message": [type, base64, source]}. Up: what the engine's methods were called with, by name.
"""

import base64
import json
import os
import time

__version__ = "0"


class Engine:
    def __init__(self, fd, handlers):
        self._handlers = handlers
        self._has_channel = fd >= 0
        self._in = b""
        self._users = 0
        self.users_seen = []
        self.is_drained = True
        self._fd = fd
        if fd >= 0:
            os.set_inheritable(fd, False)
        else:
            self._fd, self._other_end = os.pipe()

    def fileno(self):
        return self._fd

    def turn(self):
        raw = os.read(self._fd, 65536)
        if not raw:
            self._handlers.on_closed()
            return
        *lines, self._in = (self._in + raw).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, frame):
        if "plan" in frame:
            self._handlers.on_plan(frame["plan"])
        elif "users" in frame:
            self._handlers.on_users(frame["users"], frame["final"])
        elif "stop" in frame:
            self._handlers.on_stop(frame["stop"])
        elif "message" in frame:
            kind, data, source = frame["message"]
            self._handlers.on_message(kind, base64.b64decode(data), source)

    def _send(self, name, *arguments):
        if self._has_channel:
            os.write(self._fd, (json.dumps([name, *arguments]) + "\n").encode())

    @property
    def users(self):
        return self._users

    @users.setter
    def users(self, count):
        self._users = count
        self._send("users", count)

    def ready(self):
        self._send("ready")

    def target(self, users, rate, classes):
        self._send("target", users, rate, classes)

    def quit(self):
        self._send("quit")

    def message(self, kind, data, destination):
        self._send("message", kind, base64.b64encode(data).decode(), destination)

    def log(self, line):
        self._send("log", line)

    def fail(self, sentence):
        self._send("fail", sentence)

    def end_streams(self):
        self._send("end_streams")

    def done(self, exit_code, had_unhandled):
        self._send("done", exit_code, had_unhandled)


_rows = {}
_errors = {}
_exceptions = {}
_TABLES = ("response_times", "num_reqs_per_sec", "num_fail_per_sec")


def _blank():
    return {
        "num_requests": 0, "num_none_requests": 0, "num_failures": 0, "total_response_time": 0.0,
        "min_response_time": None, "max_response_time": 0, "total_content_length": 0,
        "start_time": time.time(), "last_request_timestamp": None,
        "response_times": {}, "num_reqs_per_sec": {}, "num_fail_per_sec": {},
    }


def _bin(ms):
    for limit, digits in ((100, 0), (1000, -1), (10000, -2)):
        if ms < limit:
            return int(round(ms, digits))
    return int(round(ms, -3))


def _count(table, key):
    table[key] = table.get(key, 0) + 1


def record(type, name, response_time, response_length, error):
    type, name, response_length = str(type), str(name), int(response_length or 0)
    if not (response_time is None or isinstance(response_time, (int, float))):
        raise TypeError("a time is a number")
    row = _rows.setdefault((type, name), _blank())
    now = time.time()
    row["num_requests"] += 1
    row["last_request_timestamp"] = now
    row["total_content_length"] += response_length
    _count(row["num_reqs_per_sec"], int(now))
    if response_time is None:
        row["num_none_requests"] += 1
    else:
        row["total_response_time"] += response_time
        low = row["min_response_time"]
        row["min_response_time"] = response_time if low is None else min(low, response_time)
        row["max_response_time"] = max(row["max_response_time"], response_time)
        _count(row["response_times"], _bin(response_time))
    if error is not None:
        record_error(type, name, error)


def record_error(type, name, text):
    type, name = str(type), str(name)
    row = _rows.setdefault((type, name), _blank())
    row["num_failures"] += 1
    _count(row["num_fail_per_sec"], int(time.time()))
    _count(_errors, (type, name, text))


def record_exception(message, traceback):
    first, count = _exceptions.get(traceback, (message, 0))
    _exceptions[traceback] = (first, count + 1)


def rows():
    return list(_rows)


def row(type, name):
    found = _rows.get((type, name))
    if found is None:
        return None
    return {**found, **{table: dict(found[table]) for table in _TABLES}}


def total():
    whole = _blank()
    for each in _rows.values():
        for key in ("num_requests", "num_none_requests", "num_failures", "total_response_time",
                    "total_content_length"):
            whole[key] += each[key]
        for table in _TABLES:
            for key, count in each[table].items():
                whole[table][key] = whole[table].get(key, 0) + count
        whole["max_response_time"] = max(whole["max_response_time"], each["max_response_time"])
        for key, choose in (("min_response_time", min), ("last_request_timestamp", max)):
            values = [value for value in (whole[key], each[key]) if value is not None]
            whole[key] = choose(values) if values else None
    return whole


def errors():
    return [(*key, count) for key, count in _errors.items()]


def exceptions():
    return [(message, traceback, count) for traceback, (message, count) in _exceptions.items()]


def reset_rows():
    _rows.clear()
    _errors.clear()
