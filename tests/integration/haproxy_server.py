"""Debian's HAProxy as a process of the test's own."""

import shutil
import urllib.request

from harness import check, wait_until
from raw_server import unused_port

CONF = """
global
    maxconn 4000
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout queue {queue}
    retries 0
frontend front
    bind 127.0.0.1:{port}
    {frontend}
    default_backend back
backend back
    server one 127.0.0.1:{service_port} {server}
frontend health
    bind 127.0.0.1:{health_port}
    http-request return status 200
"""


def haproxy_path():
    """It lies where not every user's PATH leads."""
    path = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    check(path, "HAProxy is missing: run `make deps`")
    return path


class HAProxy:
    """Ready to pass on what comes to `port`. `server` are words behind the server's address,
    `frontend` is a line of the frontend, `queue` how long a request may wait for a place."""

    def __init__(self, t, service_port, server="", frontend="", queue="1h"):
        self.port, self.health_port = unused_port(), unused_port()
        conf = t.write("haproxy.cfg", CONF.format(port=self.port, service_port=service_port,
                                                  server=server, frontend=frontend, queue=queue,
                                                  health_port=self.health_port))
        self.process = t.start(haproxy_path(), "-db", "-f", conf)
        wait_until(lambda: self.process.child.poll() is not None or self._answers(), "HAProxy")
        check(self.process.child.poll() is None, f"HAProxy runs: {self.process.output}")

    def _answers(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/", timeout=10):
                return True
        except OSError:
            return False

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"
