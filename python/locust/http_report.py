"""How a request becomes a row: with catch_response when its with block is left, else at once."""

from locust.exception import CatchResponseError, LocustError, ResponseError

_OUTSIDE_WITH = (
    "success() and failure() decide about a request inside its with block: write "
    "`with self.client.get(..., catch_response=True) as response:` and call them there")
NEEDS_CATCH = (
    "success() and failure() decide about a request that was made with catch_response=True, "
    "inside its with block")


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

    def get(self, name, default=None):
        return self[name] if name in self else default


class Reported:
    """The part of a response that is reported when its with block is left, and then closed.

    Mixed into a response with _fault(name) and close(), and the slots of REPORTED_SLOTS.
    """

    __slots__ = ()

    def _watch(self, request_event, request_meta):
        self._request_event = request_event
        self.request_meta = request_meta
        self._manual_result = None
        self._entered = False

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
            self.request_meta["exception"] = None if manual is True else manual
        elif raised is None:
            self.request_meta["exception"] = self._fault(self.request_meta["name"])
        elif isinstance(raised, ResponseError):
            self.request_meta["exception"] = raised
        else:
            return False
        self._report_request()
        return raised is None or manual is None

    def _report_request(self):
        self._request_event.fire(**{**self.request_meta, "response": self})

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


REPORTED_SLOTS = ("request_meta", "_request_event", "_manual_result", "_entered")
