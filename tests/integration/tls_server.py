"""TLS for the servers of the tests: certificates made with the openssl command, and a server's end
of a connection that hands out its records as bytes, so that a test can cut, mix or spoil them."""

import collections
import os
import ssl
import subprocess
import tempfile
import threading

NAME = "cicada.test"  # RFC 6761: resolves nowhere, so a test must say where it is
NAMES = f"DNS:localhost,DNS:{NAME},IP:127.0.0.1,IP:::1"
EC, RSA = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), ("rsa:2048",)
PASSWORD = "secret"
CLIENT_HELLO_RECORD, ALPN_EXTENSION, SNI_EXTENSION = 22, 16, 0
# What a client makes of bytes that are no record of its session: wrong content, right form.
GARBAGE_RECORD = b"\x17\x03\x03\x00\x20" + bytes(range(32))


# --- certificates ---

def run_openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, check=False)
    assert done.returncode == 0, f"openssl {words}: {done.stderr.decode()}"


class Maker:
    """Makes every certificate once, in a folder that is gone when their texts are read."""

    def __init__(self, folder):
        self.folder = folder
        self._make("ca", extension="basicConstraints=critical,CA:TRUE")
        self._make("stranger-ca", extension="basicConstraints=critical,CA:TRUE")
        self._make("self-signed", names=NAMES)
        self._make("server", "ca", NAMES)
        self._make("rsa", "ca", NAMES, key=RSA)
        self._make("wrong-host", "ca", "DNS:example.invalid,IP:127.0.0.99")
        self._make("client", "ca", "email:client@cicada.test")
        self._make("stranger", "stranger-ca", "email:stranger@cicada.test")
        self._make_expired()
        run_openssl("ec", "-in", self._path("client.key"), "-aes256", "-passout",
                    "pass:" + PASSWORD, "-out", self._path("locked.key"))

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _signed_by(self, authority):
        return ("-CA", self._path(authority + ".pem"), "-CAkey", self._path(authority + ".key"))

    def _request(self, name, names, extension, key):
        words = ["-newkey", *key, "-nodes", "-keyout", self._path(name + ".key"), "-subj",
                 f"/CN=Test {name}"]
        words += ["-addext", f"subjectAltName={names}"] if names else []
        return words + (["-addext", extension] if extension else [])

    def _make(self, name, authority=None, names=None, extension=None, key=EC):
        extension = extension or "basicConstraints=critical,CA:FALSE"
        run_openssl("req", "-x509", "-days", "2", "-out", self._path(name + ".pem"),
                    *self._request(name, names, extension, key),
                    *(self._signed_by(authority) if authority else ()))

    def _make_expired(self):
        """`req -x509` refuses days in the past, `x509 -req` takes them."""
        request = self._path("expired.csr")
        run_openssl("req", "-new", "-out", request, *self._request("expired", NAMES, None, EC))
        run_openssl("x509", "-req", "-in", request, "-days", "-1", "-copy_extensions", "copy",
                    "-out", self._path("expired.pem"), *self._signed_by("ca"))


class Store:
    """The texts, made when first asked for; tests run in threads."""
    lock = threading.Lock()
    texts = {}


def pem(name):
    """The text of `server.pem`, `server.key` and so on."""
    with Store.lock:
        if not Store.texts:
            with tempfile.TemporaryDirectory(prefix="cicada-test-") as folder:
                Maker(folder)
                for each in os.listdir(folder):
                    with open(os.path.join(folder, each), encoding="ascii") as file:
                        Store.texts[each] = file.read()
        return Store.texts[name]


def pem_path(case, name):
    """The same as a file in the test's folder, written once: a server may be reading it."""
    text = pem(name)
    with Store.lock:
        return case.path(name) if os.path.exists(case.path(name)) else case.write(name, text)


def trust(case):
    """The options that make cicada take the good certificates."""
    return ("--cacert", pem_path(case, "ca.pem"))


def client_identity(case, name="client"):
    return ("--cert", pem_path(case, name + ".pem"), "--key", pem_path(case, name + ".key"))


# --- contexts ---

Version = ssl.TLSVersion


