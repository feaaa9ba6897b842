"""The module _cicada by itself: waiting, waking, being killed, what is read and what is raised."""

import gc
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import client_support

sys.path[:0] = [client_support.engine_folder() or ""]

import _cicada
import gevent
from gevent.exceptions import BlockingSwitchOutError

from raw_server import RawServer, answer

LIMIT_S = 10
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
EVENT = b"id: 1\ndata: {\"a\":1}\n\n"

engine = _cicada.Engine(-1)
watcher = gevent.get_hub().loop.io(engine.fileno(), 1)
watcher.start(engine.turn)


class BodyError(Exception):
    pass


def make_error(name, message, in_body):
    return BodyError(name, message, in_body)


def wait_until(condition, what):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited for {what}")
        gevent.sleep(0.005)


def run(function):
    """In a greenlet, as users do; with a limit."""
    def caught():
        try:
            return function(), None
        except Exception as error:  # raised below, not printed by gevent
            return None, error

    value, error = gevent.spawn(caught).get(timeout=LIMIT_S)
    if error is not None:
        raise error
    return value


class Asking(unittest.TestCase):
    def setUp(self):
        self.client = _cicada.Client(make_error)

    def serve(self, respond):
        server = RawServer(respond)
        self.addCleanup(server.__exit__)
        self.server = server
        return server

    def get(self, path="/", headers=(), **named):
        return self.client.request("GET", self.server.url + path, list(headers), **named)

    def stream(self, pieces, **named):
        """A response whose body comes in these pieces."""
        self.serve(lambda asked: [STREAM, *pieces])
        return run(lambda: self.get(stream=True, **named))


class Waiting(Asking):
    def test_a_request_in_the_hub_is_refused(self):
        self.serve(lambda asked: answer("x"))
        seen = []

        def in_hub():
            try:
                self.get()
            except BaseException as error:
                seen.append(error)

        gevent.get_hub().loop.run_callback(in_hub)
        wait_until(lambda: seen, "the callback")
        self.assertIsInstance(seen[0], BlockingSwitchOutError)

    def test_a_request_in_another_thread_is_refused(self):
        self.serve(lambda asked: answer("x"))
        seen = []

        def other():
            try:
                self.get()
            except RuntimeError as error:
                seen.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join(LIMIT_S)
        self.assertIn("thread", seen[0])

    def test_two_cannot_wait_for_one_response(self):
        response = self.stream([5, None])
        first = gevent.spawn(response.read)
        gevent.sleep(0.01)
        with self.assertRaises(RuntimeError):
            run(response.read)
        first.kill()

    def test_a_killed_greenlet_leaves_the_response_to_others(self):
        response = self.stream([0.1, EVENT, 5])
        first = gevent.spawn(response.read)
        gevent.sleep(0.01)
        first.kill()
        self.assertIsInstance(first.value, gevent.GreenletExit)
        self.assertEqual(run(response.read), EVENT)

    def test_a_timeout_of_gevent_breaks_a_wait_off(self):
        response = self.stream([0.2, EVENT, 5])

        def impatient():
            with gevent.Timeout(0.01, False):
                response.read()
                return "read"
            return response.read()

        self.assertEqual(run(impatient), EVENT)

    def test_a_killed_request_closes_its_connection(self):
        server = self.serve(lambda asked: [b"HTTP/1.1 100 Continue\r\n\r\n", 0.02] * 400)
        asking = gevent.spawn(self.get, "/slow")
        wait_until(lambda: server.asked, "the request")
        asking.kill()
        del asking
        wait_until(lambda: server.closed == ["/slow"], "the end of the connection")

    def test_a_stray_switch_is_no_answer(self):
        response = self.stream([0.1, EVENT, 5])
        reading = gevent.spawn(response.read)
        gevent.sleep(0.01)
        gevent.get_hub().loop.run_callback(reading.switch)
        self.assertEqual(reading.get(timeout=LIMIT_S), EVENT)

    def test_buffered_lines_need_no_switch(self):
        response = self.stream([b"1\n2\n3\n", 5])
        turns = []

        def read():
            lines = response.lines("utf-8")
            first = next(lines)
            gevent.spawn(turns.append, 1)
            return [first, next(lines), next(lines), len(turns)]

        self.assertEqual(run(read), ["1", "2", "3", 0])


