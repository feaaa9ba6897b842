"""FastHttpUser: the same rules, another surface."""

import probe
from locust import FastHttpUser, task
from locust.contrib.fasthttp import FastResponse


def lower(answer):
    return {key.lower(): value for key, value in answer["fields"]}


class Fast(FastHttpUser):
    @task
    def steps(self):
        response = self.client.get("/echo", name="echo", headers={"X-One": "1"})
        answer = response.json()
        probe.fact("echo", [response.status_code, response.headers["x-reply"], answer["method"],
                            lower(answer)["x-one"], isinstance(response, FastResponse)])
        posted = self.client.post("/echo", name="json", json={"n": 1}).json()
        probe.fact("json", [posted["body"].replace(" ", ""),
                            lower(posted)["content-type"]])
        probe.fact("text", self.client.put("/echo", name="text", data="plain").json()["body"])
        self.client.get("/status?code=500", name="broken")
        self.client.get("/body?text=a")
        probe.fact("redirect", self.client.get("/redirect", name="redirect").text)
        self.client.get("/redirect", name="not followed", allow_redirects=False)
        probe.fact("auth", self.client.get("/basic", name="basic",
                                           auth=("ann", "correct horse")).status_code)
        self.client.get("/cookies?set=a=1", name="cookies")
        probe.fact("cookies", self.client.get("/cookies", name="cookies").json())
        self.catches()
        self.streams()
        probe.end(self)

    def catches(self):
        with self.client.get("/body", name="failed", catch_response=True) as response:
            response.failure("said")
        with self.client.get("/status?code=404", name="forgiven", catch_response=True) as response:
            response.success()

    def streams(self):
        with self.client.get("/pieces?name=blank", stream=True, name="stream",
                             catch_response=True) as response:
            probe.fact("stream", response.stream.read().decode())
            response.success()


class FastRefused(FastHttpUser):
    @task
    def steps(self):
        response = self.client.get("/a", name="plain")
        probe.fact("seen", [response.status_code, response.text])
        with self.client.get("/b", name="caught", catch_response=True) as response:
            response.failure(f"Unexpected status code: {response.status_code}")
        probe.end(self)


class Rest(FastHttpUser):
    """self.rest(), of newer Locust."""

    @task
    def steps(self):
        with self.rest("GET", "/body?text={\"a\":1}", name="good") as response:
            probe.fact("js", response.js)
        with self.rest("GET", "/body?text=nothing", name="no json") as response:
            probe.fact("no js", response.js)
        with self.rest("GET", "/body?text={\"a\":1}", name="failed") as response:
            assert response.js["a"] == 2, "wrong a"
        probe.end(self)
