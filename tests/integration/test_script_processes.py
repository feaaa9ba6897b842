#!/usr/bin/env python3
"""The processes of a Locust file's run: how deaths are noticed and told, what each one counted."""

import os
import re
import time

import harness
from harness import check, contains, is_alive, peak_memory_bytes, same, test, wait_until
from script_runner import run, start, status_of

DIES = """
import multiprocessing
from gevent import monkey

really = monkey.get_original("os", "fork")

class Ana(User):
    wait_time = constant(0.1)

    @task
    def work(self):
        row()

@events.spawning_complete.add_listener
def die(**_others):
    pipe = os.environ["PIPE"]
    wait = lambda: open(pipe).read()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)  # or the child would keep the run's output open
    os.dup2(null, 2)
    HOLD
    gevent.spawn_later(0.5, os.kill, os.getpid(), 9)
"""


def open_writer(pipe):
    """The end of a named pipe to write to, or None while nobody reads."""
    try:
        return open(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "wb", buffering=0)
    except OSError:
        return None


@test
def a_death_is_seen_while_a_child_holds_what_the_worker_had_open(t):
    for number, hold in enumerate((
            'os.system(f"cat {pipe} &")', 'really() or (wait(), os._exit(0))',
            'multiprocessing.Process(target=wait, daemon=True).start()')):
        pipe = t.path(f"pipe{number}")
        os.mkfifo(pipe)
        process = start(t, DIES.replace("HOLD", hold), "-u", "1", "-t", "60s", env={"PIPE": pipe})
        with wait_until(lambda: open_writer(pipe), f"a child, with {hold}") as writer:
            process.wait()
            writer.write(b"x")  # fails if the child, which the pipe's end ends, is gone
        same(status_of(process), 1, f"exit status: {process.stderr}")
        contains(process.stderr, "worker 0 was lost: ended by signal 9.*the run ends", hold)
        same(process.stderr.count("was lost"), 1, "said once")


@test
def a_worker_that_sends_what_is_no_frame_is_lost_for_that_reason(t):
    outcome, _, _ = run(t, """
class Ana(User):
    wait_time = constant(0.1)

    @task
    def work(self):
        words = open("/proc/self/cmdline", "rb").read().split(b"\\0")
        os.write(int(words[-2]), b"\\xff" * 8)
""", "-u", "1", "-t", "5s")
    same(outcome.status, 1, f"exit status: {outcome.stderr}")
    contains(outcome.stderr, "worker 0 was lost: a frame of .* over the limit", "the reason")
    check("signal 9" not in outcome.stderr, f"our own kill is no reason: {outcome.stderr}")


COUNTS = """
class Ana(User):
    wait_time = constant(0.01)

    def __init__(self, environment):
        super().__init__(environment)
        gevent.sleep(0.4 * environment.runner.worker_index)  # workers are complete one by one

    @task
    def work(self):
        row()

@events.quitting.add_listener
def counted(environment, **_others):
    say("counted", environment.runner.node_id, environment.stats.total.num_requests)
"""


def check_counts(result, facts, workers):
    """What workers counted is what the lead and the result say."""
    counts = {fact.split()[1]: int(fact.split()[2]) for fact in facts if "counted" in fact}
    same(len(counts), workers + 1, f"processes: {counts}")
    lead = counts.pop("master")
    total = [row["num_requests"] for row in result.json["requests"] if row["name"] == "row"]
    same((total, lead), ([sum(counts.values())], sum(counts.values())), f"sums of {counts}")
    return counts


@test
def processes_that_reset_at_different_times_count_exactly(t):
    outcome, result, facts = run(t, COUNTS, "-u", "6", "-r", "100", "-t", "3s", "--processes", "3",
                                 "--reset-stats")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    check_counts(result, facts, 3)


@test
def a_reset_in_one_worker_leaves_the_others_rows(t):
    outcome, result, facts = run(t, COUNTS + """
@events.test_start.add_listener
def begin(environment, **_others):
    if environment.runner.worker_index == 1:
        gevent.spawn_later(1.5, environment.stats.reset_all)
""", "-u", "2", "-r", "100", "-t", "3s", "--processes", "2")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    counts = sorted(check_counts(result, facts, 2).values())
    check(counts[0] + 20 < counts[1], f"one of them was reset: {counts}")


@test
def a_reset_in_the_lead_is_one_of_all(t):
    outcome, result, facts = run(t, COUNTS + """
@events.test_start.add_listener
def begin(environment, **_others):
    if isinstance(environment.runner, MasterRunner):
        gevent.spawn_later(2, environment.stats.reset_all)
""", "-u", "2", "-r", "100", "-t", "3s", "--processes", "2")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    counts = check_counts(result, facts, 2)
    check(max(counts.values()) < 140, f"of 3 s only the last: {counts}")


LEAD_TELLS = """
class Ana(User):
    wait_time = constant(0.1)

    @task
    def work(self):
        row()

@events.test_start.add_listener
def begin(environment, **_others):
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        gevent.spawn_later(2.5, lambda: say("users", runner.user_count, runner.worker_count,
                                            len(runner.clients.missing)))
    elif runner.worker_index in (VICTIMS):
        gevent.spawn_later(1.5, os.kill, os.getpid(), 9)
"""


