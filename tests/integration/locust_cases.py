"""The behaviour of Locust that scripts rely on, as a table: one case a run of a script.

The expected values stand here once, and hold for real Locust and for cicada. Where they do not, a
Differs says why: Debian's Locust is 2.12.1, and some things cicada does otherwise by choice.
"""

import collections

from locust_runner import Anything, Differs, Like, Within

OLDER = "Debian's Locust is older than 2.15"
CHOICE = "a choice of ours, see docs/locust.md"

Case = collections.namedtuple("Case", "name script words host reference expected after")
cases = []
NO_ROWS = {}


def case(name, script, *words, users=1, rate=100, host="server", run_time="15s", reference=True,
         status=0, rows=None, errors=None, exceptions=None, facts=None, stderr=(), not_stderr=(),
         after=None):
    """`words` choose classes and options. Where `rows` are given, no other row may be there, and
    without `errors` none; `reference=False` is for what Debian's Locust does not have. `after` is
    called with the server and the outcome."""
    limits = ("-t", run_time) if run_time else ()
    cases.append(Case(
        name, script, ("-u", str(users), "-r", str(rate), *limits, *words), host, reference,
        {"exit": status, "rows": rows, "errors": errors if errors or rows is None else [],
         "exceptions": exceptions or [], "facts": facts or {}, "stderr": stderr,
         "not_stderr": not_stderr}, after))


def good(length, count=1):
    return count, 0, length


def bad(length, count=1):
    return count, count, length


def get(name):
    return "GET", name


# --- successes and failures ---

REFUSED = Differs(
    locust=Like(r"^ConnectionError\(MaxRetryError.*Connection refused"),
    cicada=Like(r"(?i)connection ?refused"), why="newer Locust unwraps these too; ours has no "
    "object's address in it, so one row tells of all")

case("catch response rules", "results.py", "CatchResponse", status=1, rows={
    get("nothing said, 200"): good(5), get("nothing said, 500"): bad(9),
    get("failure then success"): good(5), get("success then failure"): bad(5),
    get("failure by text"): bad(5), get("failure by exception"): bad(5),
    get("500 called a success"): good(9), get("return inside"): good(5),
    get("exception after success"): good(5), get("exception after failure"): bad(5),
    get("ResponseError inside"): bad(5),
}, errors=[
    ("GET", "nothing said, 500", Differs(
        locust=Like(r"HTTPError\('500 Server Error: Internal Server Error for url: http:"),
        cicada=Like(r"HTTPError\('500 Server Error: .* for url: nothing said, 500'\)"),
        why=OLDER), 1),
    ("GET", "success then failure", "CatchResponseError('second')", 1),
    ("GET", "failure by text", "CatchResponseError('as text')", 1),
    ("GET", "failure by exception", "ValueError('as exception')", 1),
    ("GET", "exception after failure", "CatchResponseError('said before')", 1),
    ("GET", "ResponseError inside", "ResponseError('wrong answer')", 1),
], facts={
    "exception, nothing said": ["builtins.KeyError", "'lost'"],
    "exception after success": ["builtins.KeyError", "'kept'"],
    "exception after failure": ["builtins.KeyError", "'kept'"],
    "ResponseError inside": None,
})

case("success and failure outside of with are an error", "results.py", "OutsideWith",
     rows={get("plain"): good(5)}, facts={
         "plain success": True, "caught success": True, "caught failure": True,
         "plain failure": Differs(locust=False, cicada=True, why=OLDER),
         "hierarchy": [True, True]})

case("requests without catch_response", "results.py", "Plain", status=1, rows={
    get("ok"): good(5), get("broken"): bad(9), get("/nowhere"): bad(12),
}, errors=[
    ("GET", "broken", "HTTPError('500 Server Error: Internal Server Error for url: broken')", 1),
    ("GET", "/nowhere", Like(r"HTTPError\('404 Client Error: Not Found for url: http.*nowhere'"),
     1),
], facts={
    "seen": [[200, True, "OK", "hello"], [500, False, "Internal Server Error", "asked for"],
             [404, False, "Not Found", "no such path"]],
    "raise_for_status": "requests.HTTPError", "types": [True, True]})

