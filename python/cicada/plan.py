"""The plan of a run, as the controller sends it to each process with a Locust file."""

import argparse
import json
import os

from cicada import arguments, script


class Plan:
    """`role` is "local" (alone), "worker" (number `index` of `count`) or "lead"."""

    def __init__(self, text):
        found = json.loads(text)
        self.file = found["file"]
        self.files = found.get("files") or [self.file]
        self.role = found.get("role", "local")
        self.index = found.get("index", 0)
        self.count = found.get("count", 1)
        self.classes = found["classes"]  # names of the user classes to run
        self.host = found.get("host")
        self.has_stages = found.get("stages", False)  # which say how many users there are
        self.seed = found.get("seed")
        self.words = found.get("words") or []  # of the command line, for the script's own arguments
        self._custom = found.get("custom") or {}
        self.options = _defaults()
        vars(self.options).update(found.get("options") or {})
        if "locustfile" in found:
            self.options.locustfile = found["locustfile"]
        if self.options.spawn_rate is not None:
            self.options.spawn_rate = float(self.options.spawn_rate)

    @property
    def folders(self):
        """Where the script's own code is."""
        return sorted({os.path.dirname(os.path.abspath(each)) for each in self.files})

    @property
    def stop_timeout(self):
        return float(self.options.stop_timeout or 0)

    def load(self):
        """Run the script: ({name: user class}, shape class or None). Raises ScriptError."""
        import locust

        modules = [script.load(each) for each in self.files]
        return script.find_classes(modules, locust.User, locust.LoadTestShape)

    def parse_custom(self):
        """`options`, and the arguments that the script has added, with their values."""
        import locust

        parser = arguments.Parser()
        locust.events.init_command_line_parser.fire(parser=parser)
        try:
            own = vars(arguments.parse(parser, self.words)[0])
        except arguments.UsageError:
            own = {action.dest: action.default for action in parser._actions}
        for name, value in own.items():
            if not hasattr(self.options, name) or name in self._custom:
                setattr(self.options, name, value)
        for action in parser._actions:
            if action.dest in self._custom:
                setattr(self.options, action.dest, _revive(action, self._custom[action.dest]))
        return self.options


def _defaults():
    from locust.argument_parser import default_args_dict

    return argparse.Namespace(**default_args_dict())


def _revive(action, value):
    """A value that came as JSON, as the argument's own `type` makes it of text."""
    if not callable(action.type):
        return value
    if isinstance(value, list):
        return [action.type(each) if isinstance(each, str) else each for each in value]
    return action.type(value) if isinstance(value, str) else value
