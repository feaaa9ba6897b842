"""What HttpSession sends: lines of the head, their order, URLs, bodies. Each probe also runs with
real Locust, and both must have sent the same but for what DIFFERENT names."""

import io
import re
import sys
import unittest

import client_support
from raw_server import RawServer, answer

# The engine writes these itself, at the end of the head.
WRITTEN_LAST = ("content-length", "cookie", "authorization")
PROBES = {}


def probe(function):
    PROBES[function.__name__] = function
    return function


@probe
def plain_get(session):
    session.get("/x")


@probe
def headers_of_script(session):
    session.get("/x", headers={"Accept": "text/event-stream", "Cache-Control": "no-cache",
                               "X-Bytes": b"raw", "user-agent": "mine"})


@probe
def headers_of_session(session):
    session.headers["X-Session"] = "1"
    session.headers.update({"Authorization": "Bearer t", "Accept": "a/b"})
    session.get("/x", headers={"x-session": "2", "accept-encoding": None})
    session.get("/x")
    del session.headers["X-Session"]
    session.get("/x", headers={"Connection": None})


@probe
def header_that_is_no_text(session):
    response = session.get("/x", headers={"X-Number": 5})
    return [response.status_code, type(response.error).__name__]


@probe
def header_with_line_end(session):
    response = session.get("/x", headers={"X-A": "a\r\nX-B: b"})
    return [response.status_code, type(response.error).__name__]


@probe
def host_of_script(session):
    session.get("/x", headers={"Host": "example.test"})


@probe
def json_body(session):
    session.post("/x", json={"a": 1, "b": "é", "c": [None, True]})
    session.post("/x", json=[], headers={"Content-Type": "application/vnd.api+json"})
    session.post("/x", json=None)
    session.put("/x", json=0)


@probe
def json_that_is_none(session):
    response = session.post("/x", json={"a": float("nan")})
    return [response.status_code, type(response.error).__name__]


@probe
def text_body(session):
    session.post("/x", data="plain text", headers={"Content-Type": "text/plain"})
    session.post("/x", data=b"\x00\x01\xff")
    session.patch("/x", data="")
    session.post("/x", data="", json={"a": 1})


@probe
def form_body(session):
    session.post("/x", data={"a": "1 2", "b": ["x", "y"], "c": None, "d": "é&="})
    session.post("/x", data=[("k", "1"), ("k", "2"), ("n", 3)])
    session.put("/x", data={})
    session.post("/x", data={"a": b"\xff"}, json={"not": "sent"})


@probe
def file_body(session):
    session.post("/x", data=io.BytesIO(b"from a file"))


@probe
def multipart_body(session):
    session.post("/x", files={"f": ("name.txt", io.BytesIO(b"content"), "text/plain"),
                              "g": b"bytes", "h": ("n", "text", "a/b", {"X-Part": "1"}),
                              "i": (None, "no file name")},
                 data={"field": "v", "many": ["1", "2"]})
    session.post("/x", files=[("same", ("1", b"one")), ("same", ("2", b"two"))])


@probe
def methods(session):
    for method in ("get", "post", "put", "patch", "delete", "options", "head"):
        getattr(session, method)("/x")
    session.request("delete", "/x")
    session.request("PROPFIND", "/x", data="<a/>")


@probe
def parameters(session):
    session.get("/x", params={"a": "1", "b": ["2", "3"], "c": None, "d": "é /?"})
    session.get("/x?z=0", params=[("a", "1"), ("a", "2")])
    session.get("/x?z=0", params="raw=1&two=a b")
    session.get("/x?z=0#part", params=b"raw=1")
    session.params = {"always": "yes", "also": "no"}
    session.get("/x")
    session.get("/x", params={"also": None, "one": 1})


@probe
def escapes(session):
    for path in ("/a b", "/é", "/%41%2f%zz", "/%41%2f%20", "/a/../b/./c", "/a?q=a b&r=%C3%a9",
                 "/a?x={}[]|^`\"<>", "/[x]", "/a;b=c,d!$'()*+:@", "/a?x='y'", "/a#frag", "//x//y",
                 "/a%", "/\U0001f600", "?q=1", "", "/a?", "/a\\b", "/x/..", "/a?b?c=/d"):
        session.get(path)