case("a refused connection", "results.py", "Refused", host="refused", status=1, rows={
    get("plain"): bad(0), get("caught"): bad(0), get("said"): bad(0), get("streamed"): bad(0),
}, errors=[
    ("GET", "plain", "ConnectionRefusedError(111, 'Connection refused')", 1),
    ("GET", "caught", REFUSED, 1), ("GET", "streamed", REFUSED, 1),
    ("GET", "said", "CatchResponseError('Unexpected status code: 0')", 1),
], facts={
    "seen": [0, {}, None, ""], "caught status": 0,
    "raise_for_status": "requests.ConnectionError",
    "ok": Differs(locust="requests.ConnectionError", cicada=False, why=CHOICE)})

case("context and what listeners hear", "results.py", "Context", status=1, rows={
    get("/body"): good(5), get("broken"): bad(9), get("renamed"): good(5),
}, errors=[("GET", "broken", "HTTPError('500 Server Error: Internal Server Error for url: "
            "broken')", 1)],
    facts={"heard": [
        ["GET", "/body", True, 5, 200, {"user": "ann", "both": "call", "call": 1}, None, True,
         "body"],
        ["GET", "broken", True, 9, 500, {"user": "ann", "both": "user"}, "requests.HTTPError",
         True, "status?code=500"],
        ["GET", "renamed", True, 5, 200, {"user": "ann", "both": "user", "late": True}, None,
         True, "body"]]})

case("timeouts of head and body", "results.py", "Timeouts", status=1, rows={
    get("late head"): bad(0), get("late head, caught"): bad(0), get("silent body"): bad(0),
    get("slow body"): good(0),
}, errors=[
    ("GET", "late head", Like(r"^ReadTimeout\(.*[Tt]imed out.*0\.2"), 1),
    ("GET", "late head, caught", Like(r"^ReadTimeout\(.*[Tt]imed out.*0\.2"), 1),
    ("GET", "silent body", "CatchResponseError('fell silent')", 1),
], facts={
    "late head": [0, "requests.ReadTimeout"], "silent body status": 200,
    "silent body": ["requests.ConnectionError", Like(r"Read timed out\.")], "slow body": None})

# --- streams ---


def stream_facts(*names):
    return {get(name): good(0) for name in names}


case("a stream's row has the time of its head", "streams.py", "HeadOnly",
     rows={get("stream"): good(0), get("whole"): good(178)}, facts={
         "elapsed": Within(0.08, 0.28), "body": Within(0.25, 0.9), "lines": 16,
         "rows inside": 0, "rows after": 1, "means": [Within(90, 290), Within(45, 400)]})


def check_delays(_, outcome):
    chunked, close = outcome.facts["chunked delays"], outcome.facts["close delays"]
    assert len(chunked) == len(close) == 5, (chunked, close)
    assert chunked[2] < 30, f"delays of a chunked stream: {chunked}"
    if outcome.kind == "cicada":
        assert close[2] < 30, f"delays of a stream without chunks: {close}"
    else:
        assert close[2] > 50, f"Locust waits for 512 bytes: {close}"


case("lines come when their bytes come", "streams.py", "Delays",
     rows=stream_facts("chunked", "close"), after=check_delays)

TYPE_WITHOUT_CHARSET = Differs(locust="ISO-8859-1", cicada=Like("(?i)^utf-?8$"), why=CHOICE)
BLANK = ["data: one", "", "data: two", ""]

