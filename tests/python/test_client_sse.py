"""client.sse(): which event is the last, reconnects with Last-Event-ID, rows, errors."""

import sys
import time
import unittest

import client_support
from raw_server import RawServer, answer

PROBES = {}
HEAD = answer("", headers=["Content-Type: text/event-stream", "Transfer-Encoding: chunked"],
              length=False)
LAST = b"0\r\n\r\n"
counts = {}  # requests seen, by target


def probe(function):
    PROBES[function.__name__] = function
    return function


def chunk(text):
    return b"%x\r\n%b\r\n" % (len(text), text.encode())


@probe
def until(session, rows):
    seen = [[event.data for event in session.sse("/five", until=2)],
            [event.data for event in session.sse("/five", until="third")],
            [event.data for event in session.sse("/five", until=lambda event: event.id == "4")],
            [event.data for event in session.sse("/five")]]
    return [seen, len(rows.fired)]


@probe
def row(session, rows):
    list(session.sse("/five?a=b"))
    list(session.sse("/five", name="named", context={"a": 1}, headers={"X-Mine": "1"}))
    list(session.sse("/five", method="POST", json={"a": 1}, headers={"accept": "*/*"}))
    return rows.told()


@probe
def broken_off(session, rows):
    source = session.sse("/cut")
    seen = []
    try:
        for event in source:
            seen.append(event.data)
    except Exception as error:
        return [seen, type(error).__name__, source.error is error, source.last_event_id]
    return seen


@probe
def no_stream(session, rows):
    seen = []
    for path in ("/missing", "/html", "/nothing", "/accepted"):
        source = session.sse(path, reconnect=True)
        seen.append([len(list(source)), repr(source.error), source.response.status_code])
    return [seen, [each[3] for each in rows.told()]]


@probe
def refused(session, rows):
    session.base_url = "http://127.0.0.1:1"
    source = session.sse("/x")
    return [list(source), repr(source.error), rows.told()[0][3]]


@probe
def refused_again_and_again(session, rows):
    session.base_url = "http://127.0.0.1:1"
    source = session.sse("/x", reconnect=2)
    source.retry = 0.01
    return [list(source), source.reconnects, len(rows.fired)]


@probe
def resumed(session, rows):
    source = session.sse("/resumed", reconnect=True, until=6)
    seen = [[event.id, event.data] for event in source]
    return [seen, source.reconnects, source.retry, len(rows.fired)]


@probe
def resumed_as_often_as_allowed(session, rows):
    source = session.sse("/always_ends", reconnect=2)
    return [len(list(source)), source.reconnects]


@probe
def resumed_after_a_break(session, rows):
    source = session.sse("/breaks", reconnect=True, until=2)
    return [[event.data for event in source], source.reconnects]


@probe
def stopped_by_no_content(session, rows):
    source = session.sse("/then_204", reconnect=True)
    return [len(list(source)), source.reconnects, source.error, [row[3] for row in rows.told()]]


@probe
def started_later(session, rows):
    list(session.sse("/five", last_event_id="41"))
    list(session.sse("/five", headers={"last-event-id": "old"}, last_event_id="new"))


@probe
def duration(session, rows):
    began = time.monotonic()
    source = session.sse("/endless", duration=0.4)
    seen = len(list(source))
    quiet = list(session.sse("/quiet", duration=0.2))
    return [seen > 2, quiet, 0.5 < time.monotonic() - began < 5, source.error]


@probe
def silence(session, rows):
    try:
        list(session.sse("/quiet", timeout=(5, 0.2)))
    except Exception as error:
        return [type(error).__name__, "Read timed out" in str(error)]
    return None


@probe
def left_early(session, rows):
    session.request_event = client_support.Forgetful()
    for event in session.sse("/endless?1"):
        break
    with session.sse("/endless?2") as source:
        pass
    source.close()
    kept = session.sse("/endless?3")
    del kept
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        closed = session.get("/closed").json()
        if closed == 3:
            break
        time.sleep(0.02)
    return [closed, list(source)]


def _told(audit):
    return audit and [*audit[:8], *map(list, audit[8:])]


