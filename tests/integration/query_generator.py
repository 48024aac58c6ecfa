"""Random PromQL over the series of tests/data/make_blocks.cc.

Selectors are written with the placeholder @SEL@ inside their braces, which the differential test replaces by the matchers
that make a query mean the same on both sides. Everything generated is inside what both engines define identically; what
is left out and why stands in EXCLUSIONS. The whole grammar, where de-duplication does not matter, is in grammar_generator.py.
"""

import random

EXCLUSIONS = """
topk, bottomk over values with ties       which of several equal series stays is undefined; values here are distinct floats only for gauges
limitk, limit_ratio                       in grammar_generator.py
native histogram functions                no native histograms in these blocks
sort, sort_desc on range queries          only defined for instant queries
sin, cos, tan, ceil, floor, sgn, %         amplify the last digit of a sum without bound; covered by scripts
exp, sinh, cosh next to overflow          Go's assembly gives +Inf for results above about 4e307 (answers.py)
count_values over floats                  label values are formatted digits; covered by scripts with integers
"""

GAUGES = ["node_memory_bytes", "queue_length", "temperature_celsius"]
COUNTERS = ["http_requests_total", "jobs_processed_total"]
HISTOGRAM = "http_request_duration_seconds_bucket"
MATCHERS = {
    "http_requests_total": ['job="api"', 'method="GET"', 'code=~"5.."', 'code!~"2..|3.."', 'instance=~"i-1.*"', 'method!="PUT"', 'nosuch=""'],
    "jobs_processed_total": ['queue="mail"', 'queue=~"mail|image"', 'instance!="i-3"', 'queue=~".*a.*"'],
    "node_memory_bytes": ['kind="free"', 'kind=~"free|cached"', 'instance=~"i-[0-4]"', 'kind!=""'],
    "queue_length": ['queue="mail"', 'queue!~"ma.*"', 'queue=~".+"'],
    "temperature_celsius": ['room=~"r-1[0-9]"', 'room!="r-2"', 'site="x"'],
    HISTOGRAM: ['job="api"', 'instance=~"i-[12]"', 'method="GET"'],
}
LABELS = {
    "http_requests_total": ["job", "instance", "method", "code"],
    "jobs_processed_total": ["instance", "queue"],
    "node_memory_bytes": ["instance", "kind"],
    "queue_length": ["instance", "queue"],
    "temperature_celsius": ["room", "site"],
    HISTOGRAM: ["job", "instance", "method"],
}
RANGES = ["1m", "2m", "5m", "10m", "30m", "1h", "90s"]
# Without "avg" and "sum" of infinities there is nothing order dependent beyond rounding.
COUNTER_FUNCTIONS = ["rate", "increase", "irate"]
GAUGE_FUNCTIONS = ["delta", "idelta", "deriv", "avg_over_time", "min_over_time", "max_over_time", "sum_over_time",
                   "count_over_time", "stddev_over_time", "stdvar_over_time", "last_over_time", "present_over_time", "changes"]
SIMPLE_FUNCTIONS = ["abs", "exp", "sqrt", "ln", "log2", "log10", "deg", "rad",
                    "atan", "sinh", "tanh", "asinh", "cosh"]
AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]