case("where lines end and how they decode", "streams.py", "Lines", rows={
    **stream_facts("blank", "bytes", "one at a time", "crlf cut", "line cut", "unfinished",
                   "other ends", "other ends as bytes", "utf-8 said", "utf-8 unsaid"),
    get("delimiter"): good(6),
}, facts={
    "blank": BLANK, "bytes": BLANK, "one at a time": BLANK, "line cut": ["data: one", ""],
    "blank encoding": TYPE_WITHOUT_CHARSET, "unfinished": BLANK[:2] + ["data: tw"],
    "crlf cut": Differs(locust=BLANK, cicada=["data: one", "data: two", ""], why=CHOICE),
    "other ends": ["a", "b", "c", "d", "e", "f", "g"],
    "other ends as bytes": ["a\x0bb\x0cc\x1cd\xc2\x85e\xe2\x80\xa8f", "g"],
    "utf-8 said": ["data: Ångström", ""],
    "utf-8 unsaid": Differs(
        locust=["data: \xc3", "ngstr\xc3\xb6m", ""], cicada=["data: Ångström", ""], why=CHOICE),
    "delimiter": ["a", "b", "", "c"]})

case("other ways to read a body", "streams.py", "Content", rows={
    **stream_facts("iter_content", "content"),
    get("json"): good(5), get("no json"): good(2), get("not streamed"): good(22),
}, facts={
    "iter_content": ["data: one\n\ndata: two\n\n", True],
    "content": ["data: one\n\ndata: two\n\n", True], "json": [1, 2], "no json": True,
    "not streamed": BLANK})


def check_left(server, outcome):
    ended = {each.target.rpartition("=")[2]: each for each in server.wait_for_ends(2, "/sse")}
    assert ended["chunked"].left and ended["chunked"].lasted_s < 0.5, vars(ended["chunked"])
    if outcome.kind == "cicada":
        assert ended["close"].left and ended["close"].lasted_s < 0.5, vars(ended["close"])
    else:
        assert ended["close"].lasted_s > 0.5, "Locust holds what was left until it is collected"


case("leaving the block ends the stream", "streams.py", "Leaves", rows={
    **stream_facts("chunked", "close"), get("body"): good(10, 2),
}, facts={"chunked went on": "hello", "close went on": "hello"}, after=check_left)

case("the server ends or cuts a stream", "streams.py", "EndsEarly", status=1, rows={
    **stream_facts("complete", "close", "cut"), get("cut, not streamed"): bad(0),
}, errors=[("GET", "cut, not streamed", Like("^ChunkedEncodingError"), 1)],
    facts={"complete": 2, "close": 2, "cut": 2, "cut raised": "requests.ChunkedEncodingError"})

NEVER_AN_EVENT = Differs(locust=0, cicada=1, why="a run whose streams never sent an event is "
                         "no success")
HELD_ORDER = ["init", "test_start", "spawning_complete", "on_start", "open", "test_stopping",
              "greenlet.GreenletExit", "finally", "on_stop", "test_stop", "quitting"]

case("a stream still open at the end has no row", "streams.py", "Held", run_time="2s",
     status=NEVER_AN_EVENT, rows=NO_ROWS, facts={"order": HELD_ORDER})

case("a stop timeout is waited for", "streams.py", "Held", "-s", "1", run_time="2s",
     status=NEVER_AN_EVENT, rows=NO_ROWS, facts={"order": HELD_ORDER},
     stderr=[r"Not all users finished their tasks & terminated in 1 seconds\. Stopping them\.\.\."])

case("a request still unanswered at the end has no row", "streams.py", "HeldHead", run_time="2s",
     rows=NO_ROWS, facts={"order": [each for each in HELD_ORDER
                                    if each not in ("greenlet.GreenletExit", "finally")]})

# --- tasks ---

case("weights are copies in the list of tasks", "tasks.py", "Weights", facts={
    "tasks": ["inherited", "own", "own", "weighted", "weighted", "weighted"], "lists": [3, 3]})

case("sequential tasks keep their order and begin anew", "tasks.py", "InOrder", facts={
    "steps": ["first", "second", "second", "inner", "last"] * 2 + ["first", "second"],
    "hooks": ["start", "stop"]})