@probe
def audited(session, rows):
    source = session.sse("/faulty")
    first = next(iter(source))
    early = source.audit.received >= 1 and first.id == "1"
    list(source)
    read = session.get("/faulty", stream=True, headers={"Accept": "text/event-stream"})
    lines = len(list(read.iter_lines()))
    return [early, _told(source.audit), source.audit.missed, source.audit.stream.reordered,
            _told(read.audit), lines > 50, _told(session.get("/faulty").audit)]


@probe
def audited_over_reconnects(session, rows):
    source = session.sse("/with_gaps", reconnect=2)
    return [len(list(source)), _told(source.audit)]


@probe
def audited_without_losses(session, rows):
    source = session.sse("/redis")
    list(source)
    return _told(source.audit)


@probe
def nothing_to_audit(session, rows):
    session.sse("/html").close()
    answers = [session.get("/five").audit, session.get("/html").audit, session.sse("/html").audit]
    session.base_url = "http://127.0.0.1:1"
    return [_told(answers[0]), *answers[1:], session.sse("/x").audit, session.get("/x").audit]


def _blocks(ids):
    return chunk("".join(f"id: {each}\ndata: x\n\n" for each in ids))


def _faulty():
    """Without 31 and 32, 40 twice, 50 behind 51."""
    ids = [*range(1, 31), *range(33, 41), 40, *range(41, 50), 51, 50, *range(52, 55)]
    return [HEAD, _blocks(ids), LAST]


def _with_gaps(asked):
    """Behind the first connection two are left out, behind the second one none, but one again."""
    last = int(asked.get("last-event-id") or 0)
    first = {0: 1, 30: 33, 62: 62}.get(last, 100)
    return [HEAD, chunk("retry: 1\n"), _blocks(range(first, first + 30)), LAST]


def _five():
    yield HEAD
    for number in range(1, 6):
        name = "third" if number == 3 else "message"
        yield chunk(f"id: {number}\nevent: {name}\ndata: {number}\n\n")
    yield LAST


def _resumed(asked):
    first = int(asked.get("last-event-id") or 0) + 1
    yield HEAD
    yield chunk("retry: 20\n" + "".join(f"id: {n}\ndata: {n}\n\n" for n in (first, first + 1)))
    yield LAST


def _endless():
    yield HEAD
    for number in range(150):
        yield chunk(f"data: {number}\n\n")
        yield 0.02


def respond(asked):
    path = asked.target.split("/", 2)[-1].partition("?")[0]
    count = counts[asked.target] = counts.get(asked.target, 0) + 1
    once = chunk("retry: 10\nid: 7\ndata: x\n\n")
    if path == "five":
        return _five()
    if path == "faulty":
        return _faulty()
    if path == "with_gaps":
        return _with_gaps(asked)
    if path == "redis":
        return [HEAD, _blocks(f"{1700000000000 + 7 * n}-0" for n in range(60)), LAST]
    if path == "cut":
        return [HEAD, chunk("id: 9\ndata: 1\n\n"), None]
    if path == "html":
        return answer("<html>", headers=["Content-Type: text/html"])
    if path == "nothing":
        return answer("", "204 No Content", length=False)
    if path == "accepted":
        return answer("", "202 Accepted")
    if path == "resumed":
        return _resumed(asked)
    if path == "always_ends":
        return [HEAD, once, LAST]
    if path == "breaks":
        return [HEAD, once, None]
    if path == "then_204":
        return [HEAD, once, LAST] if count == 1 else answer("", "204 No Content", length=False)
    if path == "endless":
        return _endless()
    if path == "quiet":
        return [HEAD, 1.0, LAST]
    if path == "closed":
        return answer(str(sum("left_early/endless" in str(each)
                              for each in RawServer.latest.closed)))
    return answer("not here", "404 Not Found")


