"""What a script sees of a stream, and what Locust's statistics say of it."""

import time

import gevent
import probe
from locust import HttpUser, events, task

EVENTS = "/sse?count=5&interval_ms=60&first_ms=100"


class HeadOnly(HttpUser):
    """The row's time is that of the head; it is written when the block is left."""

    def count(self):
        return self.environment.stats.total.num_requests

    @task
    def steps(self):
        with self.client.get("/sse?head_ms=100&count=4&interval_ms=100", stream=True,
                             catch_response=True, name="stream") as response:
            probe.fact("elapsed", response.elapsed.total_seconds())
            started = time.time()
            lines = list(response.iter_lines())
            probe.fact("body", time.time() - started)
            probe.fact("lines", len(lines))
            probe.fact("rows inside", self.count())
        probe.fact("rows after", self.count())
        self.client.get("/sse?count=2&interval_ms=50", name="whole")
        probe.fact("means", [self.environment.stats.get(name, "GET").avg_response_time
                             for name in ("stream", "whole")])
        probe.end(self)


def delays(response):
    """How late each event came, in ms, by the server's own clock, which is this machine's."""
    late = []
    for line in response.iter_lines(decode_unicode=True):
        if line.startswith("data:"):
            late.append((time.time() - float(line.split('"sent": ')[1].split(",")[0])) * 1000)
    return late


class Delays(HttpUser):
    @task
    def steps(self):
        for frame in ("chunked", "close"):
            with self.client.get(f"{EVENTS}&frame={frame}", stream=True, name=frame) as response:
                probe.fact(f"{frame} delays", sorted(delays(response)))
        probe.end(self)


class Lines(HttpUser):
    """Where lines end and how they are decoded."""

    def lines(self, name, path, **options):
        with self.client.get(path, stream=True, name=name) as response:
            probe.fact(name, [line if isinstance(line, str) else line.decode("latin-1")
                              for line in response.iter_lines(**options)])
            probe.fact(f"{name} encoding", response.encoding)

    @task
    def steps(self):
        text = {"decode_unicode": True}
        self.lines("blank", "/pieces?name=blank", **text)
        self.lines("bytes", "/pieces?name=blank")
        self.lines("one at a time", "/pieces?name=blank", chunk_size=1, **text)
        self.lines("crlf cut", "/pieces?name=crlf_cut", **text)
        self.lines("line cut", "/pieces?name=line_cut", **text)
        self.lines("unfinished", "/pieces?name=unfinished", **text)
        self.lines("other ends", "/pieces?name=other_ends&charset=utf-8", **text)
        self.lines("other ends as bytes", "/pieces?name=other_ends&charset=utf-8")
        self.lines("utf-8 said", "/pieces?name=angstrom&charset=utf-8", **text)
        self.lines("utf-8 unsaid", "/pieces?name=angstrom", **text)
        self.lines("delimiter", "/body?text=a;b;;c", delimiter=";", **text)
        probe.end(self)


class Content(HttpUser):
    """Other ways to read a stream: iter_content, content, text, json, raw."""

    @task
    def steps(self):
        with self.client.get("/pieces?name=blank", stream=True, name="iter_content") as response:
            chunks = list(response.iter_content(chunk_size=4))
            probe.fact("iter_content", [b"".join(chunks).decode(), max(map(len, chunks)) <= 4])
        with self.client.get("/pieces?name=blank", stream=True, name="content") as response:
            probe.fact("content", [response.text, response.content == response.text.encode()])
        with self.client.get("/body?text=[1,2]", stream=True, name="json") as response:
            probe.fact("json", response.json())
        response = self.client.get("/body?text=no", name="no json")
        probe.fact("no json", issubclass(type_of(response.json), ValueError))
        lines = self.client.get("/pieces?name=blank", name="not streamed").iter_lines()
        probe.fact("not streamed", [line.decode() for line in lines])
        probe.end(self)


def type_of(call):
    try:
        call()
    except Exception as error:
        return type(error)
    return None


class Leaves(HttpUser):
    """Leaves the block of a stream that never ends, then goes on with other things."""

    @task
    def steps(self):
        for frame in ("chunked", "close"):
            with self.client.get(f"/sse?count=1000&interval_ms=20&frame={frame}", stream=True,
                                 name=frame, catch_response=True) as response:
                for line in response.iter_lines():
                    if line.startswith(b"data:"):
                        response.success()
                        break
            gevent.sleep(0.6)
            probe.fact(f"{frame} went on", self.client.get("/body", name="body").text)
        probe.end(self)


class EndsEarly(HttpUser):
    """The server ends the stream, or cuts it."""

    def read(self, name, path):
        with self.client.get(path, stream=True, name=name, catch_response=True) as response:
            seen = []
            try:
                for line in response.iter_lines():
                    seen.append(line)
            except Exception as error:
                probe.fact(f"{name} raised", probe.kind_of(error))
            probe.fact(name, len([line for line in seen if line.startswith(b"data:")]))

    @task
    def steps(self):
        self.read("complete", "/sse?count=2&interval_ms=1")
        self.read("close", "/sse?count=2&interval_ms=1&frame=close")
        self.read("cut", "/sse?count=2&interval_ms=1&then=cut")
        self.client.get("/sse?count=2&interval_ms=1&then=cut", name="cut, not streamed")
        probe.end(self)


class Starts(HttpUser):
    abstract = True

    def on_start(self):
        probe.note("order", "on_start")

    def on_stop(self):
        probe.note("order", "on_stop")


class Held(Starts):
    """A stream that never sends, open when the run ends."""

    @task
    def hold(self):
        try:
            with self.client.get("/sse?count=0&then=hold", stream=True, catch_response=True,
                                 name="held") as response:
                probe.note("order", "open")
                try:
                    for _ in response.iter_lines():
                        pass
                except Exception:
                    probe.note("order", "except Exception")
                except BaseException as error:
                    probe.note("order", probe.kind_of(error))
                    raise
        finally:
            probe.note("order", "finally")


class HeldHead(Starts):
    """A request that never gets an answer, open when the run ends."""

    @task
    def hold(self):
        probe.note("order", "open")
        self.client.get("/silent", name="unanswered")


def _note_hook(hook):
    getattr(events, hook).add_listener(lambda **_: probe.note("order", hook))


for _hook in ("init", "test_start", "spawning_complete", "test_stopping", "test_stop", "quitting"):
    _note_hook(_hook)