class Forks(Asking):
    def test_a_child_leaves_the_streams_to_its_parent(self):
        response = self.stream([EVENT, *([0.05, EVENT] * 200)])
        self.assertEqual(run(response.read), EVENT)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                engine.turn()  # does nothing here
                try:
                    self.get("/child")
                except RuntimeError:
                    status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        for _ in range(3):
            self.assertEqual(run(response.read), EVENT)
        response.close()


    def test_a_child_keeps_no_socket_of_its_parent_open(self):
        server = self.serve(lambda asked: [STREAM, *([EVENT, 0.02] * 400)])
        response = run(lambda: self.get("/shared", stream=True))
        child = os.fork()
        if child == 0:
            time.sleep(LIMIT_S)
            os._exit(0)
        try:
            response.close()
            wait_until(lambda: server.closed == ["/shared"], "the end of the stream")
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    def test_a_child_drops_what_is_its_parents_without_touching_it(self):
        response = self.stream([EVENT, *([0.05, EVENT] * 200)])
        self.assertEqual(run(response.read), EVENT)
        child = os.fork()
        if child == 0:
            files = [open(os.devnull) for _ in range(20)]  # take the numbers of what was closed
            del response, self.client
            gc.collect()
            for file in files:
                file.read()
            with self.assertRaises(RuntimeError):
                engine.quit()
            os._exit(0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(run(response.read), EVENT)
        response.close()


class Bodies(Asking):
    def test_a_whole_body_is_content(self):
        self.serve(lambda asked: answer("body", headers=["X-A: 1", "X-a: 2", "Y: z"]))
        response = run(self.get)
        self.assertEqual((response.status, response.content, response.error), (200, b"body", None))
        self.assertEqual(response.content, b"body")
        self.assertFalse(response.is_open)
        headers = response.headers
        self.assertEqual(headers["x-A"], "1, 2")
        self.assertEqual(headers.get_all("x-a"), ["1", "2"])
        self.assertEqual(list(headers), ["X-A", "Y", "Content-Length"])
        self.assertEqual(headers.get("none", "other"), "other")
        self.assertIn("content-length", headers)
        self.assertEqual(len(headers), 3)
        with self.assertRaises(KeyError):
            headers["none"]

    def test_a_streamed_body_can_be_read_whole(self):
        response = self.stream([b"a", 0.02, b"b", None])
        self.assertEqual(run(lambda: response.content), b"ab")

    def test_read_gives_what_is_there(self):
        response = self.stream([b"abc", 0.05, b"d", None])
        self.assertEqual(run(lambda: response.read(2)), b"ab")
        self.assertEqual(run(response.read), b"c")
        self.assertEqual(run(response.read), b"d")
        self.assertEqual(run(response.read), b"")

    def test_lines_are_those_of_splitlines(self):
        text = "a\r\nb\u2028c\x85d\n\ne\x1cf".encode()
        for encoding in ("utf-8", "latin-1", None):
            response = self.stream([*(text[i:i + 1] for i in range(len(text))), None])
            whole = text.decode(encoding) if encoding else text
            self.assertEqual(run(lambda: list(response.lines(encoding))), whole.splitlines())

    def test_a_delimiter_is_the_scripts_own(self):
        response = self.stream([b"a||b|", 0.02, b"|c", None])
        self.assertEqual(run(lambda: list(response.lines("utf-8", "||"))), ["a", "b", "c"])
        with self.assertRaises(ValueError):
            response.lines(None, b"")
        with self.assertRaises(LookupError):
            response.lines("utf-16")

    def test_events_follow_the_standard(self):
        response = self.stream([b"retry: 70\n\n: comment\nevent: n\nid: 4\nda", 0.02,
                                b"ta: {\"a\":\ndata: 1}\n\nid: 5\n\ndata: 2\n\ndata: lost", None])

        def read():
            events = response.events()
            return events, list(events)

        events, (first, second) = run(read)
        self.assertEqual((first.event, first.id, first.retry), ("n", "4", 70))
        self.assertEqual(first.json(), {"a": 1})
        self.assertEqual((second.event, second.data, second.id, second.retry),
                         ("message", "2", "5", None))
        self.assertEqual((events.last_event_id, events.retry), ("5", 70))
        self.assertLess(abs(time.time() - first.received), 5)

    def test_a_broken_body_raises_what_the_client_makes(self):
        response = self.stream([EVENT, 0.05, "reset"])
        with self.assertRaises(BodyError) as caught:
            run(lambda: list(response.lines("utf-8")))
        self.assertEqual(caught.exception.args[0], "reset")
        self.assertTrue(caught.exception.args[2])
        self.assertEqual(response.error[0], "reset")

    def test_a_body_that_was_cut_is_no_content_however_late_it_is_asked_for(self):
        whole = answer(b"0123456789")
        self.serve(lambda asked: [whole[:-3], None])
        for wait in (0, 0.1):
            response = run(lambda: self.get(stream=True))
            gevent.sleep(wait)
            for _ in range(2):
                with self.assertRaises(BodyError) as caught:
                    run(lambda: response.content)
                self.assertEqual(caught.exception.args[0], "closed_early")

    def test_content_that_was_broken_off_can_be_asked_for_again(self):
        response = self.stream([b"01234", 0.2, b"56789", None])

        def impatient():
            with gevent.Timeout(0.02, False):
                return response.content
            return None

        self.assertIsNone(run(impatient))
        self.assertEqual(run(lambda: response.read(2)), b"01")
        self.assertEqual(run(lambda: response.content), b"23456789")

    def test_events_know_when_they_came(self):
        response = self.stream([*([EVENT, 0.05] * 6), None])
        wait_until(lambda: not response.is_open, "the end")
        received = [event.received for event in run(lambda: list(response.events()))]
        gaps = [after - before for before, after in zip(received, received[1:])]
        self.assertEqual(len(gaps), 5)
        self.assertGreater(min(gaps), 0.03)

    def test_silence_is_a_read_timeout(self):
        response = self.stream([EVENT, 5], read_timeout=0.05)
        with self.assertRaises(BodyError) as caught:
            run(lambda: list(response.events()))
        self.assertEqual(caught.exception.args[0], "timeout_read")

    def test_a_line_without_end_is_read_on_past_the_pause(self):
        size = 3 << 20
        response = self.stream([b"x" * size, b"\n", None])
        self.assertEqual([len(line) for line in run(lambda: list(response.lines("utf-8")))], [size])

    def test_closing_ends_an_iteration(self):
        response = self.stream([EVENT, 5])

        def read():
            lines = response.lines("utf-8")
            first = next(lines)
            gevent.spawn_later(0.02, response.close)
            return [first, *lines]

        self.assertEqual(run(read)[0], "id: 1")
        self.assertFalse(response.is_open)

    def test_a_response_that_is_dropped_closes_its_connection(self):
        server = self.serve(lambda asked: [STREAM, *([EVENT, 0.02] * 400)])
        response = run(lambda: self.get("/dropped", stream=True))
        self.assertTrue(response.is_open)
        gc.disable()
        self.addCleanup(gc.enable)
        del response
        wait_until(lambda: server.closed == ["/dropped"], "the end of the stream")


class Requests(Asking):
    def test_a_refused_connection_is_an_error_not_an_exception(self):
        response = run(lambda: self.client.request("GET", "http://127.0.0.1:1/", []))
        self.assertEqual((response.status, response.content, len(response.headers)), (0, b"", 0))
        self.assertEqual(response.error[0], "connect_refused")

    def test_what_cannot_be_sent_is_said_at_once(self):
        for url, headers in (("nonsense", []), ("http://h/", [("A", "b\r\nc")]),
                             ("http://h/", [("A b", "c")]), ("http://h/", [("", "c")])):
            with self.assertRaises(ValueError):
                self.client.request("GET", url, headers)
        with self.assertRaises(ValueError):
            self.client.request("G T", "http://h/", [])

    def test_redirects_are_history(self):
        self.serve(lambda asked: answer("there") if asked.target == "/b" else answer(
            status="302 Found", headers=["Location: /b"]))
        response = run(lambda: self.get("/a"))
        self.assertEqual([(status, url) for status, url, _ in response.history],
                         [(302, self.server.url + "/a")])
        self.assertEqual(response.url, self.server.url + "/b")
        self.assertEqual(run(lambda: self.get("/a", max_redirects=0)).status, 302)

    def test_redirects_go_as_requests_takes_them(self):
        def respond(asked):
            if asked.target == "/end":
                return answer("there")
            headers = ["Location: /end"] if asked.target == "/a" else []
            return answer("here", status="302 Found", headers=headers)

        self.serve(respond)
        response = run(lambda: self.client.request("PUT", self.server.url + "/a", [], b"body"))
        self.assertEqual((response.status, response.method, self.server.asked[1].method),
                         (200, "GET", "GET"))
        response = run(lambda: self.get("/nowhere"))
        self.assertEqual((response.status, response.content, response.error), (302, b"here", None))

    def test_cookies_are_kept_and_may_be_set(self):
        self.serve(lambda asked: answer(headers=["Set-Cookie: a=1; Path=/"]))
        run(self.get)
        self.assertEqual(self.client.cookies()[0][:4], ("a", "1", "127.0.0.1", "/"))
        self.assertTrue(self.client.set_cookie("b", "2", "127.0.0.1"))
        run(lambda: self.get(cookies="c=3"))
        self.assertEqual(self.server.asked[1].get("cookie"), "a=1; b=2; c=3")
        self.client.set_cookie("a", "", "127.0.0.1", expires=1)
        self.assertEqual([cookie[0] for cookie in self.client.cookies()], ["b"])
        self.client.clear_cookies()
        self.assertEqual(self.client.cookies(), [])

    def test_cookies_are_read_as_latin_1(self):
        self.serve(lambda asked: answer(headers=["Set-Cookie: a=caf\xe9"]))
        run(self.get)
        self.assertEqual(self.client.cookies()[0][:2], ("a", "caf\xe9"))

    def test_credentials_are_no_none(self):
        for user, password in ((None, None), ("a", None), (None, "b")):
            with self.assertRaises(ValueError):
                self.client.set_auth("digest", user, password)
        self.client.set_auth(None, None, None)

    def test_what_is_said_of_certificates_is_looked_at(self):
        self.serve(lambda asked: answer("x"))
        missing = pathlib.Path("/nonexistent/ca.pem")
        for named in ({"verify": missing}, {"verify": str(missing)}, {"cert": missing},
                      {"cert": [str(missing), str(missing)]}, {"cert": ("a", missing)}):
            with self.assertRaises(OSError):
                run(lambda named=named: self.get(**named))
        for named in ({"cert": ("a", "b", "c")}, {"cert": 7}):
            with self.assertRaises((ValueError, TypeError)):
                run(lambda named=named: self.get(**named))
        self.assertEqual(run(lambda: self.get(verify=0)).status, 200)

    def test_users_and_rates_have_their_range(self):
        for users, rate in ((-1, 1), (1 << 33, 1), (10 ** 12, 1), (5, float("nan")), (5, -1),
                            (5, 0)):
            with self.assertRaises((ValueError, OverflowError)):
                engine.target(users, rate, [])

    def test_rows_are_kept_for_the_script(self):
        _cicada.reset_rows()
        _cicada.record("GET", "/x", 12.4, 10, None)
        _cicada.record("GET", "/x", None, 5, "bad \ud800\0.")
        row = _cicada.row("GET", "/x")
        self.assertEqual((row["num_requests"], row["num_none_requests"], row["num_failures"]),
                         (2, 1, 1))
        self.assertEqual(row["response_times"], {12: 1})
        self.assertEqual(_cicada.errors(), [("GET", "/x", "bad ??.", 1)])
        self.assertIsNone(_cicada.row("GET", "/none"))
        _cicada.record_error("GET", "/x", "late")
        self.assertEqual(_cicada.row("GET", "/x")["num_requests"], 2)
        self.assertEqual(_cicada.errors()[-1], ("GET", "/x", "late", 1))
        with self.assertRaises(TypeError):
            _cicada.record_error("GET", "/x")
        _cicada.record_exception("no", "Traceback")
        self.assertEqual(_cicada.exceptions()[-1], ("no", "Traceback", 1))


class OverTls(unittest.TestCase):
    """A server that says goodbye right behind its data, and leaves the connection open."""

    def serve(self, folder):
        certificate, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=a",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        threading.Thread(target=self.answer, args=(listener, context), daemon=True).start()
        return listener.getsockname()[1]

    def answer(self, listener, context):
        connection, _ = listener.accept()
        self.addCleanup(connection.close)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)

        def drive(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    incoming.write(connection.recv(65536))

        drive(tls.do_handshake)
        drive(lambda: tls.read(65536))
        tls.write(STREAM + EVENT)
        try:
            tls.unwrap()  # its close_notify is written, the other's is not waited for
        except ssl.SSLWantReadError:
            pass
        connection.sendall(outgoing.read())

    def test_an_end_behind_the_data_is_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            port = self.serve(folder)
            client = _cicada.Client(make_error)
            response = run(lambda: client.request("GET", f"https://127.0.0.1:{port}/", [],
                                                  stream=True, verify=False))
            events = run(lambda: list(response.events()))
        self.assertEqual([event.id for event in events], ["1"])


if __name__ == "__main__":
    unittest.main()
