"""What a querier answers while its endpoints hang, flap, come late, cannot be resolved or show bad certificates."""

import re
import signal
import threading
import time
import unittest

from tests.integration import certificates, harness

START_S = 1_700_006_400
AT_S = START_S + 3600
COUNT = "count by (replica) (temperature_celsius)"
# Of one answer: what a query may wait for endpoints, with room for a busy machine.
BOUND_S = 8


def ask(querier, partial="true", query=COUNT, timeout="6s"):
    """(status, body, seconds) of an instant query without de-duplication."""
    began = time.monotonic()
    status, body = harness.get_json(querier + "/api/v1/query", {
        "query": query, "time": AT_S, "dedup": "false", "partial_response": partial, "timeout": timeout}, timeout_s=60)
    return status, body, time.monotonic() - began


def replicas(querier):
    status, body, _ = ask(querier)
    return sorted(r["metric"].get("replica", "") for r in body["data"]["result"]) if status == 200 else None


def stores(querier):
    """Rows of the stores page by name."""
    return {s["name"]: s for group in harness.get_json(querier + "/api/v1/stores")[1]["data"].values() for s in group}


class DependencyTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cluster = cls.cluster
        cls.data = cluster.path("data")
        harness.make_blocks(cls.data, f"--start={START_S}", "--hours=2", "--series=20")
        _, _, cls.store_a = cluster.store("store-a", cls.data / "bucket-a")

    def new_store(self, name, extra=()):
        process, _, address = self.cluster.store(name, self.data / "bucket", extra)
        return process, address

    def querier(self, name, endpoints, extra=()):
        return self.cluster.querier(name, endpoints, ["--endpoint.info-timeout=1s", *extra])[1]

    def check_partial(self, querier, named, bound_s=BOUND_S):
        """Replica a answers, what is missing is told and named; strict queries fail."""
        status, body, took = ask(querier)
        self.assertEqual(status, 200, body)
        self.assertEqual([r["metric"]["replica"] for r in body["data"]["result"]], ["a"], body)
        self.assertTrue(any(named in w for w in body.get("warnings", [])), body)
        self.assertLess(took, bound_s)
        status, body, took = ask(querier, partial="false")
        self.assertNotEqual(status, 200, body)
        self.assertIn(named, body["error"])
        self.assertLess(took, bound_s)
        # Label calls follow the same rules.
        for path in ("/api/v1/labels", "/api/v1/label/replica/values"):
            status, body = harness.get_json(querier + path, {"partial_response": "true"})
            self.assertEqual(status, 200, body)
            self.assertTrue(any(named in w for w in body.get("warnings", [])), body)
            self.assertNotEqual(harness.get_json(querier + path, {"partial_response": "false"})[0], 200)

    def test_strict_endpoint_that_hangs_costs_little_once_known(self):
        store, address = self.new_store("store-strict")
        querier = self.querier("query-strict", [self.store_a], [f"--endpoint-strict={address}"])
        harness.wait_for(lambda: replicas(querier) == ["a", "b"], "both replicas")
        store.signal(signal.SIGSTOP)
        harness.wait_for(lambda: stores(querier)[address]["lastError"], "the failed check")
        self.check_partial(querier, address)
        for partial in ("true", "false"):
            self.assertLess(ask(querier, partial, timeout="60s")[2], 5, "a known bad endpoint is not waited for")
        store.signal(signal.SIGCONT)
        harness.wait_for(lambda: replicas(querier) == ["a", "b"], "recovery")
        self.assertFalse(ask(querier)[1].get("warnings"))

    def test_strict_endpoint_that_never_was(self):
        address = f"127.0.0.1:{harness.free_port()}"
        querier = self.querier("query-never", [self.store_a], [f"--endpoint-strict={address}"])
        self.check_partial(querier, address)
        self.assertIn(address, stores(querier))

    def test_flapping_endpoint_is_missing_only_with_a_warning(self):
        store, address = self.new_store("store-flapping")
        querier = self.querier("query-flapping", [self.store_a, address], ["--store.response-timeout=1s"])
        harness.wait_for(lambda: replicas(querier) == ["a", "b"], "both replicas")
        stop = threading.Event()

        def flap():
            while not stop.is_set():
                store.signal(signal.SIGSTOP)
                stop.wait(0.3)
                store.signal(signal.SIGCONT)
                stop.wait(0.3)

        flapping = threading.Thread(target=flap)
        flapping.start()
        try:
            end = time.monotonic() + 4
            while time.monotonic() < end:
                status, body, took = ask(querier)
                self.assertEqual(status, 200, body)
                found = sorted(r["metric"]["replica"] for r in body["data"]["result"])
                self.assertTrue(found == ["a", "b"] or (found == ["a"] and body.get("warnings")), body)
                self.assertLess(took, BOUND_S)
        finally:
            stop.set()
            flapping.join()
            store.signal(signal.SIGCONT)
        harness.wait_for(lambda: replicas(querier) == ["a", "b"], "recovery")

    def test_killed_and_restarted_endpoint(self):
        port, http_port = harness.free_port(), harness.free_port()
        address = f"127.0.0.1:{port}"
        argv = [harness.BIN_DIR / "thanos-store", f"--http-address=127.0.0.1:{http_port}", f"--grpc-address={address}",
                f"--data-dir={self.cluster.path('store-killed-data')}",
                f"--objstore.config-file={self.cluster.bucket_config(self.data / 'bucket')}"]
        store = self.cluster.start("store-killed", argv)
        store.wait_ready(f"http://127.0.0.1:{http_port}/-/ready")
        querier = self.querier("query-killed", [self.store_a, address])
        short = self.querier("query-short", [self.store_a, address], ["--store.unhealthy-timeout=1s"])
        for each in (querier, short):
            harness.wait_for(lambda: replicas(each) == ["a", "b"], "both replicas")
        store.kill()
        self.check_partial(querier, address)
        harness.wait_for(lambda: stores(querier)[address]["lastError"], "the failed check")
        self.check_partial(querier, address)
        # Past the timeout it is no longer listed.
        harness.wait_for(lambda: list(stores(short)) == [self.store_a], "the end of the unhealthy timeout")
        self.cluster.start("store-killed-again", argv)
        for each in (querier, short):
            harness.wait_for(lambda: replicas(each) == ["a", "b"], "recovery")

    def test_slow_info(self):
        store, address = self.new_store("store-slow")
        store.signal(signal.SIGSTOP)
        began = time.monotonic()
        querier = self.querier("query-slow", [self.store_a, address])
        self.assertLess(time.monotonic() - began, BOUND_S, "one endpoint must not keep the querier from being ready")
        self.assertEqual(replicas(querier), ["a"])
        store.signal(signal.SIGCONT)
        harness.wait_for(lambda: replicas(querier) == ["a", "b"], "the late endpoint")

    def test_names_that_do_not_resolve(self):
        querier = self.querier("query-dns", [self.store_a, "dns+localhost:" + self.store_a.rsplit(":", 1)[1],
                                             "dns+no-such-host.invalid:1", "dnssrv+_grpc._tcp.no-such-host.invalid",
                                             "dnssrvnoa+_grpc._tcp.no-such-host.invalid"],
                               ["--store.sd-dns-interval=1s", "--endpoint-group-strict=dns+no-such-host.invalid:2"])
        self.assertIn(self.store_a, stores(querier))
        self.check_partial(querier, "no-such-host.invalid:2")
        metrics = harness.get_text(querier + "/metrics")
        for name in ("endpoints", "endpoint_groups"):
            self.assertTrue(re.search(rf"\nthanos_query_{name}_dns_failures_total [1-9]", metrics), name)

    def test_endpoint_files_that_break_keep_the_last_good_list(self):
        _, address = self.new_store("store-listed")
        targets = self.cluster.path("sd") / "targets.json"
        config = self.cluster.path("sd") / "endpoints.yml"
        targets.write_text(f'[{{"targets": ["{address}"]}}]')
        config.write_text(f"endpoints:\n- address: {self.store_a}\n")
        querier = self.querier("query-files", [], [f"--store.sd-files={targets.parent}/*.json",
                                                   f"--endpoint.sd-config-file={config}"])
        harness.wait_for(lambda: replicas(querier) == ["a", "b"], "both files")
        querier_log = self.cluster.processes[-1]
        for text in ("", "{broken", "- targets: [1"):
            before = querier_log.log_path.read_text().count("periodic task")
            targets.write_text(text)
            config.write_text(text)
            harness.wait_for(lambda: querier_log.log_path.read_text().count("periodic task") > before, "the complaint")
            self.assertEqual(replicas(querier), ["a", "b"], text)
        # What is written properly counts at once, long before the reload interval.
        targets.write_text("[]")
        harness.wait_for(lambda: replicas(querier) == ["a"], "the shorter list")
        config.write_text(f"endpoints:\n- {{address: '{address}', strict: true}}\n")
        harness.wait_for(lambda: replicas(querier) == ["b"], "the changed list")
        config.write_text(f"endpoints:\n- {{address: '{address}', group: true}}\n")
        harness.wait_for(lambda: f"thanos:///{address}" in stores(querier), "the group")
        self.assertEqual(replicas(querier), ["b"])


