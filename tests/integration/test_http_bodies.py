#!/usr/bin/env python3
"""Bodies of requests: texts, files, JSON and forms, byte for byte those of curl."""

import hashlib
import os
import re
import threading

import harness
from curl_client import curl
from harness import check, contains, peak_memory_bytes, same, test, wait_until
from raw_server import OK_HEAD, head_with, serve

EVENT = b"data: hello\n\n"
ANSWER = head_with("Content-Type: text/event-stream", f"Content-Length: {len(EVENT)}",
                   "Connection: close") + EVENT
LARGE_BYTES = 50 << 20
MEMORY_LIMIT_BYTES = 16 << 20
FORM_TYPE = b"application/x-www-form-urlencoded"
BINARY = bytes(range(256)) * 300


def serve_answer(t):
    return serve(t, lambda peer, _: peer.send(ANSWER))


def check_tap(t, *words):
    outcome, lines = t.tap("--timeout", "15s", *words)
    same((outcome.status, [line.get("data") for line in lines]), (0, ["hello"]),
         f"exit status and events of tap ({lines}, {outcome.stderr})")


def check_run(t, *words):
    outcome, result = t.load("-u", 1, "--processes", 1, "-t", "15s", "--events", 1,
                             "--iterations", 1, *words)
    same((outcome.status, result.json["errors"]), (0, []),
         f"exit status and errors of run ({outcome.stderr})")


def check_curl(t, *words):
    outcome = curl(t, *words)
    same((outcome.status, outcome.body), (0, EVENT), f"status and body of curl ({outcome.stderr})")


def check_whole(request, body, content_type):
    same((request.method, request.header("Content-Type")), ("POST", content_type), "method, type")
    same(request.header("Content-Length"), str(len(body)).encode(), "Content-Length")
    same((request.header("Expect"), request.header("Transfer-Encoding")), (None, None),
         "Expect and Transfer-Encoding")
    check(request.body == body, f"the body: expected {body[:200]!r}, got {request.body[:200]!r}")


# --- texts and files ---

@test
def a_text_is_sent_as_a_form(t):
    server, text = serve_answer(t), "a=1&b=\u00e9 %41+{}"
    check_tap(t, "-d", text, server.url())
    check_run(t, "--data", text, server.url())
    check_curl(t, "--data", text, server.url())
    for request in server.seen():
        check_whole(request, text.encode(), FORM_TYPE)
    same(len(server.seen()), 3, "requests")


@test
def a_file_is_sent_as_it_is(t):
    server, path = serve_answer(t), t.write("body", BINARY)
    check_tap(t, "-d", "@" + path, server.url())
    check_run(t, "--data", "@" + path, server.url())
    check_curl(t, "--data-binary", "@" + path, server.url())
    for request in server.seen():
        check_whole(request, BINARY, FORM_TYPE)
    same(len(server.seen()), 3, "requests")


@test
def an_empty_body_has_a_length_of_zero(t):
    server, path = serve_answer(t), t.write("body", b"")
    check_tap(t, "-d", "@" + path, server.url())
    check_curl(t, "--data-binary", "@" + path, server.url())
    for request in server.seen():
        check_whole(request, b"", FORM_TYPE)
    same(len(server.seen()), 2, "requests")


@test
def only_methods_that_expect_a_body_say_that_there_is_none(t):
    """The Fetch Standard; curl says nothing for a method of -X."""
    server = serve_answer(t)
    for method in ("POST", "PUT", "GET", "DELETE"):
        check_tap(t, "-X", method, server.url())
    same([(each.method, each.header("Content-Length")) for each in server.seen()],
         [("POST", b"0"), ("PUT", b"0"), ("GET", None), ("DELETE", None)], "Content-Length")


@test
def json_has_its_type(t):
    server, text = serve_answer(t), '{"a": [1, "\u00e9"], "b": {}}'
    check_run(t, "--json-data", text, server.url())
    check_run(t, "--json-data", "@" + t.write("body.json", text), server.url())
    check_curl(t, "--header", "Content-Type: application/json", "--data", text, server.url())
    for request in server.seen():
        check_whole(request, text.encode(), b"application/json")
    same(len(server.seen()), 3, "requests")


