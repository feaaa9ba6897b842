"""What the tests of TLS have in common: a good answer, and what both commands make of a server."""

from harness import check, contains, same
from raw_server import OK_HEAD, RawServer, script
from tls_server import TlsEnd, server_context

EVENT = b"data: hello\n\n"
GOOD = OK_HEAD + EVENT
# A run of one stream, which is over when its event came or its attempt failed.
ONE_STREAM = ("-u", 1, "--processes", 1, "-t", "5s", "--iterations", 1, "--events", 1,
              "--reconnect", "never")


def serve_tls(t, handler=script(GOOD), name="server", **context):
    """A server of https with that certificate, whatever the others of this file's run speak."""
    server = RawServer(handler, tls=TlsEnd(server_context(t, name, **context)))
    return t.keep(server, server.stop)


def check_works(t, url, *options):
    outcome, lines = t.tap(*options, url)
    same((outcome.status, [line.get("data", line) for line in lines]), (0, ["hello"]), "tap")
    outcome, result = t.load(*options, *ONE_STREAM, url)
    same((outcome.status, result.count("sse_events"), result.json["errors"]), (0, 1, []), "run")
    return result


def check_fails(t, url, pattern, *options, classes=("tls",)):
    """Both commands end soon with that class and say why."""
    outcome, lines = t.tap("--timeout", "9s", *options, url)
    same((outcome.status, len(lines)), (1, 1), f"exit status and lines of tap: {lines}")
    check(lines[0].get("error") in classes, f"class of tap: {lines}")
    contains(lines[0]["message"], pattern, "message of tap")
    outcome, result = t.load(*options, *ONE_STREAM, url)
    errors = result.json["errors"]
    same((outcome.status, sum(result.classes().values())), (1, 1), f"run: {errors}")
    check(errors[0]["class"] in classes, f"class of run: {errors}")
    contains(errors[0]["message"], pattern, "message of run")
    same(result.rate("sse_connect_success"), 0, "share of connects")
