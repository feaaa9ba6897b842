"""When a request is reported, and as what: rows, names, catch_response, exceptions in the block.

Each probe also runs with real Locust; ONLY_OURS are the rules in which the version that Debian has
differs from later ones, or in which we differ on purpose.
"""

import sys
import unittest

import client_support
from raw_server import RawServer, answer

PROBES = {}
ONLY_OURS = {"error_of_a_caught_status", "refused", "refused_and_caught", "broken_off", "proxies"}
UNUSED_PORT = "http://127.0.0.1:1"


def probe(function):
    PROBES[function.__name__] = function
    return function


@probe
def plain(session, rows):
    session.get("/x?a=1#part")
    session.get("/x", name="named")
    session.post("/missing", context={"a": 1})
    session.request("get", "/x")
    return rows.told()


@probe
def absolute_url(session, rows):
    session.get(session.base_url + "/x")
    session.get(session.base_url.replace("http:", "HTTP:") + "/x")
    return [row[:2] for row in rows.told()]


@probe
def redirect_is_named_for_its_first_url(session, rows):
    response = session.get("/redirect")
    hops = [[hop.status_code, hop.url, hop.is_redirect, hop.headers["location"]]
            for hop in response.history]
    return [rows.told(), response.url, hops, response.request.url, response.request.method]


@probe
def redirect_not_followed(session, rows):
    response = session.get("/redirect", allow_redirects=False)
    head = session.head("/redirect")
    return [rows.told(), response.status_code, response.is_redirect, response.history,
            response.next is None or True, head.status_code]


@probe
def too_many_redirects(session, rows):
    session.max_redirects = 3
    response = session.get("/loop")
    return [[row[3] for row in rows.told()], response.status_code]


@probe
def post_becomes_get(session, rows):
    response = session.post("/redirect", data={"a": 1})
    return [response.text, rows.told()]


@probe
def user_context(session, rows):
    class User:
        def context(self):
            return {"user": 1, "over": 1}

    session.user = User()
    session.get("/x", context={"over": 2})
    session.get("/x")
    return [row[4] for row in rows.told()]


@probe
def renamed(session, rows):
    with session.rename_request("group"):
        session.get("/x")
        session.get("/x", name="own")
    session.get("/x")
    session.request_name = "set"
    session.get("/x")
    return [row[1] for row in rows.told()]


@probe
def last_call_wins(session, rows):
    with session.get("/x", catch_response=True) as response:
        response.failure("no")
        response.success()
    with session.get("/x", catch_response=True) as response:
        response.success()
        response.failure("no")
    with session.get("/missing", catch_response=True) as response:
        response.success()
    return rows.told()


@probe
def failure_keeps_exceptions(session, rows):
    with session.get("/x", catch_response=True) as response:
        response.failure(ValueError("kept"))
    with session.get("/x", catch_response=True) as response:
        response.failure(12)
    return rows.told()


@probe
def nothing_said(session, rows):
    with session.get("/x", catch_response=True):
        pass
    with session.get("/missing", catch_response=True, name="n"):
        pass
    return [[row[0], row[1], row[3] is None] for row in rows.told()]


@probe
def error_of_a_caught_status(session, rows):
    with session.get("/missing", catch_response=True, name="n"):
        pass
    return rows.told()[0][3]


@probe
def exception_without_result(session, rows):
    try:
        with session.get("/x", catch_response=True):
            raise KeyError("mine")
    except KeyError:
        return ["raised", rows.told()]
    return "swallowed"


@probe
def exception_after_result(session, rows):
    try:
        with session.get("/x", catch_response=True) as response:
            response.failure("said")
            raise KeyError("mine")
    except KeyError:
        return ["raised", rows.told()]
    return "swallowed"


@probe
def response_error_in_block(session, rows):
    from locust.exception import ResponseError

    with session.get("/x", catch_response=True):
        raise ResponseError("mine")
    return rows.told()


@probe
def return_in_block(session, rows):
    def inner():
        with session.get("/x", catch_response=True):
            return "returned"

    return [inner(), len(rows.fired)]


