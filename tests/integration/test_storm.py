#!/usr/bin/env python3
"""Streams that are lost together, by our order or by the service: who is back when, and what was
missed, right to the event."""

import signal
import threading

import harness
from audit_run import AuditRun
from demo_service import Service
from harness import between, check, contains, same, test, wait_until
from nginx_server import Nginx
from raw_server import OK_HEAD, head_with, serve
from script_runner import run as run_script

STREAM = "/api/v1/events/stream?interval=200ms"


def storms_of(result, kind):
    return [each for each in result.json["storms"] if each["kind"] == kind]


def codes(result):
    return [each["code"] for each in result.json["findings"]]


def check_back(storm):
    """All are back, in the order of the shares."""
    shares = [storm["back_s"][name] for name in ("p50", "p95", "p99", "p100")]
    same((storm["back"], storm["never_back"]), (storm["cut"], 0), f"back of {storm}")
    check(None not in shares and shares == sorted(shares), f"times until back: {shares}")
    return shares


def has_opened(metrics, opened, now):
    """So many streams in all at the least, and just so many now."""
    return metrics["streams_opened_total"] >= opened and metrics["streams_open"] == now


@test
def a_storm_is_no_disconnect_and_all_come_back_at_once(t):
    service = Service(t)
    outcome, result = t.load(service.url(STREAM), "-u", 200, "-r", 1000, "-t", "5s", "--processes",
                             2, "--storm", "1500ms:50%", "--storm-return", "at-once")
    storm, = storms_of(result, "ordered")
    between(storm["cut"], 95, 105, "half of 200 streams")
    check_back(storm)
    same((storm["ratio"], storm["down_s"], storm["return"]), (0.5, 0, "at-once"), "as ordered")
    same((storm["attempts"], storm["statuses"]), (storm["cut"], {"200": storm["cut"]}), "attempts")
    same((storm["missed"], storm["duplicates"]), (0, 0), "of a service that replays")
    same(result.count("sse_reconnects"), storm["cut"], "reconnects")
    same(result.count("sse_disconnects"), 0, "disconnects")
    same(result.count("sse_closed_by_us"), 200 + storm["cut"], "ends by our choice")
    same((outcome.status, codes(result)), (0, []), "exit status and findings")
    contains(outcome.stdout, r"storm at 1\.5 s", "the summary")


@test
def a_storm_is_no_failure_of_streams_still_waiting_for_an_event(t):
    service = Service(t)
    _, result = t.load(service.url("/api/v1/events/stream?interval=1m"), "-u", 20, "-r", 1000,
                       "-t", "6s", "--storm", "3s", "--storm-return", "at-once")
    storm, = storms_of(result, "ordered")
    same((storm["cut"], result.count("sse_events")), (20, 0), "streams, events")
    success = result.metrics["sse_stream_success"]
    same((success["passes"], success["fails"]), (0, 20), "those of the end of the run alone")


@test
def who_is_away_for_long_stays_away_so_long(t):
    service = Service(t)
    _, result = t.load(service.url(STREAM), "-u", 20, "-r", 1000, "-t", "6s", "--storm", "1s:1:2s",
                       "--storm-return", "at-once", "--reconnect", "never")
    storm, = storms_of(result, "ordered")
    same((storm["cut"], storm["open"]), (20, 20), "streams")
    check_back(storm)
    between(result.metrics["sse_recovery"]["min"], 2000, 6000, "ms until back, DOWN included")


@test
def what_the_service_withholds_is_what_the_storm_missed(t):
    service = Service(t, "--fault", "no-replay")
    run = AuditRun(t, service.port, service.url(STREAM), "-u", 40, "-r", 1000, "--processes", 2,
                   "--storm", "2s:50%:500ms", "--storm", "4s:1", "--storm-return", "at-once")
    run.wait_until(lambda: has_opened(service.metrics(), 95, 40), "all are back")
    result = run.stop(service.metrics)
    storms = storms_of(result, "ordered")
    between(storms[0]["cut"], 18, 22, "streams cut first")
    same(storms[1]["cut"], 40, "streams cut then")
    check(storms[0]["missed"] > 0, f"the first storm missed nothing: {storms[0]}")
    same(sum(each["missed"] for each in storms), service.metrics()["fault_withheld_total"],
         "events missed in both storms")
    same(result.count("sse_missed"), service.metrics()["fault_withheld_total"], "in all")
    same([each["duplicates"] for each in storms], [0, 0], "repeated")


