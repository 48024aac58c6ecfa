"""The compactor's three jobs on blocks of their usual size, against Prometheus where it has the job, in one run.

Four aligned 2h blocks into one, the same for a pair of replicas (penalty), and a 14 d block to 5m. For each: samples per CPU
second of the input, CPU and wall seconds, peak resident and peak anonymous memory, and what bench/micro/compact_bench.cc finds
one thread of this machine can do at most. Prometheus compacts the first three blocks of the same data when it starts (its
ladder goes by three). Environment: THANOS_BENCH_SERIES (default 100000), THANOS_BENCH_LONG_SERIES (2000, of the 14 d block),
THANOS_BENCH_THREADS (2), THANOS_BENCH_ROUNDS (3), THANOS_BENCH_PROMETHEUS (1).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.integration import harness

START_S = 1_700_006_400  # a multiple of 6 and 8 hours
SERIES = int(os.environ.get("THANOS_BENCH_SERIES", "100000"))
LONG_SERIES = int(os.environ.get("THANOS_BENCH_LONG_SERIES", "2000"))
THREADS = int(os.environ.get("THANOS_BENCH_THREADS", "2"))
ROUNDS = int(os.environ.get("THANOS_BENCH_ROUNDS", "3"))
PROMETHEUS = os.environ.get("THANOS_BENCH_PROMETHEUS", "1") == "1"
MICRO = harness.TOOL_DIR.parent / "bench/compact_bench"
# Thanos 0.41 on a machine of this kind, samples per CPU second.
ORIGINAL = {"horizontal": 30e6, "vertical": 4.4e6, "downsample": 16e6}
TARGET = {"horizontal": 90e6, "vertical": 40e6, "downsample": 60e6}
LIMIT = {"horizontal": "BM_CopyChunks", "vertical": "BM_ReplicaPair", "downsample": "BM_Aggregate"}


def tool(*arguments):
    done = subprocess.run([str(harness.TOOL_DIR / "merge_blocks"), *map(str, arguments)], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def blocks(directory):
    return sorted(p for p in Path(directory).iterdir() if (p / "meta.json").exists())


def job(out, *arguments):
    """The run with the least CPU time."""
    runs = []
    for _ in range(ROUNDS):
        shutil.rmtree(out, ignore_errors=True)
        runs += tool(*arguments, f"--out={out}", f"--threads={THREADS}")
    return min(runs, key=lambda run: run["cpu_seconds"])


def micro_limits():
    if not MICRO.exists():
        return {}
    done = subprocess.run([str(MICRO), "--benchmark_format=json", "--benchmark_min_time=1"], check=True, capture_output=True, text=True)
    return {b["name"]: b["items_per_second"] for b in json.loads(done.stdout)["benchmarks"]}


def status_bytes(pid, field):
    match = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(match.group(1)) * 1024 if match else 0


def prometheus_compaction(cluster, inputs):
    """(CPU seconds, wall seconds, peak RSS, peak anonymous, chunks file) of the compaction alone; reading the blocks comes before."""
    data = cluster.path("prometheus-data")
    for block in inputs:
        shutil.copytree(block, data / block.name)
    config = cluster.directory / "prometheus.yml"
    config.write_text("{}")
    port = harness.free_port()
    process = cluster.start("prometheus", [
        harness.reference_prometheus(), f"--config.file={config}", f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y", "--storage.tsdb.min-block-duration=2h",
        "--storage.tsdb.max-block-duration=6h", "--log.level=warn"])
    process.wait_ready(f"http://127.0.0.1:{port}/-/ready")
    # It begins a minute after the start.
    before = {p.name for p in blocks(data)}
    peak_anonymous = cpu_idle = 0
    began = None
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        time.sleep(0.02)
        temporary = any(p.name.endswith("tmp-for-creation") for p in data.iterdir())
        if began is None and not temporary:
            cpu_idle = process.cpu_seconds()
            continue
        began = began or time.monotonic()
        peak_anonymous = max(peak_anonymous, status_bytes(process.popen.pid, "RssAnon"))
        new = [p for p in blocks(data) if p.name not in before and ".tmp" not in p.name]
        if new and not temporary:
            result = {"cpu_seconds": process.cpu_seconds() - cpu_idle, "wall_seconds": time.monotonic() - began,
                      "peak_rss": process.peak_rss_bytes(), "peak_anonymous": peak_anonymous,
                      "samples": json.loads((new[0] / "meta.json").read_text())["stats"]["numSamples"]}
            result["segment"] = (new[0] / "chunks/000001").read_bytes()
            process.kill()
            return result
    raise AssertionError("Prometheus did not compact")


def show(name, run, samples, limit=None, original=None, target=None):
    rate = samples / run["cpu_seconds"]
    text = (f"{name:24} {rate / 1e6:7.1f} M samples per CPU s   cpu {run['cpu_seconds']:6.2f} s   wall {run['wall_seconds']:6.2f} s   "
            f"peak RSS {run['peak_rss'] / 2**20:6.1f} MiB   anonymous {run['peak_anonymous'] / 2**20:5.1f} MiB")
    if limit:
        text += f"   limit {limit / 1e6:.0f} M ({rate / limit:.0%})"
    if original:
        text += f"   original {original / 1e6:.1f} M, target {target / 1e6:.0f} M"
    print(text, flush=True)
    return {"name": name, "samples_per_cpu_second": rate, "limit": limit, **{k: v for k, v in run.items() if k != "segment"}}


def main():
    cluster = harness.Cluster()
    try:
        a, b, long_block = cluster.path("a"), cluster.path("b"), cluster.path("long")
        common = [f"--start={START_S}", "--thanos=0"]
        tool("generate", f"--out={a}", f"--series={SERIES}", *common)
        tool("generate", f"--out={b}", f"--series={SERIES}", "--offset=7000", *common)
        tool("generate", f"--out={long_block}", f"--series={LONG_SERIES}", "--blocks=1", "--block-hours=336", *common)
        limits = micro_limits()
        rows = []

        def report(kind, run, samples):
            rows.append(show(kind, run, samples, limits.get(LIMIT[kind]), ORIGINAL[kind], TARGET[kind]))

        out = cluster.directory / "out"
        run = job(out, "merge", *blocks(a))
        report("horizontal", run, run["samples"])
        one_replica = run["samples"]
        report("vertical", job(out, "merge", "--function=penalty", *blocks(a), *blocks(b)), 2 * one_replica)
        inputs = tool("verify", *blocks(long_block))[0]["samples"]
        report("downsample", job(out, "downsample", *blocks(long_block)), inputs)
        wrong = 0
        if PROMETHEUS:
            theirs = prometheus_compaction(cluster, blocks(a))
            rows.append(show("Prometheus, three blocks", theirs, theirs["samples"]))
            job(out, "merge", *blocks(a)[:3])
            if (blocks(out)[0] / "chunks/000001").read_bytes() != theirs["segment"]:
                wrong = 1
                print("the chunks differ from those of Prometheus", file=sys.stderr)
        target_file = harness.ROOT / "build/bench/compact.json"
        target_file.parent.mkdir(parents=True, exist_ok=True)
        target_file.write_text(json.dumps(rows, indent=1))
        return wrong
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main())
