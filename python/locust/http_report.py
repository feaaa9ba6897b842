"""How a request becomes a row: with catch_response when its with block is left, else at once."""

import weakref
from collections.abc import ItemsView, KeysView, ValuesView
from typing import NamedTuple, Optional

from locust.exception import CatchResponseError, LocustError, ResponseError

_OUTSIDE_WITH = (
    "success() and failure() decide about a request inside its with block: write "
    "`with self.client.get(..., catch_response=True) as response:` and call them there")
NEEDS_CATCH = (
    "success() and failure() decide about a request that was made with catch_response=True, "
    "inside its with block")


class Row(NamedTuple):
    """What is known of a request once it is answered."""

    request_type: str
    name: str
    response_time: float  # ms
    response_length: int
    context: Optional[dict]  # None: empty
    start_time: float  # unix s
    url: str


def row_of_stream(response, request_type, name, context):
    """The row of a body that is not there yet: its time is that to the head, its length what the
    head says, else 0."""
    native = response._native
    return Row(request_type, name, native.elapsed * 1000,
               int(native.headers.get("content-length") or 0), context, native.started,
               response._asked_url())


def report(event, row, response, exception):
    """Tells the listeners of a request."""
    event.fire(
        request_type=row.request_type, name=row.name, response_time=row.response_time,
        response_length=row.response_length, context=row.context or {}, start_time=row.start_time,
        url=row.url, response=response, exception=exception)


class RequestMeta(dict):
    """What will be reported about a request. Knows its response without holding it."""

    __slots__ = ("_owner",)

    def __init__(self, owner, **values):
        super().__init__(values)
        self._owner = owner  # a weak reference

    def __missing__(self, name):
        if name == "response":
            return self._owner()
        raise KeyError(name)

    def __contains__(self, name):
        return name == "response" or super().__contains__(name)

    def __iter__(self):
        yield from super().__iter__()
        yield "response"

    def __len__(self):
        return super().__len__() + 1

    def keys(self):
        return KeysView(self)

    def values(self):
        return ValuesView(self)

    def items(self):
        return ItemsView(self)

    def copy(self):
        return dict(self.items())

    def get(self, name, default=None):
        return self[name] if name in self else default


class Reported:
    """The part of a response that is reported when its with block is left, and then closed.

    Mixed into a response with _fault(name) and close(), and the slots of REPORTED_SLOTS. The
    mapping that scripts may change is made when they ask for it: an open stream does without.
    """

    __slots__ = ()

    def _watch(self, request_event, request_type, name, context, row=None):
        """`row` may be None for a stream: it is made when it is needed, of what is there."""
        self._request_event = request_event
        self._request_type, self._name, self._context = request_type, name, context
        self._known_row = row
        self._meta = self._manual_result = None
        self._entered = False

    @property
    def _row(self):
        if self._known_row is not None:
            return self._known_row
        return row_of_stream(self, self._request_type, self._name, self._context)

    @property
    def request_meta(self):
        """What will be reported; a script may change it."""
        if self._meta is None:
            values = self._row._asdict()
            values["context"] = values["context"] or {}
            self._meta = RequestMeta(weakref.ref(self), **values, exception=None)
        return self._meta

    def _reported_name(self):
        return self._name if self._meta is None else self._meta["name"]

    def __enter__(self):
        self._entered = True
        return self

    def __exit__(self, kind, value, traceback):
        try:
            return self._conclude(value)
        finally:
            self.close()

    def _conclude(self, raised):
        """Reports, unless the block was left by an exception that nobody spoke about."""
        manual = self._manual_result
        if manual is not None:
            exception = None if manual is True else manual
        elif raised is None:
            exception = self._fault(self._reported_name())
        elif isinstance(raised, ResponseError):
            exception = raised
        else:
            return False
        self._report_request(exception)
        return raised is None or manual is None

    def _report_request(self, exception):
        if self._meta is None:
            report(self._request_event, self._row, self, exception)
        else:
            self._meta["exception"] = exception
            self._request_event.fire(**{**self._meta, "response": self})

    def success(self):
        """Whatever the status says: a success."""
        if not self._entered:
            raise LocustError(_OUTSIDE_WITH)
        self._manual_result = True

    def failure(self, exc):
        """A failure; `exc` is an exception, or a text that says why."""
        if not self._entered:
            raise LocustError(_OUTSIDE_WITH)
        self._manual_result = exc if isinstance(exc, Exception) else CatchResponseError(exc)


REPORTED_SLOTS = ("_request_event", "_request_type", "_name", "_context", "_known_row", "_meta",
                  "_manual_result", "_entered")
