"""Log in once a user, stream with the token, log in again when it is no longer taken.

    cicada run examples/login_stream.py --host http://127.0.0.1:8080 -u 50 -r 10 -t 30s

The account comes from arguments of this file's own, which also stand in `--help` and in the
environment (`LOGIN_EMAIL`). The token stays with the user: each `HttpUser` is one client with its own
connections and cookies. Runs under Locust too.
"""

from locust import HttpUser, between, events, task

UNAUTHORIZED = 401


@events.init_command_line_parser.add_listener
def add_arguments(parser):
    parser.add_argument("--email", default="loadtest.user@example.com", env_var="LOGIN_EMAIL",
                        help="who logs in")
    parser.add_argument("--password", default="Str0ngP@ssword!", env_var="LOGIN_PASSWORD",
                        help="with which password")


class Subscriber(HttpUser):
    wait_time = between(2, 5)
    token = None

    def on_start(self):
        self.log_in()

    def log_in(self):
        options = self.environment.parsed_options
        with self.client.post("/api/v1/auth/login", catch_response=True, name="log in",
                              json={"email": options.email,
                                    "password": options.password}) as response:
            if response.status_code == 200:
                self.token = response.json()["access_token"]
            else:
                self.token = None
                response.failure(f"log in: status {response.status_code}")

    @task
    def read_notifications(self):
        if not self.token:
            self.log_in()
            return
        headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {self.token}"}
        with self.client.get("/api/v1/notifications/stream?topics=orders,billing", headers=headers,
                             stream=True, catch_response=True, name="notifications") as response:
            if response.status_code == UNAUTHORIZED:
                self.token = None  # the next turn logs in again
                response.failure("the token is no longer taken")
                return
            topics = set()
            for line in response.iter_lines(decode_unicode=True):
                if line.startswith("data:"):
                    topics.add("billing" if '"topic":"billing"' in line else "orders")
                if len(topics) == 2:
                    break
            if topics == {"orders", "billing"}:
                response.success()
            else:
                response.failure(f"only {', '.join(sorted(topics)) or 'nothing'} came")
