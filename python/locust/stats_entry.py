"""One row of the statistics, and one row of the error table.

A row's figures are a dict with the keys of FIGURES, as the engine gives them. A StatsEntry either
keeps its own (scripts that build entries themselves) or asks for them each time it is read: a view
of what the engine has counted until now.
"""

import hashlib
import time
from collections import namedtuple

from .exception import CatchResponseError

FIGURES = (
    "num_requests", "num_none_requests", "num_failures", "total_response_time",
    "min_response_time", "max_response_time", "total_content_length", "start_time",
    "last_request_timestamp", "response_times", "num_reqs_per_sec", "num_fail_per_sec",
)
TABLES = ("response_times", "num_reqs_per_sec", "num_fail_per_sec")
PERCENTILES_TO_REPORT = [0.50, 0.66, 0.75, 0.80, 0.90, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0]
PERCENTILES_TO_CHART = [0.50, 0.95]
PERCENTILES_TO_STATISTICS = [0.95, 0.99]
CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW = 10  # s, of "current" percentiles
RPS_WINDOW_S, RPS_LAG_S = 10, 2  # "current" rates leave out the seconds that still fill

CachedResponseTimes = namedtuple("CachedResponseTimes", ["response_times", "num_requests"])


def blank_figures():
    figures = dict.fromkeys(FIGURES, 0)
    figures.update({name: {} for name in TABLES})
    figures.update(min_response_time=None, last_request_timestamp=None, start_time=time.time())
    return figures


def add_figures(into, other):
    """Add one row's figures to another's."""
    for name in ("num_requests", "num_none_requests", "num_failures", "total_response_time",
                 "total_content_length"):
        into[name] += other[name]
    for name in TABLES:
        table = into[name]
        for key, count in other[name].items():
            table[key] = table.get(key, 0) + count
    into["max_response_time"] = max(into["max_response_time"], other["max_response_time"])
    into["min_response_time"] = _known(min, into["min_response_time"], other["min_response_time"])
    into["start_time"] = min(into["start_time"], other["start_time"])
    into["last_request_timestamp"] = _known(
        max, into["last_request_timestamp"], other["last_request_timestamp"])
    return into


def figures_since(base, began, latest):
    """What `latest` has more than `base`, which was read at `began`. Extremes are those of bins."""
    figures = dict(latest, start_time=began)
    for name in ("num_requests", "num_none_requests", "num_failures", "total_response_time",
                 "total_content_length"):
        figures[name] -= base[name]
    for name in TABLES:
        figures[name] = diff_response_time_dicts(latest[name], base[name])
    times = figures["response_times"]
    figures["min_response_time"] = min(times, default=None)
    figures["max_response_time"] = max(times, default=0)
    if not figures["num_requests"]:
        figures["last_request_timestamp"] = None
    return figures


def _known(choose, one, other):
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def bin_of(response_time):
    """The bin (ms) that a response time is counted in."""
    for limit, digits in ((100, 0), (1000, -1), (10000, -2)):
        if response_time < limit:
            return round(response_time, digits) if digits else round(response_time)
    return round(response_time, -3)


def calculate_response_time_percentile(response_times, num_requests, percent):
    """The bin that `percent` (0.0 to 1.0) of the requests stay within."""
    allowed = int(num_requests * percent)
    above = 0
    for response_time in sorted(response_times, reverse=True):
        above += response_times[response_time]
        if num_requests - above <= allowed:
            return response_time
    return 0


def diff_response_time_dicts(latest, old):
    """What `latest` has more than `old`."""
    return {key: count - old.get(key, 0) for key, count in latest.items()
            if count != old.get(key, 0)}


def median_from_dict(total, count):
    """The middle one of `total` values that are counted by `count`."""
    position = (total - 1) / 2
    key = None
    for key in sorted(count):
        if position < count[key]:
            return key
        position -= count[key]
    return key


def avg(values):
    return sum(values, 0.0) / max(len(values), 1)


def _figure(name):
    def read(self):
        return self.figures()[name]

    def write(self, value):
        self._own_figures()[name] = value

    return property(read, write)