@probe
def catch_without_with(session, rows):
    session.get("/x", catch_response=True)
    return len(rows.fired)


@probe
def results_at_wrong_places(session, rows):
    from locust.exception import LocustError

    raised = []
    for response in (session.get("/x"), session.get("/x", catch_response=True)):
        for call in (response.success, lambda response=response: response.failure("x")):
            try:
                call()
            except LocustError:
                raised.append("LocustError")
            except TypeError:
                raised.append("LocustError")  # Debian's has no parameter there
    return [raised, len(rows.fired)]


@probe
def meta_can_be_changed(session, rows):
    with session.get("/x", catch_response=True) as response:
        meta = response.request_meta
        seen = set(meta) | {"response"}
        assert meta["response"].status_code == 200
        meta["name"] = "other"
        meta["response_length"] = 7
    return [rows.told(), sorted(seen)]


@probe
def length_of_a_stream(session, rows):
    with session.get("/stream", stream=True):
        pass
    with session.get("/x", stream=True, catch_response=True):
        pass
    return [row[2] for row in rows.told()]


@probe
def exception_of_status(session, rows):
    response = session.get("/missing", name="n")
    seen = []
    try:
        response.raise_for_status()
    except Exception as error:
        seen = [client_support.told(error), error.response is response]
    return [rows.told()[0][3], seen, rows.fired[0]["exception"].response is response]


@probe
def refused(session, rows):
    session.base_url = UNUSED_PORT
    response = session.get("/x")
    return [rows.told(), response.status_code, dict(response.headers), response.content,
            response.text, response.ok, bool(response), response.history, response.url]


@probe
def refused_by_real_name(session, rows):
    session.base_url = UNUSED_PORT
    response = session.get("/x")
    return [rows.told()[0][:4], response.status_code, dict(response.headers), response.content,
            response.text, response.encoding, response.reason]


@probe
def refused_and_caught(session, rows):
    session.base_url = UNUSED_PORT
    with session.get("/x", catch_response=True) as response:
        status = response.status_code
    with session.get("/x", catch_response=True) as response:
        response.failure(f"Unexpected status code: {response.status_code}")
    return [row[3] for row in rows.told()] + [status]


@probe
def classes_of_errors(session, rows):
    import requests

    session.base_url = UNUSED_PORT
    try:
        session.get("/x").raise_for_status()
    except requests.exceptions.ConnectionError as error:
        return "Connection refused" in str(error)
    return None


@probe
def silence(session, rows):
    response = session.get("/silent", timeout=0.3)
    import requests
    return [isinstance(response.error, requests.Timeout), type(response.error).__name__,
            str(response.error).partition("port=")[2].partition("): ")[2],
            rows.told()[0][3].partition(" Read timed")[2]]


@probe
def closed_without_answer(session, rows):
    response = session.get("/closed")
    return [response.status_code, rows.told()[0][3], type(response.error).__name__]


@probe
def broken_off(session, rows):
    response = session.get("/broken")
    return [response.status_code, type(response.error).__name__, response.text, len(rows.fired)]


@probe
def bad_urls(session, rows):
    seen = []
    for base, path in (("", "/x"), ("", "x"), ("http://", ""), ("ftp://h", "/"), ("http://*.a", ""),
                       ("http://h:99999", "/"), ("mailto:a@b", "")):
        session.base_url = base
        try:
            session.get(path)
            seen.append("sent")
        except Exception as error:
            seen.append(type(error).__name__)
    return [seen, rows.told()]


@probe
def user_in_base_url(session, rows):
    from locust.clients import HttpSession

    other = HttpSession(session.base_url.replace("//", "//us%20er:pass@"), rows, None)
    return [other.base_url == session.base_url, other.auth is not None,
            other.get("/x").status_code, rows.told()[0][5]]


@probe
def hooks(session, rows):
    seen = []
    session.hooks["response"] = [lambda response, **_: seen.append("session")]
    session.get("/x", hooks={"response": lambda response, **_: seen.append(response.status_code)})
    return sorted(map(str, seen))


