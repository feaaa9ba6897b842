#!/usr/bin/env python3
"""Who is trusted over TLS, what is offered, client certificates, files, resumption."""

import os
import re
import ssl

import harness
from harness import check, contains, same, test, wait_until
from raw_server import CHUNKED_HEAD, RawServer, chunk, head_with, script
from tls_checks import GOOD, ONE_STREAM, check_fails, check_works, serve_tls
from tls_server import (NAME, TlsEnd, Version, client_identity, pem, pem_path, server_context,
                        trust)

USERS, ENDS = 5, 4


# --- who is trusted ---

@test
def a_certificate_of_a_given_authority_is_accepted(t):
    for name in ("server", "rsa"):
        check_works(t, serve_tls(t, name=name).url(), *trust(t))


@test
def a_certificate_of_an_unknown_authority_is_named(t):
    server = serve_tls(t)
    check_fails(t, server.url(), "certificate is not accepted: unable to get local issuer")
    check_fails(t, server.url(), "unable to get local issuer", "--cacert",
                pem_path(t, "stranger-ca.pem"))
    wait_until(lambda: len(server.tls.failures) == 4, "four failed handshakes")
    for failure in server.tls.failures:
        contains(failure, "unknown.ca", "what the server was told")
    same(server.seen(), [], "requests that were sent all the same")


@test
def several_authorities_in_one_file_are_all_trusted(t):
    both = t.write("both.pem", "a comment\n" + pem("stranger-ca.pem") + pem("ca.pem"))
    check_works(t, serve_tls(t).url(), "--cacert", both)


BAD_CERTIFICATES = {"expired": "certificate has expired", "wrong-host": "IP address mismatch",
                    "self-signed": "self.signed certificate"}


def add_bad_certificate(name, pattern):
    def refused(t):
        check_fails(t, serve_tls(t, name=name).url(), "not accepted: " + pattern, *trust(t))

    def taken(t):
        result = check_works(t, serve_tls(t, name=name).url(), "--insecure")
        same(result.metrics["tls_resumed"]["fails"], 1, "handshakes")

    harness.tests.append((f"a certificate that is {name} is refused", refused))
    harness.tests.append((f"a certificate that is {name} is taken with insecure", taken))


for each_name, each_pattern in BAD_CERTIFICATES.items():
    add_bad_certificate(each_name, each_pattern)


@test
def a_self_signed_certificate_can_be_its_own_authority(t):
    check_works(t, serve_tls(t, name="self-signed").url(), "--cacert",
                pem_path(t, "self-signed.pem"))


@test
def short_k_is_insecure_for_tap(t):
    outcome, lines = t.tap("-k", serve_tls(t).url())
    same((outcome.status, len(lines)), (0, 1), "exit status and events")


# --- names ---

def server_names(server):
    return {each.server_name for each in server.tls.handshakes}


@test
def an_address_is_verified_as_an_address_and_never_sent_as_a_name(t):
    server = serve_tls(t)
    check_works(t, server.url(), *trust(t))
    same(server_names(server), {""}, "names that were sent")
    same(server.seen()[0].header("Host"), f"127.0.0.1:{server.port}".encode(), "Host")


@test
def resolve_keeps_the_name_for_sni_and_verification(t):
    server = serve_tls(t)
    where = ("--resolve", f"{NAME}:{server.port}:127.0.0.1")
    check_works(t, server.url(host=NAME), *where, *trust(t))
    same(server_names(server), {NAME}, "names that were sent")
    same(server.seen()[0].header("Host"), f"{NAME}:{server.port}".encode(), "Host")


@test
def connect_to_keeps_the_name_for_sni_and_verification(t):
    server = serve_tls(t)
    where = ("--connect-to", f"{NAME}:443:127.0.0.1:{server.port}")
    check_works(t, f"https://{NAME}/", *where, *trust(t))
    same(server_names(server), {NAME}, "names that were sent")
    same(server.seen()[0].header("Host"), NAME.encode(), "Host without the usual port")


@test
def a_name_that_the_certificate_lacks_is_refused(t):
    server = serve_tls(t)
    other = "other.test"
    where = ("--resolve", f"{other}:{server.port}:127.0.0.1")
    check_fails(t, server.url(host=other), "not accepted: hostname mismatch", *where, *trust(t))
    check_works(t, server.url(host=other), *where, "--insecure")
    same(server_names(server), {other}, "names that were sent")


@test
def a_name_ends_without_its_dot_and_counts_in_any_case(t):
    server = serve_tls(t)
    where = ("--resolve", f"{NAME}:{server.port}:127.0.0.1", "--resolve",
             f"{NAME}.:{server.port}:127.0.0.1")
    for host in (NAME + ".", NAME.upper()):
        outcome, lines = t.tap(*where, *trust(t), server.url(host=host))
        same((outcome.status, len(lines)), (0, 1), f"exit status and events of {host}: {lines}")
    same({name.lower() for name in server_names(server)}, {NAME}, "names that were sent")


