#!/usr/bin/env python3
"""`cicada run URL`: exact counts, the request, ends, exit codes, signals, deaths, limits."""

import ipaddress
import os
import signal
import time

import harness
from harness import (between, check, children_of, contains, is_alive, same, test, wait_until,
                     Result)
from raw_server import OK_HEAD, serve, unix_path, unused_port
from sse_server import SseService

SUMMARY_COLUMNS = 100
DEATH_LIMIT_S = 2.0
ENDLESS = "/x?count=10000&interval_ms=50"


def load(t, url, *options, **more):
    """A run of two users for a second unless the options say otherwise; later options win."""
    return t.load(url, "-u", 2, "-r", 50, "-t", "1s", "--processes", 1, *options, **more)


# --- counts ---

@test
def events_streams_and_bytes_are_exact(t):
    service = SseService(t)
    outcome, result = t.load(service.url("/x?count=20&interval_ms=20"), "-u", 40, "-r", 200, "-t",
                             "5s", "--processes", 2)
    same((outcome.status, result.json["run"]["verdict"]), (0, "pass"), "exit status and verdict")
    same(service.sent, 800, "events that the service sent")
    same(result.count("sse_events"), 800, "events")
    same(result.count("sse_attempts"), 40, "attempts")
    same(result.rate("sse_connect_success"), 1, "share of connects")
    same(result.count("sse_closed_by_us"), 40, "streams closed at the end")
    same(result.count("sse_disconnects"), 0, "disconnects")
    same(result.metrics["sse_ttfe"]["count"], 40, "first events")
    same(result.metrics["sse_event_gap"]["count"], 760, "gaps between events")
    same(result.metrics["sse_open"]["max"], 40, "most streams open")
    same(len(result.workers), 2, "workers")
    check(result.count("sse_comments") > 40, "comments are counted")
    same((result.json["run"]["users_max"], result.json["errors"]), (40, []), "users and errors")


@test
def a_stream_ends_after_its_events_and_the_next_begins(t):
    service = SseService(t)
    outcome, result = load(t, service.url("/x?count=9"), "--events", 3, "--iterations", 4)
    same(outcome.status, 0, "exit status")
    same(result.count("sse_events"), 2 * 4 * 3, "events")
    same(result.count("sse_attempts"), 8, "attempts")
    same(result.count("sse_closed_by_us"), 8, "ends we chose")
    same(result.count("sse_reconnects"), 0, "a next stream is no reconnect")
    check(not any(each.header("Last-Event-ID") for each in service.seen()), "no resume")


@test
def a_run_ends_when_all_iterations_are_done(t):
    service = SseService(t)
    outcome, _ = load(t, service.url(), "-t", "60s", "--events", 1, "--iterations", 2)
    contains(outcome.stdout, " of 1m, as no user was left, started ", "the summary")
    same(outcome.status, 0, "exit status")
    between(outcome.seconds, 0, 30, "seconds")


@test
def the_first_user_starts_at_once(t):
    service = SseService(t)
    outcome, result = t.load(service.url(), "-u", 2, "-r", 0.2, "-t", "2s")
    same(outcome.status, 0, "exit status")
    same(result.count("sse_attempts"), 1, "attempts")
    same(result.json["run"]["users_max"], 1, "most users")
    same(result.metrics["sse_open"]["value"], 1, "streams open when the end came")
    same(result.json["series"]["users"][-1], 1, "users in the last second")


@test
def events_and_stream_time_count_over_reconnects(t):
    service = SseService(t)
    _, result = t.load(service.url("/x?count=2&end=1"), "-u", 1, "-t", "20s", "--events", 3,
                       "--iterations", 1, "--retry-wait", "50ms")
    same(result.count("sse_events"), 3, "events")
    same(result.count("sse_attempts"), 2, "attempts")
    same(result.count("sse_closed_by_us"), 1, "ends we chose")
    outcome, result = t.load(service.url("/x?count=1&end=1"), "-u", 1, "-t", "20s",
                             "--stream-time", "500ms", "--iterations", 1, "--retry-wait", "50ms")
    between(outcome.seconds, 0, 15, "seconds")
    check(result.count("sse_attempts") > 1, "taken up again until the time was over")


