"""Real processes on loopback ports in a temporary directory, for the integration tests."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN_DIR = Path(os.environ.get("THANOS_BIN_DIR", ROOT / "build/release/bin"))
TOOL_DIR = Path(os.environ.get("THANOS_TOOL_DIR", BIN_DIR.parent / "test"))
PEERS_DIR = ROOT / "build/peers"
PROMETHEUS_2 = PEERS_DIR / "stable/usr/bin/prometheus"
PROMETHEUS_3 = PEERS_DIR / "forky/usr/bin/prometheus"
READY_TIMEOUT_S = 30


def reference_prometheus():
    """Prometheus 3.5 where it was fetched, else 2.42; THANOS_REFERENCE_PROMETHEUS names another binary."""
    named = os.environ.get("THANOS_REFERENCE_PROMETHEUS")
    if named:
        return Path(named)
    return PROMETHEUS_3 if PROMETHEUS_3.exists() else PROMETHEUS_2


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what, timeout_s=READY_TIMEOUT_S):
    """Polls until condition() is true; fails with `what` after the timeout."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {timeout_s} s")
        time.sleep(0.05)


def get_json(url, params=None, method="GET", timeout_s=60):
    """(status code, decoded body) of a request; parameters may be a list of pairs."""
    data = None
    encoded = urllib.parse.urlencode(params or [], doseq=True)
    if method == "POST":
        data = encoded.encode()
    elif encoded:
        url += "?" + encoded
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method), timeout=timeout_s) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        body = error.read()
        try:
            return error.code, json.loads(body)
        except ValueError:
            return error.code, body.decode(errors="replace")


def get_text(url, headers=None, timeout_s=60):
    """The body of an answer that must be a success."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=timeout_s) as answer:
        return answer.read().decode()


def answers_200(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (OSError, http.client.HTTPException):
        return False


class Process:
    """One running program; its output goes to <directory>/<name>.log."""

    def __init__(self, name, directory, argv):
        self.name = name
        self.log_path = Path(directory) / f"{name}.log"
        self.log = open(self.log_path, "ab")
        self.popen = subprocess.Popen([str(a) for a in argv], stdout=self.log, stderr=subprocess.STDOUT, cwd=directory)

    def signal(self, number):
        self.popen.send_signal(number)
        if number == signal.SIGSTOP:  # threads that run just now stop a little later
            wait_for(self.all_threads_stopped, f"the stop of {self.name}")

    def all_threads_stopped(self):
        stats = (path.read_text() for path in Path(f"/proc/{self.popen.pid}/task").glob("*/stat"))
        return all(stat.rsplit(")", 1)[1].split()[0] == "T" for stat in stats)

    def kill(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.kill()
        self.popen.wait()
        self.log.close()

    def stop(self, timeout_s=20):
        """SIGTERM; the exit code."""
        self.popen.terminate()
        return self.popen.wait(timeout_s)

    def wait_ready(self, url):
        def ready():
            if self.popen.poll() is not None:
                raise AssertionError(f"{self.name} exited with {self.popen.returncode}:\n{self.tail()}")
            return answers_200(url)

        wait_for(ready, f"readiness of {self.name}")

    def tail(self, lines=30):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_rss_bytes(self):
        return self.status_bytes("VmHWM")

    def resident_bytes(self):
        return self.status_bytes("VmRSS")

    def status_bytes(self, key):
        for line in Path(f"/proc/{self.popen.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
        return 0


class Cluster:
    """Starts components and takes them down; directories live below one temporary folder."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="thanos-test-"))
        self.processes = []

    def close(self):
        for process in reversed(self.processes):
            process.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def logs(self):
        return "\n".join(f"--- {p.name}\n{p.tail()}" for p in self.processes)

    def start(self, name, argv):
        process = Process(name, self.directory, argv)
        self.processes.append(process)
        return process

    def path(self, name):
        path = self.directory / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def prometheus(self, name, data_dir, binary=None, external_labels=None, scrape_configs=None, extra=()):
        """(process, base URL). Retention is off, so that old test data stays."""
        binary = binary or reference_prometheus()
        config = self.directory / f"{name}.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "external_labels": external_labels or {}},
            "scrape_configs": scrape_configs or [],
        }))
        port = free_port()
        process = self.start(name, [
            binary, f"--config.file={config}", f"--storage.tsdb.path={data_dir}",
            f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y",
            "--storage.tsdb.min-block-duration=2h", "--storage.tsdb.max-block-duration=2h", "--log.level=warn", *extra])
        url = f"http://127.0.0.1:{port}"
        process.wait_ready(url + "/-/ready")
        return process, url

    def component(self, binary, name, argv, wait=True):
        """(process, HTTP base URL, gRPC address) of one of our services."""
        http_port, grpc_port = free_port(), free_port()
        process = self.start(name, [
            BIN_DIR / binary, f"--http-address=127.0.0.1:{http_port}", f"--grpc-address=127.0.0.1:{grpc_port}", *argv])
        url = f"http://127.0.0.1:{http_port}"
        if wait:
            process.wait_ready(url + "/-/ready")
        return process, url, f"127.0.0.1:{grpc_port}"

    def bucket_config(self, bucket_dir):
        path = self.directory / f"{Path(bucket_dir).name}.yml"
        path.write_text(f"type: FILESYSTEM\nconfig:\n  directory: {bucket_dir}\n")
        return path

    def sidecar(self, name, prometheus_url, tsdb_dir, extra=()):
        return self.component("thanos-sidecar", name,
                              [f"--prometheus.url={prometheus_url}", f"--tsdb.path={tsdb_dir}", *extra])

    def store(self, name, bucket_dir, extra=()):
        return self.component("thanos-store", name, [
            f"--data-dir={self.path(name + '-data')}", f"--objstore.config-file={self.bucket_config(bucket_dir)}", *extra])

    def querier(self, name, endpoints, extra=()):
        return self.component("thanos-query", name, [
            "--query.replica-label=replica", *[f"--endpoint={e}" for e in endpoints], *extra])


def make_blocks(out_dir, *options):
    """Generates test blocks; see tests/data/make_blocks.cc for the layout."""
    subprocess.run([str(TOOL_DIR / "make_blocks"), f"--out={out_dir}", *options], check=True)


class ClusterTest(unittest.TestCase):
    """A test case with a cluster per class; logs are printed when a test fails."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.close)
        try:
            cls.start_cluster()
        except BaseException:
            print(cls.cluster.logs())
            raise

    @classmethod
    def start_cluster(cls):
        """Overridden: starts what the tests need."""

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(self.cluster.logs())