@test
def a_type_and_a_method_of_ones_own_are_kept(t):
    server = serve_answer(t)
    words = ("-X", "PATCH", "-H", "Content-Type: text/x-own", "-d", "body")
    check_tap(t, *words, server.url())
    check_curl(t, *words, server.url())
    same([(each.method, each.header("Content-Type"), each.body) for each in server.seen()],
         [("PATCH", b"text/x-own", b"body")] * 2, "method, type and body")


@test
def a_length_of_the_users_own_is_not_sent_twice(t):
    server = serve_answer(t)
    check_tap(t, "-H", "Content-Length: 99", "-d", "body", server.url())
    check_whole(server.seen()[0], b"body", FORM_TYPE)


@test
def columns_of_a_feed_are_encoded_in_a_form(t):
    feed = t.write("feed.csv", 'a,b\n"1+1&x=""%y",\u00e9 {}\n')
    server = serve_answer(t)
    check_run(t, "--feed", feed, "--data", "a={{a}}&b={{b}}", server.url())
    check_whole(server.seen()[0], b"a=1%2B1%26x%3D%22%25y&b=%C3%A9%20%7B%7D", FORM_TYPE)


@test
def columns_of_a_feed_are_escaped_in_strings_of_json(t):
    feed = t.write("feed.csv", 'a,b\n"1+1&x=""%\\y",[1]\n')
    server = serve_answer(t)
    check_run(t, "--feed", feed, "--json-data", '{"a\\"": "{{a}}", "b": {{b}}}', server.url())
    check_whole(server.seen()[0], b'{"a\\"": "1+1&x=\\"%\\\\y", "b": [1]}', b"application/json")


def write_pipe(t, name, content):
    """A named pipe, into which `content` is written once, for whoever reads it first."""
    path = t.path(name)
    os.mkfifo(path)

    def write():
        with open(path, "wb") as file:
            file.write(content)

    threading.Thread(target=write, daemon=True).start()
    return path


@test
def a_pipe_is_read_once_for_all_requests(t):
    server = serve_answer(t)
    path = write_pipe(t, "data", b"one=1")
    check_run(t, "-u", 2, "--iterations", 2, "--data", f"@{path}", server.url())
    same([each.body for each in server.seen()], [b"one=1"] * 4, "bodies")


@test
def a_pipe_of_login_data_is_read_once_for_all_logins(t):
    server = serve_answer(t)
    path = write_pipe(t, "login", b'{"user": "ann"}')
    check_run(t, "-u", 2, "--login", server.url("/login"), "--login-data", f"@{path}",
              server.url())
    logins = server.seen("/login")
    same([(each.body, each.header("Content-Type")) for each in logins],
         [(b'{"user": "ann"}', b"application/json")] * 2, "logins")


# --- a large file ---

class Sink:
    """A server that hashes what it is sent, and answers with a stream that stays open."""

    def __init__(self, t):
        self.digest, self.count, self.head = hashlib.sha256(), 0, b""
        self.is_whole = threading.Event()
        self.server = serve(t, self.answer, reads_request=False)

    def answer(self, peer, _):
        data = b""
        while b"\r\n\r\n" not in data:
            data += peer.sock.recv(65536)
        self.head, _, body = data.partition(b"\r\n\r\n")
        self.take(body)
        length = int(re.search(rb"\r\nContent-Length: (\d+)", self.head).group(1))
        while self.count < length:
            data = peer.sock.recv(1 << 20)
            assert data, "the client went"
            self.take(data)
        peer.send(OK_HEAD + EVENT)
        self.is_whole.set()
        peer.hold()

    def take(self, data):
        self.digest.update(data)
        self.count += len(data)