@test
def a_204_is_an_answer_but_no_stream(t):
    outcome, result = t.load(SseService(t).url("/x?status=204"), "-u", 2, "-t", "5s")
    same(outcome.status, 1, "exit status")
    same(result.count("sse_connect_fails{code:204}"), 2, "attempts that it stopped")
    contains(outcome.stdout, r"2\s+of\s+them\s+by\s+status\s+204", "the verdict says so")
    same(result.rate("sse_connect_success"), 0, "share of connects")
    same((result.count("sse_completed"), result.count("sse_gave_up")), (0, 0), "ends")
    same(result.json["errors"], [], "errors")


@test
def stream_time_and_wait_shape_the_streams(t):
    service = SseService(t)
    _, result = load(t, service.url(), "-u", 1, "-t", "3s", "--stream-time", "300ms", "--wait",
                     "200ms-400ms")
    starts = [each.at for each in service.seen()]
    for gap in (later - earlier for earlier, later in zip(starts, starts[1:])):
        between(gap, 0.45, 1.5, "seconds from one stream to the next")
    between(result.metrics["sse_duration"]["min"], 290, 600, "ms that a stream lasts")


@test
def a_summary_that_cannot_be_written_is_a_failure(t):
    service = SseService(t)
    words = ("run", service.url(), "-t", "1s", "--json", t.path("result.json"))
    outcome = t.cicada(*words, prefix=("sh", "-c", 'exec "$@" > /dev/full', "sh"))
    same(outcome.status, 1, "exit status")
    contains(outcome.stderr, "cannot write the summary: No space left", "message")
    check(os.path.exists(t.path("result.json")), "the result is there all the same")
    outcome = t.cicada(*words)
    same(outcome.status, 0, "exit status")
    contains(outcome.stdout, "as JSON: .*/result[.]json\n$", "last line")


@test
def several_urls_are_shared_out_by_weight(t):
    service = SseService(t)
    _, result = t.load(service.url("/a") + "*3", service.url("/b"), "-u", 8, "-r", 100, "-t", "1s",
                       "--processes", 2)
    same((len(service.seen("/a")), len(service.seen("/b"))), (6, 2), "streams of each URL")
    rows = result.json["endpoints"]
    names = {row["name"]: row["metrics"]["sse_attempts"]["count"] for row in rows}
    same(sorted(names.values()), [2, 6], f"attempts of each endpoint ({names})")


# --- the request ---

@test
def method_headers_and_body_go_out(t):
    service = SseService(t)
    body = t.write("body.txt", "from a file")
    load(t, service.url(), "--method", "PUT", "--data", "@" + body, "--header", "X-One: 1")
    load(t, service.url(), "--json-data", '{"a": 1}')
    load(t, service.url(), "--data", "a=b")
    put, json_post, post = service.seen()[0], service.seen()[2], service.seen()[4]
    same((put.method, put.body, put.header("X-One")), ("PUT", b"from a file", b"1"), "PUT")
    same((json_post.method, json_post.body), ("POST", b'{"a": 1}'), "--json-data")
    same(json_post.header("Content-Type"), b"application/json", "Content-Type of --json-data")
    same((post.method, post.body), ("POST", b"a=b"), "--data")


@test
def a_feed_fills_url_headers_and_body(t):
    service = SseService(t)
    feed = t.write("users.csv", 'name,key\nann,"k,1"\nbob,"say ""k"""\ncem,k3\n')
    outcome, result = load(t, service.url("/{{name}}?count=1"), "-u", 3, "--feed", feed, "--header",
                           "X-Key: {{key}}", "--data", "I am {{name}}", "--processes", 2)
    seen = sorted((each.path, each.header("X-Key"), each.body) for each in service.seen())
    same(seen, [("/ann", b"k,1", b"I am ann"), ("/bob", b'say "k"', b"I am bob"),
                ("/cem", b"k3", b"I am cem")], "requests")
    same(len(result.json["endpoints"]), 1, "endpoints, named as written")
    check("wrap" not in outcome.stderr, "nothing wraps")