MANY, PROCESSES = 10000, 2


@test
def ten_thousand_streams_come_back_and_every_event_is_accounted_for(t):
    service = Service(t, "--fault", "no-replay", "--processes", PROCESSES)
    run = AuditRun(t, service.port, service.url("/api/v1/events/stream?interval=500ms"), "-u", MANY,
                   "-r", 2000, "--processes", PROCESSES, "--storm", "12s:50%:1s", "--storm",
                   "22s:50%", "--storm-return", "at-once")
    run.wait_until(lambda: has_opened(service.metrics(), 2 * MANY - 100, MANY), "all are back")
    enough = service.metrics()["events_sent_total"] + 4 * MANY
    run.wait_until(lambda: service.metrics()["events_sent_total"] > enough, "events came on all")
    result = run.stop(service.metrics)
    storms = storms_of(result, "ordered")
    withheld = service.metrics()["fault_withheld_total"]
    for storm in storms:
        between(storm["cut"], MANY / 2 - 50, MANY / 2 + 50, "half of the streams")
        same(storm["open"], MANY, "streams open before")
        same((storm["statuses"], storm["failures"]), ({"200": storm["cut"]}, {}), "attempts")
        check(storm["peak_per_s"] > 0, f"nobody came back at once: {storm}")
        check_back(storm)
    check(withheld > 0, "the service withheld nothing")
    same(sum(each["missed"] for each in storms), withheld, "events missed in the storms")
    same(result.count("sse_missed"), withheld, "events missed in all")
    same(sum(each["duplicates"] for each in storms), 0, "events repeated")
    same(result.count("sse_disconnects"), 0, "disconnects")
    check("replay-missing" in codes(result), f"findings: {codes(result)}")
    same({"server-restart", "thundering-herd"} & set(codes(result)), set(), "of a storm we ordered")


@test
def a_service_that_is_restarted_under_load_is_found(t):
    service = Service(t)
    path = t.path("result.json")
    run = t.start_cicada("run", service.url(STREAM), "-u", 100, "-r", 20, "--processes", 2, "-t",
                         "2m", "--json", path)
    wait_until(lambda: service.metrics()["streams_open"] == 100, "all streams are open")
    wait_until(lambda: service.metrics()["events_sent_total"] > 3000, "events came on them")
    service.process.kill()
    run.wait_for_output(r"connect_refused")
    again = t.start_cicada("serve", "--port", service.port)
    again.wait_for_output(r"127\.0\.0\.1:\d+")
    wait_until(lambda: service.metrics().get("streams_open") == 100, "all are back")
    wait_until(lambda: service.metrics()["events_sent_total"] > 300, "events came again")
    run.signal(signal.SIGINT)
    same(run.wait(), 130, "exit status")
    result = harness.Result(path)
    wave, = storms_of(result, "service")
    same((wave["open"], wave["cut"]), (100, 100), "streams open before, and lost")
    same(sum(wave["causes"].values()), 100, f"causes {wave['causes']}")
    check(set(wave["causes"]) <= {"reset", "closed_early"}, f"causes {wave['causes']}")
    check(wave["failures"].get("connect_refused", 0) >= 100, f"failures {wave['failures']}")
    same(wave["statuses"], {"200": 100}, "answers")
    same(wave["attempts"], 100 + sum(wave["failures"].values()), "attempts")
    check_back(wave)
    check(wave["back_s"]["p50"] > 3, f"back before their retry time: {wave['back_s']}")
    same([code for code in codes(result) if code != "generator-saturated"], ["server-restart"],
         "findings")
    found = result.json["findings"][codes(result).index("server-restart")]
    same(found["confidence"], "certain", "how sure it is")
    contains(found["title"], "100 of 100 streams ended at once", "its title")