class StatsEntry:
    """The figures of one (name, method), or of all together. Times are in ms."""

    num_requests = _figure("num_requests")
    num_none_requests = _figure("num_none_requests")  # those without a response time
    num_failures = _figure("num_failures")
    total_response_time = _figure("total_response_time")
    min_response_time = _figure("min_response_time")
    max_response_time = _figure("max_response_time")
    total_content_length = _figure("total_content_length")
    start_time = _figure("start_time")
    last_request_timestamp = _figure("last_request_timestamp")
    response_times = _figure("response_times")  # {bin: requests}
    num_reqs_per_sec = _figure("num_reqs_per_sec")  # {unix second: requests}
    num_fail_per_sec = _figure("num_fail_per_sec")

    def __init__(self, stats, name, method, use_response_times_cache=False, load=None):
        """`load`: returns the figures; None: this entry counts by itself."""
        self.stats = stats
        self.name = name
        self.method = method
        self.use_response_times_cache = use_response_times_cache
        self.response_times_cache = {}  # {unix second: CachedResponseTimes}
        self._load = load
        self._base = None  # of a view that was reset: (generation, figures, time) of that moment
        self._own = None if load else blank_figures()

    def figures(self):
        if not self._load:
            return self._own
        if self._base is None or self._base[0] != self.stats.generation:
            return self._load()
        return figures_since(self._base[1], self._base[2], self._load())

    def _own_figures(self):
        if self._load:
            raise AttributeError("the engine counts this row: its figures can only be read")
        return self._own

    def reset(self):
        if self._load:
            self._base = (self.stats.generation, self._load(), time.time())
        else:
            self._own.update(blank_figures())
        self.response_times_cache = {}

    def _is_row(self):
        """Is this the view of a row, which can be counted for? Raises for that of the total."""
        if self._load and self is self.stats.total:
            raise AttributeError("the total is made of its rows: count for one of these")
        return self._load is not None

    def log(self, response_time, content_length):
        if self._is_row():
            self.stats.log_request(self.method, self.name, response_time, content_length)
            return
        own = self._own_figures()
        now = time.time()
        own["num_requests"] += 1
        own["last_request_timestamp"] = now
        own["num_reqs_per_sec"][int(now)] = own["num_reqs_per_sec"].get(int(now), 0) + 1
        own["total_content_length"] += content_length or 0
        if response_time is None:
            own["num_none_requests"] += 1
            return
        own["total_response_time"] += response_time
        own["min_response_time"] = _known(min, own["min_response_time"], response_time)
        own["max_response_time"] = max(own["max_response_time"], response_time)
        key = bin_of(response_time)
        own["response_times"][key] = own["response_times"].get(key, 0) + 1

    def log_error(self, error):
        if self._is_row():
            self.stats.log_error(self.method, self.name, error)
            return
        own = self._own_figures()
        second = int(time.time())
        own["num_failures"] += 1
        own["num_fail_per_sec"][second] = own["num_fail_per_sec"].get(second, 0) + 1

    def extend(self, other):
        """Add another entry's figures to this one's."""
        add_figures(self._own_figures(), other.figures())

    @property
    def fail_ratio(self):
        figures = self.figures()
        if figures["num_requests"]:
            return figures["num_failures"] / figures["num_requests"]
        return 1.0 if figures["num_failures"] else 0.0

    @property
    def avg_response_time(self):
        figures = self.figures()
        timed = figures["num_requests"] - figures["num_none_requests"]
        return figures["total_response_time"] / timed if timed else 0.0

    @property
    def median_response_time(self):
        figures = self.figures()
        if not figures["response_times"]:
            return 0
        timed = figures["num_requests"] - figures["num_none_requests"]
        median = median_from_dict(timed, figures["response_times"]) or 0
        # Bins are coarser than the exact extremes of a row with few requests.
        if median > figures["max_response_time"]:
            return figures["max_response_time"]
        if figures["min_response_time"] is not None:
            return max(median, figures["min_response_time"])
        return median

    @property
    def avg_content_length(self):
        figures = self.figures()
        count = figures["num_requests"]
        return figures["total_content_length"] / count if count else 0

    @property
    def current_rps(self):
        return self._current_rate("num_reqs_per_sec")

    @property
    def current_fail_per_sec(self):
        return self._current_rate("num_fail_per_sec")

    def _current_rate(self, table):
        last = self.stats.last_request_timestamp if self.stats is not None else None
        if last is None:
            return 0
        until = int(last) - RPS_LAG_S
        begin = max(until - RPS_WINDOW_S, int(self.stats.start_time or 0))
        counts = self.figures()[table]
        return avg([counts.get(second, 0) for second in range(begin, until)])

    @property
    def total_rps(self):
        return self._total_rate(self.num_requests)

    @property
    def total_fail_per_sec(self):
        return self._total_rate(self.num_failures)

    def _total_rate(self, count):
        if self.stats is None:
            return 0.0
        last, start = self.stats.last_request_timestamp, self.stats.start_time
        return count / (last - start) if last and start and last != start else 0.0

    def get_response_time_percentile(self, percent):
        figures = self.figures()
        return calculate_response_time_percentile(
            figures["response_times"], figures["num_requests"], percent)

    def get_current_response_time_percentile(self, percent):
        """As above, of about the last 10 s; None in a run's first seconds."""
        if not self.use_response_times_cache:
            raise ValueError("current percentiles need an entry with use_response_times_cache")
        wanted = int(time.time()) - CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW
        near = [second for second in self.response_times_cache if abs(second - wanted) < 9]
        if not near:
            return None
        old = self.response_times_cache[min(near, key=lambda second: abs(second - wanted))]
        figures = self.figures()
        return calculate_response_time_percentile(
            diff_response_time_dicts(figures["response_times"], old.response_times),
            figures["num_requests"] - old.num_requests, percent)

    def cache_response_times(self, second):
        """Remember how things stand, for later "current" percentiles: once a second."""
        figures = self.figures()
        self.response_times_cache[second] = CachedResponseTimes(
            dict(figures["response_times"]), figures["num_requests"])
        while len(self.response_times_cache) > CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW + 10:
            del self.response_times_cache[min(self.response_times_cache)]

    def serialize(self):
        return {"name": self.name, "method": self.method, **self.figures()}

    @classmethod
    def unserialize(cls, data):
        entry = cls(None, data["name"], data["method"])
        entry._own.update({name: data[name] for name in FIGURES if name in data})
        return entry

    def get_stripped_report(self):
        report = dict(self.serialize())
        self.reset()
        return report

    def to_string(self, current=True):
        from .stats_print import entry_line

        return entry_line(self, current)

    def percentile(self):
        from .stats_print import percentile_line

        return percentile_line(self)

    def __str__(self):
        return self.to_string()

    def to_dict(self, escape_string_values=False):
        return {
            "method": self.method or "", "name": self.name, "safe_name": self.name,
            "num_requests": self.num_requests, "num_failures": self.num_failures,
            "min_response_time": self.min_response_time or 0,
            "max_response_time": self.max_response_time,
            "current_rps": self.current_rps, "current_fail_per_sec": self.current_fail_per_sec,
            "avg_response_time": self.avg_response_time,
            "median_response_time": self.median_response_time,
            "total_rps": self.total_rps, "total_fail_per_sec": self.total_fail_per_sec,
            "avg_content_length": self.avg_content_length,
        }


