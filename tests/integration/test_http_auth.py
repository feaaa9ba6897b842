#!/usr/bin/env python3
"""Who a client says it is: Basic and Digest, checked by the server itself, with curl beside it."""

import harness
from curl_client import curl
from digest_server import ANSWER, EVENT, DigestServer, basic, digest_response, parse_digest
from harness import contains, same, test
from raw_server import head_with, serve

USER, PASSWORD = "some user", "pa:ss\"w\u00f6rd, \\of his"
BOTH = f"{USER}:{PASSWORD}"
ENCODED = "some%20user:pa%3Ass%22w%C3%B6rd%2C%20%5Cof%20his"
ONE_USER = ("-u", 1, "--processes", 1, "-t", "15s", "--events", 1)
TARGET = "/x?a=b,c"


def check_tap(t, *words):
    outcome, lines = t.tap("--timeout", "15s", *words)
    same((outcome.status, [line.get("data") for line in lines]), (0, ["hello"]),
         f"exit status and events of tap ({lines}, {outcome.stderr})")


def check_refused(t, *words):
    outcome, lines = t.tap("--timeout", "15s", *words)
    same((outcome.status, [line.get("error") for line in lines]), (1, ["status_4xx"]),
         f"exit status and errors of tap ({lines}, {outcome.stderr})")


def check_curl(t, *words):
    outcome = curl(t, *words)
    same((outcome.status, outcome.body), (0, EVENT), f"status and body of curl ({outcome.stderr})")


def with_credentials(url, text):
    return url.replace("://", f"://{text}@")


# --- Basic ---

def basic_server(t):
    def answer(peer, request):
        if request.header("Authorization") == basic(USER, PASSWORD):
            peer.send(ANSWER)
        else:
            peer.send(head_with('WWW-Authenticate: Basic realm="x"', "Content-Length: 0",
                                status="401 Who are you"))
    return serve(t, answer)


@test
def basic_is_sent_at_once(t):
    server = basic_server(t)
    check_tap(t, "--auth", BOTH, server.url())
    check_curl(t, "--user", BOTH, server.url())
    same([each.header("Authorization") for each in server.seen()], [basic(USER, PASSWORD)] * 2,
         "Authorization of both")


@test
def user_and_password_of_a_URL_are_decoded(t):
    server = basic_server(t)
    check_tap(t, with_credentials(server.url(), ENCODED))
    check_curl(t, with_credentials(server.url(), ENCODED))
    same(len(server.seen()), 2, "requests")


@test
def those_of_the_URL_come_before_the_option(t):
    server = basic_server(t)
    check_tap(t, "--auth", "other:wrong", with_credentials(server.url(), ENCODED))
    same(len(server.seen()), 1, "requests")


@test
def a_user_without_password_has_an_empty_one(t):
    server = serve(t, lambda peer, _: peer.send(ANSWER))
    for url in (with_credentials(server.url(), "alone"), with_credentials(server.url(), "alone:")):
        check_tap(t, url)
        check_curl(t, url)
    same([each.header("Authorization") for each in server.seen()], [basic("alone", "")] * 4,
         "Authorization")


@test
def a_wrong_password_is_tried_once(t):
    server = basic_server(t)
    check_refused(t, "--auth", "some user:wrong", server.url())
    same(len(server.seen()), 1, "requests")
    outcome = curl(t, "--fail", "--user", "some user:wrong", server.url())
    same((outcome.status, len(server.seen())), (22, 2), "status of curl, requests")


@test
def a_run_keeps_password_and_user_out_of_its_result(t):
    server = serve(t, lambda peer, _: peer.send(ANSWER))
    _, result = t.load(*ONE_USER, "--iterations", 1, "--auth", "anna:sesame",
                       with_credentials(server.url(), "berta:openup"))
    for secret in ("sesame", "openup", "berta"):
        same(secret in str(result.json), False, f"does '{secret}' stand in the result")


@test
def credentials_of_one_target_are_not_given_to_the_next(t):
    first, second = (serve(t, lambda peer, _: peer.send(ANSWER)) for _ in range(2))
    outcome, _ = t.load(*ONE_USER, "--iterations", 4, with_credentials(first.url(), "anna:1"),
                        second.url())
    same(outcome.status, 0, "exit status")
    same([each.header("Authorization") for each in first.seen()], [basic("anna", "1")] * 2,
         "Authorization of the first target")
    same([each.header("Authorization") for each in second.seen()], [None] * 2,
         "Authorization of the second target")


