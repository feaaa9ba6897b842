"""A service that hands on what is published, with faults to order, and knows what it did."""

import re
import socket
import threading

from raw_server import CHUNKED_HEAD, chunk, head_with, serve

MARK = re.compile(rb"cicada-mark\.([0-9a-f]{16})\.(\d{12})\.(\d{4})\.(\d{12})\.(\d{20})\.(\d{20})")
SILENCE = b"silence"  # no answer, and the connection stays
OK = head_with("Content-Length: 2") + b"ok"
FAILED = head_with("Content-Length: 4", status="500 Internal Server Error") + b"oops"


def number_of(text):
    return int(MARK.search(text).group(2))


class Subscriber:
    def __init__(self, peer, index):
        self.peer, self.index = peer, index
        self.offered = 0  # messages since it opened


class Cut(Exception):
    """Ends the stream, without its last chunk."""


class Message:
    def __init__(self, number, body):
        self.id, self.body = number, body


class Hub:
    """`POST /pub` is handed to every open stream of `/sub`; `/quiet` gets comments only.

    `answer(hub, request)`: the publisher's answer, None to cut the connection, or SILENCE; the
    message is handed on where it is OK or `hands_on_all`. `deliver(subscriber, message)`: what one
    stream is sent of one message; Cut ends the stream instead. `resume(subscriber, messages,
    last_id)`: what one that resumes is sent of all that there were. `in_order`: messages that come
    at once on several connections are taken in the order of their numbers.
    """

    def __init__(self, t, answer=None, deliver=None, resume=None, hands_on_all=False,
                 has_ids=True, in_order=False):
        self.answer = answer or (lambda hub, request: OK)
        self.deliver = deliver or (lambda subscriber, message: [message])
        self.resume = resume or (lambda subscriber, messages, last_id: messages[last_id:])
        self.hands_on_all, self.has_ids = hands_on_all, has_ids
        self.in_order = in_order
        self.lock = threading.Condition()
        self.messages, self.requests, self.failed = [], [], 0
        self.subscribers, self.opened = [], 0
        self.server = serve(t, self._answer)

    def url(self, path):
        return self.server.url(path)

    def _answer(self, peer, request):
        if request.path == "/pub":
            self.answer_publisher(peer, request)
        else:
            self._subscribe(peer, request)

    def answer_publisher(self, peer, request):
        with self.lock:
            if self.in_order:
                self.lock.wait_for(lambda: number_of(request.body) == len(self.messages) + 1)
            self.requests.append(request)
            reply = self.answer(self, request)
            self.failed += reply is not OK
            if reply is OK or self.hands_on_all:
                self._hand_on(Message(len(self.messages) + 1, request.body))
        if reply is SILENCE:
            peer.hold()
        elif reply:
            peer.send(reply)
            peer.is_kept = True

    def _hand_on(self, message):
        self.messages.append(message)
        self.lock.notify_all()
        for subscriber in list(self.subscribers):
            subscriber.offered += 1
            try:
                for each in self.deliver(subscriber, message):
                    self._send(subscriber, each)
            except (OSError, Cut):
                self.subscribers.remove(subscriber)
                subscriber.peer.sock.shutdown(socket.SHUT_RDWR)

    def _send(self, subscriber, message):
        line = b"id: %d\n" % message.id if self.has_ids else b""
        subscriber.peer.send(chunk(line + b"data: %s\n\n" % message.body))

    def _subscribe(self, peer, request):
        last_id = request.header("Last-Event-ID")
        with self.lock:
            subscriber = Subscriber(peer, self.opened)
            self.opened += 1
            peer.send(CHUNKED_HEAD + chunk(b"retry: 50\n\n"))
            if last_id:
                for message in self.resume(subscriber, self.messages, int(last_id)):
                    self._send(subscriber, message)
            if request.path != "/quiet":
                self.subscribers.append(subscriber)
        peer.hold()
