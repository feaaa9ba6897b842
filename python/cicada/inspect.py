"""python3 -m cicada.inspect FILE [words…] - what a Locust file holds, as one line of JSON.

cicada starts this before a run. The script can tell by CICADA_INSPECT=1 that it is loaded here, and
not in a worker. --cicada-fd N says where the JSON goes (else standard output) and
--cicada-request gives, as JSON, what is asked beyond the file: "config", "show", "tags", … What is
wrong is part of the JSON ("error"), so that cicada prints it; exit status 0 in either case.
"""

import atexit
import glob
import json
import os
import sys

from cicada import surroundings

MIN_VERSION = (3, 9)


class Shortened(Exception):
    """Options of cicada's that are written shorter: it reads the line anew and asks again."""

    def __init__(self, names):
        super().__init__()
        self.answer = names


class Unusable(Exception):
    """An error for the JSON: what kind it is, a sentence, and more that belongs to it."""

    def __init__(self, kind, message, **more):
        super().__init__(message)
        self.answer = {"kind": kind, "message": message, **more}


def _version():
    return "%d.%d" % sys.version_info[:2]


def _check_interpreter():
    place = "Python %s (%s)" % (_version(), sys.executable)
    if sys.version_info < MIN_VERSION:
        raise Unusable("interpreter", "%s is too old for Locust files: %d.%d or later is needed"
                       % ((place,) + MIN_VERSION))
    for name in ("gevent", "greenlet"):
        try:
            __import__(name)
        except ImportError as error:
            raise Unusable("interpreter", "%s cannot import %s (%s): install it there, or give "
                           "another interpreter with --python" % (place, name, error)) from None
    from gevent import monkey
    monkey.patch_all()
    _check_engine(place)


def _check_engine(place):
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    built = sorted(glob.glob(os.path.join(folder, "_cicada*.so")))
    try:
        import _cicada  # noqa: F401
    except ImportError as error:
        found = ", ".join(os.path.basename(each) for each in built)
        reason = "there is only " + found if built else "there is none in " + folder
        if any(each.endswith(_suffix()) for each in built):
            reason = str(error)
        raise Unusable("interpreter", "the engine does not load in %s: %s; give --python, or "
                       "build it for this version (make script PYTHON=%s)"
                       % (place, reason, sys.executable)) from None


def _suffix():
    import importlib.machinery
    return importlib.machinery.EXTENSION_SUFFIXES[0]


def _list(value):
    if isinstance(value, list):
        return value
    return [part for part in str(value).replace(",", " ").split() if part]


def _last(settings, *names):
    """The strongest value of a setting that the script itself is found by, or None."""
    values = [value for name, value, _ in settings if name in names]
    return values[-1] if values else None


def _asked(file, settings):
    """The file as Locust's `parsed_options.locustfile` has it."""
    if file not in ("", "-"):
        return file
    found = os.environ.get("LOCUST_LOCUSTFILE") or _last(settings, "locustfile", "f")
    return ",".join(found) if isinstance(found, list) else found or "locustfile"


def _places(file, settings):
    """The files to load; FILE "-" is a Locust command line without -f."""
    if file == "-":
        file = os.environ.get("LOCUST_LOCUSTFILE") or _last(settings, "locustfile", "f")
    named = file if file else "locustfile"
    if isinstance(named, str):
        named = [part.strip() for part in named.split(",") if part.strip()]
    from cicada import script
    files = script.find_files(named)
    if not files:
        raise Unusable("usage", "there is no Locust file in '%s'" % ",".join(named))
    for each in files:
        if not os.path.isfile(each):
            if not file:
                raise Unusable("usage", "there is no locustfile.py here: give the Locust file "
                               "with -f")
            raise Unusable("usage", "cannot read '%s': no such file" % os.path.relpath(each))
    return files


def _check_shortened(words, own, known):
    """Raises Shortened for words of which each begins one option of cicada's and none of `own`."""
    shortened = []
    for word in words:
        name = word.split("=", 1)[0]
        if not name.startswith("--") or name in own:
            continue
        meant = [option for option in dict.fromkeys([*known, *own]) if option.startswith(name)]
        if len(meant) > 1 and not own.issuperset(meant):
            raise Unusable("usage", "'%s' may be %s or %s: write more of it"
                           % (name, ", ".join(meant[:-1]), meant[-1]))
        if len(meant) == 1 and meant[0] not in own:
            shortened.append(name[2:])
    if shortened:
        raise Shortened(shortened)


def _parse_words(words, settings, base, known):
    """The script's own arguments, the names of user classes, and the parser's options."""
    import locust
    from cicada import arguments

    parser = arguments.Parser()
    try:
        locust.events.init_command_line_parser.fire(parser=parser)
        options = [name for action in parser._actions for name in action.option_strings]
        _check_shortened(words, {name for name in options if name.startswith("--")}, known)
        namespace, rest = arguments.parse(parser, words,
                                          {name: value for name, value, _ in settings})
    except arguments.UsageError as error:
        raise Unusable("usage", "option of '%s': %s" % (base, error)) from None
    for word in rest:
        if word.startswith("-") and word != "-":
            raise Unusable("option", "'%s' has no option '%s'" % (base, word), word=word,
                           options=options)
    return vars(namespace), rest, options


def _custom_json(custom):
    """Values that JSON has; what it lacks the worker parses from the words again."""
    found = {}
    for name, value in custom.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            continue
        found[name] = value
    return found