@test
def a_feed_that_is_too_short_wraps_and_says_so(t):
    service = SseService(t)
    feed = t.write("users.csv", "name\nann\nbob\n")
    outcome, _ = load(t, service.url("/{{name}}"), "-u", 6, "--feed", feed)
    same(sorted(each.path for each in service.seen()), ["/ann"] * 3 + ["/bob"] * 3, "requests")
    contains(outcome.stderr, r"2 rows.*6 users|6 users.*2 rows", "the notice")


@test
def a_unix_socket_serves_too(t):
    service = SseService(t, unix_path=unix_path(t))
    outcome, result = load(t, "http://localhost/x?count=4", "--unix-socket", unix_path(t))
    same((outcome.status, result.count("sse_events")), (0, 8), "exit status and events")
    same(service.seen()[0].header("Host"), b"localhost", "Host")


@test
def a_unix_socket_has_no_use_for_local_addresses(t):
    SseService(t, unix_path=unix_path(t))
    outcome, result = load(t, "http://localhost/x?count=4", "--unix-socket", unix_path(t),
                           "--local-address", "127.0.0.0/28")
    same((outcome.status, result.count("sse_events")), (0, 8), "exit status and events")


@test
def an_address_of_another_family_than_the_local_ones_is_no_error_of_its_own(t):
    port = unused_port()
    _, result = load(t, f"http://some.example:{port}/", "--resolve",
                     f"some.example:{port}:127.0.0.1,::1", "--local-address", "127.0.0.0/28",
                     "--reconnect", "never")
    same(set(result.classes()), {"connect_refused"}, "error classes")


@test
def local_addresses_are_spread(t):
    service = SseService(t)
    load(t, service.url(), "-u", 28, "--local-address", "127.0.0.0/28")
    sources = {each.peer_name[0] for each in service.seen()}
    network = ipaddress.ip_network("127.0.0.0/28")
    check(all(ipaddress.ip_address(each) in network for each in sources), f"sources {sources}")
    check(len(sources) >= 10, f"many source addresses, got {sorted(sources)}")


# --- exit codes ---

@test
def failures_of_the_service_are_exit_1(t):
    service = SseService(t)
    outcome, result = load(t, service.url("/x?status=503"))
    same((outcome.status, result.json["run"]["verdict"]), (1, "fail"), "exit status and verdict")
    same(result.classes(), {"status_5xx": 2}, "errors")
    same(result.count("http_status{code:503}"), 2, "answers of status 503")
    error = result.json["errors"][0]
    contains(error["message"], "503", "the message")
    check(error["endpoint"] and error["first"] is not None, f"endpoint and time in {error}")


@test
def another_exit_code_on_error_may_be_asked_for(t):
    service = SseService(t)
    for code in (7, 0):
        outcome, _ = load(t, service.url("/x?status=404"), "--exit-code-on-error", code)
        same(outcome.status, code, "exit status")


@test
def a_run_without_any_event_fails(t):
    service = SseService(t)
    same(load(t, service.url("/x?count=0"))[0].status, 1, "exit status")


@test
def one_stream_of_many_that_fails_is_exit_1(t):
    service = SseService(t)
    outcome, result = load(t, service.url(), service.url("/x?status=500"))
    same((outcome.status, result.count("sse_events")), (1, 3), "exit status and events")


# --- output ---

@test
def the_summary_fits_and_quiet_is_quiet(t):
    service = SseService(t)
    outcome, _ = load(t, service.url("/a-path-that-is-rather-long/" + "x" * 90 + "?count=3"))
    check(outcome.stdout, "a summary was printed")
    wide = [line for line in outcome.stdout.splitlines() if len(line) > SUMMARY_COLUMNS]
    same(wide, [], "lines of the summary that are too wide")
    check("\x1b" not in outcome.stdout + outcome.stderr, "no colour without a terminal")
    contains(outcome.stdout, "pass", "the verdict in the summary")
    outcome, _ = load(t, service.url(), "-q")
    same((outcome.status, outcome.stdout, outcome.stderr), (0, "", ""), "status and output with -q")


