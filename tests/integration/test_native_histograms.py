"""Queries over native histograms through store gateway and querier give a real Prometheus' answers over the same blocks.

Histograms of all kinds are written to a Prometheus by remote write; its snapshot is served by a second Prometheus, by a sidecar
beside that one and, with an external label that de-duplication removes, by our store gateway. Values, histograms and
annotations must agree.

THANOS_HISTOGRAM_SEED repeats a run, THANOS_HISTOGRAM_QUERIES sets the number of generated queries.
"""

import json
import math
import os
import random
import re
import shutil
import unittest

from tests.integration import answers, harness, remote_write
from tests.integration.remote_write import GAUGE, STALE, Histogram

START_S = 1_700_006_400  # a multiple of two hours
INTERVAL_S = 30
SAMPLES = 240

POSITION = re.compile(r" \(\d+:\d+\)$")
MIXED_SCHEMAS = re.compile('schemas for metric name ".*"$')
# Not asked, because our answers are those of Prometheus 3.8, which changed them after 3.5: rates do not reach back behind the
# time at which a histogram's count was zero (seen with gauges and small counts), differences are gauges, custom buckets with
# different bounds are brought to those that both have.


class Counter:
    """One counter histogram as a client library keeps it."""

    def __init__(self, source, schema, zero_threshold, negative):
        self.random, self.schema, self.zero_threshold, self.has_negative = source, schema, zero_threshold, negative
        self.restart()

    def restart(self):
        # Not from zero: 3.5 stretches a rate over the start of a histogram however small its count is there.
        self.positive, self.negative, self.zero, self.total = {}, {}, 0, 0.0
        for _ in range(12):
            self.observe(200)

    def observe(self, weight=8):
        scale = 2 ** max(self.schema, 0)
        index = int(self.random.gauss(1, 1.5) * scale)
        self.total += self.random.randint(1, 40) / 4
        count = self.random.randint(1, weight)
        if self.zero_threshold and self.random.random() < 0.15:
            self.zero += count
        elif 2.0 ** ((index - 1) * 2.0 ** -self.schema) < self.zero_threshold:
            self.zero += count
        elif self.has_negative and self.random.random() < 0.3:
            self.negative[index] = self.negative.get(index, 0) + count
        else:
            self.positive[index] = self.positive.get(index, 0) + count

    def value(self, **fields):
        return Histogram(self.schema, self.zero_threshold, self.zero, self.total, self.positive, self.negative, **fields)


def counters(source):
    """h_total: exponential counters, some with restarts, gaps, stale markers and a change of layout."""
    for i in range(9):
        schema = [0, 3, -1, 1, 5, 0, 2, 8, 0][i]
        counter = Counter(source, schema, [0, 0.001, 0.25][i % 3] if i != 4 else 2.938735877055719e-39, i % 2 == 1)
        points = []
        for k in range(SAMPLES):
            for _ in range(source.randint(0, 4)):
                counter.observe()
            if i in (1, 4) and k in (70, 171):
                counter.restart()
            if i == 2 and 90 <= k < 110:
                if k == 90:
                    points.append((k, STALE_HISTOGRAM))
                continue
            if i == 6 and k == 120:  # a coarser schema and a wider zero bucket, as a client does to stay small
                counter.positive = merged(counter.positive, 1)
                counter.schema -= 1
            if i == 8 and k == 100:
                swallowed = [b for b in counter.positive if 2.0 ** b <= 0.5]
                counter.zero += sum(counter.positive.pop(b) for b in swallowed)
                counter.zero_threshold = 0.5
            points.append((k, counter.value()))
        labels = {"__name__": "h_total", "id": str(i), "group": "ab"[i % 2]}
        yield labels, points, i % 3 != 2


def merged(buckets, shift):
    out = {}
    for index, count in buckets.items():
        target = ((index - 1) >> shift) + 1
        out[target] = out.get(target, 0) + count
    return out


STALE_HISTOGRAM = Histogram(total=STALE)


def gauges(source):
    for i in range(4):
        points = []
        for k in range(SAMPLES):
            buckets = {source.randint(-4, 8): source.randint(1, 50) / 2 for _ in range(source.randint(1, 6))}
            points.append((k, Histogram(i % 2, 0.01, source.randint(0, 3), source.uniform(-50, 50), buckets,
                                        {1: 2.5} if i == 3 else {}, hint=GAUGE)))
        yield {"__name__": "h_gauge", "id": str(i), "group": "ab"[i % 2]}, points, False