class CertificateTest(harness.ClusterTest):
    """mTLS between querier and store."""

    @classmethod
    def start_cluster(cls):
        cluster = cls.cluster
        cls.data = cluster.path("data")
        harness.make_blocks(cls.data, f"--start={START_S}", "--hours=2", "--series=20")
        cls.files = cluster.path("certificates")
        cls.authority = certificates.Authority(cls.files)
        cls.stranger = certificates.Authority(cls.files, "stranger")

    def store(self, name, certificate, key, authority):
        return self.cluster.store(name, self.data / "bucket-a", [
            f"--grpc-server-tls-cert={certificate}", f"--grpc-server-tls-key={key}",
            f"--grpc-server-tls-client-ca={authority.certificate}"])

    def querier(self, name, address, authority, certificate, key, extra=()):
        return self.cluster.querier(name, [], [
            f"--endpoint-strict={address}", "--grpc-client-tls-secure", f"--grpc-client-tls-ca={authority.certificate}",
            f"--grpc-client-tls-cert={certificate}", f"--grpc-client-tls-key={key}", "--endpoint.info-timeout=1s", *extra])[1]

    def check_refused(self, querier):
        status, body, took = ask(querier)
        self.assertEqual((status, body["data"]["result"]), (200, []))
        self.assertTrue(body.get("warnings"), "an endpoint that is not trusted must be told")
        self.assertLess(took, BOUND_S)
        self.assertNotEqual(ask(querier, "false")[0], 200)

    def test_mutual_tls_and_the_expected_name(self):
        server = self.authority.issue("server-named", names="DNS:store.example")
        client = self.authority.issue("client-named")
        _, _, address = self.store("store-named", *server, self.authority)
        good = self.querier("query-named", address, self.authority, *client, ["--grpc-client-server-name=store.example"])
        harness.wait_for(lambda: replicas(good) == ["a"], "an answer over mTLS")
        self.check_refused(self.querier("query-misnamed", address, self.authority, *client,
                                        ["--grpc-client-server-name=other.example"]))
        self.assertEqual(replicas(self.querier("query-unverified", address, self.authority, *client,
                                               ["--grpc-client-tls-skip-verify"])), ["a"])

    def test_untrusted_and_expired_certificates(self):
        server = self.authority.issue("server-plain")
        client = self.authority.issue("client-plain")
        _, _, address = self.store("store-plain", *server, self.authority)
        self.check_refused(self.querier("query-wrong-ca", address, self.stranger, *client))
        self.check_refused(self.querier("query-stranger", address, self.authority, *self.stranger.issue("client-stranger")))
        self.check_refused(self.querier("query-expired", address, self.authority, *self.authority.issue("client-old", days=-1)))
        expired = self.authority.issue("server-old", days=-1)
        _, _, address = self.store("store-expired", *expired, self.authority)
        self.check_refused(self.querier("query-to-expired", address, self.authority, *client))

    def test_rotation_heals_without_a_restart(self):
        server = self.authority.issue("server-rotated", days=-1)
        client = self.authority.issue("client-rotated")
        _, _, address = self.store("store-rotated", *server, self.authority)
        querier = self.querier("query-rotated", address, self.authority, *client)
        self.check_refused(querier)
        self.authority.issue("server-rotated")
        harness.wait_for(lambda: replicas(querier) == ["a"], "the new certificate")
        # The client's turn: its files are looked at again, and running connections are not cut.
        self.authority.issue("client-rotated")
        self.assertEqual(replicas(querier), ["a"])

    def test_unusable_files_stop_the_start(self):
        certificate, _ = self.authority.issue("one")
        _, key = self.authority.issue("other")
        process, _, _ = self.cluster.component("thanos-query", "query-mismatch", [
            "--endpoint=127.0.0.1:1", "--grpc-client-tls-secure", f"--grpc-client-tls-cert={certificate}",
            f"--grpc-client-tls-key={key}"], wait=False)
        self.assertEqual(process.popen.wait(10), 1)
        self.assertIn("other.key", process.tail())


if __name__ == "__main__":
    unittest.main()
