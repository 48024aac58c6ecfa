"""The same blocks and queries on store gateway plus querier and on Prometheus, in one run.

Prints for each query the CPU seconds and wall time of both, and at the end the geometric mean of the CPU ratios and the peak
RSS. Answers are compared before anything is measured. Environment: THANOS_BENCH_SERIES (default 10000), THANOS_BENCH_HOURS
(12), THANOS_BENCH_ROUNDS (5), THANOS_BENCH_DEDUP (0). With THANOS_BENCH_DEDUP=1 a second store gateway has the other replica,
queries are de-duplicated, and replica a in Prometheus is the reference; which replica a sample comes from depends on where
reading starts, so that then only the series of the answers are compared (the differential test compares values).
"""

import json
import math
import os
import statistics
import sys
import time

from tests.integration import answers, harness

START_S = 1_700_006_400
SERIES = int(os.environ.get("THANOS_BENCH_SERIES", "10000"))
HOURS = int(os.environ.get("THANOS_BENCH_HOURS", "12"))
ROUNDS = int(os.environ.get("THANOS_BENCH_ROUNDS", "5"))
DEDUP = os.environ.get("THANOS_BENCH_DEDUP", "0") == "1"
END_S = START_S + HOURS * 3600 - 45

# (name, expression, seconds of range or 0 for instant, step)
QUERIES = [
    ("count all", "count({__name__=~\".+\",@SEL@})", 0, 0),
    ("instant sum by", "sum by (job) (http_requests_total{@SEL@})", 0, 0),
    ("instant rate", "sum by (job, code) (rate(http_requests_total{@SEL@}[5m]))", 0, 0),
    ("instant topk", "topk(10, temperature_celsius{@SEL@})", 0, 0),
    ("instant raw", "queue_length{@SEL@}", 0, 0),
    ("instant regex", "count(http_requests_total{@SEL@,instance=~\"i-1.*\",code!=\"200\"})", 0, 0),
    ("needle 1h", "http_requests_total{@SEL@,instance=\"i-7\",method=\"GET\",code=\"200\"}", 3600, 60),
    ("needle rate 6h", "rate(http_requests_total{@SEL@,instance=\"i-7\",method=\"GET\",code=\"200\"}[5m])", 6 * 3600, 60),
    ("sum rate 1h", "sum by (job) (rate(http_requests_total{@SEL@}[5m]))", 3600, 30),
    ("sum rate 6h", "sum by (job) (rate(http_requests_total{@SEL@}[5m]))", 6 * 3600, 60),
    ("sum rate all", "sum(rate(http_requests_total{@SEL@}[5m]))", (HOURS - 1) * 3600, 120),
    ("sum gauge 6h", "sum by (kind) (node_memory_bytes{@SEL@})", 6 * 3600, 60),
    ("avg max_over_time", "avg by (kind) (max_over_time(node_memory_bytes{@SEL@}[10m]))", 3 * 3600, 60),
    ("quantile", "histogram_quantile(0.9, sum by (le, job) (rate(http_request_duration_seconds_bucket{@SEL@}[5m])))", 3 * 3600, 60),
    ("ratio", "sum by (job) (rate(http_requests_total{@SEL@,code=\"500\"}[5m])) / sum by (job) (rate(http_requests_total{@SEL@}[5m]))", 3 * 3600, 60),
    ("raw join", "jobs_processed_total{@SEL@} / on (instance, queue) queue_length{@SEL@}", 3600, 60),
    ("raw matrix", "rate(jobs_processed_total{@SEL@}[5m])", 3600, 60),
    ("subquery", "max_over_time(sum(rate(jobs_processed_total{@SEL@}[5m]))[1h:1m])", 3600, 300),
    ("count by", "count by (instance) (node_memory_bytes{@SEL@} > 1e6)", 3600, 60),
    ("stddev", "stddev by (site) (temperature_celsius{@SEL@})", 6 * 3600, 60),
]


def difference(ours, theirs):
    if not DEDUP:
        return answers.difference(ours, theirs)
    if ours["status"] != theirs["status"]:
        return f"status: ours {ours['status']} {ours.get('error')!r}, reference {theirs['status']}"
    a, b = (answers.by_labels(body["data"]["result"], ("replica",)).keys() for body in (ours, theirs))
    return None if a == b else f"series: only ours {sorted(a - b)[:3]}, only reference {sorted(b - a)[:3]}"