# --- Digest ---

def digest_test(algorithm, qop):
    def run(t):
        digest = DigestServer(t, {USER: PASSWORD}, algorithm, qop)
        url = digest.server.url(TARGET)
        check_tap(t, "--auth-scheme", "digest", "--auth", BOTH, url)
        check_tap(t, "--auth-scheme", "any", "--auth", BOTH, url)
        check_tap(t, "--auth-scheme", "digest", with_credentials(url, ENCODED))
        check_curl(t, "--digest", "--user", BOTH, url)
        same((digest.statuses, digest.reasons), ([401, 200] * 4, []), "statuses and faults")
    return run


for each_algorithm in ("MD5", "MD5-sess", "SHA-256", "SHA-256-sess"):
    for each_qop in ("auth", "auth-int,auth", None):
        if each_qop or not each_algorithm.endswith("-sess"):
            harness.tests.append((f"digest with {each_algorithm} and qop {each_qop}",
                                  digest_test(each_algorithm, each_qop)))


@test
def a_wrong_password_of_digest_is_tried_once(t):
    for words in (("--auth-scheme", "digest"), ("--auth-scheme", "any")):
        digest = DigestServer(t, {USER: PASSWORD})
        check_refused(t, *words, "--auth", f"{USER}:wrong", digest.server.url())
        same(digest.statuses, [401, 401], "statuses")
    digest = DigestServer(t, {USER: PASSWORD})
    outcome = curl(t, "--fail", "--digest", "--user", f"{USER}:wrong", digest.server.url())
    same((outcome.status, digest.statuses), (22, [401, 401]), "status and statuses of curl")


@test
def a_nonce_is_kept_and_counted(t):
    digest = DigestServer(t, {USER: PASSWORD})
    url = digest.server.url()
    outcome, result = t.load(*ONE_USER, "--iterations", 4, "--auth-scheme", "digest", "--auth",
                             BOTH, url)
    same((outcome.status, result.json["errors"]), (0, []), "exit status and errors")
    same((digest.statuses, digest.reasons), ([401, 200, 200, 200, 200], []), "statuses, faults")
    same([(each["nonce"], each["nc"]) for each in digest.answers],
         [("nonce-0", f"0000000{number}") for number in (1, 2, 3, 4)], "nonces and counts")
    same(len({each["cnonce"] for each in digest.answers}), 4, "cnonces that differ")
    same(result.count("http_reqs"), 5, "requests, the challenge included")
    same(result.count("sse_attempts"), 4, "attempts")
    check_curl(t, "--digest", "--user", BOTH, url)


@test
def a_stale_nonce_is_replaced(t):
    digest = DigestServer(t, {USER: PASSWORD}, uses=2)
    outcome, _ = t.load(*ONE_USER, "--iterations", 4, "--auth-scheme", "digest", "--auth", BOTH,
                        digest.server.url())
    same((outcome.status, digest.statuses, digest.reasons), (0, [401, 200, 200, 401, 200, 200], []),
         "exit status, statuses and faults")


def always_stale(numbers, answer):
    """A handler: each answer to a challenge comes too late. `answer(peer, data)` sends it."""
    def handle(peer, request):
        numbers.append(request.header("Authorization"))
        stale = ", stale=true" if numbers[-1] else ""
        answer(peer, head_with(
            f'WWW-Authenticate: Digest realm="x", nonce="{len(numbers)}"{stale}',
            "Content-Length: 0", status="401 Who are you"))
    return handle


@test
def a_nonce_that_is_always_stale_ends(t):
    def answer(peer, data):
        peer.send(data)
        peer.is_kept = True

    numbers = []
    check_refused(t, "--auth-scheme", "digest", "--auth", BOTH,
                  serve(t, always_stale(numbers, answer)).url())
    same(len(numbers), 5, "requests: one without answer, one with, three after a stale nonce")


