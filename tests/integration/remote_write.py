"""Prometheus' remote write protocol (v1) as far as tests need it: floats and native histograms."""

import struct
import urllib.request

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
UNKNOWN, RESET, NOT_RESET, GAUGE = range(4)


def _varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field, value):
    return _varint(field << 3) + _varint(value)


def _signed(field, value):
    return _number(field, value << 1 ^ value >> 63)


def _double(field, value):
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _bytes(field, data):
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _packed_doubles(field, values):
    return _bytes(field, b"".join(struct.pack("<d", v) for v in values)) if values else b""


def _spans(field, spans):
    return b"".join(_bytes(field, _signed(1, offset) + _number(2, length)) for offset, length in spans)


def spans_of(buckets):
    """([(offset, length)], [count]) of a dict from bucket index to count."""
    spans, last = [], None
    for index in sorted(buckets):
        if last is not None and index == last + 1:
            spans[-1][1] += 1
        else:
            spans.append([index if last is None else index - last - 1, 1])
        last = index
    return [tuple(s) for s in spans], [buckets[i] for i in sorted(buckets)]


class Histogram:
    """A float histogram; `positive` and `negative` map bucket indexes to counts."""

    def __init__(self, schema=0, zero_threshold=0.0, zero_count=0.0, total=0.0, positive=None, negative=None,
                 custom_bounds=(), hint=UNKNOWN, count=None):
        self.schema, self.zero_threshold, self.zero_count, self.sum = schema, zero_threshold, zero_count, total
        self.positive, self.negative = dict(positive or {}), dict(negative or {})
        self.custom_bounds, self.hint = tuple(custom_bounds), hint
        self.count = count if count is not None else (
            zero_count + sum(self.positive.values()) + sum(self.negative.values()))

    def encode(self, timestamp_ms, integer):
        positive_spans, positive = spans_of(self.positive)
        negative_spans, negative = spans_of(self.negative)
        out = (_number(1, int(self.count)) if integer else _double(2, self.count)) + _double(3, self.sum)
        out += _signed(4, self.schema) + _double(5, self.zero_threshold)
        out += _number(6, int(self.zero_count)) if integer else _double(7, self.zero_count)
        for spans_field, spans, counts_field, counts in ((8, negative_spans, 9, negative), (11, positive_spans, 12, positive)):
            out += _spans(spans_field, spans)
            if integer:
                deltas = [int(b) - int(a) for a, b in zip([0] + counts[:-1], counts)]
                data = b"".join(_varint(d << 1 ^ d >> 63) for d in deltas)
                out += _bytes(counts_field, data) if data else b""
            else:
                out += _packed_doubles(counts_field + 1, counts)
        return out + _number(14, self.hint) + _number(15, timestamp_ms) + _packed_doubles(16, self.custom_bounds)


def _time_series(labels, points, integer):
    out = b"".join(_bytes(1, _bytes(1, k.encode()) + _bytes(2, v.encode())) for k, v in sorted(labels.items()))
    for timestamp_ms, value in points:
        if isinstance(value, Histogram):
            out += _bytes(4, value.encode(timestamp_ms, integer))
        else:
            out += _bytes(2, _double(1, value) + _number(2, timestamp_ms))
    return out


def _snappy(data):
    """Literals only, which is valid snappy."""
    out = bytearray(_varint(len(data)))
    for begin in range(0, len(data), 65536):
        piece = data[begin:begin + 65536]
        out += bytes([61 << 2]) + struct.pack("<H", len(piece) - 1) + piece
    return bytes(out)


def write(prometheus_url, series):
    """`series`: (labels, [(timestamp_ms, float or Histogram)], whether histograms have integer counts)."""
    body = _snappy(b"".join(_bytes(1, _time_series(*one)) for one in series))
    request = urllib.request.Request(prometheus_url + "/api/v1/write", data=body, method="POST", headers={
        "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        if answer.status not in (200, 204):
            raise AssertionError(f"remote write answered {answer.status}")
