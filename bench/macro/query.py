"""The same blocks and queries on store gateway plus querier and on Prometheus, in one run.

A store gateway serves both replicas of an HA pair from one bucket, the querier de-duplicates them, and Prometheus has the blocks
of one replica. Before anything is measured the answers over that replica alone are compared value by value. Then, per query, CPU
seconds of store plus querier and of Prometheus in turns (medians over rounds) and the wall time of one client; and last, several
clients at once with the peak memory of both sides.

The result is a table on standard output and JSON in build/bench/query.json (query-plain.json without de-duplication).
Environment: THANOS_BENCH_SERIES (default 20000), THANOS_BENCH_HOURS (12), THANOS_BENCH_ROUNDS (5), THANOS_BENCH_DEDUP (1; 0: the
store gateway has one replica and nothing is de-duplicated), THANOS_BENCH_CLIENTS (8), THANOS_BENCH_CLIENT_SECONDS (20),
THANOS_BENCH_DATA (a directory that make_blocks has filled for the same settings).
"""

import json
import math
import os
import random
import shutil
import statistics
import sys
import threading
import time
from pathlib import Path

from tests.integration import answers, harness

START_S = 1_700_006_400
SERIES = int(os.environ.get("THANOS_BENCH_SERIES", "20000"))
HOURS = int(os.environ.get("THANOS_BENCH_HOURS", "12"))
ROUNDS = int(os.environ.get("THANOS_BENCH_ROUNDS", "5"))
DEDUP = os.environ.get("THANOS_BENCH_DEDUP", "1") == "1"
CLIENTS = int(os.environ.get("THANOS_BENCH_CLIENTS", "8"))
CLIENT_SECONDS = float(os.environ.get("THANOS_BENCH_CLIENT_SECONDS", "20"))
END_S = START_S + HOURS * 3600 - 45
# What only one side has.
EXTERNAL_LABELS = ("cluster", "replica")

# (name, expression, seconds of range or 0 for instant, step)
QUERIES = [
    ("count all", "count({__name__=~\".+\"})", 0, 0),
    ("instant sum by", "sum by (job) (http_requests_total)", 0, 0),
    ("instant rate", "sum by (job, code) (rate(http_requests_total[5m]))", 0, 0),
    ("instant topk", "topk(10, temperature_celsius)", 0, 0),
    ("instant raw", "queue_length", 0, 0),
    ("instant regex", "count(http_requests_total{instance=~\"i-1.*\",code!=\"200\"})", 0, 0),
    ("needle 1h", "http_requests_total{instance=\"i-7\",method=\"GET\",code=\"200\"}", 3600, 60),
    ("needle rate 6h", "rate(http_requests_total{instance=\"i-7\",method=\"GET\",code=\"200\"}[5m])", 6 * 3600, 60),
    ("sum rate 1h", "sum by (job) (rate(http_requests_total[5m]))", 3600, 30),
    ("sum rate 6h", "sum by (job) (rate(http_requests_total[5m]))", 6 * 3600, 60),
    ("sum rate all", "sum(rate(http_requests_total[5m]))", (HOURS - 1) * 3600, 120),
    ("sum gauge 6h", "sum by (kind) (node_memory_bytes)", 6 * 3600, 60),
    ("avg max_over_time", "avg by (kind) (max_over_time(node_memory_bytes[10m]))", 3 * 3600, 60),
    ("quantile", "histogram_quantile(0.9, sum by (le, job) (rate(http_request_duration_seconds_bucket[5m])))", 3 * 3600, 60),
    ("ratio", "sum by (job) (rate(http_requests_total{code=\"500\"}[5m])) / sum by (job) (rate(http_requests_total[5m]))", 3 * 3600, 60),
    ("raw join", "jobs_processed_total / on (instance, queue) queue_length", 3600, 60),
    ("raw matrix", "rate(jobs_processed_total[5m])", 3600, 60),
    ("subquery", "max_over_time(sum(rate(jobs_processed_total[5m]))[1h:1m])", 3600, 300),
    ("count by", "count by (instance) (node_memory_bytes > 1e6)", 3600, 60),
    ("stddev", "stddev by (site) (temperature_celsius)", 6 * 3600, 60),
]

METRICS = ("http_requests_total", "temperature_celsius", "queue_length", "node_memory_bytes", "jobs_processed_total",
           "http_request_duration_seconds_bucket")