case("nested task sets", "tasks.py", "Nested", facts={
    "steps": ["turn"] * 12,
    "hooks": ["outer start Nested", *["inner start Outer True", "inner stop"] * 6, "outer stop"]})

case("waits between tasks", "tasks.py", "Waits", facts={
    "constant": [Within(0.148, 0.3), Within(0.149, 0.4)],
    "between": [Within(0.05, 0.15), Within(0.05, 0.2)],
    "pacing": [Within(0.08, 0.2), Within(0.12, 0.35)],
    "pacing, late": [Within(0.09, 0.2), Within(0.12, 0.35)],
    "throughput": [Within(0.08, 0.2), Within(0.12, 0.35)],
    "own": [Within(0.079, 0.15), Within(0.08, 0.2)],
    "draws": [True, True, True], "first pacing": 3})

case("rescheduling with and without a wait", "tasks.py", "Reschedules", facts={
    "after immediately": Within(0, 0.1), "after reschedule": Within(0.19, 0.4),
    "after wait()": Within(0.19, 0.4)})

case("StopUser ends the user", "tasks.py", "Stops", facts={"order": ["task", "on_stop"]})

case("exceptions in tasks are counted", "tasks.py", "Raises", status=1, facts={
    "heard": [["Steps", "first", True], ["Steps", "'second'", True]] * 2, "steps": ["again"]},
    exceptions=[("'second'", 2), ("first", 2)],
    stderr=[r"ERROR/locust.user.task: first\n.*Traceback .*ValueError: first"])

case("a user without tasks", "tasks.py", "NoTasks", status=1,
     exceptions=[(Like(r"^No tasks defined on NoTasks"), Within(3, 8))])

case("an interrupt in on_start of a task set", "tasks.py", "OnStartStops",
     facts={"refused": [1, 2, 3]})

for tag_words, left, inside in (
        (("-T", "a"), ["both", "only_a"], None),
        (("-T", "a", "d"), ["Inside", "both", "only_a"], ["deep"]),
        (("-E", "a"), ["Inside", "untagged"], ["deep", "shallow"]),
        (("-T", "a", "-E", "b"), ["only_a"], None),
        (("-E", "d"), ["Inside", "both", "only_a", "untagged"], ["shallow"])):
    case(f"tags {' '.join(tag_words)}", "tasks.py", *tag_words, "--", "Tagged",
         facts={"left": left, "inside": inside})

# --- how many users ---


def check_started(*expected):
    def check_them(_, outcome):
        started = sorted(outcome.facts["started"])
        assert started == sorted(expected), started
        assert sorted(outcome.facts["stopped"]) == sorted(expected), outcome.facts["stopped"]
    return check_them


case("weights of users", "spawning.py", "Heavy", "Light", users=8, run_time="1s",
     facts={"complete": [8]}, after=check_started(*["Heavy"] * 6, *["Light"] * 2))
case("a fixed count comes first", "spawning.py", "Heavy", "Fixed", users=4, run_time="1s",
     facts={"complete": [4], "started": ["Fixed", "Fixed", "Heavy", "Heavy"]},
     after=check_started("Fixed", "Fixed", "Heavy", "Heavy"))
case("all classes of a file but those without weight", "spawning.py", users=5, run_time="1s",
     facts={"complete": [5]}, after=check_started("Fixed", "Fixed", "Heavy", "Heavy", "Light"))
case("one class by name", "spawning.py", "Light", users=2, run_time="1s",
     facts={"complete": [2]}, after=check_started("Light", "Light"))
case("users start at the rate that was asked for", "spawning.py", "Light", users=3, rate=2,
     run_time="2s", facts={"complete": [3]}, after=check_started(*["Light"] * 3),
     stderr=[r"Ramping to 3 users at a rate of 2.00 per second",
             r"All users spawned: \{\"Light\": 3\} \(3 total users\)"])
