#!/usr/bin/env python3
"""`--publish`: what a service did with our own messages, against what it says that it did."""

import signal

import harness
from harness import between, check, contains, same, test, wait_until
from nginx_server import NCHAN, Nginx
from publish_hub import FAILED, OK, SILENCE, Cut, Hub, number_of
from script_runner import start

RATE = 200


class Run:
    """`cicada run` on a hub, which is interrupted once enough has been published."""

    def __init__(self, t, hub, *options, path="/sub", users=2, rate=RATE):
        self.path = t.path("result.json")
        self.hub = hub
        self.process = t.start_cicada(
            "run", hub.url(path), "-u", users, "-r", 1000, "-t", "60s", "--json", self.path,
            "--publish", hub.url("/pub"), "--publish-rate", rate, *options)

    def until(self, count):
        """The result, when so many messages were handed on."""
        wait_until(lambda: len(self.hub.messages) >= count or self.process.child.poll() is not None,
                   f"{count} messages", 40)
        self.process.signal(signal.SIGINT)
        same(self.process.wait(30), 130, f"exit status ({self.process.stderr})")
        harness.check_for_crash(self.process)
        return harness.Result(self.path)


def check_found(result, missed=0, duplicates=0, where="stream"):
    for name, count in (("sse_publish_missed", missed), ("sse_publish_duplicates", duplicates)):
        same(result.count(name), count, name)
        same(result.count(f"{name}{{where:{where}}}"), count, f"{name} by where")


def received(result):
    """On all streams, those of before the opening too."""
    return sum(result.metrics.get(name, {}).get("count", 0) for name in
               ("sse_publish_latency", "sse_publish_latency{delivery:replay}"))


@test
def nchan_brings_every_message_to_every_stream_of_two_processes(t):
    nginx, streams = Nginx(t, NCHAN), 20
    path = t.path("result.json")
    outcome = t.cicada("run", nginx.url("/sub?id=p"), "-u", streams, "-r", 1000, "-t", "3s",
                       "--processes", 2, "--publish", f"POST {nginx.url('/pub?id=p')}",
                       "--publish-rate", 100, "--json", path)
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    result = harness.Result(path)
    published = result.count("sse_published")
    check(published > 10, f"{published} published")
    check_found(result)
    # The last ones, or their answers, may have been on their way.
    between(received(result), streams * (published - 5), streams * (published + 5), "receipts")
    same(result.count("sse_events"), received(result), "events")
    contains(outcome.stdout, r"published +\d+", "the summary")


# Faults come once a stream has been open for half a second, so that it surely has begun.
FIRST = 100


@test
def missed_messages_are_counted_exactly(t):
    lost = {FIRST, FIRST + 1, FIRST + 12, FIRST + 77, FIRST + 150}

    def deliver(subscriber, message):
        return [] if subscriber.index == 0 and subscriber.offered in lost else [message]

    result = Run(t, Hub(t, deliver=deliver)).until(FIRST + 300)
    check_found(result, missed=len(lost))
    same(result.count("sse_publish_failed"), 0, "failed")


@test
def a_gap_wider_than_the_window_is_counted_exactly(t):
    def deliver(subscriber, message):
        return [] if FIRST <= subscriber.offered < FIRST + 150 else [message]

    check_found(Run(t, Hub(t, deliver=deliver)).until(FIRST + 300), missed=2 * 150)


@test
def messages_that_come_twice_are_counted_exactly(t):
    def deliver(subscriber, message):
        if subscriber.offered in (FIRST, FIRST + 1, FIRST + 30):
            return [message, message]
        if subscriber.offered == FIRST + 150:  # long after it has left the window
            return [message, hub.messages[-100]]
        return [message]

    hub = Hub(t, deliver=deliver)
    check_found(Run(t, hub).until(FIRST + 300), duplicates=2 * 4)


@test
def messages_out_of_order_are_neither(t):
    held = {}

    def deliver(subscriber, message):
        if subscriber.offered > FIRST and subscriber.offered % 10 == 3:
            held[subscriber] = message
            return []
        return [message] + ([held.pop(subscriber)] if subscriber in held else [])

    check_found(Run(t, Hub(t, deliver=deliver)).until(FIRST + 205))