def _choose(users, names, settings, base):
    if not names:
        names = _list(os.environ.get("LOCUST_USER_CLASSES")
                      or _last(settings, "user-classes") or [])
    for name in names:
        if name not in users:
            raise Unusable("usage", "'%s' has no user class '%s'; it has %s"
                           % (base, name, ", ".join(users)))
    return {name: value for name, value in users.items() if not names or name in names}


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _class_entry(name, value, base):
    weight, fixed_count = value.weight, getattr(value, "fixed_count", 0) or 0
    if not _is_number(weight) or weight < 0 or weight == float("inf"):
        raise Unusable("usage", "'%s': the weight of %s is not a number of 0 or more: %r"
                       % (base, name, weight))
    if not isinstance(fixed_count, int) or not 0 <= fixed_count < 2**32:
        raise Unusable("usage", "'%s': the fixed_count of %s is not a whole number: %r"
                       % (base, name, fixed_count))
    host = getattr(value, "host", None)
    return {"name": name, "weight": float(weight), "fixed_count": fixed_count,
            "host": host if isinstance(host, str) else None}


def _no_class(base, modules, user_base):
    import inspect
    for module in modules:
        for name, value in vars(module).items():
            if (inspect.isclass(value) and issubclass(value, user_base) and
                    value.__module__ == module.__name__):
                return ("'%s' has no user class to run: %s is abstract" % (base, name))
    return "'%s' has no user class: a class derived from locust.User or HttpUser" % base


def _show(request, classes):
    from locust.user import inspectuser

    users = request.get("users")
    if request.get("tags") or request.get("exclude_tags"):
        from locust.user.task import filter_tasks_by_tags
        for each in classes:
            filter_tasks_by_tags(each, set(request["tags"]) or None,
                                 set(request["exclude_tags"]) or None)
    if request["show"] == "ratio":
        return inspectuser.ratio_text(classes, users)
    return inspectuser.ratio_json(classes, users)


def examine(file, words, request):
    """Everything about the script, ready for JSON. Raises Unusable."""
    _check_interpreter()
    from cicada import script, settings as settings_files

    try:
        settings = settings_files.read_all(request.get("config"))
    except settings_files.SettingsError as error:
        raise Unusable("usage", str(error)) from None
    files = _places(file, settings)
    base = os.path.basename(files[0])
    try:
        import locust
        modules = [script.load(each) for each in files]
        users, shape = script.find_classes(modules, locust.User, locust.LoadTestShape)
    except script.ScriptError as error:
        raise Unusable("script", str(error), detail=error.detail) from None
    custom, names, options = _parse_words(
        words, settings, base, ["--" + name for name in request.get("known", [])])
    if not users:
        raise Unusable("usage", _no_class(base, modules, locust.User))
    shown = file if file not in ("", "-") else os.path.relpath(files[0])
    answer = {"file": files[0], "files": files, "shown": shown, "available": list(users)}
    if request.get("show") == "list":
        answer["text"] = "Available Users:\n" + "".join("    %s\n" % name for name in users)
        return answer
    chosen = _choose(users, names, settings, base)
    entries = [_class_entry(name, value, base) for name, value in chosen.items()]
    runnable = [each for each in entries if each["weight"] > 0 or each["fixed_count"] > 0]
    if not runnable:
        raise Unusable("usage", "'%s': every user class has the weight 0" % base)
    if request.get("show"):
        answer["text"] = _show(request, [chosen[each["name"]] for each in runnable])
        return answer
    strongest = {name: (value, origin) for name, value, origin in settings}
    answer.update(classes=runnable, options=options,
                  shape=shape and {"name": shape.__name__, "use_common_options":
                                   bool(getattr(shape, "use_common_options", False))},
                  settings=[{"name": name, "values": _listed(value), "origin": origin}
                            for name, (value, origin) in strongest.items()],
                  worker=_members({"file": files[0], "files": files, "named": names,
                                   "shape": shape and shape.__name__, "words": words,
                                   "locustfile": _asked(file, settings),
                                   "custom": _custom_json(custom),
                                   "settings": {name: value for name, value, _ in settings}}))
    return answer


def _members(table):
    """What cicada hands on to the workers as it is: the members of a JSON object."""
    return json.dumps(table)[1:-1]


def _listed(value):
    return [str(each) for each in value] if isinstance(value, list) else [value]


class _Channel:
    """Where the answer goes. Processes that the script forks while it is loaded do not keep it."""

    def __init__(self, fd):
        self._fd = fd
        os.set_inheritable(fd, False)
        os.register_at_fork(after_in_child=self._close)

    def _close(self):
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def write(self, text):
        with os.fdopen(self._fd, "w", encoding="utf-8", closefd=False) as file:
            file.write(text)
        self._close()


def _end():
    """What the script began while it was loaded ends with us: a worker begins it anew."""
    processes = sys.modules.get("multiprocessing.process")
    for child in processes.active_children() if processes else []:
        child.terminate()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads and greenlets that the script began at its start must not keep this process.
    os._exit(0)


def main(words):
    surroundings.restore()
    os.environ["CICADA_INSPECT"] = "1"
    channel, request = None, {}
    while len(words) > 1 and words[0].startswith("--cicada-"):
        if words[0] == "--cicada-fd":
            channel = _Channel(int(words[1]))
        else:
            request = json.loads(words[1])
        words = words[2:]
    if not words:
        sys.exit("usage: python3 -m cicada.inspect FILE [words...]")
    try:
        answer = examine(words[0], words[1:], request)
    except Shortened as error:
        answer = {"shortened": error.answer}
    except Unusable as error:
        answer = {"error": error.answer}
    text = json.dumps(answer)
    sys.stdout.flush()
    if channel is None:
        print(text)
        return 2 if "error" in answer else 0
    channel.write(text)
    _end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
