#!/usr/bin/env python3
"""`cicada run --login`: tokens and cookies, their renewal, their row, answers that are none."""

import collections
import json
import threading
import urllib.parse

import harness
from digest_server import basic
from harness import between, check, contains, same, test
from raw_server import head_with, serve, unused_port

EMAIL, PASSWORD = "loadtest.user@example.com", "Str0ngP@ssword!"
FORM = f"email={EMAIL}&password={PASSWORD}"
LOGIN, NOTIFICATIONS = "/api/v1/auth/login", "/api/v1/notifications/stream?topics=alerts"
USERS = 3
EVENT = b"data: hello\n\n"
STREAM = "Content-Type: text/event-stream"
ANSWER = head_with(STREAM, f"Content-Length: {len(EVENT)}", "Connection: close") + EVENT
# One user, one stream, one event: as little as a run can be.
ONE = ("-u", 1, "--processes", 1, "-t", "15s", "--events", 1, "--iterations", 1)
TOKEN = ("--token", "/access_token")


class Demo:
    """A running `cicada serve` and the options that log in to it."""

    def __init__(self, t, *options):
        self.process = t.start_cicada("serve", "--port", 0, "--interval", "20ms", *options)
        self.port = int(self.process.wait_for_output(r"127\.0\.0\.1:(\d+)").group(1))
        self.stream, self.login = self.url(NOTIFICATIONS), self.url(LOGIN)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def options(self, data=FORM):
        return ("--login", "POST " + self.login, "--login-data", data, *TOKEN)


def load(t, *words, users=USERS, seconds=1):
    return t.load("-u", users, "-r", 50, "--processes", 1, "-t", f"{seconds}s", *words)


def row_of(result, name, method="POST"):
    """The metrics of an endpoint."""
    rows = [row for row in result.json["endpoints"]
            if (row["method"], row["name"]) == (method, name)]
    same(len(rows), 1, f"rows of {method} {name} in {result.json['endpoints']}")
    return rows[0]["metrics"]


def errors_of(result):
    return [(each["class"], each["endpoint"]) for each in result.json["errors"]]


def passes(metrics, name):
    return metrics.get(name, {}).get("passes", 0)


# --- the demo service ---

@test
def without_a_login_the_stream_is_refused(t):
    outcome, result = load(t, Demo(t).stream)
    same((outcome.status, result.classes()), (1, {"status_4xx": USERS}), "exit status and errors")
    check("login_success" not in result.metrics, "no login is counted")


def check_login(t, data):
    demo = Demo(t)
    outcome, result = load(t, *demo.options(data), demo.stream)
    same((outcome.status, result.json["errors"]), (0, []), f"exit, errors ({outcome.stderr})")
    between(result.count("sse_events"), USERS, 10000, "events")
    same(passes(result.metrics, "login_success"), USERS, "logins")
    same(passes(result.metrics, "login_success{cause:first}"), USERS, "first logins")
    login, stream = row_of(result, demo.login), row_of(result, demo.stream, "GET")
    same(login["http_reqs"]["count"], USERS, "requests of the login's row")
    same(login["http_req_duration"]["count"], USERS, "durations of the login's row")
    same(passes(login, "login_success"), USERS, "logins of the login's row")
    same(stream["http_reqs"]["count"], USERS, "requests of the stream's row")
    same((result.count("http_reqs"), result.count("sse_attempts")), (2 * USERS, USERS),
         "requests and attempts of all")


@test
def a_login_by_form_opens_the_stream(t):
    check_login(t, FORM)


@test
def a_login_by_JSON_opens_the_stream(t):
    check_login(t, json.dumps({"email": EMAIL, "password": PASSWORD}))


@test
def a_login_by_a_file_of_JSON_opens_the_stream(t):
    check_login(t, "@" + t.write("login.json", '\n {"email": "%s", "password": "%s"}'
                                 % (EMAIL, PASSWORD)))


