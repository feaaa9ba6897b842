"""The type stubs promise what the modules have: each class, method and parameter."""

import ast
import json
import os
import subprocess
import sys
import unittest

import client_support

PACKAGE = os.path.join(client_support.ROOT, "python", "locust")
STUBS = {"locust.clients": "clients.pyi", "locust.http_sse": "http_sse.pyi",
         "locust.contrib.fasthttp": "contrib/fasthttp.pyi"}
OF_THE_ENGINE = {("locust.http_sse", name): f"_cicada.{name}"
                 for name in ("Event", "Audit", "AuditPart")}


def parameters_of(function):
    spec = function.args
    names = [each.arg for each in spec.posonlyargs + spec.args + spec.kwonlyargs]
    return [name for name in names if name != "self"]


def functions_of(stub):
    """(class, function, its parameters) of a stub; overloads each."""
    with open(os.path.join(PACKAGE, stub), encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for kind in tree.body:
        if isinstance(kind, ast.ClassDef):
            yield kind.name, None, []
            for each in kind.body:
                if isinstance(each, ast.FunctionDef):
                    yield kind.name, each.name, parameters_of(each)


def breaches():
    """Sentences about what a stub promises and its module has not; runs on our package."""
    import importlib
    import inspect

    found = []
    for module, stub in STUBS.items():
        for kind, name, parameters in functions_of(stub):
            place = OF_THE_ENGINE.get((module, kind), f"{module}.{kind}")
            owner, _, leaf = place.rpartition(".")
            real = getattr(importlib.import_module(owner), leaf, None)
            function = getattr(real, name, None) if name else real
            if function is None:
                found.append(f"{place}.{name} is not there")
            elif inspect.isfunction(function):
                known = inspect.signature(function).parameters
                takes_any = any(each.kind is each.VAR_KEYWORD for each in known.values())
                found += [f"{place}.{name} has no {each}" for each in parameters
                          if each not in known and not takes_any]
    return found


class Stubs(unittest.TestCase):
    def test_stubs_promise_what_is_there(self):
        if client_support.engine_folder() is None:
            self.skipTest("the engine was not built as an extension")
        path = os.pathsep.join(client_support.our_path())
        done = subprocess.run([sys.executable, __file__, "--breaches"], capture_output=True,
                              text=True, check=True, env={**os.environ, "PYTHONPATH": path})
        self.assertEqual(json.loads(done.stdout), [])

    def test_package_is_marked_as_typed(self):
        self.assertTrue(os.path.isfile(os.path.join(PACKAGE, "py.typed")))


if __name__ == "__main__":
    if "--breaches" in sys.argv:
        print(json.dumps(breaches()))
    else:
        unittest.main()
