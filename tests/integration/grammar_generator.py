"""Random PromQL over the whole grammar, for a comparison with a Prometheus that holds the same series.

Selectors carry the placeholder @SEL@ (see query_generator.py). What cannot be compared, and why, stands in EXCLUSIONS. An
expression is `exact` when both engines must give the same bits: only such expressions meet operators and functions that
turn the last digit into another answer.
"""

import random

from tests.integration.query_generator import COUNTERS, GAUGES, HISTOGRAM, LABELS, MATCHERS

EXCLUSIONS = """
topk, bottomk where values may be equal   which of equal values stays is undefined: they are summed or counted
limitk                                    depends on the order of series: counted
limit_ratio                               the hash of a label set differs (Thanos' layout): only ratios of 0, 1, -1, and a ratio with its complement
comparisons, floor, ceil, round, sgn, %   only on exact values: the last digit of a compensated sum may differ
sin, cos, tan, exp, sinh, cosh, ^         only on small exact values: they amplify the last digit or overflow (answers.py)
subtraction, division                     only of exact values: cancellation leaves the rounding noise
timestamp() of a selector with @ and offset   Prometheus reads it without the offset, from samples that are not there
stddev, stdvar, mad of times              large numbers close together
info() where the labels are there already   3.7 and later keep the series
histogram_fraction below the first bound   3.8 starts the first bucket at zero, 3.5 gave NaN
info() in range queries                   Prometheus 3.7 and later answer differently from 3.5 where info series come and go
order of vectors                          only compared for sort*, whose order is defined
first_over_time, histogram_quantiles, start(), end(), range(), step() and other additions after 3.5: covered by scripts
annotations when more than ten of a kind  which ones are listed is undefined
filter operators with duplicates          many-to-many errors name whichever pair is met first: only the kind of error is compared
"""

# Variances of times, which are large and close together, and what else must not come together.
UNLUCKY_PAIRS = [("std", "ts_of_"), ("std", "timestamp("), ("std", "time()"), ("mad_over_time", "ts_of_")]
INTEGERS = ["queue_length"] + COUNTERS
RANGES = ["1m", "2m", "5m", "10m", "30m", "90s", "300", "1h", "1m30s", "0x78", "1_20"]
OFFSETS = ["5m", "-2m", "30m", "90", "1m30s", "0s"]
AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
EXACT_AGGREGATIONS = ["min", "max", "count", "group"]
# Of a range vector of floats: those that pick or count, then those that calculate.
EXACT_RANGE = ["min_over_time", "max_over_time", "last_over_time", "count_over_time", "present_over_time", "changes", "resets",
               "ts_of_last_over_time", "ts_of_max_over_time", "ts_of_min_over_time", "idelta"]
INEXACT_RANGE = ["rate", "increase", "delta", "irate", "deriv", "avg_over_time", "sum_over_time", "stddev_over_time",
                 "stdvar_over_time", "mad_over_time"]
# Continuous: a small error stays small.
SMOOTH = ["abs", "sqrt", "ln", "log2", "log10", "deg", "rad", "atan", "tanh", "asinh"]
ROUNDING = ["floor", "ceil", "round", "sgn"]
BOUNDED = ["sin", "cos", "tan", "exp", "sinh", "cosh", "acos", "asin", "acosh", "atanh"]
DATES = ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"]
ARITHMETIC = ["+", "-", "*", "/", "%", "atan2"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]
NUMBERS = ["0", "1", "2", "0.5", "-1", "1e3", "0x1F", "1_000", "5m", "Inf", "-Inf", "NaN", "1h30m", ".5"]


