"""Every public name of the real Locust is here, or asking for it says that it is not."""

import importlib
import json
import os
import subprocess
import sys
import time
import unittest

import support  # noqa: F401: sets the path

import locust

# Whole modules that belong to parts of Locust that are not here: importing them fails, naming them.
ABSENT = ("locust.html", "locust.input_events", "locust.rpc.zmqrpc", "locust.util.deprecation")


def real_names():
    script = os.path.join(support.HERE, "list_names.py")
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd="/",
                         env={**os.environ, "PYTHONPATH": ""}, check=False)
    return json.loads(run.stdout) if run.returncode == 0 else None


class Names(unittest.TestCase):
    def test_each_name_is_here_or_says_that_it_is_not(self):
        names = real_names()
        if names is None:
            self.skipTest("the interpreter has no Locust")
        silent = []
        for module_name, each_names in names.items():
            if module_name in ABSENT:
                told = f"{module_name} is not part of cicada: "
                with self.assertRaisesRegex(ImportError, told):
                    importlib.import_module(module_name)
                continue
            module = importlib.import_module(module_name)
            for name in each_names:
                try:
                    getattr(module, name)
                except ImportError as error:
                    self.assertIn(f"{module_name}.{name} is not part of cicada", str(error))
                except AttributeError:
                    silent.append(f"{module_name}.{name}")
        self.assertEqual(silent, [], "\n".join(silent))

    def test_a_missing_name_is_told_in_a_from_import_too(self):
        with self.assertRaisesRegex(ImportError, "locust.stats.StatsCSV is not part of cicada"):
            from locust.stats import StatsCSV  # noqa: F401

    def test_names_of_old_versions_are_told(self):
        for module, name in (("locust", "HttpLocust"), ("locust", "FastHttpLocust"),
                             ("locust.contrib.fasthttp", "FastHttpLocust")):
            told = f"{module}.{name} is not part of cicada: it is called "
            with self.assertRaisesRegex(ImportError, told):
                getattr(importlib.import_module(module), name)

    def test_messages_have_both_their_names(self):
        from locust import rpc
        from locust.rpc.protocol import Message

        self.assertIs(Message, rpc.Message)

    def test_a_result_is_kept_for_a_while(self):
        from locust.util.cache import memoize

        seen = []

        @memoize(0.05)
        def count():
            seen.append(1)
            return len(seen)

        self.assertEqual((count(), count()), (1, 1))
        count.clear_cache()
        self.assertEqual(count(), 2)
        time.sleep(0.06)
        self.assertEqual(count(), 3)

    def test_a_name_that_nobody_has_is_an_ordinary_error(self):
        with self.assertRaises(AttributeError):
            locust.nobody_has_this
        with self.assertRaises(ImportError):
            from locust import nobody_has_this  # noqa: F401

    def test_modules_can_be_reached_from_the_package(self):
        for name in ("stats", "runners", "env", "log", "event", "exception", "argument_parser",
                     "clients", "debug", "web", "user"):
            self.assertEqual(getattr(locust, name).__name__, f"locust.{name}")

    def test_importing_it_patches_the_standard_library(self):
        from gevent import monkey

        for name in ("socket", "time", "threading", "ssl", "subprocess"):
            self.assertTrue(monkey.is_module_patched(name), name)

    def test_the_web_interface_says_that_it_is_not_there(self):
        from locust.web import WebUI

        with self.assertRaisesRegex(NotImplementedError, "web_ui is None"):
            WebUI(None)


if __name__ == "__main__":
    unittest.main()
