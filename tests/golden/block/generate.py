#!/usr/bin/env python3
"""Writes the OpenMetrics input of the golden block to standard output. Deterministic."""

START = 1_700_006_400  # seconds, a multiple of two hours
STEP = 30


def series(name, labels, samples):
    text = ",".join('%s="%s"' % pair for pair in sorted(labels.items()))
    for timestamp, value in samples:
        print("%s{%s} %s %d" % (name, text, value, timestamp))


def main():
    times = [START + i * STEP for i in range(200)]
    print("# TYPE http_requests counter")
    for job, instances in (("api", 3), ("web", 2)):
        for instance in range(instances):
            for code in ("200", "404", "500"):
                labels = {"job": job, "instance": "host-%d:9090" % instance, "code": code}
                rate = 1 + instance + len(job) + int(code) % 7
                # One counter reset in the middle.
                samples = [(t, (i if i < 100 else i - 100) * rate) for i, t in enumerate(times)]
                series("http_requests_total", labels, samples)
    print("# TYPE temperature gauge")
    for room in ("kitchen", "b\u00fcro", "a \\\"quoted\\\" room"):
        series("temperature", {"room": room}, [(t, 20 + ((i * 37) % 101) / 10) for i, t in enumerate(times[:150])])
    print("# TYPE up gauge")
    for job, instances in (("api", 3), ("web", 2)):
        for instance in range(instances):
            series("up", {"job": job, "instance": "host-%d:9090" % instance}, [(t, int(i % 50 != 0)) for i, t in enumerate(times)])
    print("# TYPE pod_info gauge")
    for pod in range(100):
        series("pod_info", {"pod": "pod-%03d" % pod, "node": "node-%d" % (pod % 7)}, [(times[pod], 1), (times[pod + 20], 1)])
    print("# EOF")


main()