@test
def a_redirect_to_another_name_is_verified_for_that_name(t):
    good = serve_tls(t)
    for host, expected in ((NAME, 0), ("other.test", 1)):
        where = ("--resolve", f"{host}:{good.port}:127.0.0.1")
        answer = head_with(f"Location: {good.url(host=host)}", "Content-Length: 0", status="302 Go")
        outcome, _ = t.tap(*where, *trust(t), serve_tls(t, script(answer)).url())
        same(outcome.status, expected, f"exit status of a redirect to {host}")


# --- versions and protocols ---

@test
def versions_1_2_and_1_3_are_spoken(t):
    for only, name in ((Version.TLSv1_2, "TLSv1.2"), (Version.TLSv1_3, "TLSv1.3")):
        server = serve_tls(t, only=only)
        check_works(t, server.url(), *trust(t))
        same({each.version for each in server.tls.handshakes}, {name}, "version")


@test
def version_1_1_is_refused(t):
    server = serve_tls(t, only=Version.TLSv1_1)
    check_fails(t, server.url(), "version", *trust(t))
    check_fails(t, server.url(), "version", "--insecure")


@test
def exactly_http_1_1_is_offered(t):
    server = serve_tls(t)
    check_works(t, server.url(), *trust(t))
    same({each.alpn_offered for each in server.tls.handshakes}, {b"\x08http/1.1"}, "offer")


@test
def a_server_without_alpn_is_taken(t):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem_path(t, "server.pem"), pem_path(t, "server.key"))
    server = RawServer(script(GOOD), tls=TlsEnd(context))
    t.keep(server, server.stop)
    check_works(t, server.url(), *trust(t))


# --- client certificates ---

def check_client_certificates(t, only):
    server = serve_tls(t, wants_client=True, only=only)
    check_works(t, server.url(), *trust(t), *client_identity(t))
    both = t.write("both.pem", pem("client.key") + pem("client.pem"))
    check_works(t, server.url(), *trust(t), "--cert", both)
    check_fails(t, server.url(), "alert", *trust(t))
    check_fails(t, server.url(), "unknown ca", *trust(t), *client_identity(t, "stranger"))


@test
def a_client_certificate_is_shown_over_1_2(t):
    check_client_certificates(t, Version.TLSv1_2)


@test
def a_client_certificate_is_shown_over_1_3(t):
    check_client_certificates(t, Version.TLSv1_3)


def add_bad_file(name, option, write, pattern):
    """A file that cannot be used: one sentence that names option and file, exit 2."""
    def bad_file(t):
        path = write(t)
        options = [option, path]
        if option == "--key":
            options += ["--cert", pem_path(t, "client.pem")]
        elif option == "--tls-key":
            options += ["--tls-cert", pem_path(t, "server.pem")]
        commands = [("serve", "--port", 0)] if option.startswith("--tls") else [
            ("tap", "https://127.0.0.1:9/"), ("run", "https://127.0.0.1:9/", "-t", "1s")]
        for command in commands:
            message = t.refused(*command, *options)
            contains(message, option, "the option")
            contains(message, pattern, "the reason")
    harness.tests.append((f"{option.strip('-')} {name} is refused".replace("-", " "), bad_file))


def spoiled(name):
    return re.sub("[a-m]", "n", pem(name))


def add_bad_files(option):
    add_bad_file("that is missing", option, lambda t: t.path("no.pem"), r"no\.pem.*No such file")
    add_bad_file("that is a folder", option, lambda t: t.folder, "directory")
    add_bad_file("that is empty", option, lambda t: t.write("e.pem", ""), "none in PEM form|empty")
    add_bad_file("that is no PEM", option, lambda t: t.write("b.pem", bytes(range(256))), "PEM")
    good = "client.key" if option.endswith("key") else "client.pem"
    add_bad_file("with a spoiled block", option, lambda t: t.write("s.pem", spoiled(good)),
                 r"s\.pem")
    if good == "client.pem":
        add_bad_file("with a spoiled second block", option, lambda t: t.write(
            "s.pem", pem("client.key") + pem(good) + spoiled(good)), r"s\.pem")
    add_bad_file("that nobody can read", option, unreadable, "Too many levels")


def unreadable(t):
    """A link to itself: root may read what is locked for others."""
    os.symlink(t.path("loop.pem"), t.path("loop.pem"))
    return t.path("loop.pem")


for each_option in ("--cacert", "--cert", "--key", "--tls-cert", "--tls-key"):
    add_bad_files(each_option)
