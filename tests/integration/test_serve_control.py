#!/usr/bin/env python3
"""Who may set the faults of the demo service, how, and what is refused."""

import concurrent.futures
import json

import harness
from demo_service import Reader, Service
from harness import check, contains, same, test

NAMES = ["lose", "duplicate", "reorder", "malform", "drop", "clump", "stall", "status",
         "max-streams", "load-delay", "idle-cut", "age-cut", "no-replay", "slow-login"]


def in_force(service, headers=None):
    status, _, text = service.get("/control", headers)
    same(status, 200, "status of GET /control")
    return json.loads(text)["fault"]


@test
def what_is_in_force_is_shown_and_can_be_given_back(t):
    service = Service(t, "--fault", "lose=1%,drop=10%@1m30s", "--fault", "no-replay,stall=1.5")
    shown = in_force(service)
    same(list(shown), NAMES, "names")
    same({name: value for name, value in shown.items() if value is not None},
         {"lose": 0.01, "drop": "0.1@90s", "no-replay": True, "stall": "1500ms"}, "values")
    service.control(**dict.fromkeys(map(lambda name: name.replace("-", "_"), NAMES)))
    same(set(in_force(service).values()), {None}, "values when all are off")
    status, _, text = service.post("/control", json.dumps({"fault": shown}))
    same((status, json.loads(text)["fault"]), (200, shown), "status and values")


@test
def a_change_names_some_and_leaves_the_rest(t):
    service = Service(t, "--fault", "lose=0.5,reorder=0.25")
    same(service.control(lose="off", malform=0.125, max_streams=9),
         {"reorder": 0.25, "malform": 0.125, "max-streams": 9}, "faults in force")
    same(service.control(), {"reorder": 0.25, "malform": 0.125, "max-streams": 9}, "the same")


@test
def what_is_no_setting_is_refused_and_changes_nothing(t):
    service = Service(t, "--fault", "lose=0.5")
    before = in_force(service)
    for body, sentence in (
            ('{"fault":{"duplicate":0.1,"lsoe":1}}', "no fault 'lsoe'; did you mean 'lose'"),
            ('{"fault":{"lose":7}}', "fault 'lose': '7' is not a ratio"),
            ('{"fault":{"lose":[1]}}', "fault 'lose': the value is no number"),
            ('{"fault":{"duplicate":0.4,"reorder":0.4}}', "add up to more than 1"),
            ('{"faults":{}}', "no setting 'faults'"),
            ('{"fault":1}', "'fault' is not an object"),
            ("[]", "not an object"),
            ("", "not JSON"),
            ('{"fault":{"lose":0.1}', "not JSON"),
            ('{"fault":{"lose":0.1}}x', "not JSON")):
        status, headers, text = service.post("/control", body)
        same(status, 400, f"status of {body}")
        contains(headers["Content-Type"], "application/json", "type")
        contains(json.loads(text)["error"], sentence, f"answer to {body}")
    same(in_force(service), before, "faults in force")


@test
def a_body_has_a_limit(t):
    service = Service(t)
    body = json.dumps({"fault": {"lose": 0.25}})
    same(service.post("/control", body.ljust(16384))[0], 200, "status of 16 KiB")
    status, _, text = service.post("/control", body.ljust(16385))
    same(status, 413, "status of a byte more")
    contains(text, "longer than 16384 bytes", "answer")


@test
def other_methods_are_told_which_there_are(t):
    service = Service(t)
    for method in ("PUT", "DELETE", "OPTIONS"):
        status, headers, _ = service.request(method, "/control")
        same((status, headers["Allow"]), (405, "GET, HEAD, POST"), f"{method}: status and Allow")


@test
def a_page_of_a_browser_may_not(t):
    service = Service(t)
    origin = {"Origin": "https://elsewhere.example"}
    same(service.post("/control", {"fault": {"lose": 1}}, origin)[0], 403, "status of POST")
    same(service.get("/control", origin)[0], 403, "status of GET")
    same(in_force(service)["lose"], None, "lose")


@test
def a_token_is_asked_for_where_one_is_set(t):
    service = Service(t, "--control-token", "s3cret")
    body = {"fault": {"lose": 1}}
    for wrong in (None, "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crett", "Bearer S3CRET",
                  "Basic s3cret"):
        headers = {"Authorization": wrong} if wrong else {}
        for status, answer, _ in (service.post("/control", body, headers),
                                  service.get("/control", headers)):
            same((status, answer["WWW-Authenticate"]), (401, "Bearer"), f"answer to {wrong!r}")
    right = {"Authorization": "bearer s3cret", "Origin": "https://elsewhere.example"}
    same(in_force(service, right)["lose"], None, "lose so far")
    same(service.post("/control", body, right)[0], 200, "status with the token")
    same(in_force(service, right)["lose"], 1, "lose")


@test
def all_processes_take_it_up(t):
    service = Service(t, "--processes", 4)
    silent = [Reader(service, "interval=1h") for _ in range(12)]
    check(service.metrics()["streams_open"] == 12, "streams are open")
    for code in (404, 500, 204):
        service.control(status=f"{code}:1")
        same({service.status_of("/api/v1/events/stream") for _ in range(16)}, {code},
             "statuses on new connections")
    service.control(status=None, age_cut="1ms")
    same({reader.read_to_end().end for reader in silent}, {"closed"}, "ends of silent streams")
    same(service.metrics()["fault_age_cut_total"], 12, "cuts counted")


@test
def changes_from_all_sides_lose_none(t):
    service = Service(t, "--processes", 2)
    names = ("idle_cut", "age_cut", "clump", "stall", "slow_login")
    requests = [(name, f"{1000 + step}s") for step in range(20) for name in names]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda pair: service.control(**{pair[0]: pair[1]}), requests[:-5]))
    for name, value in requests[-5:]:
        service.control(**{name: value})
    same({name: in_force(service)[name.replace("_", "-")] for name in names},
         dict(requests[-5:]), "the last of each")


@test
def it_works_over_tls_as_well(t):
    port = t.start_cicada("serve", "--port", 0, "--tls-self-signed").wait_for_output(
        r"127\.0\.0\.1:(\d+)").group(1)
    outcome = t.start("curl", "-sk", f"https://127.0.0.1:{port}/control", "-d",
                      '{"fault":{"lose":0.5}}')
    same(outcome.wait(), 0, "exit status of curl")
    contains(outcome.stdout, '"lose":0.5', "answer")


@test
def a_bad_fault_on_the_command_line_is_bad_usage(t):
    for value, sentence in (
            ("lsoe=1", "option '--fault': there is no fault 'lsoe'; did you mean 'lose'"),
            ("lose=2", "option '--fault': fault 'lose': '2' is not a ratio"),
            ("lose", "option '--fault': fault 'lose' needs a value"),
            ("lose=0.1,", "there is no fault ''"),
            ("lose=0.9,malform=0.9", "add up to more than 1"),
            ("", "empty")):
        contains(t.refused("serve", "--port", 0, "--fault", value), sentence, f"answer to {value}")
    contains(t.refused("serve", "--seed", "x"), "--seed", "answer to a bad seed")


if __name__ == "__main__":
    harness.main(jobs=4)
