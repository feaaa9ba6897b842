"""What counts requests: the same functions as the engine's, for statistics apart from its own.

The engine counts for the whole process, and what it counts is the run's. An Environment that a
script makes for itself must not mix with it, nor with another one: each has a Table.
"""

from .stats_entry import StatsEntry, add_figures, blank_figures


class Table:
    """Rows by (type, name), errors and exceptions. The figures that it hands out are copies."""

    def __init__(self):
        self._rows = {}  # {(type, name): StatsEntry}
        self._errors = {}  # {(type, name, text): occurrences}
        self._exceptions = {}  # {traceback: [message, count]}

    def _row(self, type, name):
        key = (str(type), str(name))
        if key not in self._rows:
            self._rows[key] = StatsEntry(None, key[1], key[0])
        return self._rows[key]

    def record(self, type, name, response_time, response_length, error):
        if response_time is not None:
            response_time = response_time + 0.0  # TypeError if it is no number
        length = int(response_length)
        self._row(type, name).log(response_time, length)
        if error is not None:
            self.record_error(type, name, error)

    def record_error(self, type, name, text):
        self._row(type, name).log_error(text)
        key = (str(type), str(name), text)
        self._errors[key] = self._errors.get(key, 0) + 1

    def record_exception(self, message, traceback):
        self._exceptions.setdefault(traceback, [message, 0])[1] += 1

    def rows(self):
        return list(self._rows)

    def row(self, type, name):
        found = self._rows.get((str(type), str(name)))
        return None if found is None else _copy(found)

    def total(self):
        whole = blank_figures()
        for each in self._rows.values():
            add_figures(whole, each.figures())
        return whole

    def errors(self):
        return [(*key, count) for key, count in self._errors.items()]

    def exceptions(self):
        return [(message, text, count) for text, (message, count) in self._exceptions.items()]

    def reset_rows(self):
        """Forget the rows and the errors; exceptions stay."""
        self._rows = {}
        self._errors = {}


def _copy(entry):
    whole = blank_figures()
    whole["start_time"] = entry.start_time
    return add_figures(whole, entry.figures())