class QueryGenerator:
    """Deterministic for a seed. With counters=True only counter functions are used around selectors, with counters=False
    none of them: de-duplication treats the two kinds differently."""

    def __init__(self, seed, counters, ranges=None, modifiers=True):
        self.random = random.Random(seed)
        self.counters = counters
        self.ranges = ranges or RANGES
        self.allow_modifiers = modifiers

    def query(self):
        return self.vector(self.random.randint(1, 3))

    def metric(self):
        if self.counters:
            return self.random.choice(COUNTERS)
        return self.random.choice(GAUGES + COUNTERS)

    def selector(self, metric):
        matchers = self.random.sample(MATCHERS[metric], self.random.choice([0, 0, 1, 1, 2]))
        return metric + "{" + ",".join(["@SEL@"] + matchers) + "}"

    def modifiers(self):
        if not self.allow_modifiers:
            return ""
        return self.random.choice([""] * 6 + [" offset 5m", " offset 30m", " offset -2m", " @ end()", " @ start()"])

    def leaf(self, metric):
        """An instant vector over one metric that keeps all labels but the name."""
        r = self.random
        if self.counters:
            return f"{r.choice(COUNTER_FUNCTIONS)}({self.selector(metric)}[{r.choice(self.ranges)}]{self.modifiers()})"
        kind = r.random()
        if kind < 0.35:
            return self.selector(metric) + self.modifiers()
        if kind < 0.85:
            return f"{r.choice(GAUGE_FUNCTIONS)}({self.selector(metric)}[{r.choice(self.ranges)}]{self.modifiers()})"
        if kind < 0.93:
            return f"quantile_over_time({r.choice(['0', '0.25', '0.5', '0.9', '1'])}, {self.selector(metric)}[{r.choice(self.ranges)}])"
        return f"predict_linear({self.selector(metric)}[{r.choice(self.ranges)}], {r.choice(['0', '600', '3600'])})"

    def grouping(self, metric):
        r = self.random
        labels = r.sample(LABELS[metric], r.randint(0, min(2, len(LABELS[metric]))))
        return r.choice(["by", "without"]) + " (" + ", ".join(labels) + ")"

    def vector(self, depth):
        r = self.random
        metric = self.metric()
        kind = r.random()
        if depth <= 1 or kind < 0.1:
            return self.leaf(metric)
        if kind < 0.40:
            return self.aggregation(metric, depth)
        if kind < 0.55:
            return self.binary_with_scalar(depth)
        if kind < 0.72:
            return self.binary(metric)
        if kind < 0.82:
            return f"{r.choice(SIMPLE_FUNCTIONS)}({self.vector(depth - 1)})"
        if kind < 0.90:
            return r.choice([
                lambda: f"clamp({self.leaf(metric)}, 1, 100)",
                lambda: f"clamp_min({self.leaf(metric)}, 10)",
                lambda: f"round({self.leaf(metric)}, 0.5)",
                lambda: f'label_replace({self.leaf(metric)}, "copy", "x-$1", "instance", "i-(.*)")',
                lambda: f'label_join({self.leaf(metric)}, "joined", "-", "instance", "job")',
                lambda: f"timestamp({self.leaf(metric)})",
                lambda: f"absent({self.leaf(metric)})",
                lambda: f"-{self.leaf(metric)}",
                lambda: f"vector(scalar({self.leaf(metric)}))",
                lambda: f"hour({self.leaf(metric)})",
            ])()
        if kind < 0.96 or not self.counters:
            return self.subquery(metric)
        quantile = r.choice(["0.1", "0.5", "0.9", "0.99"])
        inner = f"sum by (le{r.choice(['', ', job', ', instance'])}) (rate({self.selector(HISTOGRAM)}[{r.choice(['5m', '10m'])}]))"
        return f"histogram_quantile({quantile}, {inner})"

    def aggregation(self, metric, depth):
        r = self.random
        inner = self.leaf(metric)
        kind = r.random()
        if kind < 0.75:
            return f"{r.choice(AGGREGATIONS)} {self.grouping(metric)} ({inner})"
        if kind < 0.85:
            return f"quantile {self.grouping(metric)} ({r.choice(['0.1', '0.5', '0.95'])}, {inner})"
        if kind < 0.93 and not self.counters:
            # Distinct values make the choice unambiguous.
            return f"{r.choice(['topk', 'bottomk'])}({r.randint(1, 5)}, {self.selector('temperature_celsius')})"
        return f"{r.choice(AGGREGATIONS)}({r.choice(AGGREGATIONS)} {self.grouping(metric)} ({inner}))"

    def binary_with_scalar(self, depth):
        r = self.random
        operator = r.choice(["+", "-", "*", "/", "^", ">", "<", ">=", "!=", "== bool", "> bool", "<= bool"])
        scalar = r.choice(["0", "1", "2", "0.5", "100", "time()", "1e3"])
        left, right = self.vector(depth - 1), scalar
        if operator == "^":
            right = r.choice(["2", "0.5"])
        elif r.random() < 0.3:
            left, right = right, left
        return f"({left}) {operator} ({right})"

    def binary(self, metric):
        r = self.random
        if r.random() < 0.3:
            operator = r.choice(["and", "or", "unless"])
            on = r.choice(["", " on (instance)", " ignoring (code, method, kind, queue)"])
            return f"{self.leaf(metric)} {operator}{on} {self.leaf(self.metric())}"
        operator = r.choice(["+", "-", "*", "/", ">", "<=", "== bool", "atan2"])
        if r.random() < 0.5:
            return f"{self.leaf(metric)} {operator} {self.leaf(metric)}"
        label = r.choice(["instance"] if metric != "temperature_celsius" else ["room"])
        one = f"sum by ({label}) ({self.leaf(metric)})"
        many = self.leaf(metric)
        if r.random() < 0.5:
            return f"{many} {operator} on ({label}) group_left () {one}"
        return f"{one} {operator} on ({label}) group_right () {many}"

    def subquery(self, metric):
        r = self.random
        outer = r.choice(["max_over_time", "min_over_time", "avg_over_time", "sum_over_time", "count_over_time", "last_over_time"])
        window = r.choice(["10m:1m", "30m:5m", "1h:10m", "15m:2m"])
        inner = r.choice([lambda: self.leaf(metric), lambda: f"sum {self.grouping(metric)} ({self.leaf(metric)})"])()
        return f"{outer}(({inner})[{window}]{r.choice(['', '', ' offset 10m'])})"