class GrammarGenerator:
    """Deterministic for a seed."""

    def __init__(self, seed, instant):
        self.random = random.Random(seed)
        self.instant = instant

    def query(self):
        while True:
            query = self.any_query()
            if not any(a in query and b in query for a, b in UNLUCKY_PAIRS):
                return query

    def any_query(self):
        r = self.random
        kind = r.random()
        if kind < 0.05:
            return self.scalar(3)
        if kind < 0.08 and self.instant:
            return r.choice(['"text"', "'a\\nb'", "`raw`", '"\\u00e9\\x41"'])
        if kind < 0.13 and self.instant:
            return r.choice([self.matrix, self.subquery])(r.choice(GAUGES + COUNTERS))[0]
        if kind < 0.21 and self.instant:
            return self.sort()
        text, _ = self.vector(r.randint(1, 4))
        return self.spaced(text)

    def spaced(self, text):
        """Comments and white space change nothing."""
        return self.random.choice([text] * 8 + [text + " # a comment", f"({text})", " \n" + text + "\t"])

    # Leaves

    def metric(self):
        return self.random.choice(GAUGES + COUNTERS)

    def braces(self, metric):
        r = self.random
        matchers = r.sample(MATCHERS[metric], r.choice([0, 0, 1, 1, 2]))
        kind = r.random()
        if kind < 0.8:
            return metric + "{" + ",".join(["@SEL@"] + matchers) + r.choice(["", "", ","]) + "}"
        if kind < 0.9:
            return '{"' + metric + '",' + ",".join(["@SEL@"] + matchers) + "}"
        return "{" + ",".join(['__name__="' + metric + '"', "@SEL@"] + matchers) + "}"

    def modifiers(self):
        r = self.random
        offset = f" offset {r.choice(OFFSETS)}"
        at = r.choice([" @ start()", " @ end()", " @ 1700012345", " @ 1700012345.678", " @ -100", " @ 1700020000"])
        return r.choice([""] * 8 + [offset, offset, at, offset + at, at + offset])

    def range(self):
        r = self.random
        return r.choice(RANGES * 3 + ["1m + 4m", "2 * 3m", "(1m + 30s) * 2", "1h / 6", "2 ^ 9", "-1m + 5m", "10m % 7m"])

    def selector(self, metric):
        return self.braces(metric) + self.modifiers(), True

    def matrix(self, metric):
        return f"{self.braces(metric)}[{self.range()}]{self.modifiers()}", True

    def subquery(self, metric):
        r = self.random
        inner, exact = r.choice([lambda: self.selector(metric), lambda: self.range_function(metric, False),
                                 lambda: self.aggregation(metric, 1)])()
        window = r.choice(["10m:1m", "30m:5m", "1h:10m", "15m:2m", "10m:", "5m:45s", "1h:7m", "5m + 5m:2 * 30s"])
        return f"({inner})[{window}]{self.modifiers()}", exact

    def range_function(self, metric, nested=True):
        r = self.random
        argument, exact = self.subquery(metric) if nested and r.random() < 0.25 else self.matrix(metric)
        kind = r.random()
        if kind < 0.4:
            return f"{r.choice(EXACT_RANGE)}({argument})", exact
        if kind < 0.8:
            return f"{r.choice(INEXACT_RANGE)}({argument})", False
        if kind < 0.87:
            return f"quantile_over_time({r.choice(['0', '0.25', '0.5', '0.9', '1', '-1', '1.5', 'NaN'])}, {argument})", False
        if kind < 0.93:
            return f"predict_linear({argument}, {r.choice(['0', '600', '3600', '-5m'])})", False
        if kind < 0.96:
            return f"double_exponential_smoothing({argument}, {r.choice(['0.5', '0.1', '0.9', '1'])}, {r.choice(['0.5', '0.1', '0'])})", False
        return f"absent_over_time({argument})", True

    # Scalars

    def scalar(self, depth):
        r = self.random
        kind = r.random()
        if depth <= 1 or kind < 0.4:
            return r.choice(NUMBERS)
        if kind < 0.5:
            return r.choice(["time()", "pi()", "-time()", "+1"])
        if kind < 0.6:
            return f"scalar({self.vector(1)[0]})"
        if kind < 0.75:
            operator = r.choice(COMPARISONS)
            return f"({self.scalar(depth - 1)}) {operator} bool ({self.scalar(depth - 1)})"
        operator = r.choice(["+", "-", "*", "/", "%", "atan2"])
        return f"({self.scalar(depth - 1)}) {operator} ({self.scalar(depth - 1)})"

    # Vectors: (text, exact)

    def vector(self, depth):
        r = self.random
        metric = self.metric()
        if depth <= 1:
            return r.choice([self.selector, self.selector, self.range_function])(metric)
        choices = [
            (5, lambda: self.range_function(metric)), (8, lambda: self.aggregation(metric, depth)),
            (5, lambda: self.with_scalar(depth)), (7, lambda: self.binary(metric)), (4, lambda: self.set_operator(metric)),
            (5, lambda: self.function(depth)), (4, lambda: self.label_function(metric)), (2, lambda: self.histogram()),
            (3, lambda: self.special(metric)), (1, lambda: self.paren(depth)), (1, lambda: self.error(metric)),
        ]
        if self.instant:
            choices.append((1, self.info))
        return r.choices([c for _, c in choices], [w for w, _ in choices])[0]()

    def paren(self, depth):
        text, exact = self.vector(depth - 1)
        return f"({text})", exact

    def grouping(self, metric):
        r = self.random
        names = LABELS[metric] + ["nosuch", "replica", "__name__"]
        labels = r.sample(names, r.randint(0, 3))
        labels = [f'"{name}"' if r.random() < 0.1 else name for name in labels]
        return r.choice(["by", "without", "BY"]) + " (" + ", ".join(labels) + ")"

    def aggregate(self, operator, grouping, *arguments):
        body = "(" + ", ".join(arguments) + ")"
        return self.random.choice([f"{operator} {grouping} {body}", f"{operator}{body} {grouping}"])

    def aggregation(self, metric, depth):
        r = self.random
        inner, exact = self.vector(depth - 1) if depth > 1 and r.random() < 0.4 else r.choice([self.selector, self.range_function])(metric)
        grouping = self.grouping(metric) if r.random() < 0.85 else ""
        kind = r.random()
        if kind < 0.55:
            operator = r.choice(AGGREGATIONS)
            return self.aggregate(operator, grouping, inner), exact and operator in EXACT_AGGREGATIONS
        if kind < 0.68:
            parameter = r.choice(["0.1", "0.5", "0.95", "0", "1", "2", "-0.5", "NaN", "scalar(vector(time() % 2))", "time() % 1000 / 1000"])
            return self.aggregate("quantile", grouping, parameter, inner), False
        if kind < 0.82:
            parameter = r.choice(["1", "2", "3", "5", "0", "-1", "1e30", "NaN", "time() % 4", "scalar(count(queue_length{@SEL@}))"])
            text = self.aggregate(r.choice(["topk", "bottomk"]), grouping, parameter, inner)
            return self.aggregate(r.choice(["sum", "count", "max", "min"]), "", text), False
        if kind < 0.86:
            return f"{r.choice(['topk', 'bottomk'])}({r.randint(0, 5)}, temperature_celsius{{@SEL@}})", True
        if kind < 0.91:
            return f"count({self.aggregate('limitk', grouping, r.choice(['1', '2', '10', '0', 'time() % 5']), inner)})", True
        if kind < 0.95:
            ratio, rest = r.choice([("0.3", "-0.7"), ("0.5", "-0.5"), ("1", "0"), ("-1", "0"), ("1.5", "0"), ("-2", "0")])
            return f"count(limit_ratio({ratio}, {inner}) or limit_ratio({rest}, {inner}))", True
        counted, _ = self.exact_integers(metric)
        return self.aggregate("count_values", grouping, r.choice(['"v"', '"le"', '"a.b"', '"instance"', '""']), counted), True

    def exact_integers(self, metric):
        r = self.random
        return r.choice([lambda: self.selector(r.choice(INTEGERS)), lambda: (f"changes({self.matrix(metric)[0]})", True),
                         lambda: (f"count_over_time({self.matrix(metric)[0]})", True)])()

    def with_scalar(self, depth):
        r = self.random
        inner, exact = self.vector(depth - 1)
        if exact and r.random() < 0.5:
            operator = r.choice(COMPARISONS + [c + " bool" for c in COMPARISONS])
            scalar = self.scalar(2)
            pair = [f"({inner})", f"({scalar})"]
            if r.random() < 0.3:
                pair.reverse()
            return f"{pair[0]} {operator} {pair[1]}", True
        operator = r.choice(ARITHMETIC if exact else ["*", "/"])
        scalar = r.choice(["2", "0.5", "100", "1e3", "-3", "time()", "5m"])
        pair = [f"({inner})", f"({scalar})"]
        if exact and r.random() < 0.3:
            pair.reverse()
        return f"{pair[0]} {operator} {pair[1]}", exact and operator in ("+", "-", "*", "/", "%")

    def leaf(self, metric):
        return self.random.choice([self.selector, self.selector, self.range_function])(metric)

    def matching(self, metric, other):
        """The matching between all series of two metrics; mostly one that fits."""
        r = self.random
        if r.random() < 0.15:
            return r.choice([" on (instance)", " ignoring (instance)", " on ()", " on (instance, replica)", " ignoring (code)"])
        if metric == other:
            return r.choice(["", "", f" on ({', '.join(LABELS[metric])})", " ignoring (nosuch)"])
        return f" on ({r.choice(LABELS[metric])})"

    def binary(self, metric):
        r = self.random
        left, left_exact = self.leaf(metric)
        other = metric if r.random() < 0.8 else self.metric()
        right, right_exact = self.leaf(other)
        exact = left_exact and right_exact
        operators = ["+", "*"]
        if exact:
            operators = ARITHMETIC + COMPARISONS + [c + " bool" for c in COMPARISONS]
        operator = r.choice(operators)
        if r.random() < 0.5:
            return f"{left} {operator}{self.matching(metric, other)} {right}", exact and operator != "atan2"
        label = r.choice(LABELS[metric][:2])
        extra = r.choice(["", "()", "(site)", "(replica)", "(cluster, nosuch)"])
        aggregation = r.choice(EXACT_AGGREGATIONS)
        one = f"{aggregation} by ({label}, replica, cluster) ({left})"
        exact = exact and operator != "atan2"
        if r.random() < 0.5:
            return f"{self.leaf(metric)[0] if not exact else right} {operator} on ({label}) group_left {extra} {one}", exact
        return f"{one} {operator} on ({label}) group_right {extra} {right}", exact

    def set_operator(self, metric):
        r = self.random
        left, left_exact = self.leaf(metric)
        right, right_exact = self.leaf(r.choice([metric, self.metric()]))
        operator = r.choice(["and", "or", "unless", "AND"])
        on = r.choice(["", "", " on (instance)", " ignoring (code, method, kind, queue)", " on ()", " on (nosuch)"])
        return f"{left} {operator}{on} {right}", left_exact and right_exact

    def function(self, depth):
        r = self.random
        inner, exact = self.vector(depth - 1)
        kind = r.random()
        if kind < 0.3:
            return f"{r.choice(SMOOTH)}({inner})", False
        if kind < 0.45 and exact:
            return r.choice([f"{r.choice(ROUNDING)}({inner})", f"round({inner}, {r.choice(['0.5', '10', '0.1', '7'])})"]), True
        if kind < 0.6 and exact:
            return f"{r.choice(BOUNDED)}(clamp({inner}, {r.choice(['-1', '0', '-20'])}, {r.choice(['1', '3', '20'])}))", False
        if kind < 0.8:
            low, high = r.choice([("1", "100"), ("-5", "5"), ("10", "1"), ("NaN", "1"), ("0", "scalar(vector(50))")])
            return r.choice([f"clamp({inner}, {low}, {high})", f"clamp_min({inner}, {low})", f"clamp_max({inner}, {high})"]), exact
        if kind < 0.9:
            return f"{r.choice(['-', '+', '--'])}({inner})", exact
        return f"{r.choice(DATES)}({inner if exact else self.selector(self.metric())[0]})", True

    def label_function(self, metric):
        r = self.random
        inner, exact = self.leaf(metric)
        return r.choice([
            lambda: f'label_replace({inner}, "copy", "x-$1", "instance", "i-(.*)")',
            lambda: f'label_replace({inner}, "{r.choice(["a.b", "http.route", "instance", "__name__", "", "é"])}", "$1${{2}}$$", "instance", "(.)-(.*)")',
            lambda: f'label_replace({inner}, "job", "same", "instance", ".*")',
            lambda: f'label_replace({inner}, "x", "$0-$named", "room", "(?P<named>r).*")',
            lambda: f'label_replace({inner}, "x", "y", "instance", "*")',
            lambda: f'label_join({inner}, "joined", "-", "instance", "job")',
            lambda: f'label_join({inner}, "{r.choice(["instance", "a.b", "new"])}", ",", "queue")',
            lambda: f'sum by ("a.b") (label_replace({inner}, "a.b", "$1", "instance", "i-(.).*"))',
            lambda: f'count by (__name__) (label_replace({inner}, "__name__", "dotted.name", "", ""))',
        ])(), exact

    def special(self, metric):
        r = self.random
        inner, exact = self.leaf(metric)
        return r.choice([
            lambda: (f"absent({inner})", True),
            lambda: (f'absent(nosuch{{@SEL@,instance="i-1",room=~"r.*"}})', True),
            lambda: (f'absent(sum(nosuch{{@SEL@}}))', True),
            lambda: (f'absent_over_time(nosuch{{@SEL@,job="x",job="y"}}[5m])', True),
            lambda: (f"timestamp(({inner}) + 0)", True),
            lambda: (f"timestamp({self.braces(metric)}{r.choice(['', ' offset 5m', ' @ end()', ' @ 1700012345'])})", True),
            lambda: (f"vector({self.scalar(2)})", True),
            lambda: (f"vector(scalar({inner}))", exact),
            lambda: (f"{r.choice(DATES)}()", True),
            lambda: (f"vector(time()) and on () {inner}", True),
        ])()

    def histogram(self):
        r = self.random
        buckets = f"{self.braces(HISTOGRAM)}"
        inner = r.choice([buckets, f"rate({buckets}[{r.choice(['5m', '10m'])}])",
                          f"sum by (le{r.choice(['', ', job', ', instance'])}) (rate({buckets}[10m]))", f"sum by (job) ({buckets})"])
        if r.random() < 0.7:
            return f"histogram_quantile({r.choice(['0.1', '0.5', '0.9', '0.99', '0', '1', '2', '-1', 'NaN', 'time() % 10 / 10'])}, {inner})", False
        if r.random() < 0.5:
            return f"histogram_fraction(-Inf, {r.choice(['Inf', 'NaN', '-Inf'])}, {inner})", False
        return f"histogram_fraction({r.choice(['0.1', '0.2'])}, {r.choice(['0.3', '1', 'Inf', '0.1'])}, sum by (le) ({buckets}))", False

    def info(self):
        r = self.random
        if r.random() < 0.5:
            base = r.choice(['node_memory_bytes{@SEL@,kind="free"}', 'rate(http_requests_total{@SEL@}[5m])', 'temperature_celsius{@SEL@}'])
            selector = r.choice(['{__name__="queue_length",queue="mail",@SEL@}', '{__name__=~"queue_l.*",queue=~"im.*",@SEL@}', '{queue=~".+"}',
                                 '{__name__="queue_length",queue=~"nosuch.*",@SEL@}'])
        else:
            base = r.choice(['queue_length{@SEL@}', 'rate(jobs_processed_total{@SEL@}[5m])', 'sum by (instance) (queue_length{@SEL@})'])
            selector = '{__name__="node_memory_bytes",kind="used",@SEL@}'
        return r.choice([f"info({base}, {selector})", f"info({base})"]), "rate" not in base

    def sort(self):
        r = self.random
        inner, _ = r.choice([lambda: ("temperature_celsius{@SEL@}", True), lambda: self.selector("temperature_celsius")])()
        labels = self.selector(self.metric())[0]
        return r.choice([
            f"sort({inner})", f"sort_desc({inner})", f"topk(4, {inner})", f"bottomk(4, {inner})",
            f'sort_by_label({labels}, "instance")', f'sort_by_label_desc({labels}, "instance", "method")',
            f'sort_by_label({inner}, "room")', f'sort_by_label({labels}, "nosuch")',
        ])

    def error(self, metric):
        """Parses, but cannot be evaluated or does not type-check."""
        r = self.random
        selector = self.selector(metric)[0]
        return r.choice([
            f"rate({selector})", f"sum({selector}[5m])", f"{selector} + on (instance) {selector}", f"foo({selector})",
            f"{selector} and 1", f"1 == 1", f"clamp({selector}, 1)", f"round({selector}, 1, 2)", f"topk({selector}, 1)",
            f'label_replace({selector}, "a", "b")', f"{selector} offset 5m offset 5m", f"{selector} @ 1 @ 2",
            f"({selector})[5m]", f"count_values(1, {selector})", f"-{selector}[5m]", f"{selector} + on (a) group_left (a) {selector}",
            f'-{{__name__=~"queue_length|node_memory_bytes",@SEL@}}', '{__name__=~".*"}', "{}", f"{selector} > bool", f"sum by ({selector})",
            f"{selector}[0s]", f"{selector}[5m:0s]", f"{selector} @ 1e30", f"{selector} @ NaN", f"quantile({selector})", f"abs()",
            f'label_join({selector}, "", "-", "a")', f"{selector}[5m][5m]", f"last_over_time({selector})",
        ]), True


