"""What the HTTP client sends and what its responses hold."""

import os

import probe
import requests
from locust import HttpUser, task


class Wire(HttpUser):
    """The request line, the fields in their order, the body."""

    def sent(self, name, method, path, **options):
        answer = self.client.request(method, path, name=name, **options).json()
        fields = [f"{key}: {value}" for key, value in answer["fields"]
                  if not key.lower() in ("host", "user-agent")]
        probe.fact(name, [answer["method"], answer["target"], fields, answer["body"]])
        return answer

    @task
    def steps(self):
        first = self.sent("get", "GET", "/echo")
        probe.fact("first fields", [key for key, _ in first["fields"]])
        self.sent("headers", "GET", "/echo", headers={"X-One": "1", "Accept": "text/event-stream"})
        self.sent("params", "GET", "/echo?a=1", params={"b": "x y", "c": [1, 2], "d": None})
        self.sent("json", "POST", "/echo", json={"n": 1})
        self.sent("form", "POST", "/echo", data={"a": "x y", "b": "ü"})
        self.sent("text", "PUT", "/echo", data="plain text",
                  headers={"Content-Type": "text/plain"})
        self.sent("bytes", "PATCH", "/echo", data=b"\x00\xff")
        self.sent("delete", "DELETE", "/echo")
        self.sent("unicode path", "GET", "/echo/ü?q=é")
        agent = self.client.get("/echo", name="agent", headers={"User-Agent": "mine"}).json()
        probe.fact("agent", dict(agent["fields"])["User-Agent"])
        probe.fact("methods", [getattr(self.client, name)("/echo", name=name).status_code
                               for name in ("head", "options", "delete", "put", "patch", "post")])
        probe.end(self)


class Session(HttpUser):
    """Attributes of the session: headers, cookies, auth, params."""

    def fields(self, **options):
        return dict(self.client.get("/echo", name="echo", **options).json()["fields"])

    @task
    def steps(self):
        self.client.headers["X-Session"] = "yes"
        self.client.headers.update({"Accept": "application/json"})
        probe.fact("headers", [self.fields().get(name) for name in ("X-Session", "Accept")])
        probe.fact("removed", self.fields(headers={"X-Session": None}).get("X-Session"))
        self.client.auth = ("ann", "correct horse")
        probe.fact("auth", self.client.get("/basic", name="basic").status_code)
        self.client.auth = None
        probe.fact("no auth", self.client.get("/basic", name="basic").status_code)
        probe.fact("auth=", self.client.get("/basic", name="basic",
                                            auth=("ann", "correct horse")).text)
        self.client.params = {"tenant": "acme"}
        probe.fact("params", self.client.get("/echo", name="echo").json()["target"])
        self.client.params = {}
        self.cookies()
        probe.fact("session", [isinstance(self.client, requests.Session), self.client.verify,
                               self.client.trust_env, self.client.base_url == self.host])
        probe.end(self)

    def cookies(self):
        self.client.cookies.clear()
        self.client.get("/cookies?set=a=1", name="cookies")
        probe.fact("kept", self.client.get("/cookies", name="cookies").json())
        self.client.cookies.set("b", "2")
        probe.fact("set", self.client.get("/cookies", name="cookies").json())
        probe.fact("cookies=", self.client.get("/cookies", name="cookies",
                                               cookies={"c": "3"}).json())
        probe.fact("jar", sorted(self.client.cookies.get_dict().items()))
        response = self.client.get("/cookies?set=d=4", name="cookies")
        probe.fact("of response", response.cookies.get("d"))
        self.client.cookies.clear()
        probe.fact("cleared", self.client.get("/cookies", name="cookies").json())


class Redirects(HttpUser):
    @task
    def steps(self):
        followed = self.client.get("/redirect?hops=2")
        probe.fact("followed", [followed.status_code, followed.text, followed.url[-5:],
                                [hop.status_code for hop in followed.history]])
        probe.fact("cookies", sorted(self.client.cookies.get_dict()))
        stopped = self.client.get("/redirect?hops=1", allow_redirects=False, name="not followed")
        probe.fact("not followed", [stopped.status_code, stopped.headers["location"],
                                    stopped.is_redirect])
        kept = self.client.post("/redirect?code=307&to=/echo", data="again", name="307").json()
        probe.fact("307", [kept["method"], kept["body"]])
        turned = self.client.post("/redirect?code=302&to=/echo", data="again", name="302").json()
        probe.fact("302", [turned["method"], turned["body"]])
        endless = self.client.get("/redirect?hops=40", name="endless")
        probe.fact("endless", [endless.status_code])
        probe.end(self)


