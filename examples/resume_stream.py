"""Leave a stream in its middle and resume it: does the service send what was missed, and only that?

    cicada run examples/resume_stream.py --host http://127.0.0.1:8080 -u 20 -r 5 -t 30s

`iter_events()` is cicada's: events as the standard has them (ids, many data lines, comments), parsed
in C. cicada links a stream to the one it resumes by `Last-Event-ID`, so attempts and times of resumes
are apart in the result (`sse_attempts{phase:resume}`) whatever the script counts.
"""

import gevent
from locust import HttpUser, between, events, task

EVENTS_A_STREAM = 3
AWAY_S = 0.5


class Resumer(HttpUser):
    wait_time = between(1, 2)

    def read(self, order, last_id=None):
        """The numbers of the next events of that order, or None when there was no stream."""
        headers = {"Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        with self.client.get(f"/api/v1/orders/{order}/events", headers=headers, stream=True,
                             catch_response=True, name="order events") as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}")
                return None
            numbers = []
            for event in response.iter_events():
                numbers.append(int(event.id))
                if len(numbers) == EVENTS_A_STREAM:
                    break
            response.success()
        return numbers

    @task
    def follow_an_order(self):
        order = f"ORD-{10000 + id(self) % 1000}"
        before = self.read(order)
        if not before:
            return
        gevent.sleep(AWAY_S)
        after = self.read(order, str(before[-1]))
        if after is None:
            return
        expected = list(range(before[-1] + 1, before[-1] + 1 + len(after)))
        wrong = None if after == expected else ValueError(f"resumed with {after}, not {expected}")
        events.request.fire(request_type="SSE", name="resumed without a gap", response_time=None,
                            response_length=len(after), exception=wrong)
