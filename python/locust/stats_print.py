"""The statistics as text, for scripts that print them; a run's own tables are made by cicada."""

import logging
import os
from datetime import datetime, timezone

import gevent

console_logger = logging.getLogger("locust.stats_logger")

CONSOLE_STATS_INTERVAL_SEC = 2
HISTORY_STATS_INTERVAL_SEC = 5
STATS_TYPE_WIDTH = 8


def _setting(name):
    """A setting as scripts have set it, which they do in `locust.stats`."""
    from . import stats

    return getattr(stats, name)


def _name_width():
    try:
        return max(min(os.get_terminal_size()[0] - 80, 80), 0)
    except OSError:
        return 80


STATS_NAME_WIDTH = _name_width()


def get_readable_percentiles(percentile_list):
    """0.5 -> 50%, 0.999 -> 99.9%"""
    return [f"{round(100 * percentile, 6):g}%" for percentile in percentile_list]


def _table(name_width):
    """The formats of a row and of the head, and the line between them."""
    kind, name = STATS_TYPE_WIDTH, name_width
    row = f"%-{kind}s %-{name}s %7d %12s |%7d %7d %7d%7d | %7.2f %11.2f"
    head = f"%-{kind}s %-{name}s %7s %12s |%7s %7s %7s%7s | %7s %11s"
    widths = (kind, name, 7, 13, 7, 7, 7, 7, 8, 11)
    return row, head, "|".join("-" * width for width in widths)


def entry_line(entry, current):
    row = _table(STATS_NAME_WIDTH - STATS_TYPE_WIDTH + 4)[0]
    return row % (
        entry.method or "", entry.name, entry.num_requests,
        f"{entry.num_failures}({entry.fail_ratio * 100:.2f}%)", entry.avg_response_time,
        entry.min_response_time or 0, entry.max_response_time, entry.median_response_time or 0,
        (entry.current_rps if current else entry.total_rps) or 0,
        (entry.current_fail_per_sec if current else entry.total_fail_per_sec) or 0,
    )


def percentile_line(entry):
    if not entry.num_requests:
        raise ValueError("there are no percentiles without requests")
    figures = [entry.get_response_time_percentile(each)
               for each in _setting("PERCENTILES_TO_REPORT")]
    return (f"{entry.method or '':<{STATS_TYPE_WIDTH}} {entry.name:<{STATS_NAME_WIDTH}} "
            + " ".join(f"{int(each):6d}" for each in figures) + f" {entry.num_requests:6d}")


def get_stats_summary(stats, current=True):
    _row, head, line = _table(STATS_NAME_WIDTH - STATS_TYPE_WIDTH + 4)
    titles = ("Type", "Name", "# reqs", "# fails", "Avg", "Min", "Max", "Med", "req/s",
              "failures/s")
    rows = [entry.to_string(current) for entry in sort_stats(stats.entries)]
    return [head % titles, line, *rows, line, stats.total.to_string(current)]


def get_percentile_stats_summary(stats):
    names = get_readable_percentiles(_setting("PERCENTILES_TO_REPORT"))
    head = (f"{'Type':<{STATS_TYPE_WIDTH}} {'Name':<{STATS_NAME_WIDTH}} "
            + " ".join(f"{name:>6}" for name in names) + f" {'# reqs':>6}")
    line = "|".join("-" * width for width in
                    (STATS_TYPE_WIDTH, STATS_NAME_WIDTH, *[6] * len(names), 6))
    rows = [entry.percentile() for entry in sort_stats(stats.entries) if entry.response_times]
    total = [stats.total.percentile()] if stats.total.response_times else []
    return ["Response time percentiles (approximated)", head, line, *rows, line, *total]


def get_error_report_summary(stats):
    line = f"{'-' * 18}|{'-' * (61 + STATS_NAME_WIDTH)}"
    rows = [f"{error.occurrences:<18} {error.to_name():<100}" for error in stats.errors.values()]
    return ["Error report", f"{'# occurrences':<18} {'Error':<100}", line, *rows, line, ""]


def print_stats(stats, current=True):
    for line in [*get_stats_summary(stats, current), ""]:
        console_logger.info(line)


def print_percentile_stats(stats):
    for line in [*get_percentile_stats_summary(stats), ""]:
        console_logger.info(line)


def print_error_report(stats):
    if stats.errors:
        for line in get_error_report_summary(stats):
            console_logger.info(line)


def stats_printer(stats):
    """A function that prints the table for ever: gevent.spawn(stats_printer(environment.stats))."""

    def print_for_ever():
        while True:
            print_stats(stats)
            gevent.sleep(_setting("CONSOLE_STATS_INTERVAL_SEC"))

    return print_for_ever


def sort_stats(stats):
    return [stats[key] for key in sorted(stats)]


def stats_history(runner):
    """Append to runner.stats.history for ever: gevent.spawn(stats_history, runner)."""
    while True:
        total = runner.stats.total
        if runner.state != "stopped":
            runner.stats.history.append({
                "time": datetime.now(timezone.utc).isoformat(),
                "current_rps": total.current_rps or 0,
                "current_fail_per_sec": total.current_fail_per_sec or 0,
                "response_time_percentile_0.95": total.get_current_response_time_percentile(0.95)
                or 0,
                "response_time_percentile_0.5": total.get_current_response_time_percentile(0.5)
                or 0,
                "user_count": runner.user_count or 0,
            })
        gevent.sleep(_setting("HISTORY_STATS_INTERVAL_SEC"))