@test
def an_expired_token_is_renewed(t):
    demo = Demo(t, "--token-ttl", "1s")
    outcome, result = load(t, *demo.options(), "--stream-time", "300ms", demo.stream, seconds=5)
    same((outcome.status, result.json["errors"]), (0, []), f"exit, errors ({outcome.stderr})")
    same(passes(result.metrics, "login_success{cause:first}"), USERS, "first logins")
    renewals = passes(result.metrics, "login_success{cause:expired}")
    between(renewals, USERS * 2, USERS * 5, "renewals in five seconds of a token for one")
    same(result.count("http_status{code:401}"), renewals, "answers 401, one for each renewal")
    same(result.rate("sse_connect_success"), 1, "share of attempts that became a stream")
    same(row_of(result, demo.login)["http_reqs"]["count"], USERS + renewals, "login requests")
    between(result.count("sse_attempts"), USERS * 8, USERS * 18, "streams, one behind the other")


@test
def a_wrong_password_fails_the_run(t):
    demo = Demo(t)
    outcome, result = load(t, *demo.options(f"email={EMAIL}&password=wrong"), demo.stream)
    same((outcome.status, errors_of(result)), (1, [("status_4xx", demo.login)]), "exit, errors")
    same(result.classes(), {"status_4xx": USERS}, "errors, one a user")
    same((passes(result.metrics, "login_success"), result.rate("login_success")), (0, 0), "logins")
    same(result.count("sse_attempts"), 0, "streams that were asked for")
    check(PASSWORD not in json.dumps(result.json), "the result holds no password")


@test
def a_password_does_not_stand_in_the_result(t):
    demo = Demo(t)
    for words in (("--login-data", FORM), (f"--login-data={FORM}",)):
        _, result = load(t, "--login", demo.login, *words, *TOKEN, demo.stream)
        check(PASSWORD not in json.dumps(result.json), "the result holds no password")


# --- logins that fail ---

class Service:
    """A scripted service: `login(peer, request)` answers /login, the rest is streams for those
    whose header `Authorization` or `Cookie` is among `allowed`; None: for all."""

    def __init__(self, t, login, allowed=None, **options):
        self.login_handler, self.allowed = login, allowed
        self.server = serve(t, self.answer, **options)
        self.login, self.stream = self.server.url("/login"), self.server.url("/stream")

    def answer(self, peer, request):
        if request.path == "/login":
            self.login_handler(peer, request)
        elif self.allowed is None or self.allowed & {request.header("Authorization"),
                                                     request.header("Cookie")}:
            peer.send(ANSWER)
        else:
            peer.send(head_with("Content-Length: 0", "Connection: close", status="401 No"))

    def logins(self):
        return self.server.seen("/login")

    def streams(self):
        return self.server.seen("/stream")


def say(body, *lines, status="200 OK"):
    """A login's handler that always says the same."""
    data = body if isinstance(body, bytes) else body.encode()
    head = head_with("Content-Type: application/json", f"Content-Length: {len(data)}",
                     "Connection: close", *lines, status=status)
    return lambda peer, _: peer.send(head + data)


def endless(peer, _):
    peer.send(head_with("Content-Type: application/json") + b'{"access_token": "a",')
    peer.hold()


def flood(peer, _):
    peer.send(head_with("Content-Type: application/json") + b'{"access_token": "')
    peer.flood(b"a")


def short(peer, _):
    peer.send(head_with("Content-Length: 99") + b'{"access_token": "abc"}')


BAD_LOGINS = {
    "no JSON": (say("<p>welcome"), "decode", "no JSON"),
    "an empty answer": (say(""), "decode", "no JSON"),
    "JSON that is cut": (say('{"access_token": "abc"'), "decode", "no JSON"),
    "no token": (say('{"token": "abc"}'), "decode", "/access_token"),
    "a token that is null": (say('{"access_token": null}'), "decode", "/access_token"),
    "a token that is an object": (say('{"access_token": {}}'), "decode", "/access_token"),
    "a token that is a number": (say('{"access_token": 12345}'), "decode", "/access_token"),
    "an empty token": (say('{"access_token": ""}'), "decode", "/access_token"),
    "a token with a line end": (say('{"access_token": "a\\r\\nX-Evil:1"}'), "decode",
                                "/access_token"),
    "a token with a newline at its end": (say('{"access_token": "abc\\n"}'), "decode",
                                          "/access_token"),
    "a token with a NUL": (say('{"access_token": "a\\u0000b"}'), "decode", "JSON|/access_token"),
    "a token with a blank": (say('{"access_token": "a b"}'), "decode", "/access_token"),
    "a token that is too long": (say('{"access_token": "%s"}' % ("a" * 20000)), "decode",
                                 "/access_token"),
    "an answer that floods": (flood, "too_large", "1 MiB"),
    "an answer that never ends": (endless, "timeout_read", "does not end"),
    "no answer": (lambda peer, _: peer.hold(), "timeout_headers", ""),
    "an answer cut short": (short, "closed_early", ""),
    "a reset": (lambda peer, _: peer.reset(), "reset", ""),
    "a 403": (say("{}", status="403 No"), "status_4xx", "403"),
    "a 500": (say("{}", status="500 Oops"), "status_5xx", "500"),
    "a redirect to itself": (say("", "Location: /login", status="307 Loop"), "status_3xx",
                             "redirects"),
    "a coding nobody asked for": (say("x", "Content-Encoding: gzip"), "decode", "gzip"),
}


