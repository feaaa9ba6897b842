"""Ask a language model's service and read its answer token by token, over POST.

    cicada run examples/chat_stream.py --host https://models.example -u 20 -r 2 -t 2m --model small

For any service that speaks OpenAI's `POST /v1/chat/completions` with `stream: true`, `cicada serve`
among them: events without names, one JSON document each, and `[DONE]` at the end. Three rows of the
script's own: the time to the first token, the time between tokens, the time of whole answers. With
`--profile openai` cicada measures the tokens itself, without any of that.
"""

import time

from locust import HttpUser, between, events, task

QUESTIONS = [
    "Why do cicadas stay underground for 17 years?",
    "Explain server-sent events to a web developer.",
    "Name three prime numbers and what is special about them.",
]
DONE = "[DONE]"


@events.init_command_line_parser.add_listener
def add_arguments(parser):
    parser.add_argument("--model", default="small", help="which model to ask")
    parser.add_argument("--api-key", default="", env_var="MODEL_API_KEY", is_secret=True,
                        help="sent as a bearer token")


def fire(name, milliseconds, length=0, wrong=None):
    events.request.fire(request_type="chat", name=name, response_time=milliseconds,
                        response_length=length, exception=wrong)


class Asker(HttpUser):
    wait_time = between(1, 4)
    turn = 0

    def on_start(self):
        key = self.environment.parsed_options.api_key
        if key:
            self.client.headers["Authorization"] = f"Bearer {key}"

    @task
    def ask(self):
        self.turn += 1
        question = QUESTIONS[self.turn % len(QUESTIONS)]
        started = time.perf_counter()
        with self.client.post("/v1/chat/completions", stream=True, catch_response=True,
                              name="chat", timeout=(5, 30), json={
                                  "model": self.environment.parsed_options.model, "stream": True,
                                  "messages": [{"role": "user", "content": question}],
                              }) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}")
                return
            tokens, finished = self.read_answer(response, started)
            if not finished:
                response.failure(f"the answer broke off after {len(tokens)} tokens")
                return
            response.success()
        seconds = time.perf_counter() - started
        fire("whole answer", seconds * 1000, len("".join(tokens)))

    def read_answer(self, response, started):
        """The tokens, and whether the end mark came."""
        tokens, last = [], started
        for event in response.iter_events():
            if event.data == DONE:
                return tokens, True
            choices = event.json().get("choices")  # none in an error, empty beside the usage
            text = choices and choices[0]["delta"].get("content")
            if not text:
                continue
            now = time.perf_counter()
            fire("between tokens" if tokens else "first token", (now - last) * 1000, len(text))
            tokens.append(text)
            last = now
        return tokens, False
