"""What a response gives: text, JSON, lines, pieces, cookies, links; and when its stream is closed.

Each probe also runs with real Locust; ONLY_OURS are deliberate differences and what is ours alone.
"""

import gc
import json
import sys
import time
import unittest
import weakref

import client_support
from raw_server import RawServer, answer

LIMIT_S = 2  # the endless streams end by themselves after 4 s
PROBES = {}
ONLY_OURS = {"events_are_utf_8", "lines_of_events", "broken_body", "silent_body", "reset_body",
             "strict_events", "no_cycles", "closed_streams",
             "lines_are_the_engines"}
TEXTS = {  # path -> content type and body
    "latin": ("text/html", "é".encode("latin-1")),
    "utf": ("text/html; charset=utf-8", "é€".encode()),
    "quoted": ('text/plain; charset="utf-8"', "é".encode()),
    "broken": ("text/plain; charset=utf-8", b"a\xffb"),
    "unknown": ("text/plain; charset=nonsense", b"abc"),
    "json": ("application/json", '{"a": "é"}'.encode()),
    "json16": ("application/octet-stream", '{"a": 1}'.encode("utf-16")),
    "json_latin": ("text/plain", '{"a": "é"}'.encode()),
    "no_json": ("application/json", b"{nonsense"),
    "none": ("", b"plain ascii"),
    "empty": ("text/plain", b""),
    "lines": ("text/plain; charset=utf-8",
              "a\nb\r\nc\rd\x0be\x85f\u2028g\n\nlast".encode()),
    "utf16_lines": ("text/plain; charset=utf-16-le", "a\nbé\nc".encode("utf-16-le")),
    "bars": ("text/plain", b"a|b||c"),
}
PHRASES = {200: "OK", 304: "Not Modified", 400: "Bad Request", 404: "Not Found",
           500: "Internal Server Error", 503: "Service Unavailable"}
EVENTS = b": hi\nid: 1\nevent: e\ndata: one\ndata: two\n\nretry: 10\ndata: {\"a\": 1}\n\ndata: lost"


def probe(function):
    PROBES[function.__name__] = function
    return function


@probe
def texts(session):
    seen = {}
    for path in TEXTS:
        response = session.get(f"/{path}")
        seen[path] = [response.text, response.encoding, list(response.content)]
    return seen


@probe
def chosen_encoding(session):
    response = session.get("/latin")
    response.encoding = "utf-8"
    first = response.text
    response.encoding = "cp437"
    return [first, response.text, response.encoding]


@probe
def headers_are_a_mapping(session):
    headers = session.get("/repeated").headers
    changed = headers.copy()
    changed.update({"x-new": "1"})
    changed.pop("X-Mine")
    return [headers == dict(headers), headers == {"x-other": "1"}, headers == changed, headers != 5,
            sorted(dict(headers)), sorted(changed.keys()), "x-new" in headers, "X-MINE" in headers,
            headers.get("none", 2), sorted(headers.lower_items()), len(headers),
            headers["set-cookie"], json.dumps(dict(headers), sort_keys=True)]


@probe
def raw_heads(session):
    raw = session.get("/repeated", stream=True).raw
    return [raw.version, raw.status, raw.headers.getlist("set-cookie"), raw.headers["x-mine"],
            raw.headers.getlist("none"), raw.headers.get("X-Mine")]


@probe
def histories_can_be_set(session):
    response = session.get("/utf")
    response.history = [response]
    response.history.append(1)
    return [len(response.history), response.next, hasattr(response, "connection")]


@probe
def next_requests(session):
    seen = []
    for method, status in (("POST", 302), ("PUT", 301), ("PUT", 307), ("GET", 200)):
        response = session.request(method, f"/next/{status}", data="body", allow_redirects=False)
        then = response.next
        seen.append(then and [then.method, then.url, then.body])
    return seen


@probe
def redirects_by_hand(session):
    import requests

    response = session.get("/next/302", allow_redirects=False)
    hops = list(session.resolve_redirects(response, response.request))
    sent = session.send(session.get("/next/302", allow_redirects=False).next)
    return [[hop.status_code, hop.url, hop.text] for hop in hops + [sent]] + [
        isinstance(hops[0], requests.Response)]


