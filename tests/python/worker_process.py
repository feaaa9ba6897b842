"""A worker process with the stand-in for the engine, and the controller's end of its channel."""

import base64
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time

import support


class Worker:
    """Starts `python -m cicada.worker` with a script; `with` ends it."""

    def __init__(self, text, classes=("Any",), role="local", index=0, count=1, name="script.py",
                 options=None, **plan):
        self._folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self._folder.name, name)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        ours, theirs = socket.socketpair()
        self._socket = ours
        path = os.pathsep.join([support.PYTHON, support.STAND_IN])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cicada.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()], env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        theirs.close()
        self.frames = []
        self._new = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.send(plan=json.dumps({
            "file": self.path, "role": role, "index": index, "count": count,
            "classes": list(classes), "options": {"num_users": 1, "spawn_rate": 1,
                                                  **(options or {})}, **plan}))

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        self._folder.cleanup()

    def _read(self):
        with self._socket.makefile("r", encoding="utf-8") as lines:
            try:
                for line in lines:
                    self._new.put(json.loads(line))
            except (OSError, ValueError):
                pass

    def send(self, **frame):
        self._socket.sendall((json.dumps(frame) + "\n").encode())

    def users(self, *counts, final=True):
        self.send(users=list(counts), final=final)

    def stop(self, seconds=0):
        self.send(stop=seconds)

    def message(self, kind, data, source):
        self.send(message=[kind, base64.b64encode(data).decode(), source])

    def hang_up(self):
        self._socket.shutdown(socket.SHUT_RDWR)

    def wait(self, name, holds=lambda *_arguments: True, timeout=10):
        """The arguments of the next frame of that name for which `holds` is true."""
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                frame = self._new.get(timeout=max(left, 0.001))
            except queue.Empty:
                raise AssertionError(
                    f"no {name} within {timeout} s, but {self.frames}") from None
            self.frames.append(frame)
            if frame[0] == name and holds(*frame[1:]):
                return frame[1:]

    def wait_log(self, text, timeout=10):
        return self.wait("log", lambda line: text in line, timeout)[0]

    def finish(self):
        """Stop, and everything until the end: (exit code, had unhandled), its outputs."""
        self.stop()
        done = self.wait("done")
        out, err = self.process.communicate(timeout=10)
        return tuple(done), out, err

    def messages(self):
        return [(kind, base64.b64decode(data), destination)
                for name, kind, data, destination in
                (frame for frame in self.frames if frame[0] == "message")]