def check_bad_login(t, row):
    login, error_class, message = row
    service = Service(t, login)
    outcome, result = load(t, "--login", service.login, *TOKEN, "--reconnect", "never",
                           "--headers-timeout", "500ms", service.stream, users=1, seconds=2)
    same((outcome.status, errors_of(result)), (1, [(error_class, service.login)]), "exit, errors")
    contains(result.json["errors"][0]["message"], message, "message")
    same((result.classes(), service.streams()), ({error_class: 1}, []), "errors, streams asked for")
    same(result.rate("login_success"), 0, "share of logins that succeeded")
    between(row_of(result, service.login)["http_reqs"]["count"], 1, 21, "requests of its row")


for each_name, each_row in BAD_LOGINS.items():
    harness.tests.append((f"a login answered with {each_name} fails",
                          lambda t, row=each_row: check_bad_login(t, row)))


@test
def a_login_that_is_refused_is_tried_again_under_auto(t):
    url = f"http://127.0.0.1:{unused_port()}/login"
    service = Service(t, say("{}"))
    outcome, result = load(t, "--login", url, *TOKEN, "--retry-wait", "100ms", service.stream,
                           users=1, seconds=2)
    same((outcome.status, errors_of(result)), (1, [("connect_refused", url)]), "exit, errors")
    between(result.classes()["connect_refused"], 3, 21, "refused connections")
    same(result.count("sse_attempts"), 0, "streams that were asked for")


@test
def a_login_that_is_refused_is_tried_once_under_never(t):
    url = f"http://127.0.0.1:{unused_port()}/login"
    _, result = load(t, "--login", url, *TOKEN, "--retry-wait", "100ms", "--reconnect", "never",
                     Service(t, say("{}")).stream, users=1, seconds=1)
    same(result.classes(), {"connect_refused": 1}, "errors")


@test
def a_login_that_failed_first_is_tried_again_and_fails_the_run(t):
    answers = [lambda peer, _: peer.reset(), say("{}", status="503 Busy"),
               say('{"access_token": "abc"}')]
    service = Service(t, lambda peer, request: answers.pop(0)(peer, request), {b"Bearer abc"})
    outcome, result = t.load(*ONE, "--login", service.login, *TOKEN, "--retry-wait", "50ms",
                             "--reconnect", "always", service.stream)
    same((outcome.status, len(service.logins())), (1, 3), f"exit, logins ({result.json['errors']})")
    check("2 of 3 logins failed" in outcome.stdout, f"the reason: {outcome.stdout[:400]}")
    same(result.classes(), {"reset": 1, "status_5xx": 1}, "errors")
    same([each.header("Authorization") for each in service.streams()], [b"Bearer abc"],
         "Authorization of the stream")


@test
def a_token_that_never_helps_is_renewed_once_an_attempt(t):
    service = Service(t, say('{"access_token": "abc"}'), {b"Bearer other"})
    outcome, result = load(t, "--login", service.login, *TOKEN, service.stream, users=1)
    same((outcome.status, errors_of(result)), (1, [("status_4xx", service.stream)]), "exit, errors")
    same((len(service.logins()), len(service.streams())), (2, 2), "logins and streams")


# --- what is sent ---

