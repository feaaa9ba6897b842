"""How a request becomes a success, a failure or nothing: one row a rule."""

import probe
import requests
from locust import HttpUser, task
from locust.exception import CatchResponseError, LocustError, ResponseError

BODY, BROKEN = "/body", "/status?code=500"


class CatchResponse(HttpUser):
    def get(self, name, path=BODY, **options):
        return self.client.get(path, catch_response=True, name=name, **options)

    @task
    def steps(self):
        with self.get("nothing said, 200"):
            pass
        with self.get("nothing said, 500", BROKEN):
            pass
        with self.get("failure then success") as response:
            response.failure("first")
            response.success()
        with self.get("success then failure") as response:
            response.success()
            response.failure("second")
        with self.get("failure by text") as response:
            response.failure("as text")
        with self.get("failure by exception") as response:
            response.failure(ValueError("as exception"))
        with self.get("500 called a success", BROKEN) as response:
            response.success()
        self.leaves_by_return()
        self.raises()
        self.get("never entered")
        probe.end(self)

    def leaves_by_return(self):
        with self.get("return inside") as response:
            response.success()
            return

    def raises(self):
        def nothing_said():
            with self.get("exception, nothing said"):
                raise KeyError("lost")

        def after_success():
            with self.get("exception after success") as response:
                response.success()
                raise KeyError("kept")

        def after_failure():
            with self.get("exception after failure") as response:
                response.failure("said before")
                raise KeyError("kept")

        def response_error():
            with self.get("ResponseError inside"):
                raise ResponseError("wrong answer")

        probe.fact("exception, nothing said", probe.raised(nothing_said))
        probe.fact("exception after success", probe.raised(after_success))
        probe.fact("exception after failure", probe.raised(after_failure))
        probe.fact("ResponseError inside", probe.raised(response_error))


class OutsideWith(HttpUser):
    """success() and failure() where they have no meaning."""

    @task
    def steps(self):
        plain = self.client.get(BODY, name="plain")
        caught = self.client.get(BODY, name="caught", catch_response=True)
        for name, call in (("plain success", plain.success), ("caught success", caught.success),
                           ("plain failure", lambda: plain.failure("x")),
                           ("caught failure", lambda: caught.failure("x"))):
            try:
                call()
            except Exception as error:
                probe.fact(name, isinstance(error, LocustError))
        probe.fact("hierarchy", [issubclass(CatchResponseError, Exception),
                                 issubclass(LocustError, Exception)])
        probe.end(self)


class Plain(HttpUser):
    """Without catch_response: what fails by itself, and what the script sees of it."""

    @task
    def steps(self):
        ok = self.client.get(BODY, name="ok")
        broken = self.client.get(BROKEN, name="broken")
        missing = self.client.get("/nowhere")
        probe.fact("seen", [[r.status_code, r.ok, r.reason, r.text]
                            for r in (ok, broken, missing)])
        probe.fact("raise_for_status", probe.raised(broken.raise_for_status)[0])
        probe.fact("types", [isinstance(r, requests.Response) for r in (ok, broken)])
        probe.end(self)


class Refused(HttpUser):
    """A host where nobody listens."""

    @task
    def steps(self):
        plain = self.client.get("/a", name="plain")
        probe.fact("seen", [plain.status_code, dict(plain.headers), plain.content, plain.text])
        probe.fact("raise_for_status", probe.raised(plain.raise_for_status)[0])
        try:
            probe.fact("ok", plain.ok)
        except Exception as error:
            probe.fact("ok", probe.kind_of(error))
        with self.client.get("/b", catch_response=True, name="caught") as response:
            probe.fact("caught status", response.status_code)
        with self.client.get("/c", catch_response=True, name="said") as response:
            response.failure(f"Unexpected status code: {response.status_code}")
        with self.client.get("/d", catch_response=True, name="streamed", stream=True) as response:
            probe.fact("lines", probe.raised(lambda: list(response.iter_lines())) is None)
        probe.end(self)


class Context(HttpUser):
    """context() of the user, context= of the request, and what a listener of requests gets."""

    def context(self):
        return {"user": "ann", "both": "user"}

    def on_start(self):
        def heard(request_type, name, response_time, response_length, response, context,
                  exception, start_time, url, **_):
            probe.note("heard", [request_type, name, response_time > 0, response_length,
                                 response.status_code, context,
                                 probe.kind_of(exception) if exception else None,
                                 start_time > 1e9, url.rpartition("/")[2]])
        self.environment.events.request.add_listener(heard)

    @task
    def steps(self):
        self.client.get(BODY, context={"both": "call", "call": 1})
        self.client.get(BROKEN, name="broken")
        with self.client.get(BODY, catch_response=True, name="caught") as response:
            response.request_meta["name"] = "renamed"
            response.request_meta["context"]["late"] = True
        probe.end(self)


class Timeouts(HttpUser):
    """timeout= of a head that is late, and of a body that falls silent."""

    def read(self, name, path, **options):
        with self.client.get(path, stream=True, catch_response=True, name=name,
                             **options) as response:
            probe.fact(f"{name} status", response.status_code)
            if response.status_code:
                raised = probe.raised(lambda: list(response.iter_lines()))
                probe.fact(name, raised)
                if raised:
                    response.failure("fell silent")

    @task
    def steps(self):
        self.client.get("/silent", timeout=0.2, name="late head")
        with self.client.get("/silent", timeout=(5, 0.2), name="late head, caught",
                             catch_response=True) as response:
            probe.fact("late head", [response.status_code, probe.kind_of(response.error)])
        self.read("silent body", "/sse?count=1&then=hold", timeout=0.2)
        # Each wait is shorter than the limit, all together are longer.
        self.read("slow body", "/sse?count=6&interval_ms=120", timeout=0.3)
        probe.end(self)
