#!/usr/bin/env python3
"""Locust files on the command line: bad ones and bad options are one sentence and exit 2, nothing
is started; settings come from the sources in their order; what is asked for only to be shown."""

import json
import os

import harness
from harness import check, contains, same, test

PLAIN = """
from locust import HttpUser, task

class Visitor(HttpUser):
    host = "http://127.0.0.1:9"

    @task
    def visit(self):
        pass
"""
# Prints what the run was told, and ends it.
TELLS = """
import json
import time
from locust import User, events, tag, task

@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--tenant", default="acme", env_var="LOCUST_TENANT")
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--token", default="none")
    parser.add_argument("--deep", action="store_true")

@events.test_start.add_listener
def tell(environment, **_others):
    options = environment.parsed_options
    print(json.dumps({name: getattr(options, name) for name in (
        "num_users", "spawn_rate", "run_time", "stop_timeout", "host", "tags", "exclude_tags",
        "loglevel", "tenant", "count", "token", "deep", "exit_code_on_error")} | {
        "classes": [each.__name__ for each in environment.user_classes]}), flush=True)
    environment.runner.quit()

class Ana(User):
    @tag("quick")
    @task(3)
    def one(self):
        time.sleep(0.1)

    @task
    def two(self):
        time.sleep(0.1)

class Bo(Ana):
    weight = 3
"""


def home(t, **more):
    """An environment without the settings and the virtual environment of whoever runs the test."""
    return {"HOME": t.folder, "VIRTUAL_ENV": "", **more}


# --- scripts that cannot be used: (their text, what the sentence says) ---
BAD_SCRIPTS = {
    "a script without a user class is named": ("import locust\n", "no user class.*HttpUser"),
    "a script with an abstract class alone is named": (
        "from locust import HttpUser\nclass Base(HttpUser):\n    abstract = True\n",
        "Base is abstract"),
    "a script that calls sys exit is named": ("import sys\nsys.exit(3)\n", r"sys\.exit\(3\)"),
    "a weight that is no number is named": (
        PLAIN.replace("host =", "weight = 'heavy'\n    host ="), "weight of Visitor.*'heavy'"),
    "a negative weight is named": (
        PLAIN.replace("host =", "weight = -1\n    host ="), "weight of Visitor.*-1"),
    "a fixed count that is no whole number is named": (
        PLAIN.replace("host =", "fixed_count = 1.5\n    host ="), "fixed_count of Visitor.*1.5"),
    "weights of nothing but zero are named": (
        PLAIN.replace("host =", "weight = 0\n    host ="), "weight 0"),
}
# --- Python's own words stand before the sentence ---
BROKEN_SCRIPTS = {
    "a syntax error is shown as Python shows it": (
        "def f(:\n    pass\n", r"File .*bad\.py\", line 1.*\^.*SyntaxError"),
    "a missing import is shown as Python shows it": (
        "import no_such_module\n",
        r"line 1, in <module>.*ModuleNotFoundError: No module named 'no_such_module'"),
    "an exception while loading shows the lines of the script": (
        "def f():\n    return 1 / 0\nf()\n", r"line 3, in <module>.*line 2, in f.*ZeroDivision"),
    "bytes that are no text are shown as Python shows them": (
        b"x = '\xff'\n", "SyntaxError.*utf-8"),
}
# --- bad words beside a good script ---
BAD_WORDS = {
    "a missing script is named": (("no.py",), "cannot read 'no.py': No such file"),
    "an option of URLs is named as such": (("good.py", "--events", "3"),
                                           "--events' is for URLs"),
    "a header is for URLs": (("good.py", "--header", "A: b"), "--header' is for URLs"),
    "a feed is for URLs": (("good.py", "--feed", "x.csv"), "--feed' is for URLs"),
    "a login is for URLs": (("good.py", "--login", "http://h/"), "--login' is for URLs"),
    "an option that nobody knows gets a hint": (("good.py", "--usres", "3"),
                                                "--usres'; did you mean '--users'"),
    "a short option that nobody knows is named": (("good.py", "-z"), "option '-z'"),
    "an unknown user class names those there are": (("good.py", "Nobody"),
                                                    "no user class 'Nobody'; it has Visitor"),
    "a host without scheme is named": (("good.py", "-H", "localhost:8080"),
                                       "--host' takes a URL.*http://localhost:8080"),
    "a header at -H is refused": (("good.py", "-H", "Accept: x"), "--host' takes a URL"),
    "a bad duration is named": (("good.py", "-t", "1 fortnight"), "1 fortnight"),
    "zero users are refused": (("good.py", "-u", "0"), "users"),
    "two scripts are one too many": (("good.py", "-f", "other.py"), "two Locust files"),
    "a missing interpreter is named": (("good.py", "--python", "/no/python3"),
                                       "--python'.*/no/python3"),
    "an interpreter that is none is named": (("good.py", "--python", "/bin/false"),
                                             "/bin/false.*status 1"),
    "csv files in a missing folder are refused": (("good.py", "--csv", "no/out"), "no/out"),
    "a full history needs csv files": (("good.py", "--csv-full-history"), "--csv"),
    "a result in a missing folder is refused": (("good.py", "--json", "no/r.json"), "no/r"),
}
BAD_URLS = {
    "tags are for Locust files": (("-T", "quick"), "--tags' is for Locust files"),
    "an interpreter is for Locust files": (("--python", "python3"), "--python' is for Locust"),
    "Locust's csv files are for Locust files": (("--csv", "out"), "--csv' is for Locust files"),
    "a list of user classes is for Locust files": (("--list",), "--list' is for Locust files"),
}
BAD_LOCUST = {
    "a missing default script is named": ((), "locustfile.py"),
    "a missing named script is named": (("-f", "no.py"), "cannot read 'no.py'"),
    "a master is refused with a hint": (("-f", "good.py", "--master"), "--master.*--processes"),
    "a worker is refused with a hint": (("-f", "good.py", "--worker"), "--worker.*--processes"),
    "an unknown option of Locust is named": (("-f", "good.py", "--no-such"), "--no-such"),
    "a missing settings file is named": (("-f", "good.py", "--config", "no.conf"), r"no\.conf"),
    "a shortened option of several meanings names them": (
        ("-f", "good.py", "--ex", "3"), "'--ex' may be .*--exclude-tags.* or --.*: write more"),
    "a shortened option still needs its value": (("-f", "good.py", "--run-t"), "--run-time' needs"),
    "a json file in a missing folder is refused": (("-f", "good.py", "--json-file", "no/out"),
                                                   "no/out"),
}


