"""client.sse(): the events of a stream, one after the other, over reconnects where asked for."""

import time

import gevent

from locust.exception import CatchResponseError
from locust.http_exceptions import RequestException

RETRY_S = 3.0  # until the server says otherwise, as browsers do
RETRY_LIMIT_S = 30.0


def _ends(until):
    """A function that says of an event whether it is the last one."""
    if until is None or callable(until):
        return until
    if isinstance(until, str):
        return lambda event: event.event == until
    left = int(until)

    def is_last(_event):
        nonlocal left
        left -= 1
        return left <= 0

    return is_last


class EventSource:
    """The events of one URL. Iterate over it; leave the loop or its with block to close it.

    Each connection is a row, as any request: a GET named by `name`, a failure where the answer is
    no event stream. Then, and where no connection is made, there are no events and `error` says
    why. A stream that breaks off raises as response.iter_lines does, unless it reconnects.
    """

    __slots__ = ("response", "last_event_id", "error", "retry", "reconnects", "_session", "_asked",
                 "_is_last", "_reconnect_limit", "_deadline", "_is_closed", "_is_stream")

    def __init__(self, session, url, *, until=None, timeout=None, reconnect=False,
                 last_event_id=None, headers=None, duration=None, method="GET", **kwargs):
        self.response = None  # of the connection made last
        self.last_event_id = last_event_id
        self.error = None
        self.retry = RETRY_S
        self.reconnects = 0
        self._session = session
        self._asked = (method, url, headers or {}, {**kwargs, "timeout": timeout})
        self._is_last = _ends(until)
        self._reconnect_limit = float("inf") if reconnect is True else int(reconnect)
        self._deadline = None if duration is None else time.monotonic() + duration
        self._is_closed = self._is_stream = False
        self._open()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()

    def close(self):
        """Ends the stream; the loop over it ends too."""
        self._is_closed = True
        self.response.close()

    @property
    def audit(self):
        """What was found about the events so far, over all connections where they resume."""
        return self.response.audit

    def _headers(self):
        headers = dict(self._asked[2])
        names = {name.lower() for name in headers}
        if "accept" not in names:
            headers["Accept"] = "text/event-stream"
        if "cache-control" not in names:
            headers["Cache-Control"] = "no-cache"
        if self.last_event_id:
            headers = {name: value for name, value in headers.items()
                       if name.lower() != "last-event-id"}
            headers["Last-Event-ID"] = self.last_event_id
        return headers

    def _open(self):
        """One connection and its row; `error` tells whether it is an event stream."""
        method, url, _, kwargs = self._asked
        response = self.response = self._session.request(
            method, url, catch_response=True, stream=True, headers=self._headers(), **kwargs)
        self.error = response._fault(response._reported_name())
        kind = (response.headers or {}).get("content-type") or ""
        if self.error is None and response.status_code not in (200, 204):
            self.error = CatchResponseError(f"Status is {response.status_code}, not 200")
        elif self.error is None and response.status_code == 200 and \
                kind.partition(";")[0].strip().lower() != "text/event-stream":
            self.error = CatchResponseError(f"Content-Type is {kind!r}, not text/event-stream")
        response._entered = True
        if self.error is None:
            response.success()
        else:
            response.failure(self.error)
        response._conclude(None)
        self._is_stream = self.error is None and response.status_code == 200
        if not self._is_stream:
            response.close()

    def _left(self):
        return None if self._deadline is None else self._deadline - time.monotonic()

    def _end_in_time(self, native):
        """Closes the stream when the duration is over, whoever waits for it; gives the timer."""
        left = self._left()
        if left is None:
            return None
        timer = gevent.get_hub().loop.timer(max(left, 0))
        timer.start(native.close)
        return timer

    def _may_go_on(self):
        left = self._left()
        return not self._is_closed and (left is None or left > 0)

    def _wait(self, failed_count):
        wait_s = min(self.retry * 2 ** max(failed_count - 1, 0), max(RETRY_LIMIT_S, self.retry))
        left = self._left()
        gevent.sleep(wait_s if left is None else max(min(wait_s, left), 0))

    def _note(self, event):
        """What an event says about later connections."""
        self.last_event_id = event.id
        if event.retry is not None:
            self.retry = event.retry / 1000

    # One generator and not two: a stream that waits keeps the C stack of each.
    def __iter__(self):
        failed_count, timer = 0, None
        try:
            while self._may_go_on():
                if self._is_stream:
                    failed_count, native, is_last = 0, self.response._native, self._is_last
                    timer = self._end_in_time(native)
                    try:
                        for event in native.events():
                            self._note(event)
                            yield event
                            if self._is_closed or (is_last is not None and is_last(event)):
                                return
                    except RequestException as error:
                        self.error = error
                        if self.reconnects >= self._reconnect_limit:
                            raise
                elif self.response.status_code == 0:
                    failed_count += 1
                else:
                    return  # an answer that is no event stream: a browser would not ask again
                if not self._may_go_on() or self.reconnects >= self._reconnect_limit:
                    return
                self._wait(failed_count)
                if self._may_go_on():
                    self.reconnects += 1
                    self._open()
        finally:
            self._is_closed = True
            if timer is not None:
                timer.close()
            self.response.close()
