"""Locust's configuration files: ~/.locust.conf, locust.conf, [tool.locust] of pyproject.toml."""

import os
import re

try:
    import tomllib
except ImportError:  # before Python 3.11
    try:
        import tomli as tomllib
    except ImportError:
        tomllib = None


class SettingsError(Exception):
    """A file that cannot be read; the message is a sentence."""


LINE = re.compile(r"(?P<name>[^:=;#\s]+)\s*(?:[:=\s]\s*(?P<value>.*))?$")


def _plain(text):
    """A value without its comment and quotes; "[a, b]" is a list, nothing at all is "true"."""
    text = text.strip()
    if text[:1] in "\"'" and text[:1] and text.find(text[0], 1) > 0:
        return text[1:text.find(text[0], 1)]
    text = re.split(r"(?:^|\s)[#;]", text)[0].strip()
    if text.startswith("[") and text.endswith("]"):
        return [part.strip().strip("\"'") for part in text[1:-1].split(",") if part.strip()]
    return text


def read_conf(text, origin):
    """Names and values of the lines of a .conf file, in order."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line[0] in "#;[" or line.startswith("---"):
            continue
        match = LINE.match(line)
        if not match:
            raise SettingsError(f"{origin} line {number}: '{line}' is not of the form "
                                "'name = value'")
        value = match["value"]
        found.append((match["name"].lstrip("-"), "true" if value is None else _plain(value)))
    return found


def _toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return [str(each) for each in value]
    return str(value)


def read_toml(text, origin):
    if tomllib is None:
        if "[tool.locust]" in text:
            raise SettingsError(f"{origin} has [tool.locust], which this Python cannot read: "
                                "Python 3.11 or the package tomli is needed")
        return []
    try:
        table = tomllib.loads(text).get("tool", {}).get("locust", {})
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{origin}: {error}") from None
    return [(name.replace("_", "-"), _toml_value(value)) for name, value in table.items()]


def read_all(config=None, home=None):
    """[(name, value, file)] of every file there is, the weakest first. `config` must be there."""
    home = os.path.expanduser("~") if home is None else home
    paths = [os.path.join(home, ".locust.conf"), "locust.conf", "pyproject.toml"]
    paths = [path for path in paths if os.path.isfile(path)] + ([config] if config else [])
    found = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SettingsError(f"cannot read '{path}': {reason}") from None
        read = read_toml if path.endswith(".toml") else read_conf
        found += [(name, value, path) for name, value in read(text, path)]
    return found
