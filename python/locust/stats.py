"""The statistics of a run: what scripts read as `environment.stats`.

LiveStats and its entries are views of what is counted, so reading them always gives what holds
now. The engine counts for the Environment of a run, a Table for those that scripts make. In the
process that leads several workers the figures that the workers report are added. RequestStats
counts by itself, for scripts that make one of their own.
"""

import logging
import time

from ._counting import Table
from ._missing import absent
from .stats_entry import (  # noqa: F401: scripts import these names from here
    CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW,
    PERCENTILES_TO_CHART,
    PERCENTILES_TO_REPORT,
    PERCENTILES_TO_STATISTICS,
    CachedResponseTimes,
    ErrorText,
    StatsEntry,
    StatsError,
    add_figures,
    avg,
    blank_figures,
    calculate_response_time_percentile,
    diff_response_time_dicts,
    median_from_dict,
)
from .stats_print import (  # noqa: F401
    CONSOLE_STATS_INTERVAL_SEC,
    HISTORY_STATS_INTERVAL_SEC,
    STATS_NAME_WIDTH,
    STATS_TYPE_WIDTH,
    console_logger,
    get_error_report_summary,
    get_percentile_stats_summary,
    get_readable_percentiles,
    get_stats_summary,
    print_error_report,
    print_percentile_stats,
    print_stats,
    sort_stats,
    stats_history,
    stats_printer,
)

logger = logging.getLogger(__name__)

CSV_STATS_INTERVAL_SEC = 1
CSV_STATS_FLUSH_INTERVAL_SEC = 10
CACHED_ROWS = 50  # so many rows at most are copied each second for their current percentiles
SHOWN_ERRORS = 1000  # so many errors at most are also kept as str() has them
TOTAL_NAME = "Aggregated"

# Settings of what a run prints and writes, which cicada does itself.
_OF_THE_RUN = {
    "PERCENTILES_TO_REPORT": list(PERCENTILES_TO_REPORT),
    "CONSOLE_STATS_INTERVAL_SEC": CONSOLE_STATS_INTERVAL_SEC,
    "CSV_STATS_INTERVAL_SEC": CSV_STATS_INTERVAL_SEC,
    "CSV_STATS_FLUSH_INTERVAL_SEC": CSV_STATS_FLUSH_INTERVAL_SEC,
}


def warn_of_settings():
    """Say which settings a script has changed without effect on what a run prints and writes."""
    changed = [name for name, preset in _OF_THE_RUN.items() if globals().get(name) != preset]
    if changed:
        logger.warning("The script sets %s in locust.stats: cicada's own tables and files are not "
                       "changed by that", " and ".join(changed))


class RequestStatsAdditionError(Exception):
    """Kept for scripts that import it."""


class _Totals:
    """The attributes that the statistics as a whole share with their total."""

    num_requests = property(lambda self: self.total.num_requests)
    num_none_requests = property(lambda self: self.total.num_none_requests)
    num_failures = property(lambda self: self.total.num_failures)
    last_request_timestamp = property(lambda self: self.total.last_request_timestamp)
    start_time = property(lambda self: self.total.start_time)

    def serialize_errors(self):
        return {key: error.serialize() for key, error in self.errors.items()}


class RequestStats(_Totals):
    """Statistics that count by themselves."""

    def __init__(self, use_response_times_cache=True):
        self.use_response_times_cache = use_response_times_cache
        self.history = []
        self.clear_all()

    def clear_all(self):
        self.entries = {}  # {(name, method): StatsEntry}
        self.errors = {}  # {key: StatsError}
        self.total = StatsEntry(self, TOTAL_NAME, "", self.use_response_times_cache)
        self.history.clear()

    def reset_all(self):
        self.total.reset()
        for entry in self.entries.values():
            entry.reset()
        self.errors = {}
        self.history.clear()

    def get(self, name, method):
        key = (name, method)
        if key not in self.entries:
            self.entries[key] = StatsEntry(self, name, method, self.use_response_times_cache)
        return self.entries[key]

    def log_request(self, method, name, response_time, content_length):
        self.total.log(response_time, content_length)
        self.get(name, method).log(response_time, content_length)

    def log_error(self, method, name, error):
        self.total.log_error(error)
        self.get(name, method).log_error(error)
        text = StatsError.parse_error(error)
        key = StatsError.create_key(method, name, text)
        self.errors.setdefault(key, StatsError(method, name, error)).occurred()

    def serialize_stats(self):
        return [entry.get_stripped_report() for entry in self.entries.values()
                if entry.num_requests or entry.num_failures]