VALUES = [("a+b&c=d%e\"f", "p w;{}\u00e9"), ("anna@example.com", "'\\\"+%2B")]


def feed_of_values(t):
    lines = ["email,password"]
    for row in VALUES:
        lines.append(",".join('"' + value.replace('"', '""') + '"' for value in row))
    return t.write("users.csv", "\n".join(lines) + "\n")


class Accounts:
    """A login that gives each user a token of its own; `read` makes email and password of a
    body."""

    def __init__(self, read):
        self.read, self.tokens, self.lock = read, {}, threading.Lock()

    def __call__(self, peer, request):
        with self.lock:
            token = self.tokens.setdefault(self.read(request), f"token-{len(self.tokens)}")
        say(json.dumps({"data": [{"a/b": token}]}))(peer, request)


def read_form(request):
    same(request.header("Content-Type"), b"application/x-www-form-urlencoded", "type of a login")
    fields = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True))
    return fields["email"], fields["password"]


def read_json(request):
    same(request.header("Content-Type"), b"application/json", "type of a login")
    fields = json.loads(request.body)
    return fields["email"], fields["password"]


def check_accounts(t, read, data):
    accounts = Accounts(read)
    service = Service(t, accounts)
    outcome, result = t.load("-u", 2, "-r", 50, "--processes", 2, "-t", "15s", "--events", 1,
                             "--iterations", 3, "--feed", feed_of_values(t), "--login",
                             service.login, "--login-data", data, "--token", "/data/0/a~1b",
                             service.stream)
    same((outcome.status, result.json["errors"]), (0, []), f"exit, errors ({outcome.stderr})")
    same(set(accounts.tokens), set(VALUES), "emails and passwords at the server")
    same(len(service.logins()), 2, "logins: one a user, not one a stream")
    tokens = collections.Counter(each.header("Authorization") for each in service.streams())
    same(tokens, {b"Bearer token-0": 3, b"Bearer token-1": 3}, "tokens of the streams")


@test
def each_user_of_a_feed_logs_in_by_form(t):
    check_accounts(t, read_form, "email={{email}}&password={{password}}")


@test
def each_user_of_a_feed_logs_in_by_JSON(t):
    check_accounts(t, read_json, '{"email": "{{email}}", "password": "{{password}}"}')


@test
def columns_stand_in_URL_and_headers_of_a_login_too(t):
    service = Service(t, say('{"access_token": "abc"}'))
    outcome, _ = t.load(*ONE, "--feed", feed_of_values(t), "--login",
                        service.login + "?user={{email}}", "--login-header", "X-User: {{email}}",
                        *TOKEN, service.stream)
    login, = service.logins()
    same((outcome.status, login.target), (0, "/login?user=a%2Bb%26c%3Dd%25e%22f"), "exit, target")
    same(login.header("X-User"), b'a+b&c=d%e"f', "header")


@test
def the_login_is_a_POST_unless_it_says_otherwise(t):
    for words, method in (("{}", "POST"), ("PUT {}", "PUT"), ("get  {}", "GET")):
        service = Service(t, say('{"access_token": "abc"}'))
        outcome, _ = t.load(*ONE, "--login", words.format(service.login), "--login-header",
                            "X-Own: 1", *TOKEN, service.stream)
        login, = service.logins()
        same((outcome.status, login.method, login.header("X-Own")), (0, method, b"1"),
             "exit status, method and header")
        same((login.header("Accept"), login.header("Authorization")), (b"*/*", None),
             "Accept and Authorization")
        same(service.streams()[0].header("X-Own"), None, "the login's header at the stream")


@test
def a_login_without_token_keeps_its_cookies(t):
    cookies = ("Set-Cookie: session=abc; Path=/; HttpOnly", "Set-Cookie: other=1; Path=/nowhere")
    service = Service(t, say("welcome", *cookies, status="201 Made"), {b"session=abc"})
    outcome, result = load(t, "--login", service.login, "--events", 1, "--iterations", 2,
                           service.stream)
    same((outcome.status, result.json["errors"]), (0, []), f"exit, errors ({outcome.stderr})")
    same([(each.header("Cookie"), each.header("Authorization")) for each in service.streams()],
         [(b"session=abc", None)] * (2 * USERS), "Cookie and Authorization of the streams")
    same(len(service.logins()), USERS, "logins")