def run_until_killed(t, service, url, *options, events=300):
    """A run of 20 users whose service dies once so many events came on all streams together."""
    path = t.path("result.json")
    run = t.start_cicada("run", url, "-u", 20, "-r", 10, *options, "--json", path)
    wait_until(lambda: service.metrics()["streams_open"] == 20, "all streams are open")
    wait_until(lambda: service.metrics()["events_sent_total"] > events, "events came on them")
    service.process.kill()
    return run, path


def the_restart(result):
    found = {each["code"]: each for each in result.json["findings"]}
    found.pop("generator-saturated", None)
    same(list(found), ["server-restart"], f"findings {found}")
    return found["server-restart"]


@test
def a_service_that_does_not_come_back_fails_the_run(t):
    service = Service(t)
    run, path = run_until_killed(t, service, service.url(STREAM), "-t", "20s")
    same(run.wait(60), 1, "exit status")
    result = harness.Result(path)
    found = the_restart(result)
    same(found["severity"], "critical", "severity")
    same(result.json["onset"], None, "a number of streams at which it began to fail")
    contains(found["title"], "was not back", "title")
    contains(" ".join(run.stdout.split()), "20 users had not come back", "the verdict")


@test
def users_that_give_up_at_a_gateway_are_one_finding(t):
    service = Service(t)
    nginx = Nginx(t, f"""location / {{ proxy_pass http://127.0.0.1:{service.port};
        proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }}""")
    run, path = run_until_killed(t, service, nginx.url(STREAM), "-t", "40s")
    same(run.wait(60), 1, "exit status")
    found = the_restart(harness.Result(path))
    contains(found["title"], "20 users gave up at status 502", "title")
    contains(found["advice"], "--reconnect always", "advice")
    contains(" ".join(run.stdout.split()),
             "20 users gave up reconnecting, 20 of them at status 502", "the verdict")


@test
def numbers_that_began_anew_and_passed_the_old_ones_prove_no_loss(t):
    """The new service is at a higher one when users come back, and what lies between is no gap."""
    service = Service(t, "--fault", "no-replay")
    run, path = run_until_killed(t, service, service.url(STREAM), "-t", "2m", events=40)
    again = t.start_cicada("serve", "--port", service.port, "--fault", "no-replay")
    again.wait_for_output(r"127\.0\.0\.1:\d+")
    wait_until(lambda: service.metrics().get("streams_open") == 20, "all are back")
    wait_until(lambda: service.metrics()["events_sent_total"] > 300, "events came again")
    run.signal(signal.SIGINT)
    run.wait()
    found = {each["code"]: each for each in harness.Result(path).json["findings"]}
    check("server-restart" in found, f"findings {found}")
    if "replay-missing" in found:
        same((found["replay-missing"]["severity"], found["replay-missing"]["confidence"]),
             ("warning", "suspected"), "what is said of the gap")


class PuttingOff:
    """Streams that all end on demand; of those who come back the first are told to come later."""

    def __init__(self, count, put_off):
        self.count, self.put_off = count, put_off
        self.lock, self.cut = threading.Lock(), threading.Event()
        self.opened = 0

    def is_put_off(self, request):
        with self.lock:
            result = self.put_off > 0 and request.header("Last-Event-ID") is not None
            self.put_off -= result
            self.opened += not result
            return result

    def __call__(self, peer, request):
        if self.is_put_off(request):
            peer.send(head_with("Retry-After: 1", "Content-Length: 0", status="503 Later"))
            return
        peer.send(OK_HEAD + b"retry: 500\nid: 1\ndata: x\n\n")
        if request.header("Last-Event-ID") is None:
            self.cut.wait(harness.LIMIT_S)
            peer.reset()
        else:
            peer.hold()


def put_off(t, *options):
    """A run in which 30 of 40 streams are; the wave and the result."""
    service, path = PuttingOff(40, 30), t.path("result.json")
    url = serve(t, service).url()
    run = t.start_cicada("run", url, "-u", service.count, "-r", 1000, "-t", "8s", "--reconnect",
                         "always", "--json", path, *options)
    wait_until(lambda: service.opened == service.count, "all streams are open")
    service.cut.set()
    run.wait(60)
    result = harness.Result(path)
    wave, = storms_of(result, "service")
    same(wave["statuses"], {"503": 30, "200": 40}, "answers")
    return wave, result


