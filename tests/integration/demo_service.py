"""A running `cicada serve` and the streams of a test on it."""

import collections
import concurrent.futures
import http.client
import json
import re
import time

from harness import check, contains, same, wait_until

LOGIN = {"email": "loadtest.user@example.com", "password": "Str0ngP@ssword!"}
CLIENT = {"client_id": "cicada-demo", "client_secret": "demo-secret-key",
          "grant_type": "client_credentials", "scope": "analytics:read"}
STREAM_LIMIT_S = 20


class Stream:
    """One open event stream, read by http.client: `events` and `comments` so far."""

    def __init__(self, port, path, headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=STREAM_LIMIT_S)
        self.connection.request("GET", path, headers=headers)
        self.response = self.connection.getresponse()
        self.events, self.comments, self.retry = [], [], None
        self.fields = {}

    def read_line(self):
        line = self.response.readline().decode().rstrip("\r\n")
        if line.startswith(":"):
            self.comments.append(line)
        elif line:
            name, _, value = line.partition(":")
            self.fields[name] = value.removeprefix(" ")
        else:
            self.retry = self.fields.pop("retry", self.retry)
            if "data" in self.fields:
                self.events.append(self.fields)
            self.fields = {}

    def read_until(self, condition):
        end = time.monotonic() + STREAM_LIMIT_S
        while not condition():
            check(time.monotonic() < end, f"the stream's time is up, got {self.events[-3:]}")
            self.read_line()
        return self

    def take(self, count):
        """The first `count` events, heartbeats aside."""
        self.read_until(lambda: len(self.real()) >= count)
        return self.real()[:count]

    def real(self):
        return [each for each in self.events if each.get("event") != "heartbeat"]


class Service:
    """A running `cicada serve`."""

    def __init__(self, t, *options):
        self.t = t
        self.process = t.start_cicada("serve", "--port", 0, *options)
        self.port = int(self.process.wait_for_output(r"127\.0\.0\.1:(\d+)").group(1))
        wait_until(lambda: self.get("/healthz")[0] == 200, "the service")

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def request(self, method, path, body=None, headers=None):
        """Status, headers and body of a whole answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=STREAM_LIMIT_S)
        try:
            text = json.dumps(body) if isinstance(body, dict) else body
            connection.request(method, path, text, {"Content-Type": "application/json",
                                                    **(headers or {})})
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        except ConnectionError:
            return 0, {}, ""
        finally:
            connection.close()

    def connect_and_leave(self, method, path):
        """A connection on which a request was sent and nothing is read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=STREAM_LIMIT_S)
        connection.request(method, path, "{}")
        return connection

    def get(self, path, headers=None):
        return self.request("GET", path, None, headers)

    def post(self, path, body, headers=None):
        return self.request("POST", path, body, headers)

    def metrics(self):
        """Every figure of /metrics by its name without "cicada_serve_", labels as they stand."""
        found = re.findall(r"^cicada_serve_(\S+) (\S+)$", self.get("/metrics")[2], re.MULTILINE)
        return {name: int(value) for name, value in found}

    def control(self, **faults):
        """Sets faults, `_` for `-` in their names, and returns those in force."""
        named = {name.replace("_", "-"): value for name, value in faults.items()}
        status, _, text = self.post("/control", {"fault": named})
        same(status, 200, f"status of /control, which says {text}")
        return {name: value for name, value in json.loads(text)["fault"].items()
                if value is not None}

    def token(self, path="/api/v1/auth/login", body=None):
        status, _, text = self.post(path, body or LOGIN)
        same(status, 200, f"status of {path}")
        return json.loads(text)["access_token"]

    def session(self, **changes):
        return self.token("/api/v1/session/token", {**CLIENT, **changes})

    def stream(self, path, token=None, **headers):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            fields["Authorization"] = "Bearer " + token
        stream = Stream(self.port, path, fields)
        self.t.keep(stream, stream.connection.close)
        if stream.response.status == 200:
            contains(stream.response.headers["Content-Type"], "^text/event-stream", "type")
        return stream

    def status_of(self, path, token=None, **headers):
        return self.stream(path, token, **headers).response.status


class Reader:
    """One stream of /api/v1/events/stream as bytes: what came, when, in which pieces, how broken,
    and how it ended."""

    def __init__(self, service, query, last_id=None):
        headers = {"Last_Event_ID": last_id} if last_id else {}
        self.stream = service.stream(f"/api/v1/events/stream?{query}", **headers)
        same(self.stream.response.status, 200, "status")
        self.rest = b""
        self.ids, self.seqs, self.comments = [], [], 0  # seqs: of data that can be read
        self.damage = collections.Counter()
        self.pieces = []  # how many events each write held
        self.times = []   # when it came
        self.end = None   # "closed" or "reset"

    def _take(self, block):
        """1 for an event, 0 for another block."""
        lines = block.split(b"\n")
        fields = dict(line.partition(b": ")[::2] for line in lines)
        if b"data" not in fields:
            self.comments += lines[0].startswith(b":")
            return 0
        self.ids.append(fields[b"id"].decode() if b"id" in fields else None)
        same(fields[b"event"], b"notification", "event")
        if set(fields) - {b"id", b"event", b"data"}:
            self.damage["unknown_field"] += 1
        try:
            self.seqs.append(json.loads(fields[b"data"].decode())["seq"])
        except UnicodeDecodeError:
            self.damage["invalid_utf8"] += 1
        except ValueError:
            self.damage["json"] += 1
        return 1

    def read(self):
        """One write of the service; False at the end."""
        try:
            piece = self.stream.response.read1(1 << 20)
        except ConnectionResetError:
            self.end = "reset"
            return False
        if not piece:
            self.end = "closed"
            return False
        *blocks, self.rest = (self.rest + piece).split(b"\n\n")
        events = sum([self._take(block) for block in blocks])
        if events:
            self.pieces.append(events)
            self.times.append(time.monotonic())
        return True

    def read_until(self, condition):
        """The end of the stream ends it too."""
        end = time.monotonic() + STREAM_LIMIT_S
        while not condition() and self.read():
            check(time.monotonic() < end, f"the stream's time is up, got {self.ids[-3:]}")
        return self

    def read_to_end(self):
        return self.read_until(lambda: False)

    def numbers(self):
        return [int(each) for each in self.ids]

    def read_count(self, count):
        """All of a stream with `?count=`: its first and its last event have no fault."""
        return self.read_until(
            lambda: self.ids and int(self.ids[-1]) == int(self.ids[0]) + count - 1)

    def audit(self):
        """What is missed, comes twice or late, by the numbers alone."""
        numbers, highest, seen = self.numbers(), 0, set()
        result = collections.Counter()
        for number in numbers:
            if number in seen:
                result["duplicated"] += 1
            elif number < highest:
                result["reordered"] += 1
            seen.add(number)
            highest = max(highest, number)
        result["lost"] = highest - numbers[0] + 1 - len(seen)
        return result


def read_all(service, query, count, peers):
    """Several streams at once, each to its last event."""
    readers = [Reader(service, query) for _ in range(peers)]
    with concurrent.futures.ThreadPoolExecutor(peers) as pool:
        return list(pool.map(lambda reader: reader.read_count(count), readers))