def refused(t, *words, **env):
    t.write("good.py", PLAIN)
    t.write("other.py", PLAIN)
    return t.refused(*words, env=home(t, **env))


def add_words_test(name, words, pattern):
    harness.tests.append((name, lambda t: contains(refused(t, *words), pattern, "message")))


def add_script_test(name, text, pattern):
    def run(t):
        t.write("bad.py", text)
        contains(refused(t, "run", "bad.py", "-t", "1s"), pattern, "message")
    harness.tests.append((name, run))


def add_broken_test(name, text, pattern):
    def run(t):
        t.write("bad.py", text)
        outcome = t.cicada("run", "bad.py", "-t", "1s", env=home(t))
        same((outcome.status, outcome.stdout), (2, ""), "exit status and standard output")
        contains(outcome.stderr, pattern, "Python's words")
        contains(outcome.stderr.splitlines()[-1], "^cicada: 'bad.py' cannot be loaded: ",
                 "sentence")
        check("importlib" not in outcome.stderr and "inspect.py" not in outcome.stderr,
              f"frames of our own: {outcome.stderr}")
    harness.tests.append((name, run))


for each, (text, pattern) in BAD_SCRIPTS.items():
    add_script_test(each, text, pattern)
for each, (text, pattern) in BROKEN_SCRIPTS.items():
    add_broken_test(each, text, pattern)
for each, (words, pattern) in BAD_WORDS.items():
    add_words_test(each, ("run", *words), pattern)
for each, (words, pattern) in BAD_URLS.items():
    add_words_test(each, ("run", "http://127.0.0.1:9/", "-t", "1s", *words), pattern)
for each, (words, pattern) in BAD_LOCUST.items():
    add_words_test(each, ("locust", *words), pattern)