def is_new_word(answer):
    """Whether Prometheus 3.5 refused something that later versions (and this project) have."""
    error = answer.get("error", "")
    return any(word in error for word in ('name "first_over_time"', 'name "step"', 'name "range"', 'unexpected "("', "unexpected colon"))


def is_slip_in_brackets(answer):
    """Prometheus 3.5 passes over a wrong letter inside brackets and reads on."""
    return "expected ':'" in answer.get("error", "")


def has_duration_expression(query):
    """3.5 has no member for them in its trees."""
    return any(text in query for text in ("1m + 4m", "2 * 3m", "(1m + 30s)", "1h / 6", "2 ^ 9", "-1m + 5m", "10m % 7m", "5m + 5m"))


TOKENS = ["(", ")", "{", "}", "[", "]", ",", ":", "+", "-", "*", "/", "%", "^", "==", "!=", "=~", "!~", "=", ">", "<", "and", "or",
          "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "@", "bool", "sum", "topk", "rate",
          "foo", "5m", "1", "1.5", "0x", "1e", '"', '"x"', "'", "`", "#", "$", "!", "~", ".", "é", "start()", "end", "Inf", "atan2"]


def break_query(query, rng):
    """`query` with one or two tokens put in, taken out or exchanged."""
    for _ in range(rng.randint(1, 2)):
        at = rng.randrange(len(query) + 1)
        kind = rng.random()
        if kind < 0.45:
            query = query[:at] + " " + rng.choice(TOKENS) + " " + query[at:]
        elif kind < 0.8:
            query = query[:at] + query[at + rng.randint(1, 4):]
        else:
            query = query[:at] + rng.choice(TOKENS) + query[at + 1:]
    return query
