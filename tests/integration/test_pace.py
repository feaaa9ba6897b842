#!/usr/bin/env python3
"""How many users there are at which moment of `run`: stages, warm-up, over several processes."""

import signal

import harness
from demo_service import Service
from harness import between, check, contains, same, test
from script_runner import run as run_script

STREAM = "/api/v1/events/stream?interval=100ms"


def load(t, service, *words, processes=3, **more):
    return t.load(service.url(STREAM), "--processes", processes, *words, **more)


def stages_of(result, key):
    return [stage[key] for stage in result.json["stages"]]


def count_of(stage, name):
    return stage["metrics"].get(name, {}).get("count", 0)


# --- stages ---

@test
def stages_go_up_hold_and_down_as_planned(t):
    service = Service(t)
    outcome, result = load(t, service, "--stages", "3s:30,2s:30,0s:10,2s:10,1500ms:0")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    contains(outcome.stderr, "5 stages take 8.5s, with at most 30 users", "the announcement")
    same(stages_of(result, "stage"), [1, 2, 3, 4, 5], "numbers")
    same(stages_of(result, "from_s"), [0, 3, 5, 5, 7], "begins")
    same(stages_of(result, "to_s")[:4], [3, 5, 5, 7], "ends")
    between(stages_of(result, "to_s")[4], 8.5, 10, "end of the run")
    same(stages_of(result, "users"), [30, 30, 10, 10, 0], "targets")
    same((result.json["run"]["users_max"], result.count("sse_attempts")), (30, 30), "users")
    counts = service.metrics()
    same(counts["streams_opened_total"], 30, "streams that the service saw")
    same(result.count("sse_disconnects"), 0, "users that leave are no disconnects")
    hold, low = result.json["stages"][1], result.json["stages"][3]
    same((hold["open_max"], low["metrics"]["users"]["max"]), (30, 10), "most at once")
    contains(outcome.stdout, r"\n      2       2s         30         30 ", "the table")


@test
def a_ramp_is_complete_before_a_jump_begins(t):
    _, result = load(t, Service(t), "--stages", "1s:40,0:5,1s:0,0:20,1s:20")
    attempts = [count_of(stage, "sse_attempts") for stage in result.json["stages"]]
    same((sum(attempts[:2]), sum(attempts[3:])), (40, 20), "streams of the ramp, of the jump")
    same(result.json["run"]["users_max"], 40, "users at once")


@test
def users_follow_the_ramp_on_three_processes(t):
    _, result = load(t, Service(t), "--stages", "4s:44,4s:0")
    series = result.json["series"]
    for at, users in zip(series["t"], series["users"]):
        # A tick is up to a second old, and a busy machine may add to that.
        low, high = (11 * (at - 2), 11 * at) if at <= 4 else (11 * (8 - at), 11 * (10 - at))
        between(users, min(low, 22) - 3, high + 3, f"users at {at} s of {series['users']}")
    check(max(series["users"]) <= 44, f"never more than planned: {series['users']}")


@test
def figures_of_stages_add_up_to_the_whole(t):
    _, result = load(t, Service(t), "--stages", "1s:9,1s:9,1s:20,1s:20")
    for name in ("sse_attempts", "sse_events", "sse_bytes"):
        same(sum(count_of(stage, name) for stage in result.json["stages"]), result.count(name),
             name)
    same([count_of(stage, "sse_attempts") for stage in result.json["stages"]], [9, 0, 11, 0],
         "attempts")
    check(all(count_of(stage, "sse_events") > 0 for stage in result.json["stages"]), "events")


@test
def thresholds_may_be_of_one_stage(t):
    outcome, result = load(t, Service(t), "--stages", "1s:9,1s:9,1s:0",
                           "--threshold", "sse_attempts{stage:1}: count==9",
                           "--threshold", "sse_attempts{stage:2}: count==0",
                           "--threshold", "users{stage:2}: min==9",
                           "--threshold", "sse_events{stage:2}: count<5")
    same([each["held"] for each in result.json["thresholds"]], [True, True, True, False],
         f"held: {result.json['thresholds']}")
    same(outcome.status, 99, "exit status")


@test
def a_threshold_can_end_a_run_within_its_stage(t):
    outcome, result = load(t, Service(t), "--stages", "1s:9,60s:9,1s:0",
                           "--threshold", "sse_events{stage:2}: count<5 abort")
    same(outcome.status, 99, "exit status")
    between(result.json["run"]["duration_s"], 1, 15, "seconds")
    same(len(result.json["stages"]), 2, "stages that began")


