"""Loading Locust files: modules, user classes, and what went wrong in plain words."""

import importlib.machinery
import importlib.util
import inspect
import os
import sys
import traceback


class ScriptError(Exception):
    """A script that cannot be used. `detail`: Python's own words (a traceback), or None."""

    def __init__(self, message, detail=None):
        super().__init__(message)
        self.detail = detail


def _frames_of_script(error):
    """The traceback from the script's first frame on: what stands before it is how we got there."""
    own = os.path.dirname(os.path.abspath(__file__))
    trace = error.__traceback__
    while trace:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith(("<frozen importlib", own + os.sep)):
            return trace
        trace = trace.tb_next
    return None


def describe(error):
    """Python's traceback of an exception, without our own frames."""
    return "".join(traceback.format_exception(type(error), error, _frames_of_script(error)))


def summary(error):
    """Its last line, such as "ModuleNotFoundError: No module named 'x'"."""
    text = traceback.format_exception_only(type(error), error)[-1].strip()
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        text += f" ({os.path.basename(error.filename)}, line {error.lineno})"
    return text


def load(path):
    """The module of one file. Raises ScriptError.

    As in Locust, the script may import what lies in its folder and in the current one.
    """
    path = os.path.abspath(path)
    folder, base = os.path.split(path)
    name = os.path.splitext(base)[0]
    for place in (os.getcwd(), folder):
        if place not in sys.path:
            sys.path.insert(0, place)
    if name in sys.modules:
        name = f"locustfile_{name}"
    spec = importlib.util.spec_from_file_location(
        name, path, loader=importlib.machinery.SourceFileLoader(name, path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        raise ScriptError(f"'{base}' ended while it was loaded: it called sys.exit"
                          f"({'' if error.code is None else error.code})") from None
    except OSError as error:
        if error.filename == path:
            raise ScriptError(f"cannot read '{path}': {error.strerror}") from None
        raise ScriptError(f"'{base}' cannot be loaded: {summary(error)}",
                          describe(error)) from None
    except BaseException as error:
        raise ScriptError(f"'{base}' cannot be loaded: {summary(error)}",
                          describe(error)) from None
    return module


def is_user_class(value, user_base):
    return inspect.isclass(value) and issubclass(value, user_base) and value.abstract is False


def is_shape_class(value, shape_base):
    return (inspect.isclass(value) and issubclass(value, shape_base) and value is not shape_base and
            not vars(value).get("abstract", False))


def find_classes(modules, user_base, shape_base):
    """{name: user class} sorted by name, and the shape class or None. Raises ScriptError."""
    users, shapes = {}, []
    for module in modules:
        for value in list(vars(module).values()):
            if is_user_class(value, user_base):
                other = users.setdefault(value.__name__, value)
                if other is not value:
                    raise ScriptError(f"there are two user classes called '{value.__name__}': in "
                                      f"{other.__module__} and in {value.__module__}")
            elif is_shape_class(value, shape_base) and value not in shapes:
                shapes.append(value)
    return dict(sorted(users.items())), shapes[0] if shapes else None


def find_files(places):
    """The files behind Locust's -f: files, folders of files, a comma between them."""
    files = []
    for place in places:
        if os.path.isdir(place):
            for folder, folders, names in os.walk(place):
                folders[:] = sorted(name for name in folders if not name.startswith(("_", ".")))
                files += [os.path.join(folder, name) for name in sorted(names)
                          if name.endswith(".py") and not name.startswith(("_", "."))]
            continue
        if not os.path.exists(place) and not place.endswith(".py"):
            place += ".py"
        files.append(place)
    return list(dict.fromkeys(os.path.abspath(file) for file in files))