case("a class that is not there", "spawning.py", "Missing",
     status=Differs(locust=1, cicada=2, why="bad usage is exit 2"),
     stderr=[r"Missing"])


def check_shape(_, outcome):
    users, most, now = outcome.facts["users"], 0, 0
    for change in users:
        now += 1 if change == "+" else -1
        most = max(most, now)
    assert (most, now) == (4, 0), users


cases.append(Case("a load shape", "shapes.py", (), "server", True, {
    "exit": 0, "rows": NO_ROWS, "errors": [], "exceptions": [], "stderr": (), "not_stderr": (),
    "facts": {"users": Anything(), "last": [1, Within(3.6, 6)], "calls": Within(4, 12)},
}, check_shape))

# --- hooks, arguments, own rows, ends ---

case("own arguments with their defaults", "hooks.py", "Arguments", facts={
    "init": [True, None, True, False], "arguments": ["none", 1, False], "quit": 0,
    "options": [1, 100, True, Like("^http://127"), Like("^http://127")], "host": [True, True]})
case("own arguments on the command line", "hooks.py", "--tenant", "acme", "--depth", "3",
     "--verbose-rows", "Arguments", facts={"arguments": ["acme", 3, True]})

case("rows by hand", "hooks.py", "Rows", status=1, rows=Differs(
    locust={("SSE", "with context"): good(10), ("SSE", "no time"): good(10),
            ("SSE", "failed"): bad(10), ("SSE", "text failed"): bad(10),
            ("SSE", "many"): good(1344, 6)},
    cicada={("SSE", "with context"): good(10), ("SSE", "no time"): good(10),
            ("SSE", "failed"): bad(10), ("SSE", "text failed"): bad(10),
            ("SSE", "many"): good(1344, 6),
            ("SSE", "no context"): good(10), ("SSE", "no exception"): good(10)},
    why=OLDER),
    errors=[("SSE", "failed", "ValueError('wrong')", 1),
            ("SSE", "text failed", Anything(), 1)],
    facts={"many": [6, 1, 1234.5, 3, 224.15, 1200, 224], "no time": [1, 1, 0], "fail_ratio": 1})

case("a listener that raises", "hooks.py", "Listeners", status=2, rows={("X", "row"): good(0)},
     facts={"heard": ["row"], "quit": 2},
     stderr=[r"Uncaught exception in event handler", r"RuntimeError: a listener broke"])
case("a listener that stops the user", "hooks.py", "ListenerStops", rows={("X", "row"): good(0)},
     facts={"order": ["on_stop"]})
case("own event hooks", "hooks.py", "OwnEvents",
     facts={"heard": ["one", "two 1", "two 2", "one", "one"], "decorated": "two"})
case("measured blocks", "hooks.py", "Measure", reference=False, status=1,
     rows={("X", "good"): good(7), ("X", "bad"): bad(0)},
     errors=[("X", "bad", "ValueError('inside')", 1)],
     facts={"least": Within(49, 200)})
case("the script's exit code", "hooks.py", "ExitCode", status=7, rows={("X", "row"): bad(0)},
     errors=[("X", "row", "ValueError('no matter')", 1)], facts={"quit": 7})
case("failures give exit code 1", "hooks.py", "FailsOnce", status=1, rows={("X", "row"): bad(0)},
     errors=[("X", "row", "ValueError('wrong')", 1)], facts={"quit": 1})
case("another exit code for failures", "hooks.py", "--exit-code-on-error", "5", "FailsOnce",
     status=5, rows={("X", "row"): bad(0)}, errors=[("X", "row", "ValueError('wrong')", 1)],
     facts={"quit": 5})
case("quit in a task", "hooks.py", "QuitsInTask", facts={"order": ["quit", "on_stop"], "quit": 0})
case("an exception in a greenlet of the script", "hooks.py", "Background", facts={"quit": 0},
     stderr=[r"ZeroDivisionError: division by zero"])
