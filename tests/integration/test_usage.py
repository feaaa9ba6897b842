#!/usr/bin/env python3
"""Bad usage of every command: one sentence that names the thing, exit 2, nothing started."""

import os

import harness
from harness import check, contains, same, test
from raw_server import serve, script, OK_HEAD

URL = "http://127.0.0.1:9/"
BAD_USAGE = {
    "an unknown option gets a hint": (("run", URL, "-t", "1s", "--user", "5"), "--user.*--users"),
    "an unknown command gets a hint": (("rnu", URL), "rnu.*run"),
    "a bad duration is named": (("run", URL, "-t", "1 fortnight"), "1 fortnight"),
    "a bad number of users is named": (("run", URL, "-t", "1s", "-u", "-3"), "-3"),
    "a number too large is named": (("run", URL, "-t", "1s", "-u", "99999999999"), "99999999999"),
    "a bad spawn rate is named": (("run", URL, "-t", "1s", "-r", "fast"), "fast"),
    "a bad choice names the choices": (("run", URL, "-t", "1s", "--reconnect", "maybe"),
                                       "maybe.*auto.*always.*never"),
    "an option without its value is named": (("run", URL, "-t"), "-t|run-time"),
    "a header without colon is named": (("run", URL, "-t", "1s", "--header", "NoColon"), "NoColon"),
    "a header with a line break is refused": (("run", URL, "-t", "1s", "--header", "A: b\r\nC: d"),
                                              "header"),
    "a host option with a header gets a hint": (("run", URL, "-t", "1s", "-H", "Accept: x"),
                                                "--header"),
    "a quoted header at -H is quoted once": (("run", URL, "-t", "1s", "-H", "'A: b'"),
                                             "--header: 'A: b'$"),
    "a wrong URL is named before a missing run time": (("run", "ftp://x"), "ftp"),
    "a URL without host comes before a missing run time": (("run", "http://"), "host"),
    "a wrong URL is named once": (("run", "http://127.0.0.1:99999/", "-t", "1s"),
                                  "^cicada: URL 'http://127.0.0.1:99999/': its port[^']*$"),
    "a wrong URL of tap is named once": (("tap", "http://127.0.0.1:99999/"),
                                         "^cicada: URL 'http://127.0.0.1:99999/': its port[^']*$"),
    "a spawn rate with an exponent is named": (("run", URL, "-t", "1s", "-r", "1e9"),
                                               "'1e9' is not a plain number above 0"),
    "a run time is required without a terminal": (("run", URL), "--run-time|-t"),
    "a target is required": (("run", "-t", "1s"), "URL"),
    "a name that does not resolve is named": (("run", "http://no-such-host.invalid/", "-t", "1s"),
                                              r"no-such-host\.invalid"),
    "a foreign scheme is named": (("run", "ftp://127.0.0.1/", "-t", "1s"), "ftp"),
    "a URL without scheme is named": (("run", "127.0.0.1:9/x", "-t", "1s"), "127.0.0.1:9/x|scheme"),
    "a URL without host is named": (("run", "http:///x", "-t", "1s"), "host"),
    "a URL with a bad port is named": (("run", "http://127.0.0.1:99999/", "-t", "1s"), "port"),
    "a URL with an open bracket is named": (("tap", "http://[::1/"), r"\["),
    "a URL with a bad host is named": (("tap", "http://a b/"), "a b|host"),
    "an empty URL is refused": (("tap", ""), "URL"),
    "an option given too often is named": (
        ("run", URL, "-t", "1s", *(("--form", "a=b") * 1001)), "--form.*1000"),
    "a bad weight is named": (("run", URL + "*0", "-t", "1s"), r"\*0|weight"),
    "a missing body file is named": (("run", URL, "-t", "1s", "--data", "@no-such-file"),
                                     "no-such-file"),
    "bad JSON in a body is named": (("run", URL, "-t", "1s", "--json-data", "{oops"), "json"),
    "a missing feed is named": (("run", URL, "-t", "1s", "--feed", "no-such.csv"), r"no-such\.csv"),
    "a missing config file is named": (("run", URL, "--config", "no.conf"), r"no\.conf"),
    "a bad address range is named": (("run", URL, "-t", "1s", "--local-address", "127.0.0.0/99"),
                                     "127.0.0.0/99"),
    "a result in a missing folder is refused": (("run", URL, "-t", "1s", "--json", "no/r.json"),
                                                "no/r"),
    "a bad wait is named": (("run", URL, "-t", "1s", "--wait", "3s-1s"), "3s-1s"),
    "a bad ratio is named": (("run", URL, "-t", "1s", "--jitter", "150%"), "150%"),
    "zero processes are refused": (("run", URL, "-t", "1s", "--processes", "0"), "processes"),
    "a bad port of serve is named": (("serve", "--port", "70000"), "70000"),
    "a stray word is named": (("serve", "stray"), "stray"),
}