@test
def a_message_that_was_refused_goes_out_again_and_is_no_miss(t):
    def answer(hub, request):
        return FAILED if len(hub.requests) % 3 == 0 else OK

    hub = Hub(t, answer=answer)
    result = Run(t, hub).until(200)
    check_found(result)
    between(result.count("sse_publish_failed"), hub.failed - 48, hub.failed, "failed")
    between(result.count("sse_published"), len(hub.messages) - 48, len(hub.messages), "published")
    numbers = {number_of(message.body) for message in hub.messages}
    # The last ones may still have been refused.
    same(set(range(1, max(numbers) - 48)) - numbers, set(), "numbers never accepted")
    contains(str(result.classes()), "status_5xx", "error classes")


@test
def an_attempt_whose_answer_was_lost_is_no_duplicate(t):
    def answer(hub, request):
        return FAILED if len(hub.requests) % 3 == 0 else OK

    hub = Hub(t, answer=answer, hands_on_all=True)
    result = Run(t, hub).until(200)
    check_found(result)
    check(result.count("sse_publish_failed") > 50, "failures")


@test
def a_connection_cut_in_place_of_an_answer_is_neither(t):
    def answer(hub, request):
        return None if len(hub.requests) % 4 == 0 else OK

    hub = Hub(t, answer=answer, hands_on_all=True)
    check_found(Run(t, hub).until(200))


@test
def streams_on_another_topic_miss_nothing(t):
    hub = Hub(t)
    result = Run(t, hub, hub.url("/quiet"), users=4).until(100)
    check_found(result)
    same(hub.opened, 4, "streams")
    between(received(result), 100, 2 * len(hub.messages), "receipts")


def cut(subscriber, message):
    """The first stream ends."""
    if subscriber.index == 0 and subscriber.offered == FIRST:
        raise Cut
    return [message]


@test
def what_is_lost_across_a_resume_is_told_apart(t):
    lost = set()

    def deliver(subscriber, message):
        if subscriber.index == 0 and subscriber.offered == FIRST:
            lost.update(range(message.id, message.id + 3))
            raise Cut
        return [] if subscriber.index == 2 and message.id in lost else [message]

    def resume(subscriber, messages, last_id):
        return [message for message in messages[last_id:] if message.id not in lost]

    result = Run(t, Hub(t, deliver=deliver, resume=resume, in_order=True)).until(FIRST + 300)
    same(result.count("sse_disconnects"), 1, "disconnects")
    check_found(result, missed=3, where="resume")


@test
def what_is_repeated_by_a_resume_is_told_apart(t):
    hub = Hub(t, deliver=cut, in_order=True,
              resume=lambda subscriber, messages, last_id: messages[last_id - 4:])
    result = Run(t, hub).until(FIRST + 300)
    check_found(result, duplicates=4, where="resume")
    check(result.count("sse_publish_latency{delivery:replay}") >= 4, "replayed")


@test
def what_passed_before_a_reconnect_without_an_id_is_nobodys_loss(t):
    hub = Hub(t, deliver=cut, has_ids=False)
    result = Run(t, hub).until(FIRST + 300)
    same(result.count("sse_disconnects"), 1, "disconnects")
    check(received(result) < 2 * len(hub.messages) - 5, "some passed")
    check_found(result)


@test
def the_message_is_sent_as_it_was_given(t):
    hub = Hub(t)
    data = t.write("message", "to=all&text={{mark}}")
    Run(t, hub, "--publish-data", f"@{data}", "--publish-header", "X-Key: secret 1").until(3)
    request = hub.requests[0]
    same(request.header("Content-Type"), b"application/x-www-form-urlencoded", "type")
    same(request.header("X-Key"), b"secret 1", "header")
    contains(request.body.decode(), r"^to=all&text=cicada-mark\.[0-9a-f.]+$", "body")
    hub = Hub(t)
    result = Run(t, hub, "--publish-header", "X-Key: secret 1").until(3)
    same(hub.requests[0].header("Content-Type"), b"application/json", "type")
    contains(hub.requests[0].body.decode(), r'^\{"cicada":"cicada-mark\.[0-9a-f.]+"\}$', "body")
    check("secret" not in result.json["run"]["command"], "the command shows no secret")


