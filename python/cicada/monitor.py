"""Finds code that keeps the hub from its work: no other user moves while it runs.

A thread outside of gevent pings the hub. When the answer is late, it looks twice at what the main
thread executes; if it is the same greenlet both times, the line of the script in it is to blame. A
place is reported once. The hub writes the warning when it is back; when it is not back after a
while, the thread writes it itself, to standard error: a task that never gives way is named, too.
"""

import logging
import os
import sys
import threading
import time

import gevent
from gevent import monkey

logger = logging.getLogger("cicada.monitor")

_start_thread = monkey.get_original("_thread", "start_new_thread")
_thread_id = monkey.get_original("_thread", "get_ident")
_sleep = monkey.get_original("time", "sleep")

STEP_S = 0.025
LIMIT_S = 0.1
LOST_S = 2.0  # after so long without an answer the thread writes by itself
PLACES_LIMIT = 100


class Monitor:
    """Watches the hub of the thread that makes it."""

    def __init__(self, folders, limit_s=LIMIT_S):
        """`folders`: where the script's own code is; its innermost line there is the one named."""
        self._folders = tuple(os.path.join(each, "") for each in folders)
        self._limit_s = limit_s
        self._main_thread = _thread_id()
        self._schedule_path = f"/proc/self/task/{threading.get_native_id()}/schedstat"
        self._is_running = False
        self._asked = None  # when the ping that is under way was sent
        self._answered = 0.0
        self._known = set()
        self._ready = []  # (place, s) to be reported by the hub
        self._watcher = None

    def start(self):
        self._is_running = True
        self._watcher = gevent.get_hub().loop.async_(ref=False)
        self._watcher.start(self._answer)
        _start_thread(self._watch, ())

    def stop(self):
        self._is_running = False

    def _answer(self):
        """In the hub."""
        self._asked = None
        if self._ready:
            gevent.spawn(self._report)

    def _report(self):
        while self._ready:
            place, blocked_s = self._ready.pop(0)
            logger.warning("%s", _text(place, blocked_s))

    def _watch(self):
        """In a thread of its own. It takes no lock and logs nothing: both belong to gevent."""
        while self._is_running:
            _sleep(STEP_S)
            asked = time.monotonic()
            self._asked = asked
            self._watcher.send()
            self._wait_for_answer(asked)

    def _wait_for_answer(self, asked):
        first = place = starved_s = None
        while self._is_running and self._asked is not None:
            _sleep(STEP_S)
            late = time.monotonic() - asked
            if self._asked is None:
                break
            if late > self._limit_s / 2 and first is None:
                first, starved_s = self._look(), self._starved_s()
            elif late > self._limit_s and place is None and first is not None:
                now = self._look()
                if now is None or now[0] != first[0]:
                    first = now  # another greenlet: the hub is busy, but nobody blocks it
                    continue
                if self._starved_s() - starved_s > late / 4:
                    first = None  # the machine did not let the thread run: not the script's doing
                    continue
                place = now[1]
            if place is not None and late > LOST_S:
                self._write(place, late)
                place = None
                while self._is_running and self._asked is not None:
                    _sleep(STEP_S)
        if place is not None and self._is_new(place):
            self._ready.append((place, time.monotonic() - asked))

    def _starved_s(self):
        """How long the main thread was ready to run and was not let, in all its life."""
        try:
            with open(self._schedule_path, encoding="ascii") as file:
                return int(file.read().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return 0.0

    def _look(self):
        """(identity of the greenlet, (file, line, function)) of what the main thread executes."""
        frame = sys._current_frames().get(self._main_thread)
        if frame is None:
            return None
        place = None
        innermost = _place(frame)
        while True:
            if frame.f_code.co_filename.startswith(self._folders) and _is_vague(place):
                place = _place(frame)
            if frame.f_back is None:
                return id(frame), place or innermost
            frame = frame.f_back

    def _is_new(self, place):
        if place in self._known or len(self._known) >= PLACES_LIMIT:
            return False
        self._known.add(place)
        return True

    def _write(self, place, blocked_s):
        if self._is_new(place):
            os.write(2, f"cicada: {_text(place, blocked_s)}, and still does\n".encode())


def _is_vague(place):
    """Nothing yet, or a comprehension or the like: the function around it says more."""
    return place is None or place[2].startswith("<")


def _place(frame):
    return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name


def _text(place, blocked_s):
    file, line, function = place
    return (f"{file}:{line} ({function}) kept all other users of this process waiting for "
            f"{blocked_s * 1000:.0f} ms")
