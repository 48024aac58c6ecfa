"""What the components keep resident when there is nothing to do."""

import unittest

from tests.integration import harness

LIMIT_BYTES = 20_000_000


class IdleTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cluster = cls.cluster
        data = cluster.path("data")
        harness.make_blocks(data, "--start=1700006400", "--hours=4", "--series=20")
        _, url = cluster.prometheus("prometheus", data / "prometheus-a", external_labels={"cluster": "x", "replica": "a"})
        bucket = cluster.bucket_config(data / "bucket")
        cls.sidecar, _, sidecar = cluster.sidecar("sidecar", url, data / "prometheus-a", [f"--objstore.config-file={bucket}"])
        cls.store, _, store = cluster.store("store", data / "bucket")
        cls.querier, cls.query_url, _ = cluster.querier("query", [sidecar, store])
        cls.compactor = cluster.start("compact", [
            harness.BIN_DIR / "thanos-compact", "--wait", f"--data-dir={cluster.path('compact-data')}",
            f"--objstore.config-file={bucket}", "--http-address=127.0.0.1:0"])

    def test_little_is_resident(self):
        for process in (self.sidecar, self.store, self.querier, self.compactor):
            with self.subTest(process.name):
                harness.wait_for(lambda: process.resident_bytes() <= LIMIT_BYTES,
                                 f"{process.name} with less than {LIMIT_BYTES} bytes (now {process.resident_bytes()})")


if __name__ == "__main__":
    unittest.main()