class Answers(HttpUser):
    """Attributes of a response."""

    @task
    def steps(self):
        response = self.client.get("/echo?q=1", name="echo")
        probe.fact("headers", [response.headers["x-reply"], response.headers.get("X-REPLY"),
                               "x-Reply" in response.headers, response.headers.get("none", "-")])
        probe.fact("attributes", [response.status_code, response.ok, response.reason,
                                  response.url == f"{self.host}/echo?q=1",
                                  response.encoding, response.history,
                                  0 < response.elapsed.total_seconds() < 5])
        probe.fact("request", [response.request.method, response.request.path_url,
                               response.request.headers["Accept"]])
        probe.fact("types", [isinstance(response, requests.Response),
                             type(response.content).__name__, type(response.text).__name__,
                             bool(response)])
        probe.fact("phrase", self.client.get("/phrase", name="phrase").reason)
        probe.fact("absolute", self.client.get(f"{self.host}/body").text)
        probe.fact("names", [self.client.get("/body?text=a").text,
                             self.client.get("/body?text=b").text])
        self.naming()
        probe.end(self)

    def naming(self):
        with self.client.rename_request("grouped"):
            self.client.get("/body?text=c")
            self.client.get("/body?text=d")
        self.client.request_name = "by attribute"
        self.client.get("/body?text=e")
        self.client.request_name = None


class KeepAlive(HttpUser):
    """A login, then the stream, on one connection; two users have one each."""
    connections = []

    @task
    def steps(self):
        login = self.client.post("/login", json={"password": "correct horse"}, name="login").json()
        headers = {"Authorization": f"Bearer {login['access_token']}"}
        with self.client.get("/sse?count=2&interval_ms=1", headers=headers, stream=True,
                             name="stream", catch_response=True) as response:
            for line in response.iter_lines(decode_unicode=True):
                if line.startswith("data:"):
                    stream = int(line.split('"connection": ')[1].split(",")[0])
        self.connections.append([login["connection"], stream])
        probe.until(lambda: len(self.connections) == 2)
        probe.fact("same connection", [a == b for a, b in self.connections])
        probe.fact("own connection", self.connections[0] != self.connections[1])
        probe.end(self)


class Proxies(HttpUser):
    """proxies= is refused in a sentence, not passed over."""

    @task
    def steps(self):
        probe.fact("proxies", probe.raised(self.client.get, "/body",
                                           proxies={"http": "http://127.0.0.1:1"}))
        probe.end(self)


class Wrong(HttpUser):
    """What cannot be sent raises in the script, as requests raises it."""

    @task
    def steps(self):
        get = self.client.get
        for name, url, options in (("no host", "http://", {}),
                                   ("bad header", "/body", {"headers": {"X": "a\nb"}}),
                                   ("bad port", "http://127.0.0.1:99999/", {}),
                                   ("no scheme", "ftp://127.0.0.1/", {})):
            raised = probe.raised(get, url, name=name, **options)
            probe.fact(name, raised and raised[0])
        probe.fact("good after", get("/body", name="good").status_code)
        probe.end(self)


class Uploads(HttpUser):
    @task
    def steps(self):
        answer = self.client.post("/echo", name="files", data={"note": "n"},
                                  files={"file": ("a.txt", b"content", "text/plain")}).json()
        kind = dict(answer["fields"])["Content-Type"]
        body = answer["body"]
        probe.fact("files", [kind.partition(";")[0], 'name="note"' in body,
                             'name="file"; filename="a.txt"' in body, "content" in body])
        with open(os.path.abspath(__file__), "rb") as file:
            sent = self.client.post("/echo", name="file body", data=file).json()
        probe.fact("file body", sent["body"].startswith('"""What the HTTP client'))
        chunks = self.client.post("/body", name="slow", data=b"x" * 300000)
        probe.fact("large", chunks.status_code)
        probe.end(self)
