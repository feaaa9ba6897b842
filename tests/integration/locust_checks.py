"""What the tests of whole locustfiles have in common: the demo service, columns, rows, metrics."""

import os

from harness import ROOT, check, same
from nginx_server import Nginx
from raw_server import unused_port
from tls_server import NAME, pem_path, trust

PERCENTILES = ["50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%", "100%"]
COLUMNS = {
    "stats": ["Type", "Name", "Request Count", "Failure Count", "Median Response Time",
              "Average Response Time", "Min Response Time", "Max Response Time",
              "Average Content Size", "Requests/s", "Failures/s", *PERCENTILES],
    "stats_history": ["Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s",
                      *PERCENTILES, "Total Request Count", "Total Failure Count",
                      "Total Median Response Time", "Total Average Response Time",
                      "Total Min Response Time", "Total Max Response Time",
                      "Total Average Content Size"],
    "failures": ["Method", "Name", "Error", "Occurrences"],
    "exceptions": ["Count", "Message", "Traceback", "Nodes"],
}
EXAMPLES = os.path.join(ROOT, "examples")


def guide_folder():
    """Where the guide's scripts are, or None: they are not part of this tree."""
    folder = os.environ.get("CICADA_GUIDE") or os.path.join(os.path.dirname(ROOT), "shared",
                                                            "guide")
    return folder if os.path.exists(os.path.join(folder, "seed_basic.py")) else None


def serve(t, *words, interval="50ms"):
    """The base URL of a demo service of the test's own."""
    process = t.start_cicada("serve", "--port", 0, "--processes", 1, "--interval", interval, *words)
    return process.wait_for_output(r"listening on (\S+)").group(1)


def check_columns(outcome):
    for part, columns in COLUMNS.items():
        same(outcome.csv_columns(part), columns, f"columns of {part}")


def check_csv(outcome):
    """The files of --csv have Locust's columns, end with the sum, and agree with each other."""
    check_columns(outcome)
    rows = outcome.csv("stats")
    last = rows.pop()
    same((last["Type"], last["Name"]), ("", "Aggregated"), "the last row")
    same(int(last["Request Count"]), sum(int(row["Request Count"]) for row in rows), "the sum")
    names = [(row["Name"], row["Type"]) for row in rows]
    same(names, sorted(names), "order of the rows")
    failures = sum(int(row["Occurrences"]) for row in outcome.csv("failures"))
    same(failures, sum(int(row["Failure Count"]) for row in rows), "failures in both files")
    for row in rows:
        times = [float(row[name]) for name in ("Min Response Time", "Average Response Time",
                                               "Max Response Time")]
        same(times, sorted(times), f"min, average, max of {row['Name']}")


def check_result_rows(outcome):
    """`requests` of the JSON result holds the rows of the CSV file."""
    rows = {(row["type"], row["name"]): (row["num_requests"], row["num_failures"])
            for row in outcome.result.json["requests"]}
    counts = {key: value[:2] for key, value in outcome.csv_counts().items() if key[0]}
    same(rows, counts, "rows of result and CSV")


def check_stream_metrics(outcome, streams, events_min):
    """What cicada adds without a line of the script changed."""
    result = outcome.result
    same(result.count("sse_attempts"), streams, "sse_attempts")
    check(result.metrics["sse_ttfe"]["count"] > 0, f"sse_ttfe: {result.metrics.get('sse_ttfe')}")
    check(result.count("sse_events") >= events_min, f"sse_events: {result.count('sse_events')}")
    for name in ("sse_connecting", "sse_first_byte", "sse_event_gap"):
        check(result.metrics[name]["count"] > 0, f"{name} has no samples")
    same(result.rate("sse_connect_success"), 1, "share of streams that connected")



def nginx_over_tls(t, upstream):
    """nginx of Debian with a certificate of the test's own, in front of a plain server: its base
    URL, and the options of `run` that find and trust it."""
    port = unused_port()
    files = {name: pem_path(t, name) for name in ("server.pem", "server.key")}
    outside = f"""
        server {{
            listen 127.0.0.1:{port} ssl;
            ssl_certificate {files["server.pem"]};
            ssl_certificate_key {files["server.key"]};
            location / {{
                proxy_pass http://127.0.0.1:{upstream};
                proxy_http_version 1.1;
                proxy_buffering off;
            }}
        }}"""
    Nginx(t, "", outside)
    return f"https://{NAME}:{port}", ("--resolve", f"{NAME}:{port}:127.0.0.1", *trust(t))