def speak_only(context, version):
    if not version:
        return
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # nothing else signs as TLS 1.1 asks
    context.minimum_version = Version.MINIMUM_SUPPORTED  # never above the highest, at any moment
    context.maximum_version = version
    context.minimum_version = version


def client_context(only=None):
    """For Python's own clients, which trust the good certificates."""
    context = ssl.create_default_context(cadata=pem("ca.pem"))
    speak_only(context, only)
    return context


def server_context(case, name="server", only=None, wants_client=False):
    """`only` is the one version spoken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem_path(case, name + ".pem"), pem_path(case, name + ".key"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    speak_only(context, only)
    if wants_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=pem("ca.pem"))
    return context


# --- one connection ---

class TlsSocket:
    """A server's TLS over a connected socket, with those methods of a socket that a Peer uses."""

    def __init__(self, raw, context):
        self.raw = raw
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.hello = b""
        self.says_goodbye = True

    def _drive(self, step, *arguments):
        while True:
            try:
                value = step(*arguments)
                self.raw.sendall(self.outgoing.read())
                return value
            except ssl.SSLWantReadError:
                self.raw.sendall(self.outgoing.read())
                self._fetch()
            except ssl.SSLError:
                self.raw.sendall(self.outgoing.read())  # the alert
                raise

    def _fetch(self):
        data = self.raw.recv(65536)
        if not self.tls.version():
            self.hello += data
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def handshake(self):
        self._drive(self.tls.do_handshake)

    def recv(self, size):
        try:
            return self._drive(self.tls.read, size)
        except ssl.SSLEOFError:
            return b""

    def seal(self, data):
        """The records that carry the data; what was sealed must be sent in order."""
        view = memoryview(data)
        while view:
            view = view[self.tls.write(view):]
        return self.outgoing.read()

    def sendall(self, data):
        self.raw.sendall(self.seal(data))

    def goodbye(self):
        """The record with close_notify."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass  # it would like to see the other end's, too
        return self.outgoing.read()

    def getpeername(self):
        return self.raw.getpeername()

    def shutdown(self, how):
        self.raw.shutdown(how)

    def close(self):
        try:
            if self.says_goodbye:
                self.raw.sendall(self.goodbye())
        except (OSError, ValueError):
            pass  # the client went first, or the socket was reset
        self.raw.close()


# --- what a client said first ---

def client_hello_extensions(data):
    """The extensions of a ClientHello in one record, by number."""
    assert data[0] == CLIENT_HELLO_RECORD and data[5] == 1, "a ClientHello"
    at = 5 + 4 + 2 + 32
    at += 1 + data[at]                                          # session id
    at += 2 + int.from_bytes(data[at:at + 2], "big")            # ciphers
    at += 1 + data[at]                                          # compression
    end = at + 2 + int.from_bytes(data[at:at + 2], "big")
    at += 2
    found = {}
    while at < end:
        size = int.from_bytes(data[at + 2:at + 4], "big")
        found[int.from_bytes(data[at:at + 2], "big")] = data[at + 4:at + 4 + size]
        at += 4 + size
    return found


Handshake = collections.namedtuple("Handshake", "is_resumed version server_name alpn_offered")


class TlsEnd:
    """What turns a server's accepted sockets into TLS, and remembers each handshake. The context
    may be replaced at any time, as by a server that starts anew."""

    def __init__(self, context):
        self.context = context
        self.handshakes, self.failures, self.lock = [], [], threading.Lock()

    def accept(self, raw):
        end = TlsSocket(raw, self.context)
        try:
            end.handshake()
        except OSError as error:
            with self.lock:
                self.failures.append(str(error))
            raise
        with self.lock:
            self.handshakes.append(self._facts(end))
        return end

    @staticmethod
    def _facts(end):
        extensions = client_hello_extensions(end.hello)
        name = extensions.get(SNI_EXTENSION, b"")[5:].decode()
        return Handshake(end.tls.session_reused, end.tls.version(), name,
                         extensions.get(ALPN_EXTENSION, b"")[2:])

    def resumed_count(self):
        with self.lock:
            return sum(each.is_resumed for each in self.handshakes)

    def full_count(self):
        with self.lock:
            return sum(not each.is_resumed for each in self.handshakes)
