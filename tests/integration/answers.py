"""Comparison of two answers of the query API."""

import math

RELATIVE_TOLERANCE = 1e-9
# Results of cancellation (a stddev of equal values, a slope of a constant) may differ by rounding noise around zero.
ABSOLUTE_TOLERANCE = 1e-9
# Go's exponential on amd64 gives +Inf a little below the true overflow (an argument of 709.64 already does).
NEAR_OVERFLOW = 4e307


def histograms_equal(a, b):
    if not values_equal(a["count"], b["count"]) or not values_equal(a["sum"], b["sum"], abs(float(a["sum"]))):
        return False
    scale = abs(float(a["count"]))
    # Cancellation leaves some buckets with rounding noise in place of nothing.
    kept = [[x for x in h.get("buckets", []) if not abs(float(x[3])) <= 1e-12 * scale] for h in (a, b)]
    return len(kept[0]) == len(kept[1]) and all(
        x[:3] == y[:3] and values_equal(x[3], y[3], scale) for x, y in zip(*kept))


def values_equal(a, b, scale=0.0):
    if isinstance(a, dict) or isinstance(b, dict):
        return isinstance(a, dict) and isinstance(b, dict) and histograms_equal(a, b)
    a, b = float(a), float(b)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if math.isinf(a) or math.isinf(b):
        return a == b or (a * b > 0 and min(abs(a), abs(b)) > NEAR_OVERFLOW)
    return math.isclose(a, b, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE + 1e-12 * scale)


def by_labels(result, drop_labels):
    table = {}
    for element in result:
        key = tuple(sorted((k, v) for k, v in element["metric"].items() if k not in drop_labels))
        if key in table:
            raise AssertionError(f"label set {key} comes twice")
        points = element.get("values", []) + element.get("histograms", [])
        points += [element[kind] for kind in ("value", "histogram") if kind in element]
        table[key] = sorted(points, key=lambda point: point[0])
    return table


def error_kind(text):
    """The text of an error without what may name another pair of series, and without a slip of Prometheus 3.5's parser."""
    text = text.replace('"<Item 57400>" ', "")
    for kind in ("found duplicate series for the match group", "multiple matches for labels", "vector cannot contain metrics with the same labelset"):
        if kind in text:
            return "colliding series"
    return text.split("{")[0]


def error_difference(ours, reference):
    """As difference(), for two error bodies, texts included."""
    for field in ("status", "errorType"):
        if ours.get(field) != reference.get(field):
            return f"{field}: ours {ours.get(field)} {ours.get('error')!r}, reference {reference.get(field)} {reference.get('error')!r}"
    if error_kind(ours["error"]) != error_kind(reference["error"]):
        return f"error: ours {ours['error']!r}, reference {reference['error']!r}"
    return None


def annotation_difference(ours, reference):
    """None when both bodies carry the same warnings and infos, in any order. Prometheus 3.5 forgets the name of a histogram after
    the first step of a range query and says the same once more without it."""
    for field in ("warnings", "infos"):
        a = sorted(ours.get(field, []))
        b = sorted(t for t in reference.get(field, []) if not ("monotonicity" in t and 'for metric name "" ' in t and len(reference[field]) > 1))
        if any("omitted" in text for text in b):
            a, b = len(a), len(b)
        if a != b:
            return f"{field}: ours {a}, reference {b}"
    return None


def order_difference(ours, reference):
    """None when two vectors have their elements in the same order."""
    orders = [[sorted(e["metric"].items()) for e in body["data"]["result"]] for body in (ours, reference)]
    return None if orders[0] == orders[1] else f"order: ours {orders[0][:4]}, reference {orders[1][:4]}"


def difference(ours, reference, drop_labels=()):
    """None when the two response bodies agree, else a text."""
    if ours.get("status") != reference.get("status"):
        return f"status: ours {ours.get('status')} {ours.get('error')!r}, reference {reference.get('status')} {reference.get('error')!r}"
    if ours["status"] == "error":
        if ours["errorType"] != reference["errorType"]:
            return f"error type: ours {ours['errorType']} {ours['error']!r}, reference {reference['errorType']} {reference['error']!r}"
        return None
    ours, reference = ours["data"], reference["data"]
    if ours["resultType"] != reference["resultType"]:
        return f"result type: ours {ours['resultType']}, reference {reference['resultType']}"
    if ours["resultType"] == "string":
        return None if ours["result"] == reference["result"] else f"ours {ours['result']}, reference {reference['result']}"
    if ours["resultType"] == "scalar":
        same = ours["result"][0] == reference["result"][0] and values_equal(ours["result"][1], reference["result"][1])
        return None if same else f"ours {ours['result']}, reference {reference['result']}"
    a, b = by_labels(ours["result"], drop_labels), by_labels(reference["result"], drop_labels)
    if a.keys() != b.keys():
        return f"series: only ours {sorted(a.keys() - b.keys())[:3]}, only reference {sorted(b.keys() - a.keys())[:3]} ({len(a)} and {len(b)} series)"
    for key, points in a.items():
        other = b[key]
        if [p[0] for p in points] != [p[0] for p in other]:
            missing = sorted({p[0] for p in other} - {p[0] for p in points})[:3]
            extra = sorted({p[0] for p in points} - {p[0] for p in other})[:3]
            return f"timestamps of {key}: ours lacks {missing}, ours adds {extra}"
        floats = (abs(float(p[1])) for p in other if not isinstance(p[1], dict))
        scale = max((f for f in floats if math.isfinite(f)), default=0.0)
        for mine, theirs in zip(points, other):
            if not values_equal(mine[1], theirs[1], scale):
                return f"value of {key} at {mine[0]}: ours {mine[1]}, reference {theirs[1]}"
    return None