@test
def a_nonce_that_is_always_stale_ends_where_kept_connections_break(t):
    """A request that is lost with a kept connection is sent again, and counts its nonce twice."""
    def answer(peer, data):
        if peer.sock not in kept:
            kept.append(peer.sock)
            peer.send(data)
            peer.is_kept = True

    numbers, kept = [], []
    check_refused(t, "--auth-scheme", "digest", "--auth", BOTH,
                  serve(t, always_stale(numbers, answer)).url())
    harness.between(len(kept), 3, 10, "answers")


@test
def a_next_nonce_that_is_not_taken_up_costs_one_challenge(t):
    """Authentication-Info is not read, as in curl; a server that insists says stale."""
    digest = DigestServer(t, {USER: PASSWORD}, uses=1)
    outcome, _ = t.load(*ONE_USER, "--iterations", 3, "--auth-scheme", "digest", "--auth", BOTH,
                        digest.server.url())
    same((outcome.status, digest.statuses), (0, [401, 200, 401, 200, 401, 200]), "exit, statuses")


@test
def a_body_is_sent_again_behind_a_challenge(t):
    digest = DigestServer(t, {USER: PASSWORD})
    check_tap(t, "--auth-scheme", "digest", "--auth", BOTH, "-d", "one=1&two=2",
              digest.server.url())
    same([(each.method, each.body) for each in digest.server.seen()],
         [("POST", b"one=1&two=2")] * 2, "methods and bodies")


@test
def the_strongest_of_several_challenges_is_answered(t):
    digest = DigestServer(t, {USER: PASSWORD}, more=['WWW-Authenticate: Basic realm="x"'])
    check_tap(t, "--auth-scheme", "any", "--auth", BOTH, digest.server.url())
    check_curl(t, "--anyauth", "--user", BOTH, digest.server.url())
    same((digest.statuses, digest.reasons), ([401, 200] * 2, []), "statuses and faults")
    # A curl that knows Kerberos would try that first.
    digest = DigestServer(t, {USER: PASSWORD}, more=[
        "WWW-Authenticate: Negotiate", 'WWW-Authenticate: Basic realm="a, Digest b"'])
    check_tap(t, "--auth-scheme", "any", "--auth", BOTH, digest.server.url())
    same((digest.statuses, digest.reasons), ([401, 200], []), "statuses and faults")


@test
def any_is_basic_where_nothing_else_is_offered(t):
    server = basic_server(t)
    check_tap(t, "--auth-scheme", "any", "--auth", BOTH, server.url())
    check_curl(t, "--anyauth", "--user", BOTH, server.url())
    same([each.header("Authorization") for each in server.seen()],
         [None, basic(USER, PASSWORD)] * 2, "Authorization")


@test
def digest_never_sends_a_password_in_plain(t):
    server = basic_server(t)
    check_refused(t, "--auth-scheme", "digest", "--auth", BOTH, server.url())
    same([each.header("Authorization") for each in server.seen()], [None], "Authorization")


@test
def each_user_of_a_feed_is_somebody_else(t):
    users = {"anna": "1", "b,erta": "2:3", "c%20\u00e4": "\"4\""}
    feed = t.write("users.csv", 'user,password\nanna,1\n"b,erta",2:3\nc%20\u00e4,"""4"""\n')
    digest = DigestServer(t, users)
    outcome, result = t.load("-u", 6, "-r", 50, "--processes", 2, "-t", "15s", "--events", 1,
                             "--iterations", 2, "--feed", feed, "--auth-scheme", "digest",
                             "--auth", "{{user}}:{{password}}", digest.server.url(TARGET))
    same((outcome.status, result.json["errors"], digest.reasons), (0, [], []),
         "exit status, errors and faults")
    same(sorted(each["username"] for each in digest.answers), sorted([*users] * 4), "users")


@test
def digest_signs_the_url_of_the_row(t):
    digest = DigestServer(t, {USER: PASSWORD})
    feed = t.write("tenants.csv", "tenant\nacme\na b/c\n")
    outcome, result = t.load("-u", 2, "-r", 50, "--processes", 1, "-t", "15s", "--events", 1,
                             "--iterations", 1, "--feed", feed, "--auth-scheme", "digest",
                             "--auth", BOTH, digest.server.url("/of/{{tenant}}/s?x"))
    same((outcome.status, result.json["errors"], digest.reasons), (0, [], []),
         "exit status, errors and faults")
    same(sorted(each["uri"] for each in digest.answers), ["/of/a%20b%2Fc/s?x", "/of/acme/s?x"],
         "URIs that were signed")
    same(result.metrics["http_req_failed"]["passes"], 0, "failed requests: a challenge is none")


