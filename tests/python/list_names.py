"""Prints the public names of the `locust` that is found, as JSON: {module: [names]}"""

import importlib
import inspect
import json
import pkgutil
import sys

import locust

SKIPPED = ("locust.test", "locust.__main__")
found = {}
for each in [locust.__name__,
             *(info.name for info in pkgutil.walk_packages(locust.__path__, "locust."))]:
    if each.startswith(SKIPPED):
        continue
    module = importlib.import_module(each)
    found[each] = sorted(
        name for name, value in vars(module).items()
        if not name.startswith("_") and name != "TYPE_CHECKING" and not inspect.ismodule(value)
        and getattr(value, "__module__", each) == each and type(value).__name__ != "TypeVar")
json.dump(found, sys.stdout)