def custom(source):
    for i in range(4):
        bounds = (0.1, 0.5, 1, 2.5, 10) if i < 3 else (-3, -1, 0, 4)
        counts, total, points = {b: 100 for b in range(len(bounds) + 1)}, 400.0, []
        for k in range(SAMPLES):
            if i == 1 and k == 80:
                counts = {b: 60 for b in counts}
            bucket = source.randint(0, len(bounds))
            counts[bucket] += source.randint(0, 9)
            total += source.uniform(0, 9)
            points.append((k, Histogram(-53, 0, 0, total, counts, custom_bounds=bounds)))
        yield {"__name__": "h_custom" if i < 3 else "below", "id": str(i), "group": "ab"[i % 2]}, points, i != 2


def odd_ones(source):
    """Series that mix kinds, and the float series of joins."""
    counter = Counter(source, 0, 0.001, False)
    mixed = []
    for k in range(SAMPLES):
        counter.observe()
        mixed.append((k, counter.value() if (k // 40) % 2 else 1000.0 + k))
    yield {"__name__": "mixed", "id": "0", "group": "a"}, mixed, True
    exponential, both = Counter(source, 0, 0, False), []
    bounds = (1, 2, 3)
    for k in range(SAMPLES):
        exponential.observe()
        both.append((k, exponential.value() if k < 130 else Histogram(-53, 0, 0, k, {0: 500 + k, 2: 300}, custom_bounds=bounds)))
    yield {"__name__": "switching", "id": "0", "group": "a"}, both, True
    with_nan = [(k, Histogram(0, 0, 0, math.nan, {0: 10.0 + k, 2: 5.0}, count=20.0 + k)) for k in range(SAMPLES)]
    yield {"__name__": "with_nan", "id": "0", "group": "a"}, with_nan, False
    for i in range(9):
        yield {"__name__": "f", "id": str(i), "group": "ab"[i % 2]}, [(k, 1.5 * i + k % 7) for k in range(SAMPLES)], False
    for le, factor in (("1", 1), ("5", 3), ("+Inf", 4)):
        labels = {"__name__": "twice", "id": "0", "le": le}
        yield labels, [(k, factor * (100.0 + k)) for k in range(SAMPLES)], False
    yield {"__name__": "twice", "id": "0"}, [(k, Histogram(0, 0, 0, 5, {1: 3.0 + k})) for k in range(60, 140)], False


RANGE_FUNCTIONS = ("rate", "increase", "delta", "irate", "idelta", "sum_over_time", "avg_over_time", "count_over_time",
                   "last_over_time", "present_over_time", "changes", "resets", "min_over_time", "stddev_over_time",
                   "deriv", "absent_over_time", "quantile_over_time(0.3,", "ts_of_last_over_time", "mad_over_time")
METRICS = ("h_total", "h_gauge", "h_custom", "below", "mixed", "switching", 'h_total{id="1"}', '{__name__=~"h_.*"}')
AGGREGATIONS = ("sum", "avg", "count", "group", "min", "max", "stddev", "stdvar", "topk(2,", "bottomk(1,", "quantile(0.5,",
                "limitk(3,", 'count_values("v",')


GAUGES = ("h_gauge", '{__name__=~"h_.*"}')


def call(function, argument):
    return f"{function}{argument})" if "(" in function else f"{function}({argument})"


def fixed_queries():
    for metric in METRICS:
        yield metric
        for function in RANGE_FUNCTIONS:
            if not (metric in GAUGES and function in ("rate", "increase")):
                yield call(function, f"{metric}[5m]")
        for aggregation in AGGREGATIONS:
            if not (aggregation.startswith("limitk") and "~" in metric):
                yield call(aggregation, metric)
        for measure in ("histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar"):
            yield f"{measure}({metric})"
            if metric not in GAUGES:
                yield f"{measure}(rate({metric}[4m]))"
        for q in ("0", "0.1", "0.5", "0.93", "1", "1.5"):
            yield f"histogram_quantile({q}, {metric})"
        for low, high in (("-Inf", "1"), ("0.2", "3"), ("-1", "+Inf"), ("1", "1")):
            yield f"histogram_fraction({low}, {high}, {metric})"
        for op in ("* 2", "/ 4", "* -1.5", "+ 1", "== 3", "> bool 2", "^ 2"):
            yield f"{metric} {op}"
        for step in ("-{}", "3 * {}", "2 - {}", "abs({})", "sort({})", "timestamp({})", "absent({})", "clamp_min({}, 1)",
                     'label_replace({}, "x", "$1", "id", "(.)")', "sum by (group) (rate({}[3m]))", "avg by (group) ({})",
                     "scalar({})", "sum(count_over_time({}[3m]))", "rate({}[10m:1m])", "sum_over_time({}[5m:1m])",
                     "last_over_time({}[5m:45s])", "increase(sum({})[10m:30s])", "{} offset 3m", "{}[2m]"):
            if not (metric in GAUGES and ("rate" in step or "increase" in step)):
                yield step.format(metric)
    yield from (
        "h_total + h_total", "h_total - h_total offset 5m", "h_total == h_total", "h_total != h_total", "h_total == bool h_total",
        "h_total + on (id) group_left h_custom", "h_total * on (id) f", "f * on (id) h_total", "h_total / on (id) f",
        "f / on (id) h_total", "h_total > on (id) f", "h_total * on (id) h_gauge", "h_total and on (id) h_gauge",
        "h_total or f", "f unless on (id) h_gauge", "h_gauge + on (group) group_left sum by (group) (h_total)",
        "sum(h_total or h_custom)", "sum(h_total or f)", "avg(h_total or h_custom)", "avg(f or h_gauge)",
        "histogram_quantile(0.5, twice)", "histogram_fraction(1, 4, twice)", "histogram_quantile(0.5, with_nan)",
        "histogram_quantile(0.9, with_nan)", "histogram_fraction(-Inf, 2, with_nan)", "histogram_avg(with_nan)",
        "histogram_quantile(0.9, sum by (group) (rate(h_total[5m])))", "histogram_quantile(scalar(f{id=\"0\"}) / 10, h_total)",
        "sum(rate(h_total[2m])) - sum(rate(h_total[2m] offset 2m))", "sum(h_total) * 0.5 + sum(h_total) * 0.5",
        "rate(h_total[10m:45s])", "delta(h_gauge[5m]) + h_gauge", "group by (group) (h_total)", "count(h_total) + count(h_custom)",
        "histogram_sum(sum(h_total)) / histogram_count(sum(h_total))", "max_over_time(histogram_quantile(0.8, h_total)[10m:1m])",
        "h_total @ end()", "rate(h_total[5m] @ start())", "sum_over_time(h_gauge[5m] offset -1m)", "-h_total + h_total")


class Generator:
    """Nested queries over everything that may hold histograms."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *options):
        return self.random.choice(options)

    def selector(self):
        metric = self.pick("h_total", "h_total", "h_gauge", "h_custom", "mixed")
        return metric + self.pick("", "", '{group="a"}', '{id=~"[0-4]"}')

    def vector(self, depth):
        if depth == 0:
            return self.selector() + self.pick("", "", " offset 90s")
        inner = self.vector(depth - 1)
        return self.pick(
            lambda: f"{self.pick('irate', 'idelta', 'sum_over_time', 'avg_over_time', 'resets', 'changes')}({self.selector()}[{self.pick('2m', '5m', '11m')}])",
            lambda: f"{self.pick('rate', 'increase')}({self.pick('h_total', 'h_custom', 'mixed')}[{self.pick('2m', '5m', '11m')}])",
            lambda: f"{self.pick('sum_over_time', 'avg_over_time', 'last_over_time', 'count_over_time')}({inner}[{self.pick('6m', '9m')}:{self.pick('30s', '1m', '45s')}])",
            lambda: f"{self.pick('sum', 'avg', 'count', 'max')} {self.pick('', 'by (group)', 'without (id)')} ({inner})",
            lambda: f"({inner} {self.pick('*', '/')} {self.pick('2', '0.25', '-3')})",
            lambda: f"({inner} {self.pick('+', '-')} {inner})",
            lambda: f"-({inner})",
            lambda: f"histogram_quantile({self.pick('0.2', '0.5', '0.99')}, {inner})",
            lambda: f"histogram_fraction({self.pick('-2', '0')}, {self.pick('0.7', '4')}, {inner})",
            lambda: f"{self.pick('histogram_count', 'histogram_sum', 'histogram_avg', 'histogram_stddev')}({inner})",
            lambda: f"({inner} {self.pick('and', 'or', 'unless')} on (id) {self.selector()})",
        )()


def texts(body):
    """All annotations without position; those that name no metric alike in all versions."""
    found = {POSITION.sub("", t) for t in body.get("warnings", []) + body.get("infos", [])}
    # Which of the series that do not go together is named depends on the order in which `or` returns them.
    found = {MIXED_SCHEMAS.sub("schemas", t) for t in found}
    return {t.replace(' for metric name ""', "") for t in found if "omitted" not in t}


class NativeHistogramsTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        if not harness.PROMETHEUS_3.exists():
            raise unittest.SkipTest("native histograms need Prometheus 3")
        cluster = cls.cluster
        cls.seed = os.environ.get("THANOS_HISTOGRAM_SEED", "7")
        cls.count = int(os.environ.get("THANOS_HISTOGRAM_QUERIES", "120"))
        snapshot = cls.write_blocks(cluster)
        extra = ("--enable-feature=native-histograms,promql-experimental-functions",)
        _, cls.reference = cluster.prometheus("reference", snapshot, external_labels={"replica": "p"}, extra=extra)
        bucket = cls.as_bucket(cluster, snapshot)
        _, _, store = cluster.store("store", bucket)
        _, cls.querier, _ = cluster.querier("query", [store], ["--enable-feature=promql-experimental-functions"])
        _, _, sidecar = cluster.sidecar("sidecar", cls.reference, snapshot)
        _, cls.sidecar_querier, _ = cluster.querier("sidecar-query", [sidecar],
                                                    ["--enable-feature=promql-experimental-functions"])
        for querier in (cls.querier, cls.sidecar_querier):
            harness.wait_for(lambda: cls.sees_data(querier), "data in the querier")

    @classmethod
    def write_blocks(cls, cluster):
        """The snapshot of a Prometheus that was sent all series."""
        data = cluster.path("writer")
        process, url = cluster.prometheus("writer", data, extra=(
            "--web.enable-remote-write-receiver", "--web.enable-admin-api", "--enable-feature=native-histograms"))
        source = random.Random(cls.seed)
        series = [s for make in (counters, gauges, custom, odd_ones) for s in make(source)]
        for begin in range(0, SAMPLES, 20):
            remote_write.write(url, [
                (labels, [((START_S + 60 + k * INTERVAL_S) * 1000, v) for k, v in points if begin <= k < begin + 20], integer)
                for labels, points, integer in series])
        status, body = harness.get_json(url + "/api/v1/admin/tsdb/snapshot", method="POST")
        if status != 200:
            raise AssertionError(f"snapshot: {status} {body}")
        process.stop()
        return data / "snapshots" / body["data"]["name"]

    @classmethod
    def as_bucket(cls, cluster, snapshot):
        bucket = cluster.path("bucket")
        for block in snapshot.iterdir():
            if not (block / "meta.json").exists():
                continue
            shutil.copytree(block, bucket / block.name)
            meta = json.loads((block / "meta.json").read_text())
            meta["thanos"] = {"version": 1, "labels": {"replica": "a"}, "downsample": {"resolution": 0}, "source": "test"}
            (bucket / block.name / "meta.json").write_text(json.dumps(meta))
        return bucket

    @classmethod
    def sees_data(cls, querier):
        status, body = harness.get_json(querier + "/api/v1/query", {"query": "h_total", "time": START_S + 1800})
        return status == 200 and len(body["data"]["result"]) > 5

    def difference(self, query, instant, querier):
        end = START_S + 5395
        window = {"time": end} if instant else {"start": START_S + 15, "end": START_S + 7300, "step": 75}
        path = "/api/v1/query" if instant else "/api/v1/query_range"
        ours = harness.get_json(querier + path, {"query": query, **window}, "POST")[1]
        theirs = harness.get_json(self.reference + path, {"query": query, **window}, "POST")[1]
        found = answers.difference(ours, theirs)
        if not found and texts(ours) != texts(theirs):
            found = f"annotations: ours {sorted(texts(ours))}, reference {sorted(texts(theirs))}"
        self.empty += theirs["status"] != "success" or not theirs["data"]["result"]
        return f"{query} {window}: {found}" if found else None

    def compare(self, queries, querier):
        self.empty = 0
        differences = []
        queries = list(queries)
        for query in queries:
            for instant in (True, False):
                if not instant and query.endswith("]"):
                    continue
                found = self.difference(query, instant, querier)
                if found:
                    differences.append(found)
        print(f"seed {self.seed}: {len(queries)} queries, {self.empty} empty answers, {len(differences)} differences")
        if differences:
            self.fail(f"{len(differences)} differ:\n" + "\n".join(d[:900] for d in differences[:15]))
        self.assertLess(self.empty, len(queries))

    def test_every_function_and_operator(self):
        self.compare(fixed_queries(), self.querier)

    def test_through_the_sidecar(self):
        self.compare(list(fixed_queries())[::11], self.sidecar_querier)

    def test_generated_queries(self):
        generator = Generator(self.seed)
        self.compare([generator.vector(1 + i % 3) for i in range(self.count)], self.querier)


if __name__ == "__main__":
    unittest.main()