@probe
def basic_authentication(session):
    session.get("/x", auth=("user", "pass:word"))
    session.auth = ("é", "ü")
    session.get("/x")
    session.get("/x", auth=("other", ""))
    session.post("/x", json={})


@probe
def authentication_objects(session):
    from requests.auth import HTTPBasicAuth, HTTPProxyAuth

    def sign(request):
        request.headers["X-Signed"] = f"{request.method} {request.path_url} {request.body}"
        return request

    session.get("/x", auth=HTTPBasicAuth("a", "b"))
    session.get("/x", auth=HTTPProxyAuth("a", "b"))
    session.post("/x?q=1", data="body", auth=sign)


@probe
def cookies_of_one_request(session):
    session.get("/x", cookies={"a": "1", "b": "2"})
    session.get("/x")


@probe
def cookies_of_the_session(session):
    session.cookies.set("mine", "1")
    session.cookies["other"] = "2"
    session.get("/x", cookies={"mine": "3"})
    session.cookies.set("mine", None)
    session.get("/x")
    return [sorted(session.cookies.get_dict()), session.cookies.get("nothing", "default"),
            "other" in session.cookies]


@probe
def cookies_of_the_server(session):
    response = session.get("/set")
    session.get("/x")
    found = [response.cookies.get_dict(), session.cookies.get_dict(), len(session.cookies),
             sorted(cookie.name for cookie in session.cookies), session.cookies["first"]]
    session.cookies.clear()
    session.get("/x")
    return found


def respond(asked):
    path = asked.target.split("/", 2)[-1]
    if path == "set":
        return answer("ok", headers=["Set-Cookie: first=1; Path=/", "Set-Cookie: second=2; Path=/"])
    return answer("" if asked.method == "HEAD" else "ok", length=True)


def wire_of(asked):
    """The parts of a request that must be the same; what is random or ours by design is masked."""
    boundary = re.search(r"boundary=(\w+)", asked.get("content-type") or "")
    mask = boundary.group(1) if boundary else "\0"
    lines = {}
    for name, value in asked.headers:
        value = value.replace(mask, "BOUNDARY")
        if name.lower() == "host" and value.startswith("127.0.0.1:"):
            value = "HOST"
        if value.startswith(("cicada/", "python-requests/")):
            value = "AGENT"
        if name.lower() == "accept-encoding" and value.startswith("gzip"):
            value = "CODINGS"
        if name.lower() == "cookie":
            value = "; ".join(sorted(value.split("; ")))
        lines[name] = value
    order = [name for name in lines if name.lower() not in WRITTEN_LAST]
    body = asked.body.replace(mask.encode(), b"BOUNDARY")
    return [asked.method, asked.target, order, sorted(lines.items()), body]


class Wire(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.pair = client_support.Pair(__file__, respond, RawServer)

    def test_default_headers_stand_in_the_order_of_requests(self):
        asked, = self.pair.requests_of("ours", "plain_get")
        self.assertEqual(asked.names(), ["Host", "User-Agent", "Accept-Encoding", "Accept",
                                         "Connection"])
        self.assertRegex(asked.get("User-Agent"), r"^cicada/[0-9.]+$")

    def test_multipart_says_its_length(self):
        asked = self.pair.requests_of("ours", "multipart_body")[0]
        self.assertEqual(int(asked.get("Content-Length")), len(asked.body))


def compare(name):
    def test(self):
        if not self.pair.has("real"):
            self.skipTest("real Locust is not installed")
        sent = {which: [wire_of(asked) for asked in self.pair.requests_of(which, name)]
                for which in ("ours", "real")}
        self.assertEqual(len(sent["ours"]), len(sent["real"]))
        for ours, real in zip(sent["ours"], sent["real"]):
            self.assertEqual(ours, real)
        self.assertEqual(self.pair.results["ours"][name], self.pair.results["real"][name])

    return test


for probe_name in PROBES:
    setattr(Wire, f"test_same_as_locust_{probe_name}", compare(probe_name))


def make(url):
    from locust.clients import HttpSession
    return lambda name: (HttpSession(f"{url}/{name}", client_support.Rows(), None),)


if __name__ == "__main__":
    if "--probe" in sys.argv:
        client_support.probe_main(PROBES, make(sys.argv[3]))
    else:
        unittest.main()