def ask(base, expression, seconds, step):
    path, window = "/api/v1/query", {"time": END_S}
    if seconds:
        path, window = "/api/v1/query_range", {"start": END_S - seconds, "end": END_S, "step": step}
    return harness.get_json(base + path, {**window, "query": expression, "dedup": str(DEDUP).lower()}, "POST", timeout_s=300)[1]


def measure(processes, base, expression, seconds, step):
    """Median over rounds of (CPU seconds of all processes, wall seconds)."""
    cpu, wall = [], []
    repeat = 1
    while True:
        for _ in range(ROUNDS):
            cpu_before, began = sum(p.cpu_seconds() for p in processes), time.monotonic()
            for _ in range(repeat):
                ask(base, expression, seconds, step)
            wall.append((time.monotonic() - began) / repeat)
            cpu.append((sum(p.cpu_seconds() for p in processes) - cpu_before) / repeat)
        # Process CPU time comes in ticks of 10 ms: repeat short queries until ticks do not matter.
        if sum(cpu) * repeat > 0.3 or repeat >= 64:
            return statistics.median(cpu), statistics.median(wall)
        repeat, cpu, wall = repeat * 4, [], []


def main():
    cluster = harness.Cluster()
    try:
        data = cluster.path("data")
        harness.make_blocks(data, f"--start={START_S}", f"--hours={HOURS}", f"--series={SERIES}")
        reference, reference_url = cluster.prometheus("prometheus", data / "reference")
        store, _, store_address = cluster.store("store", data / "bucket")
        stores, addresses = [store], [store_address]
        if DEDUP:
            other, _, other_address = cluster.store("store-a", data / "bucket-a")
            stores, addresses = [store, other], [store_address, other_address]
        querier, querier_url, _ = cluster.querier("query", addresses)
        matchers, reference_matchers = 'cluster="x",replica="b"', 'cluster="x",replica="b"'
        if DEDUP:
            matchers, reference_matchers = 'cluster="x"', 'cluster="x",replica="a"'
            harness.wait_for(lambda: len(harness.get_json(querier_url + "/api/v1/query", {
                "query": "count by (replica) (queue_length)", "time": END_S, "dedup": "false"})[1]["data"]["result"]) == 2, "data")
        harness.wait_for(lambda: ask(querier_url, f"count(queue_length{{{matchers}}})", 0, 0)["data"]["result"], "data")
        rows, wrong = [], 0
        for name, expression, seconds, step in QUERIES:
            reference_expression = expression.replace("@SEL@", reference_matchers)
            expression = expression.replace("@SEL@", matchers)
            ours = ask(querier_url, expression, seconds, step)
            theirs = ask(reference_url, reference_expression, seconds, step)
            found = difference(ours, theirs)
            if found:
                wrong += 1
                print(f"{name}: WRONG ANSWER: {found}", file=sys.stderr)
            our_cpu, our_wall = measure([*stores, querier], querier_url, expression, seconds, step)
            their_cpu, their_wall = measure([reference], reference_url, reference_expression, seconds, step)
            ratio = max(our_cpu, 1e-5) / max(their_cpu, 1e-5)
            rows.append((name, our_cpu, their_cpu, ratio, our_wall, their_wall))
            print(f"{name:20} cpu {our_cpu * 1e3:9.2f} ms  prometheus {their_cpu * 1e3:9.2f} ms  ratio {ratio:5.2f}   "
                  f"wall {our_wall * 1e3:8.2f} / {their_wall * 1e3:8.2f} ms", flush=True)
        mean = math.exp(statistics.fmean(math.log(r[3]) for r in rows))
        rss = {p.name: p.peak_rss_bytes() / 2**20 for p in (*stores, querier, reference)}
        print(f"geometric mean of CPU ratios: {mean:.3f} over {len(rows)} queries, {SERIES} series, {HOURS} h")
        print("peak RSS MiB: " + ", ".join(f"{name} {value:.0f}" for name, value in rss.items()))
        out = harness.ROOT / ("build/bench/query-dedup.json" if DEDUP else "build/bench/query.json")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"geometric_mean_cpu_ratio": mean, "peak_rss_mib": rss, "queries": [
            dict(zip(("name", "cpu_s", "reference_cpu_s", "ratio", "wall_s", "reference_wall_s"), r)) for r in rows]}, indent=1))
        return 1 if wrong else 0
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main())