@probe
def headers_that_were_sent(session):
    session.cookies.set("mine", "1")
    requests = [session.get("/cookies").request, session.get("/x").request,
                session.post("/x", json={"a": 1}).request, session.put("/x").request,
                session.post("/x", data="é".encode(), cookies={"one": "2"}).request,
                session.get("/x", headers={"Cookie": "by=hand"}).request]
    return [[sorted(request.headers), request.headers.get("content-length"),
             sorted((request.headers.get("cookie") or "").split("; "))] for request in requests]


@probe
def what_will_be_reported(session):
    with session.get("/utf", catch_response=True) as response:
        meta = response.request_meta
        return [sorted(meta), sorted(dict(meta)) == sorted(meta), len(meta),
                dict(meta.items())["response"].status_code, sorted({**meta}) == sorted(meta.keys()),
                len(list(meta.values()))]


@probe
def json_documents(session):
    seen = {}
    for path in ("json", "json16", "no_json", "json_latin", "empty", "utf"):
        try:
            seen[path] = session.get(f"/{path}").json()
        except ValueError as error:
            seen[path] = [type(error).__name__, str(error)]
    seen["arguments"] = session.get("/json").json(parse_int=str)
    return seen


@probe
def json_errors_are_those_of_requests(session):
    import requests
    try:
        session.get("/no_json").json()
    except requests.exceptions.RequestException as error:
        return [isinstance(error, json.JSONDecodeError), error.pos, error.doc]
    return None


@probe
def attributes(session):
    response = session.get("/head?a=1")
    return [response.status_code, response.reason, response.ok, bool(response), repr(response),
            response.headers["x-two"], response.headers.get("X-TWO"), "x-two" in response.headers,
            response.headers.get("missing", 5), response.links, response.is_redirect,
            response.is_permanent_redirect, response.cookies.get_dict(),
            [[c.name, c.value, c.path] for c in response.cookies],
            response.elapsed.total_seconds() > 0, response.history, response.request.method,
            response.request.path_url, response.request.headers["Accept"], response.request.body]


@probe
def status_errors(session):
    seen = []
    for status, phrase in PHRASES.items():
        response = session.get(f"/status/{status} {phrase}")
        try:
            response.raise_for_status()
            seen.append([status, response.ok, bool(response)])
        except Exception as error:
            seen.append([status, response.ok, str(error).partition(" for url")[0]])
    return seen


@probe
def lines_of_a_body(session):
    seen = {}
    for stream in (False, True):
        for unicode in (False, True):
            for path in ("lines", "utf16_lines", "latin", "json", "empty", "none"):
                response = session.get(f"/{path}", stream=stream)
                lines = list(response.iter_lines(decode_unicode=unicode))
                seen[f"{path} {stream} {unicode}"] = [
                    list(line) if isinstance(line, bytes) else line for line in lines]
    return seen


@probe
def lines_by_delimiter(session):
    return [[list(session.get("/bars", stream=stream).iter_lines(delimiter=delimiter,
                                                                 decode_unicode=unicode))
             for stream in (True, False)]
            for delimiter, unicode in (("|", True), ("||", True), ("x", True))]


@probe
def pieces(session):
    response = session.get("/utf", stream=True)
    text = "".join(response.iter_content(1, decode_unicode=True))
    whole = b"".join(session.get("/lines", stream=True).iter_content(4))
    sizes = [len(piece) for piece in session.get("/lines").iter_content(4)]
    at_once = list(session.get("/none", stream=True).iter_content(None))
    iterated = b"".join(session.get("/none"))
    try:
        session.get("/none").iter_content("4")
        refused = False
    except TypeError:
        refused = True
    return [text, list(whole), sizes, [list(piece) for piece in at_once], list(iterated), refused]


