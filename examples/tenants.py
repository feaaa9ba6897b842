"""Many tenants on one service: does each get its own events, and never another's?

    cicada run examples/tenants.py --host http://127.0.0.1:8080 -u 30 -r 10 -t 30s

Three classes, one a tenant, share their code; `weight` says how the users are shared out. What must
never happen is an exception of the script's own and so a row of the error table that names it.
"""

from locust import HttpUser, between, tag, task
from locust.exception import RescheduleTask

EVENTS_A_STREAM = 6


class WrongTenant(Exception):
    """Somebody else's events came."""


class Tenant(HttpUser):
    abstract = True
    wait_time = between(1, 3)
    tenant = region = None
    token = None

    def on_start(self):
        self.get_token()

    def get_token(self):
        answer = self.client.post("/api/v1/session/token", name="token", json={
            "client_id": "cicada-demo", "client_secret": "demo-secret-key",
            "grant_type": "client_credentials", "scope": "analytics:read"})
        self.token = answer.json().get("access_token") if answer.ok else None

    def read(self, channels):
        if not self.token:
            self.get_token()
            raise RescheduleTask()
        with self.client.get(
                "/api/v1/analytics/stream", name=f"analytics of {self.tenant}", stream=True,
                params={"tenant": self.tenant, "region": self.region, "channels": channels},
                headers={"Authorization": f"Bearer {self.token}", "X-Tenant-ID": self.tenant},
                catch_response=True) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}")
                return
            for count, event in enumerate(response.iter_events(), 1):
                data = event.json()
                if (data["tenant"], data["region"]) != (self.tenant, self.region):
                    response.failure(WrongTenant(f"got {data['tenant']} in {data['region']}"))
                    return
                if count == EVENTS_A_STREAM:
                    response.success()
                    return
            response.failure("the stream ended early")

    @tag("all")
    @task(3)
    def read_everything(self):
        self.read("metrics,alerts,deployments")

    @tag("alerts")
    @task
    def read_alerts(self):
        self.read("alerts")


class Acme(Tenant):
    weight = 3
    tenant, region = "acme-co", "us-east-1"


class Globex(Tenant):
    weight = 2
    tenant, region = "globex", "eu-west-1"


class Initech(Tenant):
    weight = 1
    tenant, region = "initech", "us-east-1"