@probe
def prepared_requests(session, rows):
    import requests

    session.params = {"always": "1"}
    session.headers["X-Session"] = "1"
    session.cookies.set("a", "b")
    url = session.base_url + "/echo"
    prepared = session.prepare_request(requests.Request("POST", url, json={"a": 1},
                                                        params={"b": "2"}, auth=("u", "p")))
    response = session.send(prepared, timeout=5)
    try:
        session.send(requests.Request("GET", UNUSED_PORT).prepare())
        raised = None
    except requests.ConnectionError as error:
        raised = type(error).__name__
    return [response.text, response.status_code, rows.told(), raised]


@probe
def proxies(session, rows):
    session.get("/x", proxies={"http": None})
    session.get("/x", proxies={})
    try:
        session.get("/x", proxies={"http": "http://proxy.test:3128"})
    except NotImplementedError as error:
        return [str(error).startswith("proxies= is not supported yet"), len(rows.fired)]
    return None


@probe
def kinship(session, rows):
    import requests
    from locust.clients import LocustResponse, ResponseContextManager

    response = session.get("/x")
    return [isinstance(session, requests.Session), isinstance(response, requests.Response),
            issubclass(ResponseContextManager, LocustResponse)]


def respond(asked):
    path = asked.target.split("/", 2)[-1].partition("?")[0]
    base = "/" + asked.target.split("/")[1]
    if path == "missing":
        return answer("not here", "404 Not Found")
    if path == "redirect":
        return answer("", "302 Found", [f"Location: {base}/to"])
    if path == "loop":
        return answer("", "302 Found", [f"Location: {base}/loop"])
    if path == "to":
        return answer(f"{asked.method} {asked.get('content-type')} {asked.body!r}")
    if path == "echo":
        names = ("x-session", "cookie", "authorization", "content-type", "content-length")
        return answer(f"{asked.target} {[asked.get(name) for name in names]} {asked.body}")
    if path == "stream":
        return [answer("", length=False, headers=["Transfer-Encoding: chunked"]), b"0\r\n\r\n"]
    if path == "silent":
        return [1.0, None]
    if path == "closed":
        return [None]
    if path == "broken":
        return [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", None]
    return answer("" if asked.method == "HEAD" else "four")


class Rows(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.pair = client_support.Pair(__file__, respond, RawServer)
        cls.ours = cls.pair.results["ours"]

    def test_caught_status_is_reported_under_its_name(self):
        self.assertEqual(self.ours["error_of_a_caught_status"],
                         "HTTPError('404 Client Error: Not Found for url: n')")

    def test_refused_connection_gives_status_zero(self):
        rows, *seen, url = self.ours["refused"]
        error = "ConnectionRefusedError(111, 'Connection refused')"
        self.assertEqual(rows, [["GET", "/x", 0, error, {}, UNUSED_PORT + "/x"]])
        self.assertEqual(seen, [0, {}, None, "", False, False, []])
        self.assertEqual(url, UNUSED_PORT + "/x")

    def test_caught_refusal_is_unwrapped_too(self):
        self.assertEqual(self.ours["refused_and_caught"],
                         ["ConnectionRefusedError(111, 'Connection refused')",
                          "CatchResponseError('Unexpected status code: 0')", 0])

    def test_proxies_are_refused_with_a_sentence(self):
        self.assertEqual(self.ours["proxies"], [True, 2])

    def test_body_that_breaks_off_is_no_answer(self):
        self.assertEqual(self.ours["broken_off"], [0, "ChunkedEncodingError", "", 1])


for probe_name in set(PROBES) - ONLY_OURS:
    setattr(Rows, f"test_same_as_locust_{probe_name}",
            client_support.same_as_locust(probe_name))


def make(url):
    from locust.clients import HttpSession

    def session_of(name):
        rows = client_support.Rows()
        return HttpSession(f"{url}/{name}", rows, None), rows

    return session_of


if __name__ == "__main__":
    if "--probe" in sys.argv:
        client_support.probe_main(PROBES, make(sys.argv[3]))
    else:
        unittest.main()