def ask(base, query, matchers="", dedup=DEDUP):
    """The decoded answer; `matchers` are added to every selector."""
    _, expression, seconds, step = query
    path, window = "/api/v1/query", {"time": END_S}
    if seconds:
        path, window = "/api/v1/query_range", {"start": END_S - seconds, "end": END_S, "step": step}
    body = {**window, "query": with_matchers(expression, matchers), "dedup": str(dedup).lower()}
    return harness.get_json(base + path, body, "POST", timeout_s=600)[1]


def with_matchers(expression, matchers):
    for name in METRICS if matchers else ():
        expression = expression.replace(name + "{", name + "{" + matchers + ",")
        for end in ")[ />":
            expression = expression.replace(name + end, name + "{" + matchers + "}" + end)
        if expression.endswith(name):
            expression += "{" + matchers + "}"
    return expression.replace("count({", "count({" + matchers + ",") if matchers else expression


def wrong_answers(querier, reference):
    """Names of the queries whose answers differ."""
    wrong = []
    for query in QUERIES:
        ours, theirs = ask(querier, query, 'replica="a"', dedup=False), ask(reference, query)
        found = answers.difference(ours, theirs, drop_labels=EXTERNAL_LABELS)
        if found is None and DEDUP and not query[1].startswith("topk"):
            # Which replica a sample comes from depends on where reading starts: only the series are compared.
            ours = ask(querier, query)
            mine, other = (answers.by_labels(body["data"]["result"], EXTERNAL_LABELS).keys() for body in (ours, theirs))
            if mine != other:
                found = f"de-duplicated: series: only ours {sorted(mine - other)[:3]}, only reference {sorted(other - mine)[:3]}"
        if found:
            print(f"{query[0]}: WRONG ANSWER: {found}", file=sys.stderr)
            wrong.append(query[0])
    return wrong


class Side:
    """Processes that answer together, at one address."""

    def __init__(self, processes, url):
        self.processes, self.url = processes, url

    def cpu_seconds(self):
        # The CPU clock of another process (clockid of its number), which counts nanoseconds and threads that are gone.
        return sum(time.clock_gettime((~p.popen.pid << 3) | 2) for p in self.processes)

    def memory_mib(self):
        """{process: {field: MiB}} with what counts now and at the peak since the last reset."""
        table = {}
        for process in self.processes:
            fields = dict(line.split(":", 1) for line in Path(f"/proc/{process.popen.pid}/status").read_text().splitlines())
            table[process.name] = {name: int(fields[field].split()[0]) / 1024 for name, field in (
                ("peak", "VmHWM"), ("now", "VmRSS"), ("anonymous", "RssAnon"), ("files", "RssFile"))}
        return table

    def reset_peaks(self):
        for process in self.processes:
            try:
                Path(f"/proc/{process.popen.pid}/clear_refs").write_text("5")
            except OSError:
                pass  # then the peak is that of the process' life


def measure(sides, query):
    """Median (CPU seconds, wall seconds) of each side. The sides take turns, so that a noisy machine disturbs both."""
    samples = [[] for _ in sides]
    for side in sides:
        ask(side.url, query)
    began = time.monotonic()
    while len(samples[0]) < ROUNDS or (time.monotonic() - began < 0.5 * len(sides) and len(samples[0]) < 200):
        for side, taken in zip(sides, samples):
            cpu, start = side.cpu_seconds(), time.monotonic()
            ask(side.url, query)
            taken.append((side.cpu_seconds() - cpu, time.monotonic() - start))
    return [tuple(statistics.median(column) for column in zip(*taken)) for taken in samples]


def run_clients(side):
    """CLIENTS clients with the queries in random order; (queries, CPU seconds, memory with the peak of what is anonymous)."""
    side.reset_peaks()
    anonymous, counts, failures = {}, [0] * CLIENTS, []
    stop = time.monotonic() + CLIENT_SECONDS
    cpu = side.cpu_seconds()

    def client(number):
        order = random.Random(number)
        while time.monotonic() < stop:
            query = order.choice(QUERIES)
            if ask(side.url, query)["status"] != "success":
                failures.append(query[0])
            counts[number] += 1

    threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for name, memory in side.memory_mib().items():
            anonymous[name] = max(anonymous.get(name, 0), memory["anonymous"])
        time.sleep(0.05)
    memory = side.memory_mib()
    for name, peak in anonymous.items():
        memory[name]["peak_anonymous"] = peak
    if failures:
        print(f"{len(failures)} queries failed with {CLIENTS} clients: {sorted(set(failures))}", file=sys.stderr)
    return {"queries": sum(counts), "failures": len(failures), "cpu_s": side.cpu_seconds() - cpu, "memory_mib": memory}


