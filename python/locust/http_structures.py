"""Headers as scripts see and set them: a mapping that ignores the case of names."""

from collections.abc import Mapping, MutableMapping


class CaseInsensitiveDict(MutableMapping):
    """Keeps order, and the spelling of the last one who set a name."""

    __slots__ = ("_store",)

    def __init__(self, data=None, **kwargs):
        self._store = {}
        self.update(data or {}, **kwargs)

    def __setitem__(self, name, value):
        self._store[name.lower()] = (name, value)

    def __getitem__(self, name):
        return self._store[name.lower()][1]

    def __delitem__(self, name):
        del self._store[name.lower()]

    def __contains__(self, name):
        return isinstance(name, (str, bytes)) and name.lower() in self._store

    def __iter__(self):
        return (name for name, _ in self._store.values())

    def __len__(self):
        return len(self._store)

    def lower_items(self):
        """Pairs with the names in lower case."""
        return ((name, pair[1]) for name, pair in self._store.items())

    def copy(self):
        return CaseInsensitiveDict(self.items())

    def __eq__(self, other):
        if not isinstance(other, Mapping):
            return NotImplemented
        return dict(self.lower_items()) == dict(CaseInsensitiveDict(other).lower_items())

    __hash__ = None

    def __repr__(self):
        return str(dict(self.items()))


class AnswerHeaders(Mapping):
    """Headers of an answer, over the engine's: as they came, so there is nothing to change. A
    copy() can be changed."""

    __slots__ = ("_lines",)

    def __init__(self, lines):
        self._lines = lines

    def __getitem__(self, name):
        return self._lines[name]

    def __contains__(self, name):
        return name in self._lines

    def __iter__(self):
        return iter(self._lines)

    def __len__(self):
        return len(self._lines)

    def get(self, name, default=None):
        return self._lines.get(name, default)

    def get_all(self, name, default=None):
        """The values of a name that came more than once, each by itself."""
        if hasattr(self._lines, "get_all"):
            return self._lines.get_all(name) or default
        return [self._lines[name]] if name in self._lines else default

    def getlist(self, name):
        return self.get_all(name, [])

    getheaders = getlist

    def lower_items(self):
        return ((name.lower(), value) for name, value in self.items())

    def copy(self):
        return CaseInsensitiveDict({name: self[name] for name in self})

    def __eq__(self, other):
        return self.copy() == other

    __hash__ = None

    def __repr__(self):
        return str(dict(self.items()))


def text_of(value):
    """Header names and values come as text or bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def spelled(headers):
    """A mapping's headers by lower-case name, each with its spelling: what requests are made of."""
    return {text_of(name).lower(): (name, value) for name, value in headers.items()}