@test
def a_401_in_a_coding_nobody_asked_for_renews_the_token(t):
    def answer(peer, request):
        if request.path == "/login":
            tokens.append(len(tokens))
            say('{"access_token": "%d"}' % tokens[-1])(peer, request)
        elif request.header("Authorization") == b"Bearer 1":
            peer.send(ANSWER)
        else:
            peer.send(head_with("Content-Encoding: gzip", "Content-Length: 0", status="401 No"))

    tokens = []
    server = serve(t, answer)
    outcome, result = t.load(*ONE, "--login", server.url("/login"), *TOKEN, server.url("/stream"))
    same((outcome.status, result.json["errors"]), (0, []), "exit status and errors")


@test
def a_session_that_is_over_is_renewed_by_another_login(t):
    """The cookie of the second login replaces that of the first."""
    def login(peer, request):
        with lock:
            number = len(numbers)
            numbers.append(number)
        say("", f"Set-Cookie: session={number}")(peer, request)

    numbers, lock = [], threading.Lock()
    service = Service(t, login, {b"session=1"})
    outcome, result = t.load(*ONE, "--login", service.login, service.stream)
    same((outcome.status, result.json["errors"]), (0, []), "exit status and errors")
    same([each.header("Cookie") for each in service.streams()], [b"session=0", b"session=1"],
         "cookies of the streams")
    same(passes(result.metrics, "login_success{cause:expired}"), 1, "renewals")


@test
def the_cookies_of_a_login_that_redirects_are_kept(t):
    """As web applications do it: 302 with a session to a page that nobody reads."""
    service = Service(t, say("", "Location: /stream?page", "Set-Cookie: session=abc; Path=/",
                             status="302 Welcome"), {b"session=abc"})
    outcome, _ = t.load(*ONE, "--login", service.login, "--login-data", "a=1", service.stream)
    same(outcome.status, 0, "exit status")
    same([(each.method, each.target, each.body) for each in service.server.seen()],
         [("POST", "/login", b"a=1"), ("GET", "/stream?page", b""), ("GET", "/stream", b"")],
         "requests")


@test
def a_login_at_another_host_than_the_stream(t):
    """Token and cookies: the token goes to the stream, a cookie only to its host."""
    login = Service(t, say('{"access_token": "abc"}', "Set-Cookie: session=1"))
    service = Service(t, say("{}"), {b"Bearer abc"})
    words = ("--resolve", f"login.example:{login.server.port}:127.0.0.1")
    outcome, result = t.load(*ONE, *words, "--login",
                             f"http://login.example:{login.server.port}/login", *TOKEN,
                             service.stream)
    same((outcome.status, result.json["errors"]), (0, []), f"exit, errors ({outcome.stderr})")
    stream, = service.streams()
    same((stream.header("Authorization"), stream.header("Cookie")), (b"Bearer abc", None),
         "credentials of the stream")
    same(login.logins()[0].header("Host"), f"login.example:{login.server.port}".encode(), "Host")


@test
def a_token_is_not_sent_to_the_other_origin_of_a_redirect(t):
    other = Service(t, say("{}"))

    def answer(peer, request):
        if request.path == "/login":
            say('{"access_token": "abc"}')(peer, request)
        else:
            peer.send(head_with(f"Location: {other.stream}", "Content-Length: 0",
                                "Connection: close", status="307 Elsewhere"))

    server = serve(t, answer)
    outcome, _ = t.load(*ONE, "--login", server.url("/login"), *TOKEN, server.url("/stream"))
    same(outcome.status, 0, "exit status")
    same(server.seen("/stream")[0].header("Authorization"), b"Bearer abc", "the token at its own")
    same([each.header("Authorization") for each in other.streams()], [None], "the token elsewhere")


@test
def auth_beside_a_login_is_the_logins(t):
    """Where there is a token, it goes out with the streams; user and password with the login."""
    service = Service(t, say('{"access_token": "abc"}'), {b"Bearer abc"})
    outcome, _ = t.load(*ONE, "--auth", "anna:1", "--login", service.login, *TOKEN, service.stream)
    same(outcome.status, 0, "exit status")
    same(service.logins()[0].header("Authorization"), basic("anna", "1"), "of the login")


