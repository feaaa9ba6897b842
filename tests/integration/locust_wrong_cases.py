"""Scripts that misbehave: what comes of each, by real Locust and by cicada. Part of the table.

cicada refuses what cannot run with exit status 2 before anything starts; Locust says 1 there.
"""

from locust_cases import case
from locust_runner import Anything, Differs, Within

REFUSED = Differs(locust=1, cicada=2, why="nothing was measured: bad usage or script")
NOT_STARTED = {"status": REFUSED, "host": None, "not_stderr": ["All users spawned"]}


def both(locust, cicada):
    """Patterns of standard error, one a side."""
    return [Differs(locust=locust, cicada=cicada, why="cicada says it in a sentence")]


case("no user class", "value = 1\n", stderr=both("No User class found!", r"no user class"),
     **NOT_STARTED)

case("only an abstract class", """
from locust import HttpUser

class Base(HttpUser):
    abstract = True
""", stderr=both("No User class found!", r"no user class to run: Base is abstract"), **NOT_STARTED)

case("a syntax error", """
from locust import User

class Broken(User)
    pass
""", stderr=[r"script\.py\", line 4\n +class Broken\(User\)\n.*SyntaxError: expected ':'"],
     **NOT_STARTED)

case("a missing import", "import not_there_at_all\n",
     stderr=[r"ModuleNotFoundError: No module named 'not_there_at_all'"], **NOT_STARTED)

case("a name that locust does not have", "from locust import NoSuchUser\n",
     stderr=[r"NoSuchUser.*locust"], **NOT_STARTED)

case("a name of locust's modules that is not there", """
import locust.runners
runner = locust.runners.NoSuchRunner
""", stderr=[r"locust\.runners.*NoSuchRunner"], **NOT_STARTED)

case("sys.exit at load", "import sys\nsys.exit(3)\n", host=None,
     status=Differs(locust=3, cicada=2, why="nothing was measured"),
     stderr=[Differs(locust="", cicada=r"sys\.exit", why="Locust says nothing")])

case("an exception at load", "value = 1 / 0\n",
     stderr=[r"script\.py\", line 1.*ZeroDivisionError: division by zero"], **NOT_STARTED)

case("a file that is not there", "nowhere/locustfile_of_mine.py", host=None, status=REFUSED,
     stderr=[r"locustfile_of_mine"])

case("an option that is not there", "spawning.py", "--no-such-option", host=None, status=2,
     stderr=[r"no-such-option"])

case("wait_time that returns text", """
import gevent
import probe
from locust import User, events, task

class Wrong(User):
    def wait_time(self):
        return "soon"

    @task
    def steps(self):
        probe.note("steps", 1)

@events.test_start.add_listener
def later(environment, **_):
    gevent.spawn_later(0.5, environment.runner.quit)
""", users=2, status=1, exceptions=[(Anything(), Within(2, 4))], facts={"steps": [1, 1]},
     stderr=[r"TypeError"])

ON_START = """
import gevent
import probe
from locust import User, task, events

class Refuses(User):
    def on_start(self):
        raise ValueError("not today")

    def on_stop(self):
        probe.note("order", "on_stop")

    @task
    def steps(self):
        probe.note("order", "task")

class Works(User):
    @task
    def steps(self):
        probe.note("works", 1)
        gevent.sleep(0.3)
        probe.end(self)
"""
ON_START_COUNTED = Differs(locust=0, cicada=1, why="newer Locust tells user_error of it")

case("an exception in on_start", ON_START, users=2, status=ON_START_COUNTED,
     exceptions=Differs(locust=[], cicada=[("not today", 1)], why="as above"),
     facts={"works": [1]}, stderr=[r"ValueError: not today"])

case("all users end in on_start", ON_START, "--", "Refuses", users=2, run_time="1s",
     status=ON_START_COUNTED, stderr=[r"ValueError: not today"],
     exceptions=Differs(locust=[], cicada=[("not today", 2)], why="as above"))