@test
def a_wait_that_the_service_asks_for_is_seen_and_honoured(t):
    wave, result = put_off(t)
    same(wave["retry_after"], {"seen": 30, "honoured": 30}, "Retry-After")
    check_back(wave)
    check("thundering-herd" in codes(result), f"findings {codes(result)}")


@test
def a_wait_that_was_cut_is_not_honoured(t):
    wave, _ = put_off(t, "--retry-max", "600ms")
    same(wave["retry_after"], {"seen": 30, "honoured": 0}, "Retry-After")


SCRIPT = """
from locust import HttpUser

class Reader(HttpUser):
    last_id = None
    cuts = 0

    @task
    def follow(self):
        headers = {"Accept": "text/event-stream"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        with self.client.get("/api/v1/events/stream?interval=200ms", headers=headers, stream=True,
                             catch_response=True, name="events") as response:
            try:
                for event in response.iter_events():
                    self.last_id = event.id
            except Exception as error:
                response.success()
                say("cut", type(error).__name__)
"""


@test
def a_locust_file_sees_a_storm_as_resets(t):
    service = Service(t)
    outcome, result, facts = run_script(t, SCRIPT, "--host", service.url(""), "-u", 10, "-r", 10,
                                        "-t", "5s", "--storm", "2s")
    storm, = storms_of(result, "ordered")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    same((storm["cut"], storm["open"]), (10, 10), "streams")
    same([fact.split()[0] for fact in facts].count("cut"), 10, f"what the script saw: {facts}")
    check_back(storm)
    same((storm["missed"], storm["duplicates"]), (0, 0), "events")
    same(result.count("sse_disconnects"), 0, "disconnects")
    t.write("away.py", "from locust import User\n\nclass Away(User):\n    pass\n")
    contains(t.refused("run", "away.py", "-t", 5, "--storm", "1s:1:2s"), "no DOWN", "time away")


@test
def who_asks_anew_from_a_locust_file_is_not_known_to_be_back(t):
    service = Service(t)
    text = SCRIPT.replace("if self.last_id:", "if False:")
    outcome, result, _ = run_script(t, text, "--host", service.url(""), "-u", 5, "-r", 5, "-t",
                                    "4s", "--storm", "2s")
    storm, = storms_of(result, "ordered")
    same((storm["cut"], storm["back"], storm["never_back"]), (5, 0, None), "streams")
    check(service.metrics()["streams_opened_total"] >= 10, "new streams")
    contains(outcome.stdout, "on the way back: not known, as not resumed 5", "summary")


@test
def a_run_that_ends_before_its_streams_are_back_is_warned_of(t):
    words = (Service(t).url(STREAM), "-u", 4, "-r", 100, "-t", "4s", "--storm", "1s:1:2s")
    warning = "the storm at 1s cuts are due back 6s after the start, unless .* for a run of 4s"
    outcome, result = t.load(*words)
    contains(outcome.stderr, warning, "warning")
    same(storms_of(result, "ordered")[0]["never_back"], 4, "not back")
    outcome, _ = t.load(*words, "--storm-return", "at-once")
    check("due back" not in outcome.stderr, f"none where they can be: {outcome.stderr}")


@test
def storms_that_cannot_be_are_refused(t):
    url = "http://127.0.0.1:9/"
    contains(t.refused("run", url, "-t", 5, "--storm", "5s"), "after the end of the run", "late")
    contains(t.refused("run", url, "-t", 5, "--storm", "1s:0"), "cuts nobody", "nobody")
    contains(t.refused("run", url, "-t", 5, "--storm", "soon"), r"AT\[:RATIO\[:DOWN\]\]", "no time")
    contains(t.refused("run", url, "-t", 5, "--storm-return", "never"), "storm-return", "no way")


if __name__ == "__main__":
    harness.main(2)