# --- stages of Locust files ---

def listener(service):
    """A user class whose users hold a stream until they are told to go."""
    return f"""
from locust import HttpUser

class Ana(HttpUser):
    host = {service.url("")!r}

    def on_start(self):
        say("came")

    @task
    def listen(self):
        with self.client.get({STREAM!r}, stream=True) as response:
            for _line in response.iter_lines():
                pass
"""


@test
def a_locust_file_goes_through_stages(t):
    service = Service(t)
    outcome, result, _ = run_script(t, listener(service), "--stages", "2s:8,2s:8,1s:2,2s:2",
                                    "--processes", 2, "--threshold", "sse_open{stage:2}: max==8")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    contains(outcome.stderr, "4 stages take 7s, with at most 8 users", "the announcement")
    check("at a rate of" not in outcome.stderr, "stages have no rate")
    check("spawn rate" not in outcome.stderr, "nor for the lead")
    same(stages_of(result, "from_s"), [0, 2, 4, 5], "begins")
    same(outcome.stdout.count("came\n"), 8, "users that came")
    same(sum(count_of(stage, "sse_attempts") for stage in result.json["stages"]), 8, "streams")
    between(result.json["stages"][3]["metrics"]["users"]["max"], 2, 3, "users of the last")
    same(result.json["run"]["users_max"], 8, "users at once")


@test
def a_load_shape_makes_stages(t):
    service = Service(t)
    shape = """
class Steps(LoadTestShape):
    def tick(self):
        now = self.get_run_time()
        return (3, 10) if now < 2 else (6, 10) if now < 4 else (1, 10) if now < 5.5 else None
"""
    outcome, result, _ = run_script(t, listener(service) + shape, "--threshold",
                                    "sse_attempts{stage:2}: count==3")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    same(stages_of(result, "users"), [3, 6, 1], "targets")
    same([count_of(stage, "sse_attempts") for stage in result.json["stages"]], [3, 3, 0], "streams")
    contains(outcome.stdout, "\nStages\n", "the table")
    path = t.write("shape.py", "from locust import *\n" + listener(service) + shape)
    contains(t.refused("run", path, "--stages", "1s:1"),
             "'--stages': the Locust file has a load shape of its own", "both")


# --- arrivals ---

@test
def arrivals_come_at_their_rate_whatever_the_service_does(t):
    service = Service(t)
    outcome, result = load(t, service, "--arrival-rate", 20, "--stream-time", "1s", "-t", "6s")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    contains(outcome.stderr, "20 new users a second, each for one stream, at most 121 at once",
             "the announcement")
    # One at the start, and 20 a second; those of the last 100 ms may not come any more.
    between(result.count("sse_attempts"), 117, 121, "arrivals")
    same(service.metrics()["streams_opened_total"], result.count("sse_attempts"), "as served")
    same(result.count("dropped_iterations"), 0, "turned away")
    series = result.json["series"]
    for at, users in list(zip(series["t"], series["users"]))[3:-1]:
        between(users, 10, 50, f"users at {at} s, of {series['users']}")
    attempts = series["sse_attempts"]
    between(max(attempts[1:-1]), 15, 45, f"most in one second of {attempts}")


@test
def an_arrival_beyond_the_most_is_turned_away_and_counted(t):
    service = Service(t)
    outcome, result = load(t, service, "--arrival-rate", 50, "-u", 31, "-t", "3s",
                           "--threshold", "dropped_iterations: count>0")
    same(result.count("sse_attempts"), 31, "users that were let in")
    between(result.count("dropped_iterations"), 112, 120, "turned away")
    same((result.json["run"]["users_max"], service.metrics()["streams_opened_total"]), (31, 31),
         "users at once")
    contains(outcome.stdout, r"turned away +1\d\d   arrivals", "summary")
    contains(outcome.stdout, r"arrivals  50\.0 a second, at most 31 at once \(31 allowed\)", "head")


@test
def a_user_that_has_ended_makes_room_for_the_next(t):
    service = Service(t)
    _, result = load(t, service, "--arrival-rate", 40, "-u", 12, "--events", 3, "-t", "5s")
    check(result.count("sse_attempts") > 60, f"{result.count('sse_attempts')} arrivals let in")
    between(result.count("sse_attempts") + result.count("dropped_iterations"), 192, 201, "arrivals")
    check(max(result.json["series"]["users"]) <= 12, "never more than 12 at once")
    same(result.json["run"]["users_max"] <= 12, True, "users_max")


