"""FastHttpSession and FastHttpUser: requests, rows, responses, rest().

Each probe also runs with real Locust where Debian's version has what it looks at.
"""

import logging
import sys
import types
import unittest

import client_support
from raw_server import RawServer, answer

PROBES = {}
ONLY_OURS = {"surface", "refused_surface", "rest", "rest_fails", "rest_with_a_changing_url",
             "streams", "lines", "events", "user_settings", "redirects_have_a_limit", "timeouts",
             "unknown_arguments"}
UNUSED_PORT = "http://127.0.0.1:1"


def probe(function):
    PROBES[function.__name__] = function
    return function


def caught(rows):
    return [[row["request_type"], row["name"], row["response_length"],
             repr(row["exception"]) if row["exception"] else None, row["context"], row["url"]]
            for row in rows.fired]


@probe
def rows_of_requests(session, rows):
    session.get("/x")
    session.get("/x", name="named", context={"a": 1})
    session.post("/missing", data="text")
    session.get(session.base_url + "/x?a=b")
    session.get("/redirect")
    session.get("/redirect", allow_redirects=False)
    return caught(rows)


@probe
def sent(session, rows):
    session.post("/x", json={"a": 1})
    session.post("/x", json={"a": 1}, headers={"accept": "a/b", "content-type": "c/d"})
    session.post("/x", data="text")
    session.put("/x", data=b"bytes")
    session.patch("/x", data={"a": "1 2", "b": "é"})
    session.post("/x", data="a", headers={"Content-Type": "own/type"})
    session.get("/x", auth=("user", "pass"))
    session.get("/x?q=a b")
    session.get("/x", headers={"X-Mine": "1"})
    for method in ("delete", "options", "head"):
        getattr(session, method)("/x")


@probe
def forms(session, rows):
    session.post("/x", data={"a": [1, 2], "b": None, "c": "é"})
    session.post("/x", data={"a": ["x", ("y",)]})
    session.post("/x", data={})


@probe
def unknown_arguments(session, rows):
    seen = []
    logging.getLogger("locust.contrib.fasthttp").addFilter(
        lambda record: seen.append(record.getMessage()))
    for _ in range(2):
        session.get("/x", verify=False, cookies={"a": "b"}, proxies={})
    session.post("/x", data="text", verify=True)
    return [seen, caught(rows)[-1]]


@probe
def behind_redirects(session, rows):
    seen = []
    for method, path in (("GET", "redirect"), ("POST", "redirect"), ("GET", "to_missing")):
        response = session.request(method, f"/{path}")
        seen.append([response.url, response.request.url, response.request.method,
                     response.status_code])
    left = session.get("/redirect", allow_redirects=False)
    return [seen, left.url, left.headers["location"], caught(rows)]


@probe
def repeated_headers(session, rows):
    headers = session.get("/set_two").headers
    return [headers.get("set-cookie"), headers["Set-Cookie"], headers.get("x-mine"),
            headers.get_all("set-cookie"), headers.get_all("x-mine"), headers.getheaders("none"),
            headers.get("none", 1), sorted(headers), sorted(headers.items()),
            "SET-COOKIE" in headers, session.get("/set_two").headers == headers]


@probe
def texts(session, rows):
    seen = []
    for path in ("utf", "latin", "json"):
        response = session.get(f"/{path}")
        seen.append([response.text, response.status_code, list(response.content),
                     response.headers["content-type"], response.headers.get("none"),
                     "CONTENT-TYPE" in response.headers, len(response)])
    return seen + [session.get("/json").json()]


@probe
def catching(session, rows):
    from locust.exception import LocustError

    with session.get("/x", catch_response=True) as response:
        response.failure("no")
    with session.get("/missing", catch_response=True) as response:
        response.success()
    with session.get("/missing", catch_response=True):
        pass
    try:
        with session.get("/x", catch_response=True):
            raise KeyError("mine")
    except KeyError:
        pass
    try:
        session.get("/x").success()
    except LocustError:
        pass
    return caught(rows)


@probe
def refused(session, rows):
    session.base_url = UNUSED_PORT
    response = session.get("/x")
    return [caught(rows)[0][:4], response.status_code, response.content, response.text,
            response.headers is None]


@probe
def refused_surface(session, rows):
    session.base_url = UNUSED_PORT
    response = session.get("/x")
    return [response.ok, list(response.iter_lines()), list(response.iter_events()),
            repr(response.error), response.url]


@probe
def cookies_are_kept(session, rows):
    session.get("/set")
    session.get("/x")
    return sorted(cookie.name for cookie in session.cookiejar)


@probe
def surface(session, rows):
    with session.get("/x", catch_response=True) as response:
        seen = [response.ok, response.status, bool(response), response.url.endswith("/x"),
                response.request.method, sorted(set(response.request_meta) | {"response"})]
    return seen + [session.get("/missing").ok, session.get("/set").cookies.get_dict()
                   if hasattr(response, "cookies") else None]