class Sse(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.pair = client_support.Pair(__file__, respond, RawServer, has_real=False)
        cls.ours = cls.pair.results["ours"]

    def asked(self, name):
        return self.pair.requests_of("ours", name)

    def test_until_names_the_last_event(self):
        self.assertEqual(self.ours["until"], [
            [["1", "2"], ["1", "2", "3"], ["1", "2", "3", "4"], ["1", "2", "3", "4", "5"]], 4])

    def test_each_connection_is_a_row(self):
        rows = [each[:5] for each in self.ours["row"]]
        self.assertEqual(rows, [["GET", "/row/five?a=b", 0, None, {}],
                                ["GET", "named", 0, None, {"a": 1}],
                                ["POST", "/row/five", 0, None, {}]])

    def test_headers_say_what_is_wanted(self):
        first, second, third = self.asked("row")
        self.assertEqual([first.get("accept"), first.get("cache-control"),
                          first.get("last-event-id")], ["text/event-stream", "no-cache", None])
        self.assertEqual(second.get("x-mine"), "1")
        self.assertEqual([third.get("accept"), third.method, third.body],
                         ["*/*", "POST", b'{"a": 1}'])

    def test_stream_that_breaks_off_raises(self):
        self.assertEqual(self.ours["broken_off"], [["1"], "ChunkedEncodingError", True, "9"])

    def test_answers_that_are_no_stream_are_failures(self):
        seen, errors = self.ours["no_stream"]
        html = "CatchResponseError(\"Content-Type is 'text/html', not text/event-stream\")"
        accepted = "CatchResponseError('Status is 202, not 200')"
        missing = ("HTTPError('404 Client Error: Not Found for url: /no_stream/missing')")
        self.assertEqual(seen, [[0, missing, 404], [0, html, 200], [0, "None", 204],
                                [0, accepted, 202]])
        self.assertEqual(errors, [missing, html, None, accepted])

    def test_refused_connection_gives_no_events(self):
        error = "ConnectionRefusedError(111, 'Connection refused')"
        self.assertEqual(self.ours["refused"], [[], error, error])
        self.assertEqual(self.ours["refused_again_and_again"], [[], 2, 3])

    def test_streams_are_resumed_behind_the_last_event(self):
        seen, reconnects, retry, rows = self.ours["resumed"]
        self.assertEqual(seen, [[str(n), str(n)] for n in range(1, 7)])
        self.assertEqual((reconnects, retry, rows), (2, 0.02, 3))
        self.assertEqual([asked.get("last-event-id") for asked in self.asked("resumed")],
                         [None, "2", "4"])

    def test_reconnects_end(self):
        self.assertEqual(self.ours["resumed_as_often_as_allowed"], [3, 2])
        self.assertEqual(self.ours["resumed_after_a_break"], [["x", "x"], 1])
        self.assertEqual(self.ours["stopped_by_no_content"], [1, 1, None, [None, None]])

    def test_last_event_id_can_be_given(self):
        self.assertEqual([asked.get("last-event-id") for asked in self.asked("started_later")],
                         ["41", "new"])

    def test_duration_ends_without_an_error(self):
        self.assertEqual(self.ours["duration"], [True, [], True, None])

    def test_silence_raises(self):
        self.assertEqual(self.ours["silence"], ["ConnectionError", True])

    def test_audit_says_what_was_found(self):
        early, told, missed, reordered, read, has_lines, whole = self.ours["audited"]
        found = [53, 2, 1, 1, 0, 0, 0, "dense", [2, 1, 1], [0, 0, 0]]
        self.assertEqual([told, read, whole], [found] * 3)
        self.assertEqual([early, missed, reordered, has_lines], [True, 2, 1, True])

    def test_audit_goes_on_over_reconnects(self):
        self.assertEqual(self.ours["audited_over_reconnects"], [
            90, [90, 2, 1, 0, 0, 2, 1, "dense", [0, 0, 0], [2, 1, 0]]])

    def test_audit_names_no_loss_that_ids_cannot_prove(self):
        self.assertEqual(self.ours["audited_without_losses"], [
            60, None, 0, 0, 0, 0, 0, "sparse", [None, 0, 0], [None, 0, 0]])

    def test_other_responses_have_no_audit(self):
        five, *others = self.ours["nothing_to_audit"]
        self.assertEqual(five[:2] + five[7:8], [5, 0, "unknown"])
        self.assertEqual(others, [None] * 4)

    def test_leaving_closes_the_stream(self):
        self.assertEqual(self.ours["left_early"], [3, []])


def make(url):
    from locust.clients import HttpSession

    def session_of(name):
        rows = client_support.Rows()
        return HttpSession(f"{url}/{name}", rows, None), rows

    return session_of


if __name__ == "__main__":
    if "--probe" in sys.argv:
        client_support.probe_main(PROBES, make(sys.argv[3]))
    else:
        unittest.main()
