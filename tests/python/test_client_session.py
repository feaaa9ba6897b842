"""The session beside requests' own: parameters, adapters, retries, copies.

Each probe also runs with real Locust; ONLY_OURS are deliberate differences.
"""

import copy
import sys
import unittest

import client_support
from raw_server import RawServer, answer

PROBES = {}
ONLY_OURS = {"refused_adapters"}


def probe(function):
    PROBES[function.__name__] = function
    return function


def outcome(function):
    """What `function` gives, or the exception it raises."""
    try:
        return function()
    except Exception as error:  # pylint: disable=broad-except
        return client_support.told(error)


@probe
def session_params(session):
    seen = [dict(session.params)]
    session.params.update({"key": "k"})
    session.get("/x")
    session.get("/x", params={"q": 1})
    session.params["key"] = "other"
    session.get("/x")
    session.params = {}
    session.get("/x")
    return seen


@probe
def plain_adapters(session):
    from requests.adapters import HTTPAdapter

    seen = [list(session.adapters), outcome(lambda: session.get_adapter("ftp://x/"))]
    longer, plain = HTTPAdapter(), HTTPAdapter(pool_maxsize=5)
    session.mount("http://", plain)
    session.mount("http://127.0.0.1", longer)
    seen += [list(session.adapters), session.get_adapter("http://127.0.0.1/a") is longer,
             session.get_adapter("HTTP://other/") is plain]
    return seen + [session.get("/x").status_code]


@probe
def headers_of_adapters(session):
    from requests.adapters import HTTPAdapter

    class Marking(HTTPAdapter):
        def add_headers(self, request, **kwargs):
            request.headers["X-Mark"] = request.method + str(kwargs["timeout"])

    session.mount("http://", Marking())
    session.get("/x", timeout=3)
    session.post("/x", data="a")
    return session.get("/x").request.headers["X-Mark"]


def retrying(session, path, method="GET", **retry):
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    session.mount("http://", HTTPAdapter(max_retries=Retry(**retry)))
    response = session.request(method, path)
    return [response.status_code, response.text, repr(response.error)
            if getattr(response, "error", None) else None]


@probe
def retries_by_status(session):
    return [retrying(session, "/first", total=3, status_forcelist=[503]),
            retrying(session, "/second", total=1, status_forcelist=[503]),
            retrying(session, "/third", total=1, status_forcelist=[503], raise_on_status=False),
            retrying(session, "/fourth", "POST", total=3, status_forcelist=[503]),
            retrying(session, "/fifth", total=3, status_forcelist=[500]),
            retrying(session, "/sixth", total=5, status=1, status_forcelist=[503])]


@probe
def retries_by_count(session):
    from requests.adapters import HTTPAdapter

    session.mount("http://", HTTPAdapter(max_retries=2))
    return [session.get("/closed").status_code, session.get("/first").status_code]


@probe
def retries_of_refused_connections(session):
    from urllib3.util.retry import Retry

    retries = []

    class Counting(Retry):
        def sleep(self, response=None):
            retries.append(self.total)

    from requests.adapters import HTTPAdapter
    session.mount("http://", HTTPAdapter(max_retries=Counting(connect=2, total=5)))
    response = session.get("http://127.0.0.1:1/x")
    return [response.status_code, retries]


@probe
def refused_adapters(session):
    from requests.adapters import BaseAdapter, HTTPAdapter

    class Sending(HTTPAdapter):
        def send(self, request, *args, **kwargs):
            return super().send(request, *args, **kwargs)

    class Pooling(HTTPAdapter):
        def init_poolmanager(self, *args, **kwargs):
            return super().init_poolmanager(*args, ssl_version=5, **kwargs)

    class Whole(BaseAdapter):
        pass

    session.mount("file://", Whole())
    return [outcome(lambda kind=kind: session.mount("https://", kind()))
            for kind in (Sending, Pooling, Whole)]


def followed(session, method, path):
    response = session.request(method, path, data="body", headers={"Content-Type": "text/plain"})
    return [response.status_code, response.url, response.text,
            [[hop.status_code, hop.url, hop.request.method, hop.request.url, hop.request.body,
              hop.request.headers.get("content-type")] for hop in response.history + [response]]]


@probe
def redirects(session):
    return [followed(session, method, f"/to/{status}/x")
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
            for status in (302, 303, 307, 308)] + [followed(session, "POST", "/to/301/x")]


@probe
def redirects_of_redirects(session):
    return [followed(session, "POST", "/to/307/to/302/to/308/x"),
            followed(session, "POST", "/to/301/to/307/x?a=b c"),
            followed(session, "GET", "/to/302/x#mine"),
            followed(session, "GET", "/to/302/own_fragment#mine")]


@probe
def redirects_to_nowhere(session):
    return [followed(session, "PUT", f"/nowhere/{status}") for status in (301, 302, 303, 307, 308)]


@probe
def copies(session):
    from requests import Session

    session.headers["X-Mine"] = "1"
    other = copy.copy(session)
    return [isinstance(other, Session), type(other) is type(session), other.headers["x-mine"]]


ANSWERED = {}  # how often, by server and path


def respond(asked):
    path = RawServer.latest.url + asked.target.partition("?")[0]
    ANSWERED[path] = ANSWERED.get(path, 0) + 1
    if path.endswith("/closed") and ANSWERED[path] % 3:
        return [None]
    _, probe_name, what, status, *rest = (asked.target + "////").split("/")
    if what == "nowhere":
        return answer("here", f"{status} Somewhere")
    if what == "to":
        place = "/".join([probe_name, *rest]).rstrip("/").replace("own_fragment", "x#own")
        return answer("moved", f"{status} Elsewhere", [f"Location: /{place}"])
    if "/retries_by_status/" in path and ANSWERED[path] % 3:
        return answer("later", "503 Service Unavailable")
    return answer("ok")


class Session(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.pair = client_support.Pair(__file__, respond, RawServer)
        cls.ours = cls.pair.results["ours"]

    def test_adapters_that_send_by_themselves_are_refused(self):
        sending, pooling, whole = self.ours["refused_adapters"]
        for told, names in ((sending, "Sending) is not supported: its own send()"),
                            (pooling, "Pooling) is not supported: its own init_poolmanager()"),
                            (whole, "Whole) is not supported: its own send()")):
            self.assertIn("NotImplementedError: mount('https://', " + names, told)


def compare(name):
    def test(self):
        if not self.pair.has("real"):
            self.skipTest("real Locust is not installed")
        told = {}
        for which in ("ours", "real"):
            asked = [[each.method, each.target, each.body.decode(), each.get("x-mark")]
                     for each in self.pair.requests_of(which, name)]
            told[which] = client_support.without_ports([self.pair.results[which][name], asked],
                                                       self.pair.port[which])
        self.assertEqual(told["ours"], told["real"])

    return test


for probe_name in set(PROBES) - ONLY_OURS:
    setattr(Session, f"test_same_as_locust_{probe_name}", compare(probe_name))


def make(url):
    from locust.clients import HttpSession
    return lambda name: (HttpSession(f"{url}/{name}", client_support.Rows(), None),)


if __name__ == "__main__":
    if "--probe" in sys.argv:
        client_support.probe_main(PROBES, make(sys.argv[3]))
    else:
        unittest.main()