@test
def credentials_are_no_answer_to_another_origin(t):
    """Neither Basic at once nor Digest after a challenge."""
    for scheme, flag in (("basic", "--basic"), ("digest", "--digest")):
        other = DigestServer(t, {USER: PASSWORD})
        server = serve(t, lambda peer, _, other=other: peer.send(
            head_with(f"Location: {other.server.url()}", "Content-Length: 0",
                      status="302 Found")))
        check_refused(t, "--auth-scheme", scheme, "--auth", BOTH, server.url())
        outcome = curl(t, "--fail", "--location", flag, "--user", BOTH, server.url())
        same((outcome.status, other.statuses), (22, [401, 401]), "status of curl, statuses")
        same([each.header("Authorization") for each in other.server.seen()], [None, None],
             "Authorization at the other origin")


@test
def digest_follows_a_redirect_of_its_own_origin(t):
    digest = DigestServer(t, {USER: PASSWORD})

    def answer(peer, request):
        if request.path == "/start":
            peer.send(head_with("Location: /end?x", "Content-Length: 0", status="302 Found"))
        else:
            digest.answer(peer, request)

    server = serve(t, answer)
    check_tap(t, "--auth-scheme", "digest", "--auth", BOTH, server.url("/start"))
    check_curl(t, "--location", "--digest", "--user", BOTH, server.url("/start"))
    same((digest.statuses, digest.reasons), ([401, 200] * 2, []), "statuses and faults")


@test
def the_server_of_these_tests_agrees_with_the_RFC(t):
    """RFC 7616, section 3.9.1."""
    del t
    for algorithm, response in (
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")):
        given = parse_digest(
            b'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", '
            b'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, qop=auth, '
            b'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"')
        same(digest_response(given, "GET", algorithm, "Circle of Life"), response, algorithm)


# --- bad usage ---

URL = "http://127.0.0.1:9/"
BAD_USAGE = {
    "credentials without a colon are refused": (("tap", "--auth", "anna", URL),
                                                "--auth.*USER:PASSWORD"),
    "a control character in a password is named": (("tap", "--auth", "a:b\x01c", URL),
                                                   "password.*control"),
    "a line break in a user is named": (("tap", "--auth", "a\r\nX: y:b", URL), "user.*control"),
    "credentials beside a header are refused": (
        ("tap", "--auth", "a:b", "-H", "authorization: x", URL), "Authorization"),
    "an escaped line break in a URL is refused": (("tap", "http://a%0d%0ab:c@127.0.0.1:9/"),
                                                  "user|line"),
    "an escaped colon in the user of a URL is refused": (("tap", "http://a%3ab:c@127.0.0.1:9/"),
                                                         "colon"),
    "an unknown scheme names those there are": (("tap", "--auth-scheme", "ntlm", URL),
                                                "ntlm.*basic.*digest.*any"),
    "a column without a feed is named": (("run", "--auth", "{{user}}:x", "-t", "1s", URL),
                                         "user.*feed"),
}


def add_usage_tests():
    for name, (words, pattern) in BAD_USAGE.items():
        harness.tests.append((
            f"usage: {name}",
            lambda t, row=(words, pattern): contains(t.refused(*row[0]), row[1], "message")))


add_usage_tests()


@test
def usage_a_control_character_in_a_feed_of_passwords_is_refused(t):
    for value in ("a\x01b", '"a\r\nb"'):
        feed = t.write("users.csv", f"user,password\nanna,{value}\n")
        contains(t.refused("run", "--feed", feed, "--auth", "{{user}}:{{password}}", "-t", "1s",
                           URL), "password", "message")


@test
def usage_a_password_does_not_stand_in_a_message(t):
    message = t.refused("tap", "--auth", "a:sesame\x01", URL)
    same("sesame" in message, False, f"does the password stand in {message!r}")


if __name__ == "__main__":
    harness.main(jobs=8)