case("the script's log and prints", "hooks.py", "Logs",
     stderr=[r"\[[-0-9]+ [:0-9]+,\d{3}\] \S+/INFO/root: told by info\n",
             r"/WARNING/mine: told by warning\n"], not_stderr=[r"told by debug"])
case("a quieter log", "hooks.py", "-L", "WARNING", "Logs",
     stderr=[r"/WARNING/mine: told by warning\n"], not_stderr=[r"told by info"])
case("the runner as scripts see it", "hooks.py", "Runner", facts={
    "runner": [1, "running", 1, True, True, {"Runner": 1}], "before": 1, "after": 0,
    "entries": [["row", "X"]]})
case("messages within one process", "hooks.py", "Messages",
     facts={"got": [["probe", {"n": 1}, True]]})

# --- requests on the wire, sessions, answers ---

CODINGS = Like(r"^Accept-Encoding: gzip, deflate(, br)?$")
KEEP = ["Accept: */*", "Connection: keep-alive"]
COOKIE = "Cookie: seen=1"


def check_wire(_, outcome):
    """Fields of requests with a body, in any order: Content-Length comes last in ours."""
    for name, extra in (
            ("json", ["Content-Length: 8", "Content-Type: application/json"]),
            ("form", ["Content-Length: 14", "Content-Type: application/x-www-form-urlencoded"]),
            ("bytes", ["Content-Length: 2"]), ("delete", ["Content-Length: 0"])):
        fields = sorted(outcome.facts[name][2])
        fields.remove(next(each for each in fields if each.startswith("Accept-Encoding")))
        assert fields == sorted([*KEEP, COOKIE, *extra]), (name, fields)


case("requests on the wire", "surface.py", "Wire", facts={
    "first fields": ["Host", "User-Agent", "Accept-Encoding", "Accept", "Connection"],
    "get": ["GET", "/echo", [CODINGS, *KEEP], ""],
    "headers": ["GET", "/echo", [CODINGS, "Accept: text/event-stream", "Connection: keep-alive",
                                 "X-One: 1", COOKIE], ""],
    "params": ["GET", "/echo?a=1&b=x+y&c=1&c=2", [CODINGS, *KEEP, COOKIE], ""],
    "text": ["PUT", "/echo", [CODINGS, *KEEP, "Content-Type: text/plain", COOKIE,
                              "Content-Length: 10"], "plain text"],
    "json": ["POST", "/echo", Anything(), '{"n": 1}'],
    "form": ["POST", "/echo", Anything(), "a=x+y&b=%C3%BC"],
    "bytes": ["PATCH", "/echo", Anything(), "\x00\xff"],
    "delete": ["DELETE", "/echo", Anything(), ""],
    "unicode path": ["GET", "/echo/%C3%BC?q=%C3%A9", [CODINGS, *KEEP, COOKIE], ""],
    "agent": "mine", "methods": [200] * 6}, after=check_wire)

case("the session's attributes", "surface.py", "Session", status=1, facts={
    "headers": ["yes", "application/json"], "removed": None, "auth": 200, "no auth": 401,
    "auth=": "welcome", "params": "/echo?tenant=acme", "kept": ["a=1"], "set": ["a=1", "b=2"],
    "cookies=": ["a=1", "b=2", "c=3"], "jar": [["a", "1"], ["b", "2"]], "of response": "4",
    "cleared": [], "session": [True, True, False, True]},
    errors=[("GET", "basic", "HTTPError('401 Client Error: Unauthorized for url: basic')", 1)])

case("redirects", "surface.py", "Redirects", status=1, rows={
    get("/redirect?hops=2"): good(5), get("not followed"): good(5), get("endless"): bad(0),
    ("POST", "307"): (1, 0, Anything()), ("POST", "302"): (1, 0, Anything()),
}, errors=[("GET", "endless", "TooManyRedirects('Exceeded 30 redirects.')", 1)], facts={
    "followed": [200, "hello", "/body", [302, 302]], "cookies": ["hop1", "hop2"],
    "not followed": [302, "/body", True], "307": ["POST", "again"], "302": ["GET", ""],
    "endless": [0]})