@test
def connections_are_used_again(t):
    hub = Hub(t)
    Run(t, hub, rate=50).until(60)
    peers = {request.peer_name for request in hub.requests}
    # One that is due while others are unanswered, on a busy machine, needs one more.
    check(len(peers) < len(hub.requests) / 2,
          f"{len(peers)} connections for {len(hub.requests)} messages")


@test
def a_service_that_does_not_answer_makes_publishing_late(t):
    hub = Hub(t, in_order=True, hands_on_all=True,
              answer=lambda hub, request: OK if len(hub.requests) <= 20 else SILENCE)
    run = Run(t, hub, "--loglevel", "warning")
    run.process.wait_for_output(r"publishing falls behind its rate: 48 messages wait")
    wait_until(lambda: len(hub.requests) >= 20 + 48, "the requests")
    run.process.signal(signal.SIGINT)
    run.process.wait(30)
    same(len(hub.requests), 20 + 48, "requests")


@test
def a_run_that_published_nothing_has_failed(t):
    hub = Hub(t, answer=lambda hub, request: FAILED)
    outcome, result = t.load(hub.url("/sub"), "-t", "1s", "--publish", hub.url("/pub"),
                             "--publish-rate", 50)
    same(outcome.status, 1, "exit status")
    contains(outcome.stdout, r"none of \d+ attempts to publish a message succeeded", "the summary")
    same(result.count("sse_published"), 0, "published")
    rows = [row for row in result.json["errors"] if row["class"] == "status_5xx"]
    same([(row["endpoint"], row["message"]) for row in rows],
         [(hub.url("/pub"), "status 500")], "error rows")


READERS = """
from locust import HttpUser

class Reader(HttpUser):
    @task
    def read(self):
        with self.client.get("/sub", stream=True) as response:
            for _ in response.iter_lines():
                pass
"""


@test
def streams_of_a_locust_file_are_held_to_it_alike(t):
    lost = {FIRST, FIRST + 7, FIRST + 120}

    def deliver(subscriber, message):
        return [] if subscriber.index == 0 and subscriber.offered in lost else [message]

    hub = Hub(t, deliver=deliver)
    process = start(t, READERS, "-H", hub.url(""), "-u", 4, "-r", 100, "-t", "60s", "--processes",
                    2, "--publish", hub.url("/pub"), "--publish-rate", RATE)
    wait_until(lambda: len(hub.messages) >= FIRST + 300, "messages", 40)
    process.signal(signal.SIGINT)
    process.wait(30)
    harness.check_for_crash(process)
    result = harness.Result(t.path("result.json"))
    check_found(result, missed=len(lost))
    between(result.count("sse_published"), len(hub.messages) - 48, len(hub.messages), "published")
    between(received(result), 4 * (FIRST + 250), 4 * len(hub.messages), "receipts")


@test
def bad_options_are_named(t):
    target = "http://127.0.0.1:1/"
    for words, pattern in (
            (["--publish-rate", "2"], r"'--publish-rate' needs --publish beside it"),
            (["--publish-data", "{{mark}}"], r"'--publish-data' needs --publish beside it"),
            (["--publish-header", "A: b"], r"'--publish-header' needs --publish beside it"),
            (["--publish", target, "--publish-rate", "0"], r"'--publish-rate'"),
            (["--publish", target, "--publish-rate", "10001"], r"at most 10000 a second"),
            (["--publish", target, "--publish-rate", "0.0000000000000000001"], r"one in 3600 s"),
            (["--publish", target, "--publish-data", "no mark"], r"no \{\{mark\}\}"),
            (["--publish", target, "--publish-data", "{{marc}}"], r"did you mean 'mark'"),
            (["--publish", target, "--publish-data", '{"a": {{mark}}}'], r"'--publish-data'"),
            (["--publish", target, "--publish-data", "@/nowhere"], r"/nowhere"),
            (["--publish", "ftp://x/"], r"'--publish'"),
            (["--publish", "http://no.invalid/"], r"no\.invalid")):
        contains(t.refused("run", target, "-t", "1s", *words), pattern, f"{words}")


if __name__ == "__main__":
    harness.main(jobs=8)
