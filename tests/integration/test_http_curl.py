#!/usr/bin/env python3
"""Cookies, redirects and places of connections: what cicada sends, and that curl sends the same."""

import collections
import json
import os
import threading

import harness
from curl_client import curl
from harness import HERE, same, test
from raw_server import head_with, serve
from tls_server import TlsEnd, server_context

STREAM = "Content-Type: text/event-stream"
EVENT = b"data: hello\n\n"
ANSWER = head_with(STREAM, f"Content-Length: {len(EVENT)}") + EVENT


def tap(t, *words):
    """One that must end cleanly, with the one event."""
    outcome, lines = t.tap("--timeout", "15s", *words)
    same((outcome.status, [line.get("data") for line in lines]), (0, ["hello"]),
         f"exit status and events of tap ({lines}, {outcome.stderr})")


def curl_gets(t, *words):
    """The same of curl."""
    outcome = curl(t, *words)
    same((outcome.status, outcome.body), (0, EVENT), f"status and body of curl ({outcome.stderr})")


# --- cookies ---

class Visits:
    """Two servers, http and https: the n-th request to either is answered with the n-th value of
    Set-Cookie, or without any, and what it said of cookies is noted."""

    def __init__(self, t, values):
        self.left, self.cookies, self.lock = list(values), [], threading.Lock()
        self.http = serve(t, self.answer)
        self.https = serve(t, self.answer, tls=TlsEnd(server_context(t)))

    def answer(self, peer, request):
        with self.lock:
            value = self.left.pop(0)
            self.cookies.append((request.header("Cookie") or b"").decode("latin-1"))
        lines = [] if value is None else [b"Set-Cookie: " + value.encode("latin-1")]
        peer.send(head_with(STREAM, f"Content-Length: {len(EVENT)}", "Connection: close", *lines)
                  + EVENT)

    def routes(self):
        return ("--connect-to", f":80:127.0.0.1:{self.http.port}",
                "--connect-to", f":443:127.0.0.1:{self.https.port}")


def cicada_visits(t, visits, urls):
    """One user, who opens one stream after the other."""
    outcome, result = t.load(*urls, "-u", 1, "--processes", 1, "-t", "15s", "--events", 1,
                             "--iterations", len(urls), "--insecure", *visits.routes())
    same((outcome.status, result.json["errors"]), (0, []), f"exit and errors ({outcome.stderr})")


def curl_visits(t, visits, urls):
    outcome = curl(t, "--insecure", "--globoff", "--cookie", "", "--path-as-is", *visits.routes(),
                   *urls)
    same((outcome.status, outcome.body), (0, EVENT * len(urls)),
         f"status and bodies of curl ({outcome.stderr})")


# What a case needs that cicada does not take from a server; curl is still asked.
COOKIE_CASES_OF_CURL_ALONE = {
    "control characters are refused": "a head with control characters in it is refused as a whole",
}


def check_cookies(t, case):
    values = [each["value"] for each in case["set"]] + [None] * len(case["ask"])
    urls = [each["url"] for each in case["set"] + case["ask"]]
    clients = [("curl", curl_visits)]
    if case["name"] not in COOKIE_CASES_OF_CURL_ALONE:
        clients.append(("cicada", cicada_visits))
    for name, visit in clients:
        visits = Visits(t, values)
        visit(t, visits, urls)
        same(len(visits.cookies), len(urls), f"visits of {name}")
        same(visits.cookies[len(case["set"]):], [each["cookie"] for each in case["ask"]],
             f"cookies that {name} sent")