def add_test(name, words, pattern):
    harness.tests.append((name, lambda t: contains(t.refused(*words), pattern, "message")))


for each_name, (each_words, each_pattern) in BAD_USAGE.items():
    add_test(each_name, each_words, each_pattern)


def check_feed(t, text, place):
    feed = t.write("feed.csv", text)
    message = t.refused("run", URL + "{{a}}", "-t", "1s", "--feed", feed)
    line, column = place
    contains(message, rf"feed\.csv.*(line {line}\D+column {column}\b|:{line}:{column}\b)", "place")


@test
def a_feed_with_an_open_quote_names_line_and_column(t):
    check_feed(t, 'a,b\n1,2\n3,"4\n5,6\n', (3, 3))


@test
def a_feed_with_text_behind_a_quote_names_line_and_column(t):
    check_feed(t, 'a,b\n1,"2"x\n', (2, 6))


@test
def a_feed_with_a_missing_field_names_the_line(t):
    feed = t.write("feed.csv", "a,b\n1,2\n3\n")
    contains(t.refused("run", URL + "{{a}}", "-t", "1s", "--feed", feed), r"line 3|:3\b", "message")


@test
def a_feed_without_the_column_names_it(t):
    feed = t.write("feed.csv", "a,b\n1,2\n")
    contains(t.refused("run", URL + "{{tenant}}", "-t", "1s", "--feed", feed), "tenant", "message")


@test
def a_feed_without_rows_is_refused(t):
    contains(t.refused("run", URL, "-t", "1s", "--feed", t.write("feed.csv", "a,b\n")), "row",
             "message")


@test
def an_unwritable_result_is_refused_before_the_start(t):
    server = serve(t, script(OK_HEAD))
    os.mkdir(t.path("folder"))
    contains(t.refused("run", server.url(), "-t", "1s", "--json", t.path("folder")), "folder",
             "message")
    same(server.seen(), [], "requests")


@test
def a_misspelt_variable_gets_a_hint(t):
    message = t.refused("run", URL, env={"CICADA_RUNTIME": "1s", "CICADA_GOLDEN": "1"})
    contains(message, "CICADA_RUNTIME; did you mean CICADA_RUN_TIME[?]", "message")
    check("GOLDEN" not in message, f"a foreign variable is left alone: {message}")


@test
def help_and_version_are_exit_0(t):
    for words in ("--help", "run --help", "help tap", "help serve", "--version"):
        outcome = t.cicada(*words.split())
        same((outcome.status, outcome.stderr), (0, ""), f"exit status and errors of {words}")
        check(outcome.stdout, f"{words} prints something")
    contains(t.cicada("--version").stdout, r"cicada \d+\.\d+\.\d+", "version")


@test
def no_command_at_all_is_exit_2(t):
    outcome = t.cicada()
    same(outcome.status, 2, "exit status")
    contains(outcome.stdout + outcome.stderr, "run", "the usage")


if __name__ == "__main__":
    harness.main(jobs=4)
