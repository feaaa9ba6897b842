"""What real services ask for: compressed bodies, Digest, cookies with rules, certificates.

Each probe also runs with real Locust.
"""

import gzip
import hashlib
import os
import ssl
import subprocess
import sys
import tempfile
import unittest
import zlib

import client_support
from raw_server import RawServer, answer

PROBES = {}
# With these Debian's version differs from later ones, or the text is that of another TLS library.
ONLY_OURS = {"wrong_certificates"}
NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093"


def probe(function):
    PROBES[function.__name__] = function
    return function


@probe
def compressed_bodies(session, rows, folder):
    seen = []
    for coding in ("gzip", "deflate"):
        response = session.get(f"/{coding}")
        seen.append([response.text, response.headers["content-encoding"], rows.fired[-1]
                     ["response_length"]])
        stream = session.get(f"/{coding}", stream=True)
        seen.append([list(stream.iter_lines(decode_unicode=True))])
    broken = session.get("/broken_gzip")
    return seen + [broken.status_code, type(broken.error).__name__]


@probe
def digest(session, rows, folder):
    from requests.auth import HTTPDigestAuth

    first = session.get("/digest", auth=HTTPDigestAuth("user", "pass"))
    wrong = session.get("/digest", auth=HTTPDigestAuth("user", "wrong"))
    none = session.get("/digest")
    session.auth = HTTPDigestAuth("user", "pass")
    kept = session.get("/digest?a=b")
    session.auth = None
    history = [hop.status_code for hop in kept.history]
    return [first.status_code, wrong.status_code, none.status_code, kept.status_code,
            len(rows.fired), history]


@probe
def cookie_rules(session, rows, folder):
    session.get("/set_many")
    session.get("/deep/er")
    session.get("/other")
    session.get("/remove")
    session.get("/deep")
    return sorted([cookie.name, cookie.value, cookie.path, bool(cookie.secure)]
                  for cookie in session.cookies)


@probe
def cookies_by_hand(session, rows, folder):
    import requests

    jar = requests.cookies.RequestsCookieJar()
    jar.set("from_jar", "1")
    jar.set("elsewhere", "1", domain="example.test", path="/")
    session.get("/x", cookies=jar)
    session.cookies.update({"a": "1", "b": "2"})
    session.cookies.set("scoped", "1", domain="127.0.0.1", path="/cookies_by_hand/x")
    session.get("/x")
    session.get("/y")
    del session.cookies["a"]
    session.get("/x")
    names = sorted(session.cookies.keys())
    copy = session.cookies.copy().get_dict()
    as_dict = requests.utils.dict_from_cookiejar(session.cookies)
    session.cookies = requests.cookies.cookiejar_from_dict({"jar": "1"})
    session.get("/x")
    session.cookies.clear()
    session.get("/x")
    return [names, copy, as_dict, len(session.cookies)]


@probe
def cookie_header_of_script(session, rows, folder):
    session.get("/set_many")
    session.get("/x", headers={"Cookie": "mine=1"})


@probe
def redirects_keep_and_drop(session, rows, folder):
    session.post("/to/307", json={"a": 1}, headers={"X-Mine": "1"})
    session.put("/to/303", data="text")
    session.get("/to/302", auth=("user", "pass"), cookies={"c": "1"})
    session.head("/to/302", allow_redirects=True)


@probe
def trusted_certificates(session, rows, folder):
    session.base_url = os.environ["HTTPS_URL"]
    authority = os.path.join(folder, "cert.pem")
    seen = [session.get("/x", verify=authority).status_code,
            session.get("/x", verify=False).status_code]
    session.verify = authority
    return seen + [session.get("/x").status_code, session.get("/x").url.startswith("https:")]


@probe
def missing_files(session, rows, folder):
    session.base_url = os.environ["HTTPS_URL"]
    try:
        session.get("/x", verify="/nothing/there.pem")
    except OSError:
        return "OSError"
    return None


@probe
def wrong_certificates(session, rows, folder):
    session.base_url = os.environ["HTTPS_URL"]
    response = session.get("/x")
    session.base_url = session.base_url.replace("127.0.0.1", "localhost")
    other = session.get("/x", verify=os.path.join(folder, "cert.pem"))
    return [[row[3] for row in rows.told()], type(response.error).__name__, other.status_code]


