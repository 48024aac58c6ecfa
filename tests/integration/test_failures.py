"""What a querier answers while something behind it is dead, hanging or damaged: a warning or an error, in bounded time."""

import signal
import shutil
import time

from tests.integration import harness

START_S = 1_700_006_400
AT_S = START_S + 3600
BOUND_S = 15


class FailureTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cluster = cls.cluster
        cls.data = cluster.path("data")
        harness.make_blocks(cls.data, f"--start={START_S}", "--hours=4", "--series=100")
        cls.prometheus, url = cluster.prometheus("prometheus-a", cls.data / "prometheus-a",
                                                 external_labels={"cluster": "x", "replica": "a"})
        cls.sidecar, _, sidecar = cluster.sidecar("sidecar", url, cls.data / "prometheus-a")
        # A second copy of the bucket whose blocks the corruption test damages.
        shutil.copytree(cls.data / "bucket", cls.data / "bucket-damaged")
        cls.store, _, store = cluster.store("store", cls.data / "bucket")
        _, cls.querier, _ = cluster.querier("query", [sidecar, store], ["--store.response-timeout=2s", "--query.timeout=10s"])
        harness.wait_for(lambda: cls.replicas(cls.querier) == ["a", "b"], "both replicas")

    @classmethod
    def ask(cls, querier, partial="true", query="count by (replica) (temperature_celsius)"):
        began = time.monotonic()
        status, body = harness.get_json(querier + "/api/v1/query", {
            "query": query, "time": AT_S, "dedup": "false", "partial_response": partial}, timeout_s=60)
        return status, body, time.monotonic() - began

    @classmethod
    def replicas(cls, querier):
        status, body, _ = cls.ask(querier)
        return sorted(r["metric"].get("replica", "") for r in body["data"]["result"]) if status == 200 else None

    def check_degraded(self):
        status, body, took = self.ask(self.querier)
        self.assertEqual(status, 200, body)
        self.assertEqual([r["metric"]["replica"] for r in body["data"]["result"]], ["a"])
        self.assertTrue(body.get("warnings"), "a missing store must give a warning")
        self.assertLess(took, BOUND_S)
        status, body, took = self.ask(self.querier, partial="false")
        self.assertNotEqual(status, 200, "strict mode must not answer without the store")
        self.assertEqual(body["status"], "error")
        self.assertIn(body["errorType"], ("execution", "internal", "timeout", "unavailable"))
        self.assertLess(took, BOUND_S)

    def test_hanging_endpoint(self):
        self.store.signal(signal.SIGSTOP)
        try:
            self.check_degraded()
        finally:
            self.store.signal(signal.SIGCONT)
        harness.wait_for(lambda: self.replicas(self.querier) == ["a", "b"], "recovery after SIGCONT")

    def test_dead_endpoint(self):
        store, _, address = self.cluster.store("store-to-kill", self.data / "bucket")
        _, querier, _ = self.cluster.querier("query-dead", [address], ["--store.response-timeout=2s"])
        harness.wait_for(lambda: self.replicas(querier) == ["b"], "the store's answer")
        store.kill()
        for partial in ("true", "false"):
            status, body, took = self.ask(querier, partial)
            self.assertLess(took, BOUND_S)
            if partial == "true":
                self.assertEqual((status, body["data"]["result"]), (200, []))
                self.assertTrue(body.get("warnings"))
            else:
                self.assertNotEqual(status, 200)
        # Also long after the last successful check, while the endpoint is still listed.
        harness.wait_for(lambda: self.last_error(querier), "the failed health check")
        status, body, _ = self.ask(querier)
        self.assertEqual(status, 200)
        self.assertTrue(body.get("warnings"), "a store that died a moment ago must not drop out silently")

    def last_error(self, querier):
        stores = harness.get_json(querier + "/api/v1/stores")[1]["data"]
        return any(s["lastError"] for group in stores.values() for s in group)

    def test_dead_prometheus(self):
        data = self.cluster.path("own") / "prometheus"
        shutil.copytree(self.data / "prometheus-a", data, ignore=shutil.ignore_patterns("lock", "wal", "chunks_head"))
        prometheus, url = self.cluster.prometheus("prometheus-to-kill", data, external_labels={"cluster": "x", "replica": "c"})
        _, _, sidecar = self.cluster.sidecar("sidecar-c", url, data)
        _, querier, _ = self.cluster.querier("query-sidecar", [sidecar])
        harness.wait_for(lambda: self.replicas(querier) == ["c"], "the sidecar's answer")
        prometheus.kill()
        status, body, took = self.ask(querier)
        self.assertEqual(status, 200)
        self.assertTrue(body.get("warnings"))
        self.assertLess(took, BOUND_S)
        self.assertNotEqual(self.ask(querier, "false")[0], 200)

    def test_corrupt_chunks(self):
        bucket = self.data / "bucket-damaged"
        damaged = None
        for segment in sorted(bucket.glob("*/chunks/000001")):
            damaged = segment
            content = bytearray(segment.read_bytes())
            for at in range(8, len(content)):
                content[at] ^= 0xFF
            segment.write_bytes(content)
        block = damaged.parent.parent.name
        _, _, address = self.cluster.store("store-damaged", bucket)
        _, querier, _ = self.cluster.querier("query-damaged", [address])
        status, body, took = self.ask(querier)
        self.assertEqual((status, body["data"]["result"]), (200, []), body)
        self.assertTrue(any("block" in w for w in body.get("warnings", [])), body)
        self.assertEqual(len(block), 26)
        self.assertLess(took, BOUND_S)
        self.assertNotEqual(self.ask(querier, "false")[0], 200)

    def test_corrupt_index_spares_other_blocks(self):
        bucket = self.data / "bucket-one-bad"
        shutil.copytree(self.data / "bucket", bucket)
        blocks = sorted(bucket.glob("*/index"))
        self.assertGreaterEqual(len(blocks), 2)
        blocks[-1].write_bytes(blocks[-1].read_bytes()[:100])
        (bucket / blocks[-1].parent.name / "meta.json").touch()
        _, _, address = self.cluster.store("store-one-bad", bucket)
        _, querier, _ = self.cluster.querier("query-one-bad", [address])
        self.assertEqual(self.replicas(querier), ["b"])
        # Where the damaged block should have answered, the answer says so.
        status, body = harness.get_json(querier + "/api/v1/query", {
            "query": "count(temperature_celsius)", "time": START_S + 3 * 3600, "dedup": "false"})
        self.assertEqual(status, 200)
        self.assertTrue(any(blocks[-1].parent.name in w for w in body.get("warnings", [])), body)