def large_file(t):
    """Mostly a hole, with different bytes at both ends and in the middle; and its hash."""
    path = t.path("large")
    with open(path, "wb") as file:
        for place in (0, LARGE_BYTES // 2 - 7, LARGE_BYTES - 3):
            file.seek(place)
            file.write(b"%d" % (place % 900 + 100))
    same(os.path.getsize(path), LARGE_BYTES, "size of the file")
    with open(path, "rb") as file:
        return path, hashlib.sha256(file.read()).hexdigest()


@test
def a_large_file_arrives_whole_in_bounded_memory(t):
    path, digest = large_file(t)
    peaks = []
    for words in (("-d", "@" + t.write("small", b"x")), ("-d", "@" + path)):
        sink = Sink(t)
        process = t.start_cicada("tap", "--json", *words, sink.server.url())
        process.wait_for_output("hello")
        peaks.append(peak_memory_bytes(process.pid))
    same((sink.count, sink.digest.hexdigest()), (LARGE_BYTES, digest), "bytes and hash")
    check(peaks[1] - peaks[0] < MEMORY_LIMIT_BYTES, f"bytes of memory, small and large: {peaks}")


@test
def a_large_file_in_a_form_arrives_whole_in_bounded_memory(t):
    path, _ = large_file(t)
    sink = Sink(t)
    process = t.start_cicada("tap", "--json", "--form", f"f=@{path}", sink.server.url())
    process.wait_for_output("hello")
    check(sink.count > LARGE_BYTES, f"{sink.count} bytes came")
    large = peak_memory_bytes(process.pid)
    small = t.start_cicada("tap", "--json", "--form", "f=x", Sink(t).server.url())
    small.wait_for_output("hello")
    check(large - peak_memory_bytes(small.pid) < MEMORY_LIMIT_BYTES, f"{large} bytes of memory")


@test
def an_answer_before_the_end_of_the_body_counts(t):
    """A server that refuses a body need not read it."""
    def refuse(peer, _):
        data = b""
        while b"\r\n\r\n" not in data:
            data += peer.sock.recv(65536)
        peer.send(head_with("Content-Length: 0", "Connection: close", status="413 Too large"))
        wait_until(lambda: is_seen, "the end of the client")

    is_seen = []
    path, _ = large_file(t)
    server = serve(t, refuse, reads_request=False)
    outcome, lines = t.tap("-d", "@" + path, server.url())
    is_seen.append(1)
    same((outcome.status, [line.get("error") for line in lines]), (1, ["status_4xx"]),
         f"exit status and errors ({lines})")


@test
def files_and_forms_are_sent_again_behind_a_redirect(t):
    def answer(peer, request):
        if request.path == "/end":
            peer.send(ANSWER)
        else:
            peer.send(head_with("Location: /end", "Content-Length: 0", "Connection: close",
                                status="308 Elsewhere"))

    path = t.write("body", BINARY)
    for ours, theirs in ((("-d", "@" + path), ("--data-binary", "@" + path)),
                         (("--form", "f=@" + path), ("--form", "f=@" + path))):
        server = serve(t, answer)
        check_tap(t, *ours, server.url("/start"))
        check_curl(t, "--location", *theirs, server.url("/start"))
        sent, again, *curls = server.seen()
        same((again.method, again.body == sent.body, BINARY in again.body), ("POST", True, True),
             "method, and is the body the same")
        same(again.header("Content-Type"), sent.header("Content-Type"), "Content-Type")
        same(len(curls[1].body), len(again.body), "bytes that curl sends again")


@test
def a_file_that_shrinks_is_told(t):
    path = t.write("body", b"x" * 100)

    def answer(peer, request):
        os.truncate(path, 5)
        peer.send(head_with("Location: /again", "Content-Length: 0", status="307 Again"))

    server = serve(t, answer)
    outcome, lines = t.tap("--timeout", "10s", "-d", "@" + path, server.url())
    same((outcome.status, [line.get("error") for line in lines]), (1, ["local_limit"]),
         f"exit status and errors ({lines})")
    contains(lines[0]["message"], "became shorter", "the message")
    same([each.path for each in server.seen()], ["/"], "whole requests that arrived")


# --- forms ---

FORMS = {
    "a field": ["a=1"],
    "several fields": ["a=1", "b=2", "a=3"],
    "a value with signs": ["a=x&y=z, b", "c===", 'd="x; y"'],
    "a value in quotes": ['a="x;y,z"'],
    "a value with a type": ["a=p <b>;type=text/html", "b={};type=application/json"],
    "a value beyond ASCII": ["n\u00e4me=v\u00e4lue"],
    "a file": ["f=@{folder}/data.bin"],
    "a file with a type": ["f=@{folder}/data.bin;type=image/x-own"],
    "a file with a type that has a parameter": ["f=@{folder}/note.txt;type=text/plain;charset=x"],
    "a file with a name of its own": ["f=@{folder}/data.bin;filename=other name.bin"],
    "a file with a quote in its name": ['f=@{folder}/data.bin;filename="a\\"b;c"'],
    "a file whose end says its type": ["f=@{folder}/note.txt", "g=@{folder}/page.html",
                                       "h=@{folder}/picture.png", "i=@{folder}/data.json"],
    "the content of a file as a field": ["f=<{folder}/note.txt"],
    "the content of a file with a type": ["f=<{folder}/note.txt;type=text/x-own"],
    "an empty value": ["a="],
    "an empty file": ["f=@{folder}/empty"],
    "all together": ["a=1", "f=@{folder}/data.bin", "b=<{folder}/note.txt", "c=2;type=text/x"],
}


def write_form_files(t):
    t.write("data.bin", BINARY)
    t.write("note.txt", "one\r\ntwo\n")
    t.write("page.html", "<p>")
    t.write("picture.png", b"\x89PNG")
    t.write("data.json", "{}")
    t.write("empty", "")


def canonical(request):
    """Type and body with one boundary instead of the client's own."""
    content_type = request.header("Content-Type")
    boundary = re.fullmatch(rb'multipart/form-data; boundary="?([^"]{1,70})"?', content_type)
    check(boundary, f"the type {content_type!r} has a boundary")
    same(request.header("Content-Length"), str(len(request.body)).encode(), "Content-Length")
    return request.method, request.body.replace(boundary.group(1), b"BOUNDARY")


def check_form(t, forms):
    write_form_files(t)
    server = serve_answer(t)
    forms = [each.replace("{folder}", t.folder) for each in forms]
    ours = [word for each in forms for word in ("--form", each)]
    check_tap(t, *ours, server.url())
    check_run(t, *ours, server.url())
    check_curl(t, *ours, server.url())
    tap, run, theirs = [canonical(each) for each in server.seen()]
    same(tap, theirs, "method and body of tap, and of curl")
    same(run, theirs, "method and body of run, and of curl")
    for request in server.seen():
        same((request.header("Expect"), request.header("Transfer-Encoding")), (None, None),
             "Expect and Transfer-Encoding")


for each_name, each_forms in FORMS.items():
    harness.tests.append((f"forms: {each_name}", lambda t, row=each_forms: check_form(t, row)))


@test
def a_boundary_differs_from_run_to_run(t):
    server = serve_answer(t)
    for _ in range(2):
        check_tap(t, "--form", "a=1", server.url())
    first, second = [each.header("Content-Type") for each in server.seen()]
    check(first != second, f"both boundaries are that of {first!r}")


# --- bad usage ---

URL = "http://127.0.0.1:9/"
BAD_USAGE = {
    "a form part without equals sign is named": (("tap", "--form", "alone", URL), "alone.*="),
    "a form part without name is named": (("tap", "--form", "=x", URL), "=x.*name"),
    "a missing file of a form is named": (("tap", "--form", "f=@no-such", URL), "no-such"),
    "a missing content file of a form is named": (("tap", "--form", "f=<no-such", URL), "no-such"),
    "a folder is no file of a form": (("tap", "--form", "f=@/", URL), "/"),
    "standard input is no file of a form": (("tap", "--form", "f=@-", URL), "standard input"),
    "several files of a part are refused": (("tap", "--form", "f=@a,b", URL), "several files"),
    "an unknown attribute of a part is refused": (("tap", "--form", "f=x;color=red", URL), "type="),
    "data and a form exclude each other": (("tap", "--data", "x", "--form", "a=1", URL),
                                           "--data.*--form.*exclude"),
    "data and JSON exclude each other": (
        ("run", "--data", "x", "--json-data", "{}", "-t", "1s", URL), "--data.*--json-data"),
    "JSON and a form exclude each other": (
        ("run", "--form", "a=1", "--json-data", "{}", "-t", "1s", URL), "--json-data.*--form"),
    "bad JSON is refused": (("run", "--json-data", '{"a": }', "-t", "1s", URL), "json"),
}


def add_usage_tests():
    for name, (words, pattern) in BAD_USAGE.items():
        harness.tests.append((
            f"usage: {name}",
            lambda t, row=(words, pattern): contains(t.refused(*row[0]), row[1], "message")))


add_usage_tests()


if __name__ == "__main__":
    harness.main(jobs=8)