case("an exception in a user's constructor", """
from locust import User, task

class Wrong(User):
    def __init__(self, environment):
        super().__init__(environment)
        raise ValueError("cannot be made")

    @task
    def steps(self):
        pass
""", status=2, run_time="1s", stderr=[r"ValueError: cannot be made"])

case("no host", """
from locust import HttpUser, task

class Lost(HttpUser):
    @task
    def steps(self):
        self.client.get("/")
""", host=None, status=2, run_time="1s", stderr=[r"host"])

case("an exception in test_start", """
import gevent
import probe
from locust import User, events, task

@events.test_start.add_listener
def broken(**_):
    raise ValueError("in test_start")

class Works(User):
    @task
    def steps(self):
        probe.note("works", 1)
        probe.end(self)
""", status=2, facts={"works": [1]}, stderr=[r"ValueError: in test_start"])

case("sys.exit in a task", """
import sys
import gevent
from locust import User, task

class Leaves(User):
    @task
    def steps(self):
        gevent.sleep(0.2)
        sys.exit(3)
""", users=2, status=3)

case("an exception in on_stop", """
import probe
from locust import User, task

class Wrong(User):
    def on_stop(self):
        raise ValueError("in on_stop")

    @task
    def steps(self):
        probe.end(self)
""", status=Anything(), stderr=[r"ValueError: in on_stop"])

case("streams that are never closed", """
import gevent
import probe
from locust import HttpUser, task

class Leaks(HttpUser):
    kept = []

    @task
    def steps(self):
        for _ in range(40):
            self.kept.append(self.client.get("/flood", stream=True, name="leaked"))
        gevent.sleep(0.5)
        probe.fact("works", self.client.get("/body", name="body").text)
        probe.end(self)
""", rows={("GET", "leaked"): (40, 0, 0), ("GET", "body"): (1, 0, 5)}, facts={"works": "hello"},
     after=lambda server, outcome: server.wait_for_ends(40, "/flood"))

case("responses that nobody keeps", """
import gevent
import probe
from locust import HttpUser, task

class Drops(HttpUser):
    @task
    def steps(self):
        for _ in range(40):
            self.client.get("/sse?count=1&then=hold", stream=True, name="dropped")
        gevent.sleep(0.2)
        probe.fact("works", self.client.get("/body", name="body").text)
        probe.end(self)
""", rows={("GET", "dropped"): (40, 0, 0), ("GET", "body"): (1, 0, 5)}, facts={"works": "hello"},
     after=lambda server, outcome: server.wait_for_ends(40, "/sse"))

case("printed bytes and odd names of rows", """
import sys
import probe
from locust import User, events, task

class Odd(User):
    @task
    def steps(self):
        sys.stdout.buffer.write(b"\\xff\\xfe\\n")
        for name in ("", "a,b\\"c", "line\\nbreak", "ü" * 300):
            events.request.fire(request_type="X", name=name, response_time=1, response_length=0,
                                exception=None, context={})
        probe.end(self)
""", rows={("X", ""): (1, 0, 0), ("X", 'a,b"c'): (1, 0, 0), ("X", "line\nbreak"): (1, 0, 0),
           ("X", "ü" * 300): (1, 0, 0)})

case("rows without number or sense", """
import probe
from locust import User, events, task

def fire(name, **options):
    options = {"request_type": "X", "name": name, "response_time": 1, "response_length": 0,
               "exception": None, "context": {}, **options}
    probe.fact(name, probe.raised(lambda: events.request.fire(**options)))

class Odd(User):
    @task
    def steps(self):
        fire("good")
        fire("negative", response_time=-5)
        fire("huge", response_time=1e12)
        fire("float length", response_length=2.5)
        probe.end(self)
""", rows={("X", "good"): (1, 0, 0), ("X", "negative"): (1, 0, 0), ("X", "huge"): (1, 0, 0),
           ("X", "float length"): (1, 0, Anything())},
     facts={name: None for name in ("good", "negative", "huge", "float length")})
