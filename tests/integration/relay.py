"""A relay of TCP in front of a service, whose connections a test can drop and keep waiting."""

import selectors
import socket
import threading


class Relay:
    """Listens at `port`; ends with the test."""

    def __init__(self, t, service_port):
        self.service_port = service_port
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.lock, self.gate = threading.Lock(), threading.Event()
        self.clients = []  # of all connections that are open, first come first
        self.selector = selectors.DefaultSelector()
        self.gate.set()
        self.is_stopping = False
        for work in (self._accept, self._carry):
            threading.Thread(target=work, daemon=True).start()
        t.keep(self, self.stop)

    def stop(self):
        self.is_stopping = True
        self.gate.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.drop()

    def drop(self, one_of=1):
        """Ends every `one_of`th connection, with what is on its way, and returns how many."""
        with self.lock:
            chosen = self.clients[::one_of]
            self.clients = [each for each in self.clients if each not in chosen]
        for client in chosen:
            shut(client)
        return len(chosen)

    def hold(self):
        """New connections wait for release()."""
        self.gate.clear()

    def release(self):
        self.gate.set()

    def _accept(self):
        while not self.is_stopping:
            self.gate.wait()
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.gate.wait()  # accept may have begun before hold()
            service = socket.create_connection(("127.0.0.1", self.service_port))
            with self.lock:
                self.clients.append(client)
            self.selector.register(client, selectors.EVENT_READ, service)
            self.selector.register(service, selectors.EVENT_READ, client)

    def _carry(self):
        while not self.is_stopping:
            for key, _ in self.selector.select(0.05):
                try:
                    data = key.fileobj.recv(1 << 16)
                    if data:
                        key.data.sendall(data)
                        continue
                except OSError:
                    pass
                self._end(key.fileobj, key.data)

    def _end(self, *pair):
        with self.lock:
            self.clients = [each for each in self.clients if each not in pair]
        for each in pair:
            if each.fileno() >= 0:
                self.selector.unregister(each)
                each.close()


def shut(connection):
    """Both ways, while another thread may be about to close it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