class ErrorText(str):
    """Stands for an exception that is not kept: it has the exception's repr() and its str().

    As text it is the repr(); `shown` is the str(), where that is known.
    """

    def __new__(cls, text, shown=None):
        made = super().__new__(cls, text)
        made.shown = str.__str__(made) if shown is None else shown
        return made

    def __repr__(self):
        return str.__str__(self)

    def __str__(self):
        return self.shown

    def __format__(self, spec):
        return format(self.shown, spec)


class StatsError:
    """How often one error occurred for one (method, name)."""

    def __init__(self, method, name, error, occurrences=0):
        self.method = method
        self.name = name
        self.error = error  # an exception, or its text as parse_error() gives it
        self.occurrences = occurrences

    @classmethod
    def parse_error(cls, error):
        """The text that errors are grouped by: repr(), without the address of an object."""
        text = repr(error)
        start = text.find("object at 0x")
        end = text.find(">", start)
        if start < 0 or end < 0:
            return text
        address = text[start + len("object at "):end]
        return text.replace(address, "0x....")

    @classmethod
    def create_key(cls, method, name, error):
        key = f"{method}.{name}.{error!r}"
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

    def occurred(self):
        self.occurrences += 1

    def to_name(self):
        text = repr(self.error)
        if isinstance(self.error, str) and not isinstance(self.error, ErrorText):
            text = self.error
        if isinstance(self.error, CatchResponseError):
            text = str(self.error.args[0]) if self.error.args else ""
        elif text.startswith("CatchResponseError(") and text.endswith(")"):
            text = text[len("CatchResponseError("):-1]
        return f"{self.method} {self.name}: {text}"

    def serialize(self):
        error = self.error if isinstance(self.error, str) else self.parse_error(self.error)
        return {"method": self.method, "name": self.name, "error": error,
                "occurrences": self.occurrences}

    @classmethod
    def unserialize(cls, data):
        return cls(data["method"], data["name"], data["error"], data["occurrences"])

    def to_dict(self, escape_string_values=False):
        return self.serialize()
