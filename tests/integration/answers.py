"""Comparison of two answers of the query API."""

import math

RELATIVE_TOLERANCE = 1e-9
# Results of cancellation (a stddev of equal values, a slope of a constant) may differ by rounding noise around zero.
ABSOLUTE_TOLERANCE = 1e-9
# Go's exponential on amd64 gives +Inf a little below the true overflow (an argument of 709.64 already does).
NEAR_OVERFLOW = 4e307


def values_equal(a, b, scale=0.0):
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
        table[key] = element.get("values") or [element["value"]]
    return table


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
    if ours["resultType"] in ("scalar", "string"):
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
        scale = max((abs(float(p[1])) for p in other if math.isfinite(float(p[1]))), default=0.0)
        for mine, theirs in zip(points, other):
            if not values_equal(mine[1], theirs[1], scale):
                return f"value of {key} at {mine[0]}: ours {mine[1]}, reference {theirs[1]}"
    return None