def add_cookie_tests():
    with open(os.path.join(HERE, "cookie_cases.json"), encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases:
        harness.tests.append((f"cookies: {case['name']}",
                              lambda t, case=case: check_cookies(t, case)))
    missing = set(COOKIE_CASES_OF_CURL_ALONE) - {case["name"] for case in cases}
    assert not missing, missing


add_cookie_tests()


@test
def a_control_character_in_a_cookie_breaks_the_whole_head(t):
    for value in (b"a=1\x01", b"b=\x7f", b"c\x1b=1"):
        server = serve(t, lambda peer, _, value=value: peer.send(
            head_with(STREAM, b"Set-Cookie: " + value) + EVENT))
        outcome, lines = t.tap(server.url())
        same((outcome.status, [line.get("error") for line in lines]), (1, ["http_protocol"]),
             f"exit status and errors of {value!r}")


def numbered():
    """A handler: the n-th request gets the cookie n=n, and an event."""
    lock, numbers = threading.Lock(), iter(range(1000))

    def answer(peer, _):
        with lock:
            number = next(numbers)
        peer.send(head_with(STREAM, f"Content-Length: {len(EVENT)}", "Connection: close",
                            f"Set-Cookie: n={number}") + EVENT)
    return answer


@test
def a_cookie_of_a_stream_goes_out_with_its_reconnect(t):
    server = serve(t, numbered())
    process = t.start_cicada("tap", "--reconnect", "--retry-wait", "20ms", server.url())
    requests = server.wait_for_requests(3)
    process.kill()
    same([each.header("Cookie") for each in requests[:3]], [None, b"n=0", b"n=1"], "cookies")


@test
def users_do_not_share_their_cookies(t):
    server = serve(t, numbered())
    outcome, _ = t.load(server.url(), "-u", 4, "-r", 50, "--processes", 2, "-t", "15s", "--events",
                        1, "--iterations", 3)
    cookies = [each.header("Cookie") for each in server.seen()]
    same((outcome.status, len(cookies), cookies.count(None)), (0, 12, 4),
         "exit status, requests, and those without a cookie")
    same(len(set(cookies)), 9, "cookies, each sent by one user once, and none")


@test
def cookies_join_those_of_a_header_in_one_field(t):
    server = serve(t, numbered())
    t.load(server.url(), "-u", 1, "--processes", 1, "-t", "15s", "--events", 1, "--iterations", 2,
           "--header", "Cookie: own=1")
    same([each.header("Cookie") for each in server.seen()], [b"own=1", b"own=1; n=0"], "cookies")


# --- redirects: the second request ---

BODY = b"one=1&two=2"
STATUSES = (301, 302, 303, 307, 308)
# The method of the second request, a column a status, as the Fetch Standard has it.
METHODS = {
    "GET": ("GET", "GET", "GET", "GET", "GET"),
    "POST": ("GET", "GET", "GET", "POST", "POST"),
    "PUT": ("PUT", "PUT", "GET", "PUT", "PUT"),
    "DELETE": ("DELETE", "DELETE", "GET", "DELETE", "DELETE"),
}
# curl gives a method named by -X to every request of a chain.
CURL_DIFFERS = {("DELETE", 303): "DELETE"}
GIVEN = ("-H", "Authorization: Mine 1", "-H", "Cookie: a=1", "-H", "X-Mine: 1")


class Journey:
    """A server that redirects, and where it leads: to itself or to another origin."""

    def __init__(self, t, status, is_elsewhere):
        self.status = status
        self.first = serve(t, self.answer)
        self.last = serve(t, self.answer) if is_elsewhere else self.first
        self.start, self.end = self.first.url("/start"), self.last.url("/end")

    def answer(self, peer, request):
        if request.path == "/start":
            peer.send(head_with(f"Location: {self.end}", "Content-Length: 0", "Connection: close",
                                status=f"{self.status} Elsewhere"))
        else:
            peer.send(ANSWER)

    def second(self):
        """The only request behind the redirect, which is forgotten."""
        requests = self.last.seen("/end")
        same(len(requests), 1, "requests behind the redirect")
        self.last.requests.clear()
        return requests[0]


def check_second(request, journey, method, is_elsewhere):
    host = f"127.0.0.1:{journey.last.port}".encode()
    same((request.method, request.header("Host")), (method, host), "method and Host")
    body = BODY if method in ("POST", "PUT") else b""
    same(request.body, body, "body")
    length = str(len(body)).encode() if body else None
    same(request.header("Content-Length"), length, "Content-Length")
    if method != "PUT":  # curl gives an upload no type
        same(request.header("Content-Type") is not None, bool(body), "is there a Content-Type")
    given = (None, None) if is_elsewhere else (b"Mine 1", b"a=1")
    same((request.header("Authorization"), request.header("Cookie")), given, "credentials")
    same(request.header("X-Mine"), b"1", "a header of the user")


def check_method(t, first, status, method):
    upload = t.write("body", BODY)
    ours = {"GET": (), "POST": ("-d", BODY.decode()), "PUT": ("-X", "PUT", "-d", BODY.decode()),
            "DELETE": ("-X", "DELETE")}[first]
    theirs = {"PUT": ("--upload-file", upload)}.get(first, ours)
    for is_elsewhere in (False, True):
        journey = Journey(t, status, is_elsewhere)
        tap(t, *GIVEN, *ours, journey.start)
        check_second(journey.second(), journey, method, is_elsewhere)
        curl_gets(t, "--location", *GIVEN, *theirs, journey.start)
        check_second(journey.second(), journey, CURL_DIFFERS.get((first, status), method),
                     is_elsewhere)


def add_redirect_tests():
    for first, methods in METHODS.items():
        for status, method in zip(STATUSES, methods):
            harness.tests.append((
                f"redirects: a {status} makes {first} a {method}",
                lambda t, row=(first, status, method): check_method(t, *row)))


add_redirect_tests()


# What the second request asks for, from http://…/a/b?c; {port} is that of the same server.
LOCATIONS = {
    "/x": "/x",
    "x": "/a/x",
    "./x": "/a/x",
    "../x": "/x",
    "../../../x": "/x",
    "x/./y/../z": "/a/x/z",
    "?q": "/a/b?q",
    "/x?../y/./z": "/x?../y/./z",
    "/x#part": "/x",
    "//127.0.0.1:{port}/x": "/x",
    "http://127.0.0.1:{port}": "/",
    "HTTP://127.0.0.1:{port}/X": "/X",
    "http://127.0.0.1:{port}?q": "/?q",
    "/with blank": "/with%20blank",
    "/caf\u00e9": "/caf%C3%A9",
    "/%7e%41%zz": "/%7e%41%zz",
    "/x?a=b&c=%26": "/x?a=b&c=%26",
    "  /x  ": "/x",
}


def redirect_to(location):
    """A handler for RawServer: to there from /a/b, an event elsewhere."""
    def answer(peer, request):
        if request.target == "/a/b?c":
            port = str(peer.sock.getsockname()[1])
            peer.send(head_with(b"Location: " + location.replace("{port}", port).encode(),
                                "Content-Length: 0", "Connection: close", status="302 Found"))
        else:
            peer.send(ANSWER)
    return answer


def check_location(t, location, target):
    server = serve(t, redirect_to(location))
    tap(t, server.url("/a/b?c"))
    curl_gets(t, "--location", server.url("/a/b?c"))
    # curl encodes in small letters, the URL Standard in capitals.
    targets = [each.target.replace("%c3%a9", "%C3%A9") for each in server.seen()]
    same(targets, ["/a/b?c", target] * 2, "targets of both")


for each_location, each_target in LOCATIONS.items():
    harness.tests.append((f"redirects: the Location '{each_location}' leads to {each_target}",
                          lambda t, row=(each_location, each_target): check_location(t, *row)))


# Of the same path curl sends the longest name first, so these keep their order with both.
COOKIE_NAMES = ("c", "ccc", "cc")


def chain(count):
    """A handler: `count` redirects, /1 to /2 and on, then an event."""
    def answer(peer, request):
        number = int(request.path[1:])
        if number > count:
            peer.send(ANSWER)
        else:
            peer.send(head_with(f"Location: /{number + 1}", "Content-Length: 0",
                                f"Set-Cookie: {COOKIE_NAMES[number % 3]}={number}",
                                status="307 On"))
            peer.is_kept = True
    return answer


@test
def twenty_redirects_are_followed_and_one_more_is_not(t):
    tap(t, serve(t, chain(20)).url("/1"))
    server = serve(t, chain(21))
    outcome, lines = t.tap(server.url("/1"))
    same((outcome.status, [line["error"] for line in lines]), (1, ["status_3xx"]), "exit, errors")
    same(len(server.seen()), 21, "requests")


@test
def cookies_of_redirects_are_sent_on(t):
    for client in (lambda url: tap(t, url),
                   lambda url: curl_gets(t, "--location", "--cookie", "", url)):
        server = serve(t, chain(3))
        client(server.url("/1"))
        same([each.header("Cookie") for each in server.seen()],
             [None, b"ccc=1", b"ccc=1; cc=2", b"ccc=1; cc=2; c=3"], "cookies")


@test
def credentials_come_back_with_the_first_origin(t):
    """So does curl; the Fetch Standard, of which no script sees the headers here, leaves them
    behind for good."""
    def other(peer, _):
        peer.send(head_with(f"Location: {server.url('/end')}", "Content-Length: 0",
                            status="302 Found"))

    def answer(peer, request):
        if request.path == "/end":
            peer.send(ANSWER)
        else:
            peer.send(head_with(f"Location: {away.url()}", "Content-Length: 0", status="302 Found"))

    away = serve(t, other)
    server = serve(t, answer)
    tap(t, *GIVEN, server.url())
    curl_gets(t, "--location", *GIVEN, server.url())
    same([each.header("Authorization") for each in away.seen()], [None, None], "given away")
    same([each.header("Authorization") for each in server.seen("/end")], [b"Mine 1"] * 2,
         "given to the first origin")


@test
def an_event_stream_asks_for_itself_behind_a_redirect(t):
    """The headers of an EventSource, the resumption of a stream, and the columns of a feed."""
    def answer(peer, request):
        if request.path == "/end":
            peer.send(head_with(STREAM, "Connection: close") + b"id: 7\n" + EVENT)
        else:
            peer.send(head_with("Location: /end?x", "Content-Length: 0", status="307 On"))

    server = serve(t, answer)
    process = t.start_cicada("tap", "--reconnect", "--retry-wait", "20ms", server.url("/start"))
    server.wait_for_requests(4)
    process.kill()
    first, last = server.seen("/end")[:2]
    for request in (first, last):
        same((request.header("Accept"), request.header("Cache-Control")),
             (b"text/event-stream", b"no-cache"), "Accept and Cache-Control")
    same((first.header("Last-Event-ID"), last.header("Last-Event-ID")), (None, b"7"),
         "Last-Event-ID")
    same(server.seen("/start")[1].header("Last-Event-ID"), b"7", "Last-Event-ID at the start")


@test
def a_redirect_and_its_cookies_belong_to_the_url_of_the_row(t):
    """Both are relative to what was asked for, not to the URL with the name of its column."""
    def answer(peer, request):
        if request.path.endswith("/start"):
            peer.send(head_with("Location: next", "Content-Length: 0", "Connection: close",
                                "Set-Cookie: a=1", status="302 Found"))
        else:
            peer.send(ANSWER)

    server = serve(t, answer)
    feed = t.write("tenants.csv", "tenant\nacme\na b/c\n")
    outcome, result = t.load(server.url("/{{tenant}}/start"), "-u", 2, "-r", 50, "--processes", 1,
                             "-t", "15s", "--events", 1, "--iterations", 1, "--feed", feed)
    same((outcome.status, result.json["errors"]), (0, []), f"exit and errors ({outcome.stderr})")
    same(sorted((each.target, each.header("Cookie")) for each in server.seen()
                if each.path.endswith("/next")),
         [("/a%20b%2Fc/next", b"a=1"), ("/acme/next", b"a=1")], "second requests and their cookies")


@test
def a_redirect_to_http_from_https_leaves_credentials_behind(t):
    plain = serve(t, lambda peer, _: peer.send(ANSWER))

    def answer(peer, _):
        peer.send(head_with(f"Location: {plain.url()}", "Content-Length: 0", status="302 Found"))

    secure = serve(t, answer, tls=TlsEnd(server_context(t)))
    tap(t, *GIVEN, "--insecure", secure.url())
    curl_gets(t, "--location", "--insecure", *GIVEN, secure.url())
    same([(each.header("Authorization"), each.header("Cookie")) for each in plain.seen()],
         [(None, None)] * 2, "credentials over plain text")


# --- places ---

Place = collections.namedtuple("Place", "url options host target curl_url")


def place(url, host, target, options=(), curl_url=None):
    """`curl_url`: what curl needs to be told instead."""
    return Place(url, options, host, target, curl_url or url)


PLACES = {
    "a name that --resolve knows": place(
        "http://some.example:{port}/x", "some.example:{port}", "/x",
        ("--resolve", "some.example:{port}:127.0.0.1")),
    "any name that --resolve knows": place(
        "http://other.example:{port}/x", "other.example:{port}", "/x",
        ("--resolve", "*:{port}:127.0.0.1")),
    "an address of several that refuses is passed over": place(
        "http://some.example:{port}/x", "some.example:{port}", "/x",
        ("--resolve", "some.example:{port}:127.0.0.2,127.0.0.1")),
    "--connect-to keeps the Host": place(
        "http://some.example/x", "some.example", "/x",
        ("--connect-to", "some.example:80:127.0.0.1:{port}")),
    "--connect-to for any host and port": place(
        "http://some.example:99/x", "some.example:99", "/x",
        ("--connect-to", "::127.0.0.1:{port}")),
    "--connect-to and --resolve together": place(
        "http://some.example/x", "some.example", "/x",
        ("--connect-to", "some.example:80:next.example:{port}", "--resolve",
         "next.example:{port}:127.0.0.1")),
    "a name beyond ASCII goes out as xn--": place(
        "http://b\u00fccher.example:{port}/x", "xn--bcher-kva.example:{port}", "/x",
        ("--resolve", "xn--bcher-kva.example:{port}:127.0.0.1")),
    "the default port is left out of Host": place(
        "http://some.example:80/x", "some.example", "/x",
        ("--connect-to", "::127.0.0.1:{port}")),
    "the letters of a host are made small": place(
        "http://SOME.Example:{port}/x", "some.example:{port}", "/x",
        ("--resolve", "some.example:{port}:127.0.0.1"), "http://some.example:{port}/x"),
    "a URL without path asks for /": place("http://127.0.0.1:{port}", "127.0.0.1:{port}", "/"),
    "a query without path": place("http://127.0.0.1:{port}?q=1", "127.0.0.1:{port}", "/?q=1"),
    "a fragment stays here": place("http://127.0.0.1:{port}/x?q#part", "127.0.0.1:{port}", "/x?q"),
    "dots of a path are resolved": place("http://127.0.0.1:{port}/a/./b/../c?../d",
                                         "127.0.0.1:{port}", "/a/c?../d"),
    "percent signs are kept as written": place("http://127.0.0.1:{port}/%7E%2f%c3%A9?%20+%zz",
                                               "127.0.0.1:{port}", "/%7E%2f%c3%A9?%20+%zz"),
    "a path beyond ASCII is encoded": place(
        "http://127.0.0.1:{port}/caf\u00e9?\u00e9", "127.0.0.1:{port}", "/caf%C3%A9?%C3%A9", (),
        "http://127.0.0.1:{port}/caf%C3%A9?%C3%A9"),
}


def check_place(t, row):
    server = serve(t, lambda peer, _: peer.send(ANSWER))

    def fill(text):
        return text.replace("{port}", str(server.port))

    options = [fill(each) for each in row.options]
    tap(t, *options, fill(row.url))
    t.load(*options, fill(row.url), "-u", 1, "--processes", 1, "-t", "15s", "--events", 1,
           "--iterations", 1)
    curl_gets(t, *options, fill(row.curl_url))
    same([(each.header("Host").decode(), each.target) for each in server.seen()],
         [(fill(row.host), row.target)] * 3, "Host and target of tap, run and curl")


for each_name, each_place in PLACES.items():
    harness.tests.append((f"places: {each_name}", lambda t, row=each_place: check_place(t, row)))


@test
def an_IPv6_address_in_brackets_is_a_host(t):
    server = serve(t, lambda peer, _: peer.send(ANSWER), host="::1")
    for url in (f"http://[::1]:{server.port}/x", f"http://[0:0::0:1]:{server.port}/x"):
        tap(t, url)
    curl_gets(t, "--globoff", f"http://[::1]:{server.port}/x")
    same([each.header("Host").decode() for each in server.seen()], [f"[::1]:{server.port}"] * 3,
         "Host of tap, of tap with a longer form, of curl")


if __name__ == "__main__":
    harness.main(jobs=8)