@probe
def content_of_a_stream(session):
    response = session.get("/none", stream=True)
    first = next(iter(response.iter_content(2)))
    rest = response.content
    again = response.text
    response = session.get("/none", stream=True)
    list(response.iter_lines())
    try:
        response.content
        consumed = None
    except RuntimeError as error:
        consumed = str(error)
    try:
        list(response.iter_content())
        second = None
    except TypeError as error:
        second = type(error).__name__
    return [list(first), list(rest), again, consumed, second]


@probe
def raw_bytes(session):
    response = session.get("/none", stream=True)
    return [list(response.raw.read(3)), list(response.raw.read()), list(response.raw.read(1)),
            response.raw.status]


@probe
def chunked_lines_come_at_once(session):
    response = session.get("/slow", stream=True)
    times, began = [], time.time()
    for line in response.iter_lines(decode_unicode=True):
        times.append(round((time.time() - began) * 4))
    return times


@probe
def events_are_utf_8(session):
    response = session.get("/events", stream=True)
    return [response.encoding, list(response.iter_lines(decode_unicode=True))]


@probe
def lines_of_events(session):
    response = session.get("/endless", stream=True)
    seen = []
    for line in response.iter_lines(decode_unicode=True):
        seen.append(line)
        if len(seen) == 3:
            break
    response.close()
    return seen


@probe
def lines_are_the_engines(session):
    import types
    import _cicada

    lines = [session.get(f"/{path}", stream=True).iter_lines(decode_unicode=unicode)
             for path in ("utf", "latin", "events") for unicode in (False, True)]
    is_stand_in = _cicada.__file__.endswith(".py")
    return [is_stand_in or not isinstance(each, types.GeneratorType) for each in lines]


@probe
def strict_events(session):
    events = list(session.get("/events", stream=True).iter_events())
    return [[event.event, event.data, event.id, event.retry, event.received > 1e9]
            for event in events] + [events[1].json()]


def _failure_in(session, path, **kwargs):
    response = session.get(path, stream=True, **kwargs)
    seen = []
    try:
        for line in response.iter_lines(decode_unicode=True):
            seen.append(line)
    except Exception as error:
        return [seen, response.status_code, type(error).__name__, str(error)]
    return seen


@probe
def broken_body(session):
    return _failure_in(session, "/cut")


@probe
def silent_body(session):
    return _failure_in(session, "/stalled", timeout=0.3)


@probe
def reset_body(session):
    return _failure_in(session, "/reset")


@probe
def with_block_closes(session):
    with session.get("/endless_in_with", stream=True, catch_response=True) as response:
        for line in response.iter_lines(decode_unicode=True):
            break
    with session.get("/endless_in_plain_with", stream=True) as response:
        pass
    return None


@probe
def no_cycles(session):
    gc.disable()
    session.request_event = client_support.Forgetful()
    response = session.get("/endless_let_go", stream=True)
    next(response.iter_lines())
    kept = [weakref.ref(response)]
    with session.get("/endless_caught", stream=True, catch_response=True) as response:
        response.request_meta["name"] = "x"
        response.failure("x")
    kept.append(weakref.ref(response))
    with session.get("/status/500 x", stream=True) as response:
        pass
    kept.append(weakref.ref(response))
    del response
    return [response() is None for response in kept]


@probe
def closed_streams(session):
    wanted, closed = {"endless_in_with", "endless_in_plain_with", "endless_let_go",
                      "endless_caught", "endless"}, set()
    deadline = time.time() + LIMIT_S
    while time.time() < deadline and not wanted <= closed:
        closed = set(session.get("/closed").json())
        time.sleep(0.02)
    return sorted(wanted - closed)


