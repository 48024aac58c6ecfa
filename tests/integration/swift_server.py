"""OpenStack Swift with its S3 API on loopback: a real, independent S3 server, from Debian's python3-swift.

The four servers run from one directory: no system services, nothing in /etc, no root. What the package leaves to
administrators is made here: the rings, the configuration, and a cache for the proxy, which is one process."""

import getpass
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ACCESS_KEY = "test:tester"
SECRET_KEY = "testing"
REGION = "us-east-1"
STORAGE_SERVERS = ("account", "container", "object")
START_TIMEOUT_S = 60


PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for, whichever runs the tests


def missing():
    """Why there is no Swift here; empty when there is one."""
    found = subprocess.run([PYTHON, "-c", "import swift.common.ring"], capture_output=True).returncode == 0
    return "" if found else "Debian's python3-swift is not installed (scripts/test.sh does it)"


class MemoryCache:
    """What the proxy wants of memcached, in its own memory."""

    def __init__(self):
        self.entries = {}

    def get(self, key, **_):
        value, expires = self.entries.get(key, (None, 0))
        return value if not expires or expires > time.time() else None

    def set(self, key, value, time=0, **_):  # noqa: A002: the name is Swift's
        self.entries[key] = (value, expiry(time))

    def incr(self, key, delta=1, time=0):
        value = max(0, int(self.get(key) or 0) + delta)
        self.set(key, value, time=time)
        return value

    def decr(self, key, delta=1, time=0):
        return self.incr(key, -delta, time)

    def delete(self, key, **_):
        self.entries.pop(key, None)

    def set_multi(self, mapping, server_key, **options):
        for key, value in mapping.items():
            self.set(key, value, time=options.get("time", 0))

    def get_multi(self, keys, server_key):
        return [self.get(key) for key in keys]


def expiry(seconds):
    return time.time() + seconds if seconds else 0


def memory_cache(_global_conf, **_conf):
    """Makes a filter that hands the cache to what comes behind it."""
    cache = MemoryCache()

    def wrap(app):
        def handle(environ, start_response):
            environ["swift.cache"] = cache
            return app(environ, start_response)
        return handle
    return wrap


def write_configuration(directory, ports):
    """`ports` by server name."""
    from swift.common.ring import RingBuilder
    (directory / "swift.conf").write_text("[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n")
    common = f"bind_ip = 127.0.0.1\nswift_dir = {directory}\nworkers = 0\nuser = {getpass.getuser()}\n"
    for name in STORAGE_SERVERS:
        (directory / "devices" / "d").mkdir(parents=True, exist_ok=True)
        ring = RingBuilder(part_power=2, replicas=1, min_part_hours=1)
        ring.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": ports[name], "device": "d", "weight": 1})
        ring.rebalance()
        ring.get_ring().save(str(directory / f"{name}.ring.gz"))
        (directory / f"{name}.conf").write_text(
            f"[DEFAULT]\n{common}bind_port = {ports[name]}\ndevices = {directory}/devices\nmount_check = false\n"
            f"[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n")
    filters = {"catch_errors": {}, "listing_formats": {}, "copy": {}, "slo": {}, "dlo": {},
               "s3api": {"location": REGION}, "tempauth": {"user_" + ACCESS_KEY.replace(":", "_"): f"{SECRET_KEY} .admin"}}
    text = f"[DEFAULT]\n{common}bind_port = {ports['proxy']}\n[pipeline:main]\n"
    text += "pipeline = catch_errors cache listing_formats s3api tempauth copy slo dlo proxy-server\n"
    text += "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
    text += f"[filter:cache]\npaste.filter_factory = {Path(__file__).stem}:memory_cache\n"
    for name, options in filters.items():
        text += f"[filter:{name}]\nuse = egg:swift#{name}\n" + "".join(f"{k} = {v}\n" for k, v in options.items())
    (directory / "proxy.conf").write_text(text)


class SwiftServer:
    """Running when constructed. `cluster` is a harness.Cluster, which ends it."""

    def __init__(self, cluster, free_port):
        self.directory = cluster.path("swift")
        self.ports = {name: free_port() for name in (*STORAGE_SERVERS, "proxy")}
        subprocess.run([PYTHON, __file__, "configure", self.directory, json.dumps(self.ports)], check=True)
        self.processes = [cluster.start(f"swift-{name}", [PYTHON, __file__, name, self.directory])
                          for name in (*STORAGE_SERVERS, "proxy")]
        self.endpoint = f"127.0.0.1:{self.ports['proxy']}"
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            dead = [p for p in self.processes if p.popen.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise AssertionError("Swift does not start: " + "\n".join(p.tail() for p in dead or self.processes))
            time.sleep(0.1)

    def token(self):
        """The token and storage URL of Swift's own API."""
        request = urllib.request.Request(f"http://{self.endpoint}/auth/v1.0", headers={
            "X-Auth-User": ACCESS_KEY, "X-Auth-Key": SECRET_KEY})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.headers["X-Auth-Token"], answer.headers["X-Storage-Url"]

    def answers(self):
        try:
            # A storage server that does not listen yet would be left alone by the proxy for a minute.
            for port in self.ports.values():
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            token, url = self.token()
            with urllib.request.urlopen(urllib.request.Request(url, headers={"X-Auth-Token": token}), timeout=5):
                return True
        except OSError:
            return False

    def call(self, method, path, data=None):
        """(status, body) of Swift's own API, which sees objects without S3's in between."""
        token, url = self.token()
        request = urllib.request.Request(f"{url}/{path}", data=data, method=method, headers={"X-Auth-Token": token})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def make_bucket(self, name):
        status, body = self.call("PUT", name)
        assert status in (201, 202), (status, body)

    def config(self, bucket, extra=""):
        """YAML for --objstore.config; `extra` are more keys of its `config` section, indented."""
        return (f"type: S3\nconfig:\n  bucket: {bucket}\n  endpoint: {self.endpoint}\n  region: {REGION}\n"
                f"  access_key: {ACCESS_KEY}\n  secret_key: {SECRET_KEY}\n  insecure: true\n{extra}")


def serve(name, directory):
    from swift.common import utils, wsgi
    utils.set_swift_dir(str(directory))
    return wsgi.run_wsgi(str(directory / f"{name}.conf"), f"{name}-server")


if __name__ == "__main__":
    os.umask(0o077)
    if sys.argv[1] == "configure":
        write_configuration(Path(sys.argv[2]), json.loads(sys.argv[3]))
    else:
        sys.exit(serve(sys.argv[1], Path(sys.argv[2])))