def _is_proven(asked):
    given = asked.get("authorization") or ""
    parts = {}
    for part in given.removeprefix("Digest ").split(", "):
        name, _, value = part.partition("=")
        parts[name] = value.strip('"')

    def md5(text):
        return hashlib.md5(text.encode()).hexdigest()

    if not given.startswith("Digest "):
        return False
    ha1, ha2 = md5("user:realm:pass"), md5(f"{asked.method}:{parts['uri']}")
    wanted = md5(f"{ha1}:{NONCE}:{parts.get('nc')}:{parts.get('cnonce')}:auth:{ha2}")
    return parts.get("response") == wanted


def respond(asked):
    path = asked.target.split("/", 2)[-1].partition("?")[0]
    base = "/" + asked.target.split("/")[1]
    if path == "gzip":
        return answer(gzip.compress(b"one\ntwo"), headers=["Content-Encoding: gzip"])
    if path == "deflate":
        return answer(zlib.compress(b"one\ntwo"), headers=["Content-Encoding: deflate"])
    if path == "broken_gzip":
        return answer(b"\x1f\x8bnonsense that is no gzip", headers=["Content-Encoding: gzip"])
    if path == "digest" and not _is_proven(asked):
        return answer("", "401 Unauthorized", [
            f'WWW-Authenticate: Digest realm="realm", nonce="{NONCE}", qop="auth"'])
    if path == "set_many":
        return answer("", headers=[
            f"Set-Cookie: deep=1; Path={base}/deep", "Set-Cookie: all=1; Path=/",
            "Set-Cookie: late=1; Path=/; Max-Age=3600", "Set-Cookie: gone=1; Path=/; Max-Age=0"])
    if path == "remove":
        return answer("", headers=["Set-Cookie: late=; Path=/; Max-Age=0"])
    if path.startswith("to/"):
        return answer("", f"{path[3:]} Moved", [f"Location: {base}/there"])
    return answer("" if asked.method == "HEAD" else "ok")


def certificate(folder):
    """A certificate for 127.0.0.1 that signs itself; None where there is no openssl."""
    paths = [os.path.join(folder, name) for name in ("key.pem", "cert.pem")]
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-keyout", paths[0], "-out", paths[1], "-subj", "/CN=test",
                        "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)
    except OSError:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(paths[1], paths[0])
    return context


class Services(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            context = certificate(folder)
            if context is None:
                raise unittest.SkipTest("openssl is not installed")
            with RawServer(respond, context) as secure:
                os.environ["HTTPS_URL"] = f"https://127.0.0.1:{secure.port}"
                cls.pair = client_support.Pair(__file__, respond, RawServer, arguments=[folder])

    def test_wrong_certificates_are_failures_that_say_why(self):
        (by_itself, by_name), kind, status = self.pair.results["ours"]["wrong_certificates"]
        self.assertRegex(by_itself, "^SSLCertVerificationError.*self.signed")
        self.assertRegex(by_name, "^SSLCertVerificationError.*(?i:host ?name)")
        self.assertEqual((kind, status), ("SSLError", 0))


def sent(pair, which, name):
    """Requests without what is chosen at random or ours by design."""
    return [[asked.method, asked.target, asked.body, asked.get("content-type"),
             asked.get("x-mine"), "; ".join(sorted((asked.get("cookie") or "").split("; "))),
             (asked.get("authorization") or "").partition(" ")[0], asked.names().count("Cookie")]
            for asked in pair.requests_of(which, name)]


def compare(name):
    def test(self):
        if not self.pair.has("real"):
            self.skipTest("real Locust is not installed")
        told = {which: client_support.without_ports(self.pair.results[which][name],
                                                    self.pair.port[which])
                for which in ("ours", "real")}
        self.assertEqual(told["ours"], told["real"])
        self.assertEqual(sent(self.pair, "ours", name), sent(self.pair, "real", name))

    return test


for probe_name in set(PROBES) - ONLY_OURS:
    setattr(Services, f"test_same_as_locust_{probe_name}", compare(probe_name))


def make(url, folder):
    from locust.clients import HttpSession

    def session_of(name):
        rows = client_support.Rows()
        return HttpSession(f"{url}/{name}", rows, None), rows, folder

    return session_of


if __name__ == "__main__":
    if "--probe" in sys.argv:
        client_support.probe_main(PROBES, make(*sys.argv[3:5]))
    else:
        unittest.main()