@test
def arrivals_at_a_service_that_refuses_fail_and_go(t):
    service = Service(t, "--fault", "status=503:1")
    outcome, result = load(t, service, "--arrival-rate", 30, "-t", "3s")
    between(result.count("sse_attempts"), 86, 93, "attempts, one each")
    same((outcome.status, result.rate("sse_connect_success")), (1, 0), "all failed")


@test
def what_arrivals_cannot_be_is_refused(t):
    run = ("run", "http://127.0.0.1:1/", "-t", "5s", "--arrival-rate")
    for option, value in (("--stages", "1s:1"), ("-r", 5), ("--iterations", 2), ("--wait", "1s")):
        contains(t.refused(*run, 5, option, value), "option '--arrival-rate' says when users come, "
                 "each for one stream: leave out --", option)
    contains(t.refused(*run, 100001), "'--arrival-rate': more than 100000 a second", "too many")
    contains(t.refused(*run, 0), "'--arrival-rate': .*not a plain number above 0", "none")


# --- onset ---

@test
def a_ramp_says_where_the_service_began_to_fail(t):
    service = Service(t, "--fault", "max-streams=40")
    outcome, result = load(t, service, "--stages", "6s:60,2s:60", "--reconnect", "never")
    onset = result.json["onset"]
    same((onset["open"], onset["what"]), (40, "status_5xx"), f"onset {onset}")
    between(onset["at_s"], 4, 6, "seconds")
    between(onset["users"], 40, 60, "users")
    contains(outcome.stdout, r"onset     began to fail at 40 open streams \(\d+ users, after "
             r"\d+s\): status_5xx", "summary")


@test
def a_healthy_ramp_has_no_onset(t):
    outcome, result = load(t, Service(t), "--stages", "3s:60,1s:0")
    same(result.json["onset"], None, "onset")
    check("onset" not in outcome.stdout, "nothing of it in the summary")


# --- warm-up ---

@test
def a_warm_up_is_in_no_figure(t):
    service = Service(t)
    words = ("-u", 12, "-r", 100, "-t", "5s", "--warm-up", "2s")
    outcome, result = load(t, service, *words, "--threshold", "sse_events: count>0",
                           "--threshold", "sse_attempts: count==0")
    same((outcome.status, result.json["run"]["warm_up_s"]), (0, 2), f"status ({outcome.stderr})")
    sent = service.metrics()["events_sent_total"]
    # Five seconds at ten a second; of these the last three, give or take a busy machine.
    between(result.count("sse_events") / sent, 0.4, 0.8, f"share of {sent} events")
    same(result.json["run"]["users_max"], 12, "users at once")
    series = result.json["series"]
    check(series["t"][0] > 2, f"the first point: {series['t']}")
    same(sum(series["sse_events"]), result.count("sse_events"), "events of the series")
    rate = result.metrics["sse_events"]["rate"] * (result.json["run"]["duration_s"] - 2)
    between(rate, result.count("sse_events") - 1, result.count("sse_events") + 1, "rate")
    check("sse_ttfe" not in result.metrics, "all streams opened before")
    contains(outcome.stdout, "warm-up   the first 2s, in no figure", "summary")


@test
def what_a_warm_up_holds_back_is_not_counted_behind_it(t):
    """Until some dozens of events have come, nothing is known of the order of their ids."""
    _, result = load(t, Service(t), "-u", 3, "-r", 100, "-t", "6s", "--warm-up", "2s")
    sequenced = result.count("sse_sequenced")
    check(0 < sequenced <= result.count("sse_events"),
          f"{sequenced} judged of {result.count('sse_events')}")


@test
def a_threshold_about_openings_that_all_lie_in_the_warm_up_is_warned_of(t):
    service = Service(t)
    words = ("-u", 3, "-r", 30, "-t", "3s", "--warm-up", "1s", "--threshold")
    warning = "all users start within the warm-up of 1s: .* and 'sse_connecting' has none"
    outcome, _ = load(t, service, *words, "sse_connecting: p(95)<9000")
    same(outcome.status, 99, "exit status: nothing was measured")
    contains(outcome.stderr, warning, "warning")
    outcome, _ = load(t, service, *words, "sse_events: count>0")
    same(outcome.status, 0, "exit status")
    check("warm-up of" not in outcome.stderr, f"no warning of what is measured: {outcome.stderr}")