for each_option in ("--key", "--tls-key"):
    add_bad_file("with a password", each_option, lambda t: pem_path(t, "locked.key"), "password")
    add_bad_file("of another certificate", each_option, lambda t: pem_path(t, "rsa.key"),
                 "does not fit")
    add_bad_file("that holds a certificate", each_option, lambda t: pem_path(t, "client.pem"),
                 "the key")


@test
def a_key_without_a_certificate_is_refused(t):
    key = pem_path(t, "client.key")
    contains(t.refused("tap", "--key", key, "https://127.0.0.1:9/"), "--key.*--cert", "message")
    contains(t.refused("serve", "--tls-key", key), "--tls-key.*--tls-cert", "message")


# --- resumption ---

def ends_then_holds(ends):
    """Each user's stream ends `ends` times; Last-Event-ID counts them."""
    def answer(peer, request):
        number = int(request.header("Last-Event-ID") or 0) + 1
        peer.send(CHUNKED_HEAD + chunk(b"retry: 20\nid: %d\ndata: x\n\n" % number))
        if number > ends:
            peer.hold()
        peer.send(b"0\r\n\r\n")
    return answer


def load_with_reconnects(t, server, *options, seconds=3):
    outcome, result = t.load(server.url(), *trust(t), "-u", USERS, "-r", 100, "-t", f"{seconds}s",
                             "--processes", 2, *options)
    same((outcome.status, result.count("sse_events")), (0, USERS * (ENDS + 1)),
         f"exit status and events: {result.json['errors']}")
    return result


def check_resumed(server, result, full, resumed):
    same((server.tls.full_count(), server.tls.resumed_count()), (full, resumed),
         "handshakes of the server, full and resumed")
    rate = result.metrics["tls_resumed"]
    same((rate["fails"], rate["passes"]), (full, resumed), "tls_resumed, fails and passes")
    part = result.metrics["sse_connecting{part:tls}"]
    same(part["count"], full + resumed, "samples of part:tls")
    check(0 < part["min"] <= part["max"] < result.metrics["sse_connecting"]["max"], f"{part}")


def add_resumption(only, name):
    def resumes(t):
        server = serve_tls(t, ends_then_holds(ENDS), only=only)
        result = load_with_reconnects(t, server)
        check_resumed(server, result, USERS, USERS * ENDS)
        first = result.metrics["tls_resumed{phase:first}"]
        same((first["fails"], first["passes"]), (USERS, 0), "first connections do not share")

    def never(t):
        server = serve_tls(t, ends_then_holds(ENDS), only=only)
        result = load_with_reconnects(t, server, "--no-resume")
        check_resumed(server, result, USERS * (ENDS + 1), 0)

    harness.tests.append((f"a reconnect resumes the session of its user over {name}", resumes))
    harness.tests.append((f"no resume makes every handshake a full one over {name}", never))


add_resumption(Version.TLSv1_2, "1.2")
add_resumption(Version.TLSv1_3, "1.3")


def check_forgotten_tickets(t, only):
    server = serve_tls(t, ends_then_holds(ENDS), only=only)
    answer = server.handler

    def forget(peer, request):
        """Whoever comes next meets a server that knows no ticket."""
        server.tls.context = server_context(t, only=only)
        answer(peer, request)

    server.handler = forget
    _, result = t.load(server.url(), *trust(t), "-u", 1, "-t", "2s")
    same((result.count("sse_events"), result.rate("sse_connect_success")), (ENDS + 1, 1),
         "events and share of connects")
    check_resumed(server, result, ENDS + 1, 0)


@test
def a_server_that_forgot_its_tickets_gets_a_full_handshake_over_1_2(t):
    check_forgotten_tickets(t, Version.TLSv1_2)


@test
def a_server_that_forgot_its_tickets_gets_a_full_handshake_over_1_3(t):
    check_forgotten_tickets(t, Version.TLSv1_3)


@test
def a_kept_connection_is_used_without_another_handshake(t):
    def answer(peer, request):
        peer.send(CHUNKED_HEAD + chunk(b"retry: 20\ndata: x\n\n") + b"0\r\n\r\n")
        peer.is_kept = True

    server = serve_tls(t, answer)
    _, result = t.load(server.url(), *trust(t), "-u", 1, "-t", "1s", "--processes", 1)
    check(result.count("sse_events") >= 3, "several streams")
    check_resumed(server, result, 1, 0)


@test
def every_hop_of_a_redirect_is_counted_as_its_own_handshake(t):
    target = serve_tls(t)
    server = serve_tls(t, script(head_with(f"Location: {target.url()}", "Content-Length: 0",
                                           status="302 Go")))
    _, result = t.load(server.url(), *trust(t), *ONE_STREAM)
    same(result.count("sse_events"), 1, "events")
    same((result.metrics["tls_resumed"]["fails"], target.tls.full_count(),
          server.tls.full_count()), (2, 1, 1), "handshakes")


if __name__ == "__main__":
    harness.main(jobs=8)
