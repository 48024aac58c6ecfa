"""Writes the golden logs with real Prometheus servers: python3 -m tests.golden.wal.generate <out directory>.

Each server gets the same remote write requests and is killed, so that its log stays as it was written.
"""

import json
import shutil
import sys
import urllib.parse
import urllib.request
from pathlib import Path

from tests.integration import harness, remote_write
from tests.integration.remote_write import GAUGE, Histogram

START_MS = 1_700_006_400_000  # a multiple of two hours
STEP_MS = 15_000


def exemplar(labels, value, timestamp_ms):
    pairs = b"".join(remote_write._bytes(1, remote_write._bytes(1, k.encode()) + remote_write._bytes(2, v.encode()))
                     for k, v in labels.items())
    return remote_write._bytes(3, pairs + remote_write._double(2, value) + remote_write._number(3, timestamp_ms))


def write_exemplar(url):
    labels = b"".join(remote_write._bytes(1, remote_write._bytes(1, k) + remote_write._bytes(2, v))
                      for k, v in ((b"__name__", b"requests_total"), (b"job", b"api")))
    sample = remote_write._bytes(2, remote_write._double(1, 100.5) + remote_write._number(2, START_MS + 20 * STEP_MS))
    body = remote_write._snappy(remote_write._bytes(
        1, labels + sample + exemplar({"trace_id": "4bf92f3577b34da6"}, 0.25, START_MS + 20 * STEP_MS)))
    request = urllib.request.Request(url + "/api/v1/write", data=body, method="POST", headers={
        "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0"})
    urllib.request.urlopen(request, timeout=30).close()


def fill(url, custom_buckets):
    counter = {"__name__": "requests_total", "job": "api"}
    for k in range(3):
        remote_write.write(url, [(counter, [(START_MS + k * STEP_MS, 1.5 * k)], True),
                                 ({"__name__": "up", "job": "api", "zone": "z\u00fcrich"}, [(START_MS + k * STEP_MS, 1)], True)])
    write_exemplar(url)
    integer = Histogram(3, 0.001, 2, 18.5, {0: 3, 1: 4, 4: 1}, {-2: 5})
    real = Histogram(0, 0.5, 1.5, -2.25, {1: 2.5, 2: 0.5}, hint=GAUGE)
    for k in range(2):
        at = START_MS + (21 + k) * STEP_MS
        remote_write.write(url, [({"__name__": "latency", "kind": "integer"}, [(at, integer)], True),
                                 ({"__name__": "latency", "kind": "float"}, [(at, real)], False)])
    if custom_buckets:
        custom = Histogram(-53, 0, 0, 12.5, {0: 1, 1: 2, 3: 4}, custom_bounds=(0.5, 2.5, 10))
        at = START_MS + 23 * STEP_MS
        remote_write.write(url, [({"__name__": "latency", "kind": "custom"}, [(at, custom)], True),
                                 ({"__name__": "latency", "kind": "custom_float"}, [(at, custom)], False)])
    # Out of order, oldest last: 40 samples fill one out-of-order chunk of 32.
    for k in range(40):
        remote_write.write(url, [(counter, [(START_MS - (k + 1) * STEP_MS, 1000 + k)], True)])
    query = urllib.parse.urlencode({"match[]": "up", "start": START_MS / 1000, "end": START_MS / 1000 + 20})
    urllib.request.urlopen(urllib.request.Request(
        url + "/api/v1/admin/tsdb/delete_series?" + query, method="POST"), timeout=30).close()


def generate(cluster, out, name, binary, flags):
    config = cluster.directory / f"{name}.yml"
    config.write_text(json.dumps({"storage": {"tsdb": {"out_of_order_time_window": "2h"}, "exemplars": {"max_exemplars": 100}}}))
    data = cluster.path(name)
    port = harness.free_port()
    process = cluster.start(name + "-server", [
        binary, f"--config.file={config}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=100y", "--web.enable-remote-write-receiver", "--web.enable-admin-api",
        "--enable-feature=native-histograms,exemplar-storage", *flags])
    url = f"http://127.0.0.1:{port}"
    process.wait_ready(url + "/-/ready")
    fill(url, custom_buckets=binary == harness.PROMETHEUS_3)
    process.kill()
    for log in ("wal", "wbl"):
        target = Path(out) / name / log
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(data / log, target)


def main(out):
    cluster = harness.Cluster()
    try:
        generate(cluster, out, "prometheus2_plain", harness.PROMETHEUS_2, ["--no-storage.tsdb.wal-compression"])
        generate(cluster, out, "prometheus2_snappy", harness.PROMETHEUS_2, [])
        generate(cluster, out, "prometheus3_plain", harness.PROMETHEUS_3, ["--no-storage.tsdb.wal-compression"])
        generate(cluster, out, "prometheus3_zstd", harness.PROMETHEUS_3, ["--storage.tsdb.wal-compression-type=zstd"])
    except BaseException:
        print(cluster.logs())
        raise
    finally:
        cluster.close()


if __name__ == "__main__":
    main(sys.argv[1])