@test
def an_interpreter_without_gevent_is_named(t):
    os.mkdir(t.path("site"))
    with open(t.path("site/sitecustomize.py"), "w", encoding="utf-8") as file:
        file.write("import sys\nsys.modules['gevent'] = None\n")
    message = refused(t, "run", "good.py", "-t", "1s", PYTHONPATH=t.path("site"))
    contains(message, r"Python 3\.\d+ \(.*\) cannot import gevent.*--python", "message")


@test
def a_virtual_environment_without_python_is_named(t):
    contains(refused(t, "run", "good.py", VIRTUAL_ENV=t.path("gone")),
             "VIRTUAL_ENV.*gone/bin/python3", "message")


@test
def what_a_script_prints_before_it_fails_comes_through(t):
    t.write("bad.py", "print('hello', flush=True)\nimport no_such_module\n")
    outcome = t.cicada("run", "bad.py", "-t", "1s", env=home(t))
    same((outcome.status, outcome.stdout), (2, "hello\n"), "exit status and standard output")


@test
def two_classes_of_one_name_are_refused(t):
    t.write("more.py", PLAIN.replace("pass", "return None"))
    message = refused(t, "locust", "-f", "good.py,more.py", "-t", "1s")
    contains(message, "two user classes called 'Visitor'", "message")


@test
def a_bad_value_of_the_scripts_own_argument_is_named(t):
    t.write("tells.py", TELLS)
    contains(refused(t, "run", "tells.py", "--count", "many"), "--count.*invalid int.*many",
             "message")


@test
def an_unknown_setting_of_locust_conf_is_named(t):
    t.write("locust.conf", "usres = 3\n")
    contains(refused(t, "run", "good.py", "-t", "1s"), r"locust\.conf.*'usres'.*users", "message")


@test
def a_bad_setting_of_locust_conf_is_named(t):
    t.write("locust.conf", "users = many\n")
    contains(refused(t, "run", "good.py", "-t", "1s"), r"locust\.conf: users: .*many", "message")


@test
def a_bad_pyproject_is_named(t):
    t.write("pyproject.toml", "[tool.locust\n")
    contains(refused(t, "run", "good.py", "-t", "1s"), r"pyproject\.toml", "message")


@test
def a_bad_variable_of_locust_is_named(t):
    contains(refused(t, "run", "good.py", "-t", "1s", LOCUST_USERS="many"), "LOCUST_USERS.*many",
             "message")


@test
def an_option_of_urls_in_cicada_conf_is_named(t):
    t.write("cicada.conf", "events = 3\n")
    contains(refused(t, "run", "good.py", "-t", "1s"), "--events' is for URLs", "message")


# --- what the script is told ---

def told(t, *words, command="run", **env):
    """What TELLS printed, from the one process that runs it."""
    t.write("tells.py", TELLS)
    before = ("run", "tells.py") if command == "run" else ("locust", "-f", "tells.py")
    outcome = t.cicada(*before, *words, env=home(t, **env))
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    lines = [line for line in outcome.stdout.splitlines() if line.startswith('{"num_users"')]
    same(len(lines), 1, f"lines of what the script was told ({outcome.stderr})")
    return json.loads(lines[0])


def told_these(t, expected, *words, **options):
    found = told(t, *words, **options)
    same({name: found[name] for name in expected}, expected, "what the script was told")


@test
def defaults_are_those_of_locust(t):
    told_these(t, {"num_users": 1, "spawn_rate": 1, "run_time": None, "stop_timeout": 0,
                   "host": None, "tags": None, "exclude_tags": None, "loglevel": "INFO",
                   "tenant": "acme", "count": 3, "deep": False, "exit_code_on_error": 1,
                   "classes": ["Ana", "Bo"]})


@test
def options_of_the_command_line_reach_the_script(t):
    told_these(t, {"num_users": 4, "spawn_rate": 2.5, "run_time": 90, "stop_timeout": 0.3,
                   "host": "http://127.0.0.1:9", "tags": ["quick", "other"],
                   "exclude_tags": ["slow"], "loglevel": "ERROR", "exit_code_on_error": 3},
               "-u", "4", "-r", "2.5", "-t", "1m30s", "-s", "300ms", "-H", "http://127.0.0.1:9",
               "-T", "quick", "other", "-E", "slow", "-L", "error", "--exit-code-on-error", "3",
               "--headless")