def print_memory(title, table):
    for name, memory in table.items():
        print(f"{title}: {name:12} " + "  ".join(f"{field} {value:.0f} MiB" for field, value in memory.items()))


def start_sides(cluster, data):
    bucket = data / "bucket-a"
    if DEDUP:
        bucket = cluster.path("bucket-of-both")
        for part in ("bucket", "bucket-a"):
            shutil.copytree(data / part, bucket, dirs_exist_ok=True, copy_function=os.link if data.stat().st_dev == bucket.stat().st_dev else shutil.copy2)
    reference_data = cluster.path("reference-data")
    shutil.copytree(data / "prometheus-a", reference_data, dirs_exist_ok=True, copy_function=shutil.copy2)
    reference, reference_url = cluster.prometheus("prometheus", reference_data)
    store, _, store_address = cluster.store("store", bucket)
    querier, querier_url, _ = cluster.querier("query", [store_address])
    count = ("", "count by (replica) (queue_length)", 0, 0)
    harness.wait_for(lambda: len(ask(querier_url, count, dedup=False)["data"]["result"]) == 1 + DEDUP, "data")
    return Side([store, querier], querier_url), Side([reference], reference_url)


def main():
    cluster = harness.Cluster()
    try:
        data = os.environ.get("THANOS_BENCH_DATA")
        if data is None:
            data = cluster.path("data")
            harness.make_blocks(data, f"--start={START_S}", f"--hours={HOURS}", f"--series={SERIES}", "--reference=0")
        ours, reference = start_sides(cluster, Path(data))
        idle = ours.memory_mib()
        print_memory("idle", idle)
        wrong = wrong_answers(ours.url, reference.url)
        rows = []
        for query in QUERIES:
            (our_cpu, our_wall), (their_cpu, their_wall) = measure([ours, reference], query)
            rows.append({"name": query[0], "cpu_s": our_cpu, "reference_cpu_s": their_cpu, "ratio": our_cpu / their_cpu,
                         "wall_s": our_wall, "reference_wall_s": their_wall})
            print(f"{query[0]:20} cpu {our_cpu * 1e3:9.2f} ms  prometheus {their_cpu * 1e3:9.2f} ms  ratio {our_cpu / their_cpu:5.2f}   "
                  f"wall {our_wall * 1e3:8.2f} / {their_wall * 1e3:8.2f} ms", flush=True)
        means = {name: math.exp(statistics.fmean(math.log(row["ratio"]) for row in rows if row["name"].startswith(prefix)))
                 for name, prefix in (("all", ""), ("instant", "instant"), ("needle", "needle"))}
        print(f"geometric means of CPU ratios over {SERIES} series, {HOURS} h, {'two replicas, de-duplicated' if DEDUP else 'one replica'}: "
              + ", ".join(f"{name} {mean:.3f}" for name, mean in means.items()))
        clients = {"ours": run_clients(ours), "reference": run_clients(reference)}
        for side, result in clients.items():
            print(f"{CLIENTS} clients, {side}: {result['queries']} queries in {CLIENT_SECONDS:.0f} s, "
                  f"{result['cpu_s'] / max(result['queries'], 1) * 1e3:.1f} ms CPU each")
            print_memory(f"{CLIENTS} clients, {side}", result["memory_mib"])
        peak = sum(memory["peak"] for memory in clients["ours"]["memory_mib"].values())
        print(f"peak RSS of store plus querier with {CLIENTS} clients: {peak:.0f} MiB")
        out = harness.ROOT / ("build/bench/query.json" if DEDUP else "build/bench/query-plain.json")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"series": SERIES, "hours": HOURS, "geometric_mean_cpu_ratio": means, "queries": rows,
                                   "idle_memory_mib": idle, "clients": clients, "peak_rss_mib": peak, "wrong": wrong}, indent=1))
        return 1 if wrong or clients["ours"]["failures"] else 0
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main())