@test
def progress_goes_to_standard_error_every_five_seconds(t):
    service = SseService(t)
    outcome, _ = load(t, service.url("/x?count=600&interval_ms=10"), "-t", "6s")
    contains(outcome.stderr, r"2 .*open|open.* 2", "a progress line")
    check(len(outcome.stderr.splitlines()) <= 6, f"few lines, got {outcome.stderr}")


@test
def the_ramp_is_announced_and_a_short_run_time_warned_of(t):
    service = SseService(t)
    outcome, result = load(t, service.url(), "-u", 10, "-r", 4)
    contains(outcome.stderr, r"ramp\D*2(\.\d+)? ?s|2(\.\d+)? ?s\D*ramp", "the time of the ramp")
    contains(outcome.stderr, "warn|shorter|before", "the warning")
    between(result.json["run"]["users_max"], 3, 6, "users in one second at 4 a second")


# --- settings from other places ---

@test
def the_command_line_wins_over_environment_over_file(t):
    service = SseService(t)
    t.write("cicada.conf", "# a comment\nusers = 3\nspawn-rate = 50\nrun-time = 1s\n")
    words = (service.url(), "--processes", 1)
    same(t.load(*words)[1].json["run"]["users_max"], 3, "users of cicada.conf")
    env = {"CICADA_USERS": "4"}
    same(t.load(*words, env=env)[1].json["run"]["users_max"], 4, "users of the environment")
    same(t.load(*words, "-u", 5, env=env)[1].json["run"]["users_max"], 5, "users of the options")
    other = t.write("other.conf", "users = 6\nspawn-rate = 50\nrun-time = 1s\n")
    same(t.load(*words, "--config", other)[1].json["run"]["users_max"], 6, "users of --config")


@test
def a_bad_line_in_a_file_or_variable_is_named(t):
    path = t.write("bad.conf", "users = 3\nuser-count = 9\n")
    url = "http://127.0.0.1:1/"
    message = t.refused("run", url, "--config", path)
    contains(message, r"bad\.conf.*(line |:)2.*user-count", "message")
    contains(t.refused("run", url, "-t", "1s", env={"CICADA_USERS": "many"}), "CICADA_USERS.*many",
             "message")


# --- interruptions ---

def start_load(t, service, *options):
    """A run of 20 users with an hour to go, all streams open; the process and its result's path."""
    path = t.path("result.json")
    process = t.start_cicada("run", service.url(ENDLESS), "-u", 20, "-r", 200, "-t", "1h", "--json",
                             path, *options)
    service.wait_for_open(20)
    wait_until(lambda: service.sent > 100, "events under way")
    return process, path


def check_aborted(process, path, status, limit_s=harness.LIMIT_S):
    began = time.monotonic()
    same(process.wait(limit_s), status, "exit status")
    harness.check_for_crash(process)
    result = Result(path)
    same(result.json["run"]["verdict"], "aborted", "verdict")
    check(result.count("sse_events") > 0, "the events so far are in the result")
    same(result.count("sse_disconnects"), 0, "our own ends are no disconnects")
    return time.monotonic() - began


@test
def ctrl_c_writes_the_result_and_exits_130(t):
    process, path = start_load(t, SseService(t), "--processes", 2)
    process.signal(signal.SIGINT)
    check_aborted(process, path, 130)


@test
def sigterm_writes_the_result_and_exits_143(t):
    process, path = start_load(t, SseService(t), "--processes", 2)
    process.signal(signal.SIGTERM)
    check_aborted(process, path, 143)