@test
def the_scripts_own_arguments_are_taken_from_anywhere_on_the_line(t):
    told_these(t, {"tenant": "zeta", "count": 5, "deep": True, "classes": ["Bo"], "num_users": 2},
               "--tenant", "zeta", "-u", "2", "--deep", "Bo", "--count=5")


@test
def options_of_locust_may_be_written_shorter(t):
    told_these(t, {"run_time": 3, "num_users": 2, "spawn_rate": 2, "tenant": "beta"}, "--run-tim",
               "3s", "--use=2", "--headle", "--spawn", "2", "--ten", "beta", command="locust")
    text = TELLS.replace("--token", "--user").replace('"token"', '"user"')
    text = text.replace("--deep", "--spawn-deep").replace('"deep"', '"spawn_deep"')
    t.write("own.py", text)
    outcome = t.cicada("locust", "--locustf", "own.py", "--user", "me", "--spawn-d", "-t", "1s",
                       env=home(t))
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    contains(outcome.stdout, '"num_users": 1,.*"user": "me", "spawn_deep": true', "its own options")
    message = refused(t, "locust", "-f", "own.py", "--spawn", "2")
    contains(message, "'--spawn' may be --spawn-rate or --spawn-deep: write more", "message")


@test
def a_value_that_looks_like_a_locust_file_is_none(t):
    t.write("tool.py", "")
    told_these(t, {"token": "tool.py"}, "--token", "tool.py", command="locust")
    told_these(t, {"token": "tool.py"}, "--token", "tool.py")
    for words in (("-f", "tells.py", "--token", "tool.py"), ("--token", "tool.py", "tells.py")):
        outcome = t.cicada("run", *words, "-t", "1s", env=home(t))
        same(outcome.status, 0, f"exit status with {words} ({outcome.stderr})")
        contains(outcome.stdout, '"token": "tool.py"', "what the script was told")


@test
def a_script_may_have_an_argument_that_urls_have_too(t):
    told_these(t, {"token": "abc"}, "--token", "abc")


@test
def sources_win_over_one_another_in_their_order(t):
    t.write(".locust.conf", "users = 2\nspawn-rate = 2\ntenant = home\ncount = 7\n")
    t.write("locust.conf", "users: 3\nrun-time = 2m\nspawn-rate 3\n# host = x\n[section]\n")
    t.write("pyproject.toml", "[tool.locust]\nusers = 4\nhost = 'http://toml'\ntags = ['quick']\n")
    t.write("cicada.conf", "users = 5\nhost = http://cicada\n")
    told_these(t, {"num_users": 5, "spawn_rate": 3, "run_time": 120, "host": "http://cicada",
                   "tags": ["quick"], "tenant": "home", "count": 7})
    told_these(t, {"num_users": 6, "host": "http://cicada", "tenant": "variable"},
               LOCUST_USERS="6", LOCUST_TENANT="variable")
    told_these(t, {"num_users": 7, "tenant": "line", "tags": ["one", "two"]}, "--tenant", "line",
               LOCUST_USERS="6", CICADA_USERS="7", LOCUST_TENANT="variable",
               LOCUST_TAGS="[one, two]")
    told_these(t, {"tags": ["one two"]}, LOCUST_TAGS="one two")
    told_these(t, {"tags": None}, "-T", "-u", "3", LOCUST_TAGS="one")
    told_these(t, {"num_users": 8}, "-u", "8", LOCUST_USERS="6", CICADA_USERS="7")
    told_these(t, {"num_users": 4, "host": "http://toml"}, command="locust")
    t.write("more.conf", "users = 9\nclass-picker\ntags = [nine]\n")
    told_these(t, {"num_users": 9, "tags": ["nine"]}, "--config", "more.conf", command="locust")


@test
def user_classes_may_be_named(t):
    told_these(t, {"classes": ["Ana"]}, "Ana")
    told_these(t, {"classes": ["Bo"]}, LOCUST_USER_CLASSES="Bo")


