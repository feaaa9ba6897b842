"""What stands before a run: settings of Locust's files, arguments of scripts, what a file holds."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import unittest

import support  # our packages first on the path

from cicada import arguments, script, settings
from cicada.plan import Plan
from locust import LoadTestShape, User


class Settings(unittest.TestCase):
    def test_lines_of_every_form_are_read(self):
        text = ("# a comment\n; another\n[section]\n---\n\nusers = 5\nspawn-rate: 2.5\n"
                "host http://h\nheadless\n--tags = [quick, 'slow one']\n"
                "run-time = 1m # not 2m\ncsv = \"a # b\"\nname =\n")
        self.assertEqual(settings.read_conf(text, "locust.conf"), [
            ("users", "5"), ("spawn-rate", "2.5"), ("host", "http://h"), ("headless", "true"),
            ("tags", ["quick", "slow one"]), ("run-time", "1m"), ("csv", "a # b"), ("name", "")])

    def test_a_line_that_is_none_is_named(self):
        with self.assertRaisesRegex(settings.SettingsError, "my.conf line 2: '= 5'"):
            settings.read_conf("users = 1\n= 5\n", "my.conf")

    @unittest.skipIf(settings.tomllib is None, "no reader of TOML here")
    def test_the_table_of_pyproject_is_read(self):
        text = ("[tool.locust]\nusers = 5\nspawn-rate = 2.5\nheadless = true\n"
                "only_summary = false\ntags = ['a', 'b']\n[tool.other]\nusers = 9\n")
        self.assertEqual(settings.read_toml(text, "pyproject.toml"), [
            ("users", "5"), ("spawn-rate", "2.5"), ("headless", "true"),
            ("only-summary", "false"), ("tags", ["a", "b"])])
        with self.assertRaisesRegex(settings.SettingsError, "pyproject.toml: "):
            settings.read_toml("[tool.locust", "pyproject.toml")

    def test_files_come_from_the_weakest_on(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in ((".locust.conf", "users = 1"), ("more.conf", "users = 3")):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            more = os.path.join(folder, "more.conf")
            found = settings.read_all(config=more, home=folder)
        self.assertEqual([(name, value) for name, value, _ in found],
                         [("users", "1"), ("users", "3")])
        with self.assertRaisesRegex(settings.SettingsError, "cannot read 'no.conf'"):
            settings.read_all(config="no.conf", home="/nowhere")


class Arguments(unittest.TestCase):
    def setUp(self):
        self.parser = arguments.Parser()
        self.parser.add_argument("--tenant", env_var="TENANT", default="acme",
                                 include_in_web_ui=False)
        self.parser.add_argument("--count", type=int, default=3)
        self.parser.add_argument("--names", nargs="*", default=[])
        group = self.parser.add_argument_group("group")
        group.add_argument("--deep", action="store_true", env_var="DEEP")

    def parse(self, words=(), conf=None, environ=None):
        namespace, rest = arguments.parse(self.parser, words, conf, environ or {})
        return vars(namespace), rest

    def test_later_sources_win(self):
        conf = {"tenant": "conf", "count": "7", "deep": "true", "names": ["a", "b"]}
        self.assertEqual(self.parse()[0],
                         {"tenant": "acme", "count": 3, "names": [], "deep": False})
        self.assertEqual(self.parse(conf=conf)[0],
                         {"tenant": "conf", "count": 7, "names": ["a", "b"], "deep": True})
        environ = {"TENANT": "environ", "DEEP": "no"}
        self.assertEqual(self.parse(conf=conf, environ=environ)[0]["tenant"], "environ")
        found, rest = self.parse(["--tenant", "line", "Ana"], conf, environ)
        self.assertEqual((found["tenant"], rest), ("line", ["Ana"]))

    def test_flags_of_every_kind_come_from_the_environment(self):
        self.parser.add_argument("--feature", action=argparse.BooleanOptionalAction,
                                 env_var="FEATURE", default=None)
        self.parser.add_argument("--off", action="store_false", env_var="OFF")
        self.parser.add_argument("-v", "--loud", action="count", env_var="LOUD", default=0)
        for environ, expected in (
                ({}, (None, True, 0)),
                ({"FEATURE": "true", "OFF": "yes", "LOUD": "3"}, (True, False, 3)),
                ({"FEATURE": "No", "OFF": "false", "LOUD": "true"}, (False, True, 1))):
            found, rest = self.parse(environ=environ)
            self.assertEqual((found["feature"], found["off"], found["loud"]), expected)
            self.assertEqual(rest, [])
        self.assertIs(self.parse(["--feature"], None, {"FEATURE": "0"})[0]["feature"], True)
        with self.assertRaisesRegex(arguments.UsageError, "--feature: 'maybe' is neither"):
            self.parse(environ={"FEATURE": "maybe"})

    def test_brackets_are_a_list_where_one_is_taken(self):
        self.parser.add_argument("--json", env_var="JSON")
        self.parser.add_argument("--list", nargs="+", env_var="LIST")
        self.parser.add_argument("--each", action="append", env_var="EACH")
        environ = {"JSON": "[1, 2]", "LIST": "[a, 'b c']", "EACH": "[x, y]"}
        found = self.parse(environ=environ)[0]
        self.assertEqual((found["json"], found["list"], found["each"]),
                         ("[1, 2]", ["a", "b c"], ["x", "y"]))
        found = self.parse(environ={"LIST": "a b"})[0]
        self.assertEqual(found["list"], ["a b"])

    def test_what_nobody_takes_is_left(self):
        self.assertEqual(self.parse(["--other", "5", "Ana", "--", "Bo"])[1],
                         ["--other", "5", "Ana", "Bo"])

    def test_a_bad_value_is_an_error_with_a_sentence(self):
        for words, message in ((["--count", "many"], "invalid int value: 'many'"),
                               (["--tenant"], "expected one argument")):
            with self.assertRaisesRegex(arguments.UsageError, message):
                self.parse(words)


class Scripts(unittest.TestCase):
    def load(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, f"loaded_{self._testMethodName}.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return script.load(path)

    def test_user_classes_and_the_shape_are_found(self):
        module = self.load("from locust import LoadTestShape, User\n"
                           "class B(User): pass\nclass A(User): pass\n"
                           "class Base(User):\n    abstract = True\n"
                           "class Odd(LoadTestShape):\n    abstract = True\n"
                           "class Shape(LoadTestShape): pass\n")
        users, shape = script.find_classes([module], User, LoadTestShape)
        self.assertEqual((list(users), shape.__name__), (["A", "B"], "Shape"))

    def test_what_goes_wrong_is_told_in_the_scripts_own_lines(self):
        for text, message, detail in (
                ("def f():\n    raise KeyError(7)\nf()\n", "cannot be loaded: KeyError: 7",
                 "line 3, in <module>"),
                ("x = (\n", r"SyntaxError: .* \(loaded_.*, line 1\)", "SyntaxError"),
                ("import sys\nsys.exit('no')\n", r"it called sys.exit\(no\)", None)):
            with self.assertRaisesRegex(script.ScriptError, message) as caught:
                self.load(text)
            if detail is None:
                self.assertIsNone(caught.exception.detail)
            else:
                self.assertIn(detail, caught.exception.detail)
                self.assertNotIn("importlib", caught.exception.detail)

    def test_places_of_files_are_those_of_locust(self):
        with tempfile.TemporaryDirectory() as folder:
            inner = os.path.join(folder, "inner")
            for name in ("inner", "__pycache__"):
                os.mkdir(os.path.join(folder, name))
            for name in ("b.py", "a.py", "_no.py", "c.txt", "inner/d.py", "__pycache__/e.py"):
                with open(os.path.join(folder, name), "w", encoding="utf-8"):
                    pass
            found = [os.path.relpath(path, folder) for path in script.find_files([folder])]
            self.assertEqual(found, ["a.py", "b.py", "inner/d.py"])
            self.assertEqual(script.find_files([os.path.join(inner, "d")]),
                             [os.path.join(inner, "d.py")])


class Inspection(unittest.TestCase):
    def inspect(self, text, show=None):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "script.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            run = subprocess.run(
                [sys.executable, "-m", "cicada.inspect", "--cicada-request",
                 json.dumps({"show": show}), path], capture_output=True, text=True, check=True,
                env={**os.environ, "HOME": folder,
                     "PYTHONPATH": os.pathsep.join([support.PYTHON, support.STAND_IN])})
        return json.loads(run.stdout), run.stderr, path

    def test_a_script_can_tell_that_it_is_only_looked_at(self):
        answer, printed, path = self.inspect(
            "import os, sys\nfrom locust import User\nclass Any(User): pass\n"
            "print(os.environ.get('CICADA_INSPECT'), file=sys.stderr)\n")
        self.assertEqual(printed, "1\n")
        plan = Plan(json.dumps({"classes": ["Any"], "options": {"spawn_rate": 2},
                                **json.loads("{" + answer["worker"] + "}")}))
        self.assertEqual(plan.options.locustfile, path)
        self.assertEqual(repr(plan.options.spawn_rate), "2.0")

    def test_classes_of_weight_0_have_no_share(self):
        answer, _printed, _path = self.inspect(
            "from locust import User, task\n"
            "class A(User):\n    fixed_count = 1\n    @task\n    def work(self): pass\n"
            "class None_(A):\n    weight = fixed_count = 0\n", show="ratio")
        self.assertEqual(answer["text"].split()[-4:], ["100.0", "A", "100.0", "work"])
        self.assertNotIn("None_", answer["text"])


if __name__ == "__main__":
    unittest.main()