@test
def ctrl_c_twice_ends_at_once(t):
    process, _ = start_load(t, SseService(t), "--stop-timeout", "60s", "--events", 100000)
    process.signal(signal.SIGINT)
    process.wait_for_output("stop|interrupt|again", 5)
    process.signal(signal.SIGINT)
    # A shell reports 130 for both: an exit status, and a death by this signal while ending.
    check(process.wait(5) in (130, -signal.SIGINT), f"exit status {process.child.returncode}")


def check_group_signal(t, number, status):
    process, path = start_load(t, SseService(t), "--processes", 2)
    for worker in children_of(process.pid):
        os.kill(worker, number)
    process.signal(number)
    check_aborted(process, path, status)
    check(not any(worker["lost"] for worker in Result(path).workers), "no worker was lost")


@test
def ctrl_c_of_a_terminal_reaches_the_controller_alone(t):
    check_group_signal(t, signal.SIGINT, 130)


@test
def a_sigterm_to_the_whole_group_loses_nothing(t):
    check_group_signal(t, signal.SIGTERM, 143)


@test
def the_load_ends_when_the_controller_is_killed(t):
    service = SseService(t)
    process, path = start_load(t, service, "--processes", 2)
    workers = children_of(process.pid)
    same(len(workers), 2, "worker processes")
    process.signal(signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in workers), "the workers' end", DEATH_LIMIT_S)
    wait_until(lambda: service.open_count == 0, "the end of all streams", DEATH_LIMIT_S)
    check(not os.path.exists(path), "no result is there, not even half of one")


@test
def a_killed_worker_is_reported_and_the_run_goes_on(t):
    service = SseService(t)
    path = t.path("result.json")
    process = t.start_cicada("run", service.url(ENDLESS), "-u", 20, "-r", 200, "-t", "5s",
                             "--processes", 2, "--json", path)
    service.wait_for_open(20)
    wait_until(lambda: service.sent > 20 * 30, "more than a second of events")
    os.kill(children_of(process.pid)[0], signal.SIGKILL)
    wait_until(lambda: service.open_count <= 10, "the end of the worker's streams")
    sent = service.sent
    same(process.wait(), 1, "exit status")
    harness.check_for_crash(process)
    result = Result(path)
    same(sorted(worker["lost"] for worker in result.workers), [False, True], "workers lost")
    same(result.count("sse_lost"), 10, "streams lost")
    check(service.sent > sent + 50, "the other worker's streams went on")
    contains(process.stderr, "worker.*(lost|died|killed)", "the report")
    same(result.json["run"]["verdict"], "fail", "verdict")


# --- limits of the machine ---

@test
def a_low_limit_of_open_files_starts_more_workers(t):
    service = SseService(t)
    outcome, result = t.load(service.url(), "-u", 100, "-r", 400, "-t", "4s",
                             prefix=("sh", "-c", 'ulimit -n 64; exec "$@"', "sh"))
    same((outcome.status, result.count("sse_events")), (0, 300), "exit status and events")
    check(len(result.workers) >= 3, f"several workers, got {len(result.workers)}")


@test
def a_limit_of_open_files_that_cannot_do_is_named(t):
    message = t.refused("run", SseService(t).url(), "-u", 500, "-t", "1s", "--processes", 1,
                        prefix=("sh", "-c", 'ulimit -n 64; exec "$@"', "sh"))
    contains(message, "open.files.*64|64.*open.files", "the message")


@test
def more_streams_than_ports_are_refused_before_the_start(t):
    service = SseService(t)
    message = t.refused("run", service.url(), "-u", 40000, "-t", "1s")
    contains(message, "--local-address", "the message")
    same(service.seen(), [], "requests")


@test
def a_saturated_or_dead_service_never_outlasts_the_run_time(t):
    service = serve(t, lambda peer, _: (peer.send(OK_HEAD), peer.hold()))
    outcome, result = load(t, service.url(), "-u", 10)
    same(outcome.status, 1, "exit status")
    same(result.count("sse_closed_by_us"), 10, "streams closed at the end")
    between(outcome.seconds, 1, 10, "seconds")


if __name__ == "__main__":
    harness.main(jobs=6)
