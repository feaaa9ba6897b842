"""curl as the second opinion: what it sends to a scripted server, and what it makes of answers."""

import collections

from harness import LIMIT_S

CurlOutcome = collections.namedtuple("CurlOutcome", "status body stderr")


def start_curl(t, *words):
    """Without a configuration file, a proxy, HTTP/2, or the pause for "100 Continue"."""
    return t.start("curl", "--disable", "--silent", "--show-error", "--http1.1", "--noproxy", "*",
                   "--header", "Expect:", *words)


def curl(t, *words, limit_s=LIMIT_S):
    """The exit status, the body as bytes, and the messages."""
    process = start_curl(t, *words)
    status = process.wait(limit_s)
    return CurlOutcome(status, bytes(process.outputs["stdout"]), process.stderr)
