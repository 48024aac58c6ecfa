"""A log written by our writer (checkpoint, cut segments, a write that failed half way) is replayed by real Prometheus servers."""

import subprocess
import unittest

from tests.integration import harness

START_S = 1_700_006_400
STEP_S = 15
FIRST_STEP, LAST_STEP = 5, 59  # the checkpoint left out the steps before
COUNTERS = 50


class WalReplayTest(harness.ClusterTest):
    def replay(self, name, binary, compression, custom):
        if not binary.exists():
            self.skipTest(f"{binary} is not there")
        data = self.cluster.path(name)
        subprocess.run([str(harness.TOOL_DIR / "make_wal"), f"--out={data}", f"--compression={compression}",
                        *(["--custom-buckets"] if custom else [])], check=True)
        config = self.cluster.directory / f"{name}.yml"
        config.write_text('{"storage": {"exemplars": {"max_exemplars": 100}}}')
        port = harness.free_port()
        process = self.cluster.start(name + "-server", [
            binary, f"--config.file={config}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}",
            "--storage.tsdb.retention.time=100y", "--enable-feature=native-histograms,exemplar-storage"])
        url = f"http://127.0.0.1:{port}"
        process.wait_ready(url + "/-/ready")
        self.check(url, custom)
        log = process.log_path.read_text().lower()
        for word in ("corrupt", "repair", "unknown series"):
            self.assertNotIn(word, log)
        process.kill()

    def matrix(self, url, query):
        status, answer = harness.get_json(url + "/api/v1/query", {
            "query": query + f"[{(LAST_STEP + 1) * STEP_S}s]", "time": START_S + LAST_STEP * STEP_S})
        self.assertEqual(status, 200, answer)
        return answer["data"]["result"]

    def check(self, url, custom):
        counters = self.matrix(url, "requests_total")
        # The second one was deleted by a tombstone.
        self.assertEqual(sorted(int(s["metric"]["id"]) for s in counters), [1, *range(3, COUNTERS + 1)])
        for series in counters:
            number = int(series["metric"]["id"])
            want = [[START_S + k * STEP_S, str(number + k)] for k in range(FIRST_STEP, LAST_STEP + 1)]
            self.assertEqual(series["values"], want)
        kinds = {"integer": 9, "float": 9} | ({"custom": 3} if custom else {})
        # Step by step: 2.42 answers a range selector over histograms with the last one at all times.
        status, answer = harness.get_json(url + "/api/v1/query_range", {
            "query": "histogram_count(latency) + histogram_sum(latency)", "start": START_S + FIRST_STEP * STEP_S,
            "end": START_S + LAST_STEP * STEP_S, "step": STEP_S})
        self.assertEqual(status, 200, answer)
        histograms = answer["data"]["result"]
        self.assertEqual(sorted(s["metric"]["kind"] for s in histograms), sorted(kinds))
        for series in histograms:
            first = kinds[series["metric"]["kind"]] + 4.5
            want = [[START_S + k * STEP_S, str(first + k)] for k in range(FIRST_STEP, LAST_STEP + 1)]
            self.assertEqual(series["values"], want)
        status, answer = harness.get_json(url + "/api/v1/query_exemplars", {
            "query": "requests_total", "start": START_S, "end": START_S + 3600})
        self.assertEqual(status, 200)
        self.assertEqual([(e["labels"], e["value"], e["timestamp"]) for s in answer["data"] for e in s["exemplars"]],
                         [({"trace_id": "4bf92f3577b34da6"}, "0.25", START_S + 30 * STEP_S)])

    def test_prometheus_2_reads_plain_records(self):
        self.replay("plain2", harness.PROMETHEUS_2, "none", False)

    def test_prometheus_2_reads_snappy_records(self):
        self.replay("snappy2", harness.PROMETHEUS_2, "snappy", False)

    def test_prometheus_3_reads_snappy_records(self):
        self.replay("snappy3", harness.PROMETHEUS_3, "snappy", True)

    def test_prometheus_3_reads_zstd_records(self):
        self.replay("zstd3", harness.PROMETHEUS_3, "zstd", True)


if __name__ == "__main__":
    unittest.main()
