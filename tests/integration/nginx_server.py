"""Debian's nginx with the nchan module, as a process of the test's own."""

import glob
import os
import urllib.request

import harness
from harness import check, wait_until
from raw_server import unused_port

CONF = """
load_module {module};
worker_processes 1;
worker_shutdown_timeout 100ms;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {outside}
    server {{
        listen 127.0.0.1:{port};
        location = /status {{ stub_status; }}
        {locations}
    }}
}}
"""


def nchan_locations(history):
    """A publisher, its subscribers, and their status; a channel keeps its last `history` messages.
    """
    return f"""
location = /pub {{
    nchan_publisher;
    nchan_channel_id $arg_id;
    nchan_message_buffer_length {history};
}}
location = /sub {{
    nchan_subscriber eventsource;
    nchan_channel_id $arg_id;
    nchan_subscriber_first_message oldest;
}}
location = /nchan {{ nchan_stub_status; }}
"""


NCHAN = nchan_locations(1000)


def ask(url, body=None):
    with urllib.request.urlopen(url, data=body, timeout=10) as response:
        return response.read().decode()


def answers(url):
    try:
        ask(url)
        return True
    except OSError:
        return False


def nchan_module():
    for path in glob.glob("/usr/*/nginx/modules/ngx_nchan_module.so"):
        return path
    raise harness.Failure("nginx's nchan module is missing: run `make deps`")


class Nginx:
    """Ready to answer at `port`, in plain HTTP; `locations` belong to that server, `outside` holds
    further servers."""

    def __init__(self, t, locations, outside="", connections=1024):
        self.port = unused_port()
        os.chmod(t.folder, 0o755)  # nginx gives up root and must still reach its folders
        conf = t.write("nginx.conf", CONF.format(module=nchan_module(), folder=t.folder,
                                                 port=self.port, locations=locations,
                                                 outside=outside, connections=connections))
        self.process = t.start("nginx", "-p", t.folder, "-c", conf, "-e", t.path("error.log"))
        # A master that is killed leaves its worker behind, so it is asked to stop.
        t.keep(self, lambda: (self.process.child.terminate(), self.process.wait()))
        wait_until(lambda: self.process.child.poll() is not None or answers(self.url("/status")),
                   "nginx")
        check(self.process.child.poll() is None, f"nginx runs: {self.process.output}")

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"