@test
def auth_beside_a_login_without_token_is_sent_with_both(t):
    service = Service(t, say("", "Set-Cookie: s=1"), {basic("anna", "1")})
    outcome, _ = t.load(*ONE, "--auth", "anna:1", "--login", service.login, service.stream)
    same(outcome.status, 0, "exit status")
    same(service.logins()[0].header("Authorization"), basic("anna", "1"), "of the login")


# --- bad usage ---

URL, ONE_SECOND = "http://127.0.0.1:9/", ("-t", "1s")
BAD_USAGE = {
    "a token without login is refused": (("--token", "/a", URL), "--token.*--login"),
    "login data without login is refused": (("--login-data", "a=1", URL), "--login-data.*--login"),
    "a login header without login is refused": (("--login-header", "A: b", URL),
                                                "--login-header.*--login"),
    "a pointer without slash is refused": (("--login", URL, "--token", "access_token", URL),
                                           "--token.*access_token"),
    "a pointer with a bad escape is refused": (("--login", URL, "--token", "/a~2", URL),
                                               "--token.*~"),
    "a login with a bad scheme is named": (("--login", "POST ftp://x/", URL), "--login.*ftp"),
    "a login without host is named": (("--login", "POST http:///x", URL), "--login.*host"),
    "a login that is no URL is named": (("--login", "POST login", URL), "--login.*login"),
    "a login with a bad method is named": (("--login", "P@ST " + URL, URL), "login.*P@ST"),
    "a login by CONNECT is refused": (("--login", "CONNECT " + URL, URL), "login.*CONNECT"),
    "a login whose name does not resolve is named": (
        ("--login", "http://no-such-host.invalid/", URL), r"no-such-host\.invalid"),
    "a missing file of login data is named": (("--login", URL, "--login-data", "@no-such", URL),
                                              "--login-data.*no-such"),
    "JSON that is none is refused": (("--login", URL, "--login-data", '{"a": ', URL),
                                     "--login-data'.*not json"),
    "a token beside a header Authorization is refused": (
        ("--login", URL, "--token", "/a", "--header", "Authorization: x", URL),
        "--token.*Authorization"),
    "a login header without colon is named": (("--login", URL, "--login-header", "NoColon", URL),
                                              "NoColon"),
    "a column of login data without feed is named": (
        ("--login", URL, "--login-data", "a={{email}}", URL), "email.*feed"),
    "credentials of a login beside its header are refused": (
        ("--login", "http://a:b@127.0.0.1:9/", "--login-header", "Authorization: x", URL),
        "Authorization"),
}


def add_usage_tests():
    for name, (words, pattern) in BAD_USAGE.items():
        harness.tests.append((
            f"usage: {name}",
            lambda t, row=(words, pattern): contains(t.refused("run", *ONE_SECOND, *row[0]),
                                                     row[1], "message")))


add_usage_tests()


@test
def usage_line_ends_of_a_feed_do_not_get_into_headers(t):
    feed = t.write("users.csv", 'name\n"a\r\nX-Evil: 1"\n')
    for option in ("--login-header", "--header"):
        contains(t.refused("run", *ONE_SECOND, "--feed", feed, "--login", URL, option,
                           "X-Name: {{name}}", URL), "line 2.*name", f"message about {option}")


@test
def line_ends_of_a_feed_are_encoded_in_bodies_and_URLs(t):
    feed = t.write("users.csv", 'name\n"a\r\nX-Evil: 1"\n')
    service = Service(t, say('{"access_token": "abc"}'))
    for data, body in (("a={{name}}", b"a=a%0D%0AX-Evil%3A%201"),
                       ('["{{name}}"]', b'["a\\r\\nX-Evil: 1"]')):
        outcome, _ = t.load(*ONE, "--feed", feed, "--login", service.login + "?{{name}}",
                            "--login-data", data, *TOKEN, service.stream)
        login = service.logins()[-1]
        same((outcome.status, login.query, login.header("X-Evil"), login.body),
             (0, "a%0D%0AX-Evil%3A%201", None, body), "exit, query, header and body")


if __name__ == "__main__":
    harness.main(jobs=8)