@test
def the_lead_hears_at_once_of_a_lost_worker(t):
    outcome, _, facts = run(t, LEAD_TELLS.replace("VICTIMS", "1,"), "-u", "5", "-r", "100",
                            "-t", "4s", "--processes", "2")
    same(outcome.status, 1, f"exit status ({outcome.stderr})")
    same([fact for fact in facts if fact.startswith("users")], ["users 3 1 1"],
         "users, workers, missing ones")
    contains(outcome.stderr, "1 of 2 workers gave no last report", "what the lead says")


@test
def the_lead_does_not_wait_for_the_dead(t):
    process = start(t, LEAD_TELLS.replace("VICTIMS", "0, 1"), "-u", "4", "-r", "100", "-t", "20s",
                    "--processes", "2")
    wait_until(lambda: process.stderr.count("was lost") == 2, "two deaths")
    began = time.monotonic()
    same(status_of(process), 1, f"exit status: {process.stderr}")
    seconds = time.monotonic() - began  # by their silence alone it would know after 4 to 5
    check(seconds < 3.5, f"the end took {seconds} s")
    same(process.stderr.count("was lost"), 2, f"each told once: {process.stderr}")


@test
def a_target_that_is_refused_is_told_and_fails_the_run(t):
    raw = 'os.write(int(open("/proc/self/cmdline").read().split("\\0")[-2]), bytes.fromhex("%s"))'
    no_number = "0000000d940a01cb7ff800000000000090"
    too_many = "00000011940ace01312d00cb3ff000000000000090"
    for ask, sentence in (('runner.start(2, 1, user_classes=["No"])', "there are not.*No"),
                          (raw % too_many, "20000000 users; the limit is"),
                          (raw % no_number, "in a way that cannot be read")):
        outcome, result, _ = run(t, """
class Ana(User):
    wait_time = constant(0.1)

    @task
    def work(self):
        row()

@events.spawning_complete.add_listener
def ask(**_others):
    gevent.spawn_later(0.3, again)

@events.init.add_listener
def init(environment, runner, **_others):
    global again
    again = lambda: ASK
""".replace("ASK", ask), "-u", "1", "-t", "1s")
        contains(outcome.stderr, f"the script asks for .*?{sentence}", "what is said")
        same(outcome.status, 1, f"exit status of {ask}")
        same(result.json["run"]["verdict"], "fail", "verdict")
        contains(outcome.stdout, "asked for users that it could not have", "why it failed")


FLOODS = """
from gevent import monkey

really_sleep = monkey.get_original("time", "sleep")
once = [2.5]

class Ana(User):
    wait_time = constant(0.1)

    @task
    def work(self):
        pass

def listen(environment, msg, **_others):
    LISTEN

@events.init.add_listener
def init(environment, runner, **_others):
    runner.register_message("much", listen)

@events.test_start.add_listener
def begin(environment, **_others):
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        say("lead", os.getpid())
    elif runner.worker_index == 0:
        say("sender", os.getpid())
        gevent.spawn_later(0.5, flood, runner)

def flood(runner):
    BEFORE
    for _ in range(300):
        runner.send_message("much", "y" * 1000000)
        PAUSE
    AFTER
    row()
"""


def flood(t, listen, before="pass", pause="pass", after="pass"):
    """The most memory of the three processes, in MiB, and what the run said."""
    text = FLOODS
    for name, words in (("LISTEN", listen), ("BEFORE", before), ("PAUSE", pause),
                        ("AFTER", after)):
        text = text.replace(name, words)
    process = start(t, text, "-u", "2", "-r", "100", "-t", "6s", "--processes", "2",
                    env={"ASAN_OPTIONS": "quarantine_size_mb=1"})  # which keeps what was freed
    facts = wait_until(lambda: len(process.stdout.splitlines()) > 1 and
                       dict(line.split() for line in process.stdout.splitlines()), "the start")
    pids, most = [process.pid, int(facts["lead"]), int(facts["sender"])], {}

    def watch():
        for pid in pids:
            if is_alive(pid):
                most[pid] = max(most.get(pid, 0), peak_memory_bytes(pid) >> 20)
        return process.child.poll() is not None
    wait_until(watch, "the end of the run", 30)
    same(status_of(process), 0, f"exit status: {process.stderr}")
    return [most[pid] for pid in pids], process.stderr


def check_drops(outcome, *sentences):
    most, stderr = outcome
    check(max(most) < 300, f"MiB of controller, lead, sender: {most}")
    for sentence in sentences:
        same(len(re.findall(sentence, stderr)), 1, f"{sentence!r} in {stderr}")


@test
def messages_that_wait_for_a_slow_listener_are_bounded(t):
    check_drops(flood(t, "gevent.sleep(0.2)", pause="gevent.sleep(0.002)"),
                "Messages are dropped: 64 MiB", r"\d+ messages were dropped, unheard")


@test
def messages_to_a_process_that_does_not_read_are_bounded(t):
    check_drops(flood(t, "if once: really_sleep(once.pop())", pause="gevent.sleep(0.002)"),
                "messages to the process of the script's hooks are dropped: 64 MiB",
                r"\d+ messages to the process of the script's hooks were dropped")


@test
def messages_that_wait_to_be_sent_are_bounded(t):
    check_drops(flood(t, "pass", before="os.kill(os.getppid(), 19)",
                      after="os.kill(os.getppid(), 18)"),
                "messages and log lines of the script are dropped: 64 MiB",
                r"\d+ messages or log lines of the script were not sent")


if __name__ == "__main__":
    for each in ("PYTHONPATH", "PYTHONSAFEPATH"):
        os.environ.pop(each, None)
    harness.main(jobs=2)