class LiveStats(_Totals):
    """Views of what `table` counts: the engine (`_cicada`), or a Table; and of workers' reports."""

    use_response_times_cache = True

    def __init__(self, table=None):
        self._table = Table() if table is None else table
        self._record = self._table.record
        self.history = []
        self.reset_workers = None  # called where others count as well: by a lead
        self._cleared = set()  # (method, name) of rows that the engine keeps, empty
        self.remote = {}  # {client id: {(name, method): figures}}: a lead's workers
        self.remote_errors = {}  # {client id: {(method, name, text): occurrences}}
        self.remote_exceptions = {}  # {client id: {(message, traceback): count}}
        self._views = {}  # {(name, method): StatsEntry}
        self._shown = {}  # {text of an error: its str()}
        self.generation = 0  # of all figures: it changes when they are forgotten
        self._begin()

    def _begin(self):
        self._began = time.time()
        self.generation += 1
        self._views = {}
        self.total = StatsEntry(self, TOTAL_NAME, "", True, self._total_figures)
        self.total.cache_response_times(int(self._began))

    def clear_all(self):
        """Forget all rows; the total's time starts anew."""
        self._forget_remote()
        self.reset_own()
        self._cleared = set(self._table.rows())

    def reset_all(self):
        """Every row counts from zero again, also in workers; the total's time starts anew."""
        self._forget_remote()
        self.reset_own()
        if self.reset_workers is not None:
            self.reset_workers()

    def reset_own(self):
        """The same, of what this process counted."""
        if self._table.rows() or self._table.errors():
            self._table.reset_rows()
        self.history.clear()
        self._begin()

    def _forget_remote(self):
        self.remote = {}
        self.remote_errors = {}
        self.remote_exceptions = {}

    @property
    def entries(self):
        """{(name, method): StatsEntry} of all rows that there are now."""
        return {key: self.get(*key) for key in self._keys()}

    @property
    def errors(self):
        """{key: StatsError} of all errors that there are now."""
        counts = {(method, name, error): count
                  for method, name, error, count in self._table.errors()}
        for table in self.remote_errors.values():
            for key, count in table.items():
                counts[key] = counts.get(key, 0) + count
        return {StatsError.create_key(method, name, text):
                StatsError(method, name, ErrorText(text, self._shown.get(text)), count)
                for (method, name, text), count in counts.items()}

    def exceptions(self, node_id):
        """{key: {"count", "msg", "traceback", "nodes"}}; `node_id` stands for this process."""
        found = {}
        own = {(message, text): count for message, text, count in self._table.exceptions()}
        for node, table in [(node_id, own), *self.remote_exceptions.items()]:
            for (message, text), count in table.items():
                row = found.setdefault(
                    hash(text), {"count": 0, "msg": message, "traceback": text, "nodes": set()})
                row["count"] += count
                row["nodes"].add(node)
        return found

    def get(self, name, method):
        """The entry of a row, also of one that nothing was counted for yet."""
        key = (name, method)
        if key not in self._views:
            self._views[key] = StatsEntry(
                self, name, method, True, lambda: self._row_figures(name, method))
        return self._views[key]

    def _keys(self):
        keys = {(name, method): None for method, name in self._table.rows()
                if (method, name) not in self._cleared or self._is_counted(method, name)}
        for table in self.remote.values():
            keys.update(dict.fromkeys(table))
        return keys

    def _is_counted(self, method, name):
        figures = self._table.row(method, name)
        return figures["num_requests"] or figures["num_failures"]

    def _row_figures(self, name, method):
        figures = self._table.row(method, name)
        remote = [table[name, method] for table in self.remote.values() if (name, method) in table]
        if not remote:
            return figures if figures is not None else blank_figures()
        return _sum(([figures] if figures is not None else []) + remote)

    def _total_figures(self):
        figures = self._table.total()
        remote = [each for table in self.remote.values() for each in table.values()]
        if remote:
            figures = _sum(([figures] if figures["num_requests"] or figures["num_failures"] else [])
                           + remote)
        figures["start_time"] = self._began
        return figures

    def record(self, request_type, name, response_time, response_length, exception=None,
               **_others):
        """The listener of the `request` event that counts: each runner adds its environment's.

        A response time that is no number, or a length of None, raises TypeError, which the event
        logs and which makes the run end with status 2, as in Locust.
        """
        error = self._text_of(exception) if exception else None
        if response_length is None:
            raise TypeError("response_length of a request is None")
        self._record(request_type, name, response_time, response_length, error)

    def log_request(self, method, name, response_time, content_length):
        """Count one request, as the `request` event does."""
        self._record(method, name, response_time, content_length or 0, None)

    def log_error(self, method, name, error):
        """Count one failure, with no request to it."""
        self._table.record_error(method, name, self._text_of(error))

    def _text_of(self, error):
        """What an error is counted as; how it shows as text is kept for those who read it."""
        text = StatsError.parse_error(error)
        if text not in self._shown and len(self._shown) < SHOWN_ERRORS:
            self._shown[text] = str(error)
        return text

    def record_exception(self, message, traceback):
        """Count an exception of a task; those with the same traceback are one."""
        self._table.record_exception(message, traceback)

    def sample(self):
        """Once a second, by the runner: keep what "current" percentiles are measured against."""
        second = int(time.time())
        self.total.cache_response_times(second)
        for entry in list(self.entries.values())[:CACHED_ROWS]:
            entry.cache_response_times(second)

    def serialize_stats(self):
        return [entry.serialize() for entry in self.entries.values()]


def _sum(tables):
    whole = blank_figures()
    whole["start_time"] = tables[0]["start_time"]
    for each in tables:
        add_figures(whole, each)
    return whole


__getattr__ = absent(__name__, {
    "StatsCSV": "use --csv",
    "StatsCSVFileWriter": "use --csv",
    "setup_distributed_stats_event_listeners": None,
    "update_stats_history": None,
    "print_stats_json": "use --json",
    "save_html_report": "use --html",
    **dict.fromkeys(("STATS_AUTORESIZE", "resize_handler"), "cicada draws the tables of a run"),
    **dict.fromkeys(
        ("CSVWriter", "StatsBaseDict", "StatsEntryDict", "StatsErrorDict", "StatsHolder"),
        "it is a type of Locust's own"),
})