def respond(asked):
    path = asked.target.split("/", 2)[-1].partition("?")[0]
    if path in TEXTS:
        kind, body = TEXTS[path]
        return answer(body, headers=[f"Content-Type: {kind}"] if kind else [])
    if path == "head":
        return answer("", headers=[
            "X-Two: 1", "X-Two: 2", "Set-Cookie: a=b; Path=/head", "Set-Cookie: c=d",
            'Link: <http://a/?b=1>; rel="next", </c>; rel=last; title="t"'])
    if path == "repeated":
        return answer("", headers=["X-Mine: 1", "Set-Cookie: a=b", "Set-Cookie: c=d"])
    if path.startswith("next/"):
        place = "/" + asked.target.split("/")[1] + "/bars"
        return answer("moved", f"{path[5:]} Somewhere", [f"Location: {place}"])
    if path == "cookies":
        return answer("", headers=["Set-Cookie: own=1; Path=/", "Set-Cookie: other=2; Path=/none"])
    if path.startswith("status/"):
        return answer("", path[7:].replace("%20", " "))
    chunked = answer("", headers=["Transfer-Encoding: chunked",
                                  "Content-Type: text/event-stream"], length=False)
    if path == "closed":
        return answer(json.dumps([each.split("/")[-1] for each in RawServer.latest.closed if each]))
    if path == "slow":
        return [chunked, 0.25, b"2\r\na\n\r\n", 0.5, b"2\r\nb\n\r\n", b"0\r\n\r\n"]
    if path == "events":
        return answer("é\n".encode() + EVENTS, headers=["Content-Type: text/event-stream"])
    if path.startswith("endless"):
        return _endless(chunked)
    if path == "cut":
        return [chunked, b"2\r\na\n\r\n", None]
    if path == "stalled":
        return [chunked, b"2\r\na\n\r\n", 1.0, None]
    if path == "reset":
        return [chunked, b"2\r\na\n\r\n", 0.2, "reset"]
    return answer("?")


def _endless(head):
    yield head
    for number in range(200):
        yield b"%x\r\n%b\r\n" % (len(b"data: %d\n\n" % number), b"data: %d\n\n" % number)
        yield 0.02


class Response(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.pair = client_support.Pair(__file__, respond, RawServer)
        cls.ours = cls.pair.results["ours"]

    def test_event_streams_without_charset_are_utf_8(self):
        encoding, lines = self.ours["events_are_utf_8"]
        self.assertEqual((encoding, lines[0]), ("utf-8", "é"))

    def test_lines_can_be_left_early(self):
        self.assertEqual(self.ours["lines_of_events"], ["data: 0", "", "data: 1"])

    def test_lines_are_no_python_generators(self):
        self.assertEqual(self.ours["lines_are_the_engines"], [True] * 6)

    def test_events_are_those_of_the_standard(self):
        self.assertEqual(self.ours["strict_events"], [
            ["e", "one\ntwo", "1", None, True], ["message", '{"a": 1}', "1", 10, True], {"a": 1}])

    def test_body_that_is_cut_short_raises(self):
        lines, status, kind, text = self.ours["broken_body"]
        self.assertEqual((lines, status, kind), (["a"], 200, "ChunkedEncodingError"))
        self.assertIn("Connection broken", text)

    def test_silent_body_raises_a_connection_error(self):
        lines, _, kind, text = self.ours["silent_body"]
        self.assertEqual((lines, kind), (["a"], "ConnectionError"))
        self.assertRegex(text, r"^HTTPConnectionPool\(host='127.0.0.1', port=\d+\): "
                               r"Read timed out\.$")

    def test_reset_body_raises(self):
        lines, _, kind, text = self.ours["reset_body"]
        self.assertEqual((lines, kind), (["a"], "ChunkedEncodingError"))
        self.assertIn("ConnectionResetError(104", text)

    def test_responses_hold_no_cycles(self):
        self.assertEqual(self.ours["no_cycles"], [True, True, True])

    def test_streams_are_closed_without_a_collection(self):
        self.assertEqual(self.ours["closed_streams"], [])


for probe_name in set(PROBES) - ONLY_OURS:
    setattr(Response, f"test_same_as_locust_{probe_name}",
            client_support.same_as_locust(probe_name))


def make(url):
    from locust.clients import HttpSession
    return lambda name: (HttpSession(f"{url}/{name}", client_support.Rows(), None),)


if __name__ == "__main__":
    if "--probe" in sys.argv:
        client_support.probe_main(PROBES, make(sys.argv[3]))
    else:
        unittest.main()
