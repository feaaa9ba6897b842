"""The arguments that a Locust file adds to the command line by events.init_command_line_parser.

A listener gets a Parser: argparse's, which also takes the words that ConfigArgParse and Locust know
(env_var, include_in_web_ui, …). Values come from configuration files, the environment and the words
of the command line; a later one wins.
"""

import argparse
import os

EXTRA_WORDS = ("env_var", "include_in_web_ui", "is_secret", "is_required", "is_multiple",
               "is_config_file", "is_config_file_arg", "is_write_out_config_file_arg")
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "")
# Actions that have a --no-… (since Python 3.9).
_TWO_SIDED = getattr(argparse, "BooleanOptionalAction", ())


class UsageError(Exception):
    """A word that the parser does not take; the message is a sentence."""


class _Extras:
    """add_argument with the words that argparse lacks, kept beside the action."""

    def add_argument(self, *names, **words):
        extras = {word: words.pop(word) for word in EXTRA_WORDS if word in words}
        action = super().add_argument(*names, **words)
        action.env_var = extras.get("env_var")
        action.include_in_web_ui = extras.get("include_in_web_ui", True)
        action.is_secret = extras.get("is_secret", False)
        return action

    add = add_arg = add_argument

    def add_argument_group(self, *words, **options):
        group = _Group(self, *words, **options)
        self._action_groups.append(group)
        return group


class _Group(_Extras, argparse._ArgumentGroup):
    pass


class Parser(_Extras, argparse.ArgumentParser):
    """What a listener of init_command_line_parser sees."""

    def __init__(self, **options):
        options.setdefault("prog", "cicada")
        options.setdefault("add_help", False)
        super().__init__(**options)

    def error(self, message):
        raise UsageError(message)

    def exit(self, status=0, message=None):
        raise UsageError((message or f"the parser ended with status {status}").strip())


def options_of(action):
    return [name for name in action.option_strings if name.startswith("--")]


def _words_for(action, value):
    """One setting as words of a command line."""
    name = action.option_strings[-1]
    values = value if isinstance(value, list) else [value]
    if action.nargs == 0:
        return _switch_words(action, str(value))
    if action.nargs is None:
        return [f"{name}={each}" for each in values]
    return [name, *map(str, values)]


def _switch_words(action, text):
    """Of an argument without a value: a flag, one that has a --no-… too, or one that counts."""
    name, text = action.option_strings[0], text.strip().lower()
    counts = isinstance(action, argparse._CountAction)
    if counts and text.isdigit():
        return [name] * int(text)
    if text in YES:
        return [name]
    if text not in NO:
        raise UsageError(f"argument {name}: '{text}' is neither true nor false")
    opposite = [each for each in action.option_strings if each.startswith("--no-")]
    return opposite[:1] if isinstance(action, _TWO_SIDED) else []


def _listed(action, text):
    """A value of the environment: "[a, b]" is a list where the argument takes one.

    So it is in ConfigArgParse, which Locust uses.
    """
    takes_list = action.nargs or isinstance(action, argparse._AppendAction)
    if takes_list and text.startswith("[") and text.endswith("]"):
        return [part.strip().strip("\"'") for part in text[1:-1].split(",") if part.strip()]
    return text


def parse(parser, words, settings=None, environ=None):
    """The namespace, and the words that no argument took. Raises UsageError.

    `settings` are names and values of configuration files, such as {"tenant": "acme"}.
    """
    environ = os.environ if environ is None else environ
    before = []
    for action in parser._actions:
        for name in options_of(action):
            if settings and name[2:] in settings:
                before += _words_for(action, settings[name[2:]])
        variable = getattr(action, "env_var", None)
        if variable and action.option_strings and variable in environ:
            before += _words_for(action, _listed(action, environ[variable]))
    try:
        namespace, rest = parser.parse_known_args(before + list(words))
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from None
    return namespace, [word for word in rest if word != "--"]
