"""The session beside requests' own: parameters, adapters, retries, copies.

Each probe also runs with real Locust; ONLY_OURS are deliberate differences.
"""

import copy
import os
import pickle
import subprocess
import sys
import unittest

import client_support
from raw_server import RawServer, answer

PROBES = {}
ONLY_OURS = {"refused_adapters", "wrong_timeouts", "folders_of_certificates"}


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
def names_that_are_no_text(session):
    session.get("/x", name=5)
    session.get("/x", name=0)
    with session.get("/x", name=2.5, catch_response=True) as response:
        response.failure("no")
    return [str(row["name"]) for row in session.request_event.fired]


@probe
def wrong_timeouts(session):
    return [outcome(lambda value=value: session.get("/x", timeout=value).status_code)
            for value in ("5", [1, 2], (1, "2"), (1, 2, 3), True, 0, {}, (None, 5))]


@probe
def kinds_of_wrong_timeouts(session):
    return [str(outcome(lambda value=value: session.get("/x", timeout=value).status_code)
                ).partition(":")[0]
            for value in ("5", [1, 2], (1, "2"), (1, 2, 3), True, 0, (None, 5))]


@probe
def unknown_keywords(session):
    return [outcome(lambda: session.get("/x", nonsense=1)).partition(".")[2],
            outcome(lambda: session.post("/x", jsn={})).partition(".")[2],
            len(session.request_event.fired)]


@probe
def arguments_of_hooks(session):
    session.trust_env = False  # else a bundle of the environment goes over verify
    seen = []

    def hook(response, *args, **kwargs):
        seen.append([len(args), sorted((name, repr(value)) for name, value in kwargs.items())])

    session.get("/x", hooks={"response": hook})
    session.get("/x", hooks={"response": [hook]}, timeout=(3, 4), verify=False, params={"a": 1},
                stream=True).close()
    session.hooks["response"].append(hook)
    session.verify = False
    session.post("/x", json={})
    return seen


@probe
def folders_of_certificates(session):
    return [session.get("/x", verify="/etc").status_code,
            session.get("/x", verify="/nowhere/file").status_code,
            outcome(lambda: session.get("https://127.0.0.1:1/x", verify="/etc"))]


@probe
def cookies_as_a_mapping(session):
    from collections.abc import MutableMapping
    from http.cookiejar import CookieJar

    from requests.cookies import RequestsCookieJar

    response = session.get("/set")
    kinds = [[isinstance(jar, kind) for kind in (RequestsCookieJar, CookieJar, MutableMapping)]
             for jar in (session.cookies, response.cookies, session.cookies.copy())]
    jar = session.cookies
    seen = [jar.setdefault("mine", "1"), jar.setdefault("mine", "2"), jar.setdefault("first", "3"),
            jar.pop("mine"), outcome(lambda: jar.pop("mine"))[:8], jar.pop("mine", 5),
            sorted(jar.keys()), jar.pop("first"), sorted(jar.keys()),
            response.cookies.pop("second"), sorted(response.cookies.items())]
    session.get("/x")
    session.cookies = response.cookies
    copied = copy.copy(session.cookies)
    copied.clear()
    return kinds + seen + [dict(session.cookies), dict(copied), session.cookies == response.cookies,
                           copy.deepcopy(session.cookies).get_dict(),
                           pickle.loads(pickle.dumps(session.cookies)).get_dict()]


@probe
def cookies_of_one_name(session):
    from requests.cookies import CookieConflictError

    for domain in ("a.example", "b.example"):
        session.cookies.set("name", domain, domain=domain)
    try:
        session.cookies.pop("name")
    except CookieConflictError:
        return len(session.cookies)


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
    if what == "set":
        return answer("", headers=["Set-Cookie: first=1; Path=/", "Set-Cookie: second=2; Path=/"])
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


    def test_sessions_need_no_requests(self):
        program = ("import sys; sys.modules['requests'] = None; "
                   "from locust.clients import HttpSession; "
                   "import client_support; rows = client_support.Rows(); "
                   "session = HttpSession('http://127.0.0.1:1', rows, None); "
                   "session.params['a'] = 1; session.cookies.set('b', 'c'); "
                   "print(list(session.adapters), session.cookies.popitem()); "
                   "print(session.get('/x').headers, rows.fired[0]['url'])")
        path = os.pathsep.join([*client_support.our_path(), client_support.HERE])
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                              check=True, env={**os.environ, "PYTHONPATH": path})
        self.assertEqual(done.stdout.splitlines(), [
            "['https://', 'http://'] ('b', 'c')", "{} http://127.0.0.1:1/x?a=1"])

    def test_wrong_timeouts_are_named(self):
        text, several, second, three, boolean, none, mapping, right = self.ours["wrong_timeouts"]
        self.assertIn("ValueError: timeout: the value for connect is '5', but a number", text)
        self.assertIn("the value for connect is [1, 2]", several)
        self.assertIn("the value for read is '2'", second)
        self.assertIn("Invalid timeout (1, 2, 3)", three)
        self.assertIn("the value for connect is True", boolean)
        self.assertIn("the value for connect is 0, which is not more than 0 seconds", none)
        self.assertIn("the value for connect is {}", mapping)
        self.assertEqual(right, 200)

    def test_folders_of_certificates_are_of_no_account_without_tls(self):
        plain, missing, over_tls = self.ours["folders_of_certificates"]
        self.assertEqual((plain, missing), (200, 200))
        self.assertIn("NotImplementedError: verify='/etc' is a directory", over_tls)


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