case("a response's attributes and names of rows", "surface.py", "Answers", rows={
    get("echo"): (1, 0, Anything()), get("/body"): good(5), get("/body?text=a"): good(1),
    get("/body?text=b"): good(1), get("grouped"): good(2, 2), get("by attribute"): good(1),
    get("phrase"): good(2),
}, facts={
    "phrase": "Very Fine",
    "headers": ["Yes", "Yes", True, "-"], "attributes": [200, True, "OK", True, "utf-8", [], True],
    "request": ["GET", "/echo?q=1", "*/*"], "types": [True, "bytes", "str", True],
    "absolute": "hello", "names": ["a", "b"]})

case("a login and its stream share a connection", "surface.py", "KeepAlive", users=2, rows={
    ("POST", "login"): (2, 0, Anything()), get("stream"): good(0, 2),
}, facts={"same connection": [True, True], "own connection": True})

case("requests that cannot be sent", "surface.py", "Wrong", status=1, rows={
    get("bad header"): bad(0), get("good"): good(5),
}, errors=[("GET", "bad header", Like(r"^InvalidHeader\("), 1)], facts={
    "no host": "requests.InvalidURL", "bad port": "requests.InvalidURL", "bad header": None,
    "no scheme": "requests.InvalidURL", "good after": 200})

case("uploads", "surface.py", "Uploads", facts={
    "files": ["multipart/form-data", True, True, True], "file body": True, "large": 200})

case("FastHttpUser", "fast.py", "Fast", status=1, rows={
    get("/body?text=a"): good(1), get("basic"): good(7), get("broken"): bad(9),
    get("cookies"): (2, 0, Anything()), get("echo"): (1, 0, Anything()), get("failed"): bad(5),
    get("forgiven"): good(9), get("not followed"): good(5), get("redirect"): good(5),
    get("stream"): good(0), ("POST", "json"): (1, 0, Anything()),
    ("PUT", "text"): (1, 0, Anything()),
}, errors=[("GET", "broken", Like(r"^BadStatusCode\(.*code=500\)"), 1),
           ("GET", "failed", "CatchResponseError('said')", 1)],
    facts={"auth": 200, "cookies": ["a=1", "hop1=1", "seen=1"],
           "echo": [200, "Yes", "GET", "1", True], "json": ['{"n":1}', "application/json"],
           "redirect": "hello", "text": "plain",
           "stream": Differs(locust="", cicada="data: one\n\ndata: two\n\n", why=OLDER)})

case("FastHttpUser and a refused connection", "fast.py", "FastRefused", host="refused", status=1,
     rows={get("plain"): bad(0), get("caught"): bad(0)},
     errors=[("GET", "plain", "ConnectionRefusedError(111, 'Connection refused')", 1),
             ("GET", "caught", "CatchResponseError('Unexpected status code: 0')", 1)],
     facts={"seen": [0, None]})

case("rest()", "fast.py", "Rest", reference=False, status=1, rows={
    get("good"): good(7), get("no json"): bad(7), get("failed"): bad(7)},
    errors=[("GET", "no json", Like("JSON"), 1), ("GET", "failed", Like("wrong a"), 1)],
    facts={"js": {"a": 1}, "no js": None})

case("gevent, requests, threads and time.sleep in tasks", "ecosystem.py", users=4, rows={
    get("slow"): good(4), get("stream"): good(0, 3),
}, facts={
    "results": ["late", "late"], "together": Within(0.45, 0.95), "event": True,
    "queue": "from a thread", "pool": [0, 1, 4, 9, 16, 25, 36, 49], "late": [Within(0, 60)] * 3})