@test
def errors_of_the_warm_up_are_forgiven(t):
    service = Service(t, "--fault", "status=503:1")
    process = t.start_cicada("run", service.url(STREAM), "-u", 4, "-t", "9s", "--warm-up", "4s",
                             "--reconnect", "always", "--retry-wait", "100ms", "--processes", 2,
                             "--json", t.path("result.json"))
    harness.wait_until(lambda: service.metrics()["fault_statuses_total"] > 8, "refusals")
    service.control(status=None)
    same(process.wait(), 0, f"exit status ({process.stderr})")
    contains(process.stderr, r"\(warming up\): 4 of 4 users|: 4 of 4 users", "progress")
    result = harness.Result(t.path("result.json"))
    codes = [finding["code"] for finding in result.json["findings"]]
    check(set(codes) <= {"generator-saturated"}, f"findings {codes}")  # on a busy machine
    same(result.classes(), {}, "errors")


@test
def stages_go_on_through_a_warm_up(t):
    _, result = load(t, Service(t), "--stages", "1s:9,2s:9,1s:20,1s:20", "--warm-up",
                     "2s")
    same([count_of(stage, "sse_attempts") for stage in result.json["stages"]], [0, 0, 11, 0],
         "users")
    same(stages_of(result, "from_s"), [0, 1, 3, 4], "begins")
    check(count_of(result.json["stages"][1], "sse_events") > 0, "its second half is measured")


@test
def a_script_warms_up_too(t):
    service = Service(t)
    text = f"""
from locust import HttpUser

class Ana(HttpUser):
    host = {service.url("")!r}
    @task
    def look(self):
        self.client.get("/healthz")
"""
    outcome, result, _ = run_script(t, text, "-u", "2", "-r", "2", "-t", "4s", "--warm-up", "2s")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    rows = [row for row in result.json["requests"] if row["name"] == "/healthz"]
    check(rows and rows[0]["num_requests"] > 0, "requests behind it")
    # Each user may be between the engine's figure and its own when the warm-up ends.
    between(rows[0]["num_requests"] - result.count("http_reqs"), -2, 2, "both tables")
    check(service.metrics()['responses_total{code="200"}'] > 1.2 * result.count("http_reqs"),
          "requests of the warm-up")


@test
def a_warm_up_leaves_something_to_measure(t):
    run = ("run", "http://127.0.0.1:1/")
    contains(t.refused(*run, "-t", "5s", "--warm-up", "5s"),
             "option '--warm-up': 5s is not shorter than the run of 5s", "as long")
    contains(t.refused(*run, "--stages", "3s:1", "--warm-up", "4s"), "run of 3s", "stages")
    contains(t.refused(*run, "-t", "5s", "--warm-up", "4s", "--threshold",
                       "sse_events: rate>1 over 2s"), "no whole window", "a window")
    process = t.start_cicada("run", Service(t).url(STREAM), "-u", 2, "-t", "60s", "--warm-up",
                             "50s", "--json", t.path("result.json"))
    process.wait_for_output(r"\(warming up\): 2 of 2 users, 2 open")
    process.signal(signal.SIGINT)
    same(process.wait(), 130, "exit status")
    result = harness.Result(t.path("result.json"))
    same(result.count("sse_events"), 0, "events")
    same(result.json["run"]["warm_up_s"], result.json["run"]["duration_s"], "all of it")


# --- what is refused ---

@test
def what_stages_cannot_be_is_refused(t):
    run = ("run", "http://127.0.0.1:1/")
    for option in ("-u", "-r", "-t"):
        contains(t.refused(*run, "--stages", "1s:5", option, 5),
                 r"option '--stages' says .*: leave out --(users|spawn-rate|run-time)$", option)
    contains(t.refused(*run, "--stages", "1s:5,2"), "option '--stages': column 6, at '2': a stage",
             "what is no stage")
    contains(t.refused(*run, "--stages", "1s:5", "--threshold", "sse_ttfe{stage:2}: max<1"),
             "option '--threshold': column 9 of .*there is no stage 2, the last is 1", "no stage 2")
    contains(t.refused(*run, "-t", "1s", "--threshold", "sse_ttfe{stage:2}: max<1"),
             "option '--threshold': column 9 of .*the run has no stages", "no stages")


if __name__ == "__main__":
    harness.main(jobs=4)
