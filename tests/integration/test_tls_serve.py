#!/usr/bin/env python3
"""The demo service over TLS, as cicada, curl and Python's own client see it."""

import socket
import ssl

import harness
from harness import check, check_for_crash, contains, same, test
from tls_checks import check_fails
from tls_server import NAME, Version, client_context, pem, pem_path, trust

STREAM = "/api/v1/events/stream?interval=10ms&count=5"
USERS, STREAMS_EACH = 8, 10
CURL_UNTRUSTED = 60


def start_service(t, *options):
    """The port of a demo service that says it serves https."""
    service = t.start_cicada("serve", "--port", 0, *options)
    match = service.wait_for_output(r"listening on (\w+)://127\.0\.0\.1:(\d+)\n")
    same(match.group(1), "https", "scheme on the first line")
    return int(match.group(2))


def own_identity(t, name="server"):
    return ("--tls-cert", pem_path(t, name + ".pem"), "--tls-key", pem_path(t, name + ".key"))


def curl(t, *words):
    process = t.start("curl", "--disable", "--noproxy", "*", "--silent", "--show-error",
                      "--max-time", 10, *words)
    return process.wait(), process.stdout, process.stderr


def url_of(port, path=STREAM):
    return f"https://127.0.0.1:{port}{path}"


def check_events(t, url, *options):
    process = t.start_cicada("tap", "--json", *options, url)
    process.wait_for_output(r'("data".*\n.*){5}')
    process.kill()
    check_for_crash(process)


@test
def events_arrive_with_a_certificate_of_an_authority(t):
    for name in ("server", "rsa"):
        port = start_service(t, *own_identity(t, name))
        check_events(t, url_of(port), *trust(t))
        check_fails(t, url_of(port), "not accepted")


@test
def the_key_may_stand_in_the_file_of_the_certificate(t):
    both = t.write("both.pem", pem("server.pem") + pem("server.key"))
    check_events(t, url_of(start_service(t, "--tls-cert", both)), *trust(t))


@test
def a_self_signed_service_is_taken_with_insecure_or_as_its_own_authority(t):
    port = start_service(t, "--tls-self-signed")
    check_events(t, url_of(port), "--insecure")
    check_fails(t, url_of(port), "self.signed certificate")
    own = t.write("own.pem", ssl.get_server_certificate(("127.0.0.1", port)))
    check_events(t, url_of(port), "--cacert", own)
    check_events(t, f"https://localhost:{port}{STREAM}", "--cacert", own, "--resolve",
                 f"localhost:{port}:127.0.0.1")
    check_fails(t, f"https://{NAME}:{port}{STREAM}", "hostname mismatch", "--cacert", own,
                "--resolve", f"{NAME}:{port}:127.0.0.1")
    same(curl(t, "--cacert", own, url_of(port, "/healthz"))[0], 0, "exit status of curl")


@test
def an_address_of_version_6_is_verified(t):
    for name in ("server", "wrong-host"):
        service = t.start_cicada("serve", "--port", 0, "--host", "::1", *own_identity(t, name))
        match = service.wait_for_output(r"listening on (https://\[::1\]:\d+)\n")
        if name == "server":
            check_events(t, match.group(1) + STREAM, *trust(t))
        else:
            check_fails(t, match.group(1) + STREAM, "IP address mismatch", *trust(t))


@test
def self_signed_excludes_files(t):
    contains(t.refused("serve", "--tls-self-signed", *own_identity(t)), "excludes", "message")


@test
def curl_agrees(t):
    port = start_service(t, *own_identity(t))
    url = url_of(port, "/healthz")
    for options in ((), ("--tlsv1.3",), ("--tls-max", "1.2"), ("--no-alpn",), ("--http2",)):
        status, _, errors = curl(t, *options, *trust(t), url)
        same((status, errors), (0, ""), f"curl {options}")
    same(curl(t, url)[0], CURL_UNTRUSTED, "curl without the authority")
    version = curl(t, *trust(t), "--http2", "--write-out", "%{http_version}", "--output",
                   t.path("body"), url)[1]
    same(version, "1.1", "version when HTTP/2 is offered too")
    where = ("--resolve", f"{NAME}:{port}:127.0.0.1")
    same(curl(t, *trust(t), *where, f"https://{NAME}:{port}/healthz")[0], 0, "curl by name")


@test
def what_is_not_tls_ends_and_others_go_on(t):
    port = start_service(t, *own_identity(t))
    silent = socket.create_connection(("127.0.0.1", port))
    with silent, socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        try:
            while more := plain.recv(4096):
                answer += more
        except ConnectionResetError:
            pass
        check(b"HTTP/1.1 200" not in answer, f"no answer in plain text: {answer}")
        check_events(t, url_of(port), *trust(t))


@test
def version_1_1_is_refused(t):
    port = start_service(t, *own_identity(t))
    context = client_context(Version.TLSv1_1)
    reason = ""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        try:
            context.wrap_socket(raw, server_hostname="127.0.0.1").close()
        except ssl.SSLError as error:
            reason = str(error)
    contains(reason, "alert protocol version", "what the client is told")


def check_sessions(t, version):
    """Every later connection resumes the first one's session, whichever process takes it."""
    port = start_service(t, *own_identity(t), "--processes", 2)
    context = client_context(version)
    session, reused = None, []
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            with context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as sock:
                sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                while sock.recv(4096):
                    pass
                session = session or sock.session
                reused.append(sock.session_reused)
    same(reused, [False] + [True] * 19, "sessions that were resumed")


@test
def processes_take_each_others_tickets_over_1_2(t):
    check_sessions(t, Version.TLSv1_2)


@test
def processes_take_each_others_tickets_over_1_3(t):
    check_sessions(t, Version.TLSv1_3)


@test
def users_resume_their_sessions_across_processes(t):
    port = start_service(t, *own_identity(t), "--processes", 2)
    outcome, result = t.load(url_of(port), *trust(t), "-u", USERS, "-r", 100, "-t", "15s",
                             "--events", 2, "--iterations", STREAMS_EACH)
    same((outcome.status, result.count("sse_events"), result.json["errors"]),
         (0, USERS * STREAMS_EACH * 2, []), "exit status, events, errors")
    rate = result.metrics["tls_resumed"]
    same((rate["fails"], rate["passes"]), (USERS, USERS * (STREAMS_EACH - 1)),
         "full and resumed handshakes")


if __name__ == "__main__":
    harness.main(jobs=8)
