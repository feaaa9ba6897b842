"""Open a stream, check what it is, wait for three events, leave, come back.

    cicada serve --port 8080
    cicada run examples/basic_stream.py --host http://127.0.0.1:8080 -u 50 -r 10 -t 30s

Runs under Locust too: nothing here is cicada's own. How soon the first event came needs no code with
cicada (`sse_ttfe` in every result); the row that `events.request.fire` makes shows how scripts add
figures of their own to the table.
"""

import time

from locust import HttpUser, between, events, task

EVENTS_WANTED = 3


class Reader(HttpUser):
    wait_time = between(1, 3)

    @task
    def read_a_few_events(self):
        started = time.time()
        with self.client.get("/api/v1/events/stream", headers={"Accept": "text/event-stream"},
                             stream=True, catch_response=True, name="events") as response:
            if response.status_code != 200:
                response.failure(f"no stream: status {response.status_code}")
                return
            if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                response.failure("this is no event stream")
                return
            seen = 0
            for line in response.iter_lines(decode_unicode=True):
                if line.startswith("data:"):
                    seen += 1
                    if seen == 1:
                        events.request.fire(request_type="SSE", name="first event",
                                            response_time=(time.time() - started) * 1000,
                                            response_length=len(line), exception=None)
                if seen == EVENTS_WANTED:
                    break
            if seen == EVENTS_WANTED:
                response.success()
            else:
                response.failure(f"the stream ended after {seen} events")
