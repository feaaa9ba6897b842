"""gevent, requests, threads, queues and time.sleep inside tasks, beside streams that go on."""

import queue
import threading
import time

import gevent
import gevent.event
import gevent.lock
import gevent.pool
import probe
import requests
from locust import HttpUser, task

BUSY_S = 0.5


class Beside(HttpUser):
    """Other users' streams and timers go on while this one waits in every way there is."""
    fixed_count = 1

    @task
    def steps(self):
        results = []
        started = time.monotonic()
        jobs = [gevent.spawn(self.by_requests), gevent.spawn(time.sleep, BUSY_S),
                gevent.spawn(self.by_client)]
        gevent.joinall(jobs)
        results.append(jobs[0].value)
        results.append(jobs[2].value)
        probe.fact("results", results)
        probe.fact("together", time.monotonic() - started)
        self.waits()
        probe.until(lambda: Streams.done == 3)
        probe.end(self)

    def by_requests(self):
        return requests.get(f"{self.host}/slow?ms=400", timeout=5).text

    def by_client(self):
        return self.client.get("/slow?ms=400", name="slow").text

    def waits(self):
        box, event, lock = queue.Queue(), gevent.event.Event(), gevent.lock.Semaphore(1)
        pool = gevent.pool.Pool(4)
        with lock:
            gevent.spawn_later(0.05, event.set)
            probe.fact("event", event.wait(2))
        threading.Thread(target=lambda: (time.sleep(0.05), box.put("from a thread"))).start()
        probe.fact("queue", box.get(timeout=2))
        probe.fact("pool", pool.map(lambda n: (gevent.sleep(0.01), n * n)[1], range(8)))
        with gevent.Timeout(0.1, False):
            self.client.get("/silent", name="given up")
            probe.fact("never", True)


class Streams(HttpUser):
    """Counts how late the events of a steady stream come."""
    done = 0

    @task
    def read(self):
        late = []
        with self.client.get("/sse?count=80&interval_ms=10", stream=True, name="stream",
                             catch_response=True) as response:
            for line in response.iter_lines(decode_unicode=True):
                if line.startswith("data:"):
                    sent = float(line.split('"sent": ')[1].split(",")[0])
                    late.append((time.time() - sent) * 1000)
            response.success()
        Streams.done += 1
        probe.note("late", sorted(late)[int(len(late) * 0.9)])
        gevent.sleep(30)