@probe
def redirects_have_a_limit(session, rows):
    session.max_redirects = 3
    session.get("/loop")
    return [caught(rows)[0][3].partition("(")[0]]


@probe
def timeouts(session, rows):
    session.network_timeout = 0.2
    response = session.get("/silent")
    return [caught(rows)[0][3].replace(session.base_url, ""), response.status_code]


@probe
def streams(session, rows):
    response = session.get("/lines", stream=True)
    first = response.stream.readline()
    part = response.stream.read(3)
    rest = response.stream.read()
    blocks = list(session.get("/lines", stream=True).stream)
    return [list(map(list, (first, part, rest))), [list(block) for block in blocks],
            [row["response_length"] for row in rows.fired]]


@probe
def lines(session, rows):
    return [list(session.get("/lines", stream=True).iter_lines()),
            list(session.get("/lines").iter_lines()),
            list(session.iter_lines("/lines")), len(rows.fired)]


@probe
def events(session, rows):
    with session.sse("/events", until=2) as source:
        seen = [[event.event, event.data] for event in source]
    return seen + [row[:4] for row in caught(rows)]


def user_of(session, **attributes):
    """A FastHttpUser that asks the same server."""
    from locust.contrib.fasthttp import FastHttpUser

    kind = type("Somebody", (FastHttpUser,), {"host": session.base_url, **attributes})
    return kind(session.environment)


@probe
def rest(session, rows):
    user = user_of(session)
    with user.rest("POST", "/json", json={"a": 1}) as response:
        seen = [response.js, response.status_code]
    with user.rest("GET", "/empty") as response:
        seen.append(response.js)
    with user.rest("GET", "/json", name="named", headers={"accept": "x/y"}) as response:
        response.failure("no")
    return [seen, [row[:4] for row in caught(rows)]]


@probe
def rest_fails(session, rows):
    user = user_of(session)
    with user.rest("GET", "/utf"):
        pass
    with user.rest("GET", "/json") as response:
        assert response.js["a"] == 2, "not two"
    with user.rest("GET", "/json") as response:
        assert response.js["a"] == 2, "not two,"
    with user.rest("GET", "/json") as response:
        response.js["nothing"]
    with user.rest("GET", "/missing"):
        pass
    user.client.base_url = UNUSED_PORT
    with user.rest("GET", "/json") as response:
        pass
    return [row[3] for row in caught(rows)]


@probe
def rest_with_a_changing_url(session, rows):
    with user_of(session).rest_("GET", "/json?a=b") as response:
        seen = response.js
    return [seen, caught(rows)[0][1]]


@probe
def user_settings(session, rows):
    user = user_of(session, default_headers={"X-Default": "1"}, network_timeout=5.0)
    user.client.get("/x")
    try:
        user_of(session, ssl_context_factory=lambda: None)
        refused = None
    except NotImplementedError as error:
        refused = "ssl_context_factory is not supported" in str(error)
    return [user.client.network_timeout, refused]


def respond(asked):
    path = asked.target.split("/", 2)[-1].partition("?")[0]
    base = "/" + asked.target.split("/")[1]
    if path in ("missing", "closed"):
        return answer("not here", "404 Not Found")
    if path == "redirect":
        return answer("", "302 Found", [f"Location: {base}/to"])
    if path == "to_missing":
        return answer("", "303 See Other", [f"Location: {base}/missing"])
    if path == "loop":
        return answer("", "302 Found", [f"Location: {base}/loop"])
    if path == "set":
        return answer("", headers=["Set-Cookie: a=b; Path=/"])
    if path == "set_two":
        return answer("", headers=["Set-Cookie: a=b; Path=/", "X-Mine: 1", "Set-Cookie: c=d"])
    if path == "utf":
        return answer("é€", headers=["Content-Type: text/plain"])
    if path == "latin":
        return answer(b"\xe9", headers=["Content-Type: text/plain; charset=latin-1"])
    if path == "json":
        return answer('{"a": 1}', headers=["Content-Type: application/json"])
    if path == "empty":
        return answer("")
    if path == "silent":
        return [1.0, None]
    if path == "lines":
        return answer("one\r\ntwo\r\nthree", headers=["Content-Type: text/plain"])
    if path == "events":
        return answer("data: 1\n\ndata: 2\n\ndata: 3\n\n",
                      headers=["Content-Type: text/event-stream"])
    return answer("" if asked.method == "HEAD" else "four")