@test
def modules_beside_the_script_and_in_the_current_folder_can_be_imported(t):
    os.mkdir(t.path("inner"))
    os.mkdir(t.path("locust"))
    t.write("locust/__init__.py", "raise ImportError('not this one')\n")
    t.write("here.py", "NAME = 'here'\n")
    t.write("inner/beside.py", "NAME = 'beside'\n")
    t.write("inner/script.py", "import beside, here\nprint(beside.NAME, here.NAME)\n" + PLAIN)
    outcome = t.cicada("run", "inner/script.py", "--list", env=home(t))
    same((outcome.status, outcome.stderr), (0, ""), "exit status and errors")
    contains(outcome.stdout, "^beside here\nAvailable Users:\n    Visitor\n$", "output")


@test
def an_argument_that_cicada_has_too_gets_a_warning(t):
    t.write("hides.py", PLAIN + """
from locust import events
@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--cert", default="own")
""")
    outcome = t.cicada("run", "hides.py", "-t", "100ms", env=home(t))
    contains(outcome.stderr, "the script's own option '--cert' is hidden by cicada's", "warning")


# --- what is only shown ---

def shown(t, *words, name="tells.py"):
    t.write(name, TELLS)
    outcome = t.cicada(*words, env=home(t))
    same((outcome.status, outcome.stderr), (0, ""), "exit status and errors")
    return outcome.stdout


@test
def user_classes_are_listed(t):
    for words in (("run", "tells.py", "--list"), ("run", "-l", "-f", "tells.py"),
                  ("locust", "-f", "tells", "-l")):
        same(shown(t, *words), "Available Users:\n    Ana\n    Bo\n", f"output of {words}")
    same(shown(t, "locust", "--list", name="locustfile.py"),
         "Available Users:\n    Ana\n    Bo\n", "output for the default file")


@test
def task_ratios_are_shown(t):
    text = shown(t, "run", "tells.py", "--show-task-ratio", "-u", "8")
    contains(text, r"Task ratio per User class\n-{80}\n 25\.0 +Ana +\n +75\.0 +one.*25\.0 +two",
             "per class")
    contains(text, r"Total task ratio\n-{80}\n 25\.0 +Ana +\n +18\.8 +one.* 75\.0 +Bo", "in all")
    table = json.loads(shown(t, "locust", "-f", "tells.py", "--show-task-ratio-json", "-T",
                             "quick"))
    same(table["per_class"]["Ana"], {"ratio": 0.25, "tasks": {"one": {"ratio": 1.0}}}, "one class")


@test
def the_version_of_a_locust_command_line_is_ours(t):
    contains(shown(t, "locust", "-V"), r"^cicada \d+\.\d+\.\d+\n$", "version")


# --- a Locust command line ---

@test
def a_locust_command_line_runs_headless_and_says_so(t):
    t.write("tells.py", TELLS)
    outcome = t.cicada("locust", "-f", "tells.py", "-t", "5s", "-P", "8090", "--web-host", "::1",
                       "--expect-workers", "2", "--html", "out.html", "--json", env=home(t))
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    contains(outcome.stderr, r"\] \S+/WARNING/cicada: there is no web page.*--headless", "log")
    for name in ("web-port", "web-host", "expect-workers", "html"):
        contains(outcome.stderr, f"option '--{name}' has no use", "log")
    contains(outcome.stderr, r"Shutting down \(exit code 0\)", "log")
    same(json.loads(outcome.stdout.splitlines()[-1]), [], "standard output's last line")
    check("Aggregated" not in outcome.stdout, "tables go to standard error")
    contains(outcome.stderr, "Aggregated.*Response time percentiles", "tables")


@test
def a_log_file_takes_the_log(t):
    t.write("tells.py", TELLS)
    outcome = t.cicada("locust", "-f", "tells.py", "--headless", "--logfile", "run.log",
                       "--only-summary", env=home(t))
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    check("INFO" not in outcome.stderr, f"log on standard error: {outcome.stderr}")
    with open(t.path("run.log"), encoding="utf-8") as file:
        contains(file.read(), r"Starting cicada.*Shutting down", "log file")


if __name__ == "__main__":
    harness.main(jobs=4)