class Fast(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.pair = client_support.Pair(__file__, respond, RawServer)
        cls.ours = cls.pair.results["ours"]

    def test_bodies_and_their_types_are_those_of_locust(self):
        if not self.pair.has("real"):
            self.skipTest("real Locust is not installed")
        looked_at = ("content-type", "accept", "authorization", "x-mine")
        seen = {which: [[asked.method, asked.target, asked.body,
                         [asked.get(name) for name in looked_at]]
                        for probe_name in ("sent", "forms")
                        for asked in self.pair.requests_of(which, probe_name)]
                for which in ("ours", "real")}
        self.assertEqual(seen["ours"], seen["real"])

    def test_arguments_that_mean_nothing_are_told_once(self):
        told, row = self.ours["unknown_arguments"]
        self.assertEqual([line.partition("argument ")[2].split()[0] for line in told],
                         ["verify=", "cookies=", "proxies="])
        self.assertEqual(row[:4], ["POST", "/x", 4, None])

    def test_responses_have_the_later_attributes(self):
        self.assertEqual(self.ours["surface"], [
            True, "200", True, True, "GET",
            ["context", "exception", "name", "request_type", "response", "response_length",
             "response_time", "start_time", "url"], False, None])

    def test_refused_connections_give_an_empty_response(self):
        self.assertEqual(self.ours["refused_surface"], [
            False, [], [], "ConnectionRefusedError(111, 'Connection refused')",
            UNUSED_PORT + "/x"])

    def test_redirects_end_at_the_limit(self):
        self.assertEqual(self.ours["redirects_have_a_limit"], ["RetriesExceeded"])
        self.assertEqual(len(self.pair.requests_of("ours", "redirects_have_a_limit")), 3)

    def test_timeouts_are_retries_that_are_used_up(self):
        self.assertEqual(self.ours["timeouts"],
                         ["RetriesExceeded('/silent', 1, original=timed out)", 0])

    def test_stream_is_read_by_hand(self):
        by_hand, blocks, lengths = self.ours["streams"]
        self.assertEqual([bytes(part) for part in by_hand], [b"one\r\n", b"two", b"\r\nthree"])
        self.assertEqual(b"".join(map(bytes, blocks)), b"one\r\ntwo\r\nthree")
        self.assertEqual(lengths, [15, 15])

    def test_lines_come_from_responses_and_sessions(self):
        three = ["one", "two", "three"]
        self.assertEqual(self.ours["lines"], [three, three, three, 3])

    def test_events_come_from_sse(self):
        self.assertEqual(self.ours["events"], [
            ["message", "1"], ["message", "2"], ["GET", "/events", 27, None]])

    def test_rest_gives_documents(self):
        seen, rows = self.ours["rest"]
        self.assertEqual(seen, [{"a": 1}, 200, None])
        self.assertEqual(rows, [["POST", "/json", 8, None], ["GET", "/empty", 0, None],
                                ["GET", "named", 8, "CatchResponseError('no')"]])
        first, _, third = self.pair.requests_of("ours", "rest")
        self.assertEqual([first.get("content-type"), first.get("accept"), first.body],
                         ["application/json", "application/json", b'{"a": 1}'])
        self.assertEqual(third.get("accept"), "x/y")

    def test_rest_makes_failures_of_exceptions(self):
        no_json, plain, long, other, missing, refused = self.ours["rest_fails"]
        self.assertIn("Could not parse response as JSON. é€, response code 200", no_json)
        self.assertEqual(plain, "CatchResponseError('not two')")
        self.assertEqual(long, "CatchResponseError('not two, response was {\"a\": 1}')")
        self.assertRegex(other, r"KeyError: 'nothing' at .*test_client_fast.py:\d+")
        self.assertIn("response code 404", missing)
        self.assertIn("Connection refused", refused)

    def test_rest_adds_the_time_and_keeps_the_name(self):
        self.assertEqual(self.ours["rest_with_a_changing_url"], [{"a": 1}, "/json?a=b"])
        asked, = self.pair.requests_of("ours", "rest_with_a_changing_url")
        self.assertRegex(asked.target, r"/json\?a=b&_=\d{13}$")

    def test_settings_of_the_user_class_hold(self):
        self.assertEqual(self.ours["user_settings"], [5.0, True])
        asked, = self.pair.requests_of("ours", "user_settings")
        self.assertEqual(asked.get("x-default"), "1")


for probe_name in set(PROBES) - ONLY_OURS:
    setattr(Fast, f"test_same_as_locust_{probe_name}",
            client_support.same_as_locust(probe_name))


def make(url):
    from locust.contrib.fasthttp import FastHttpSession

    def session_of(name):
        rows = client_support.Rows()
        environment = types.SimpleNamespace(events=types.SimpleNamespace(request=rows))
        return FastHttpSession(environment, f"{url}/{name}", None), rows

    return session_of


if __name__ == "__main__":
    if "--probe" in sys.argv:
        client_support.probe_main(PROBES, make(sys.argv[3]))
    else:
        unittest.main()
