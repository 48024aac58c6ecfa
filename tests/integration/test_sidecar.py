"""The sidecar beside a real Prometheus: as the prometheus-operator starts it, and stopping whatever state Prometheus is in."""

import json
import os
import shutil
import signal
import socket
import time
import unittest

from tests.integration import harness

START_S = 1_700_006_400
STOP_BOUND_S = 10


class SidecarTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cls.data = cls.cluster.path("data")
        harness.make_blocks(cls.data, f"--start={START_S}", "--hours=4", "--series=20")

    def prometheus(self, name, extra=(), binary=None):
        data = self.cluster.path(name) / "data"
        shutil.copytree(self.data / "prometheus-a", data)
        process, url = self.cluster.prometheus(name, data, binary=binary, extra=extra,
                                               external_labels={"cluster": "x", "replica": name})
        return process, url, data

    def operator_arguments(self, url, data, http_port, grpc_port, bucket, min_version="1.2"):
        """The order and form in which the prometheus-operator passes them; the multi-line YAML is one argument."""
        client = self.cluster.directory / "prometheus.http-client-file.yaml"
        client.write_text("tls_config:\n  insecure_skip_verify: true\n")
        return [
            harness.BIN_DIR / "thanos-sidecar", "sidecar", f"--prometheus.url={url}/",
            f"--grpc-address=:{grpc_port}", f"--http-address=:{http_port}",
            f"--grpc-server-tls-min-version={min_version}",
            "--grpc-server-tls-ciphers=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "--grpc-server-tls-curves=X25519,CurveP256",
            f"--objstore.config=type: FILESYSTEM\nconfig:\n  directory: {bucket}\n",
            f"--tsdb.path={data}", "--shipper.meta-file-name=thanos.shipper.json", "--shipper.ignore-unequal-block-size",
            "--log.level=info", "--log.format=logfmt", "--min-time=-100y", "--prometheus.ready_timeout=10m",
            "--prometheus.get_config_timeout=30s", "--prometheus.get_config_interval=30s",
            f"--prometheus.http-client-file={client}", "--reloader.watch-interval=1m", "--shipper.upload-compacted",
        ]

    def test_started_as_by_the_operator(self):
        _, url, data = self.prometheus("operated")
        bucket = self.cluster.path("operated-bucket")
        http_port, grpc_port = harness.free_port(), harness.free_port()
        sidecar = self.cluster.start("operated-sidecar", self.operator_arguments(url, data, http_port, grpc_port, bucket))
        sidecar.wait_ready(f"http://127.0.0.1:{http_port}/-/ready")
        listed = data / "thanos.shipper.json"
        local = sorted(p.parent.name for p in data.glob("*/meta.json"))

        def shipped():
            return listed.exists() and sorted(json.loads(listed.read_text())["uploaded"]) == local

        harness.wait_for(shipped, "all blocks in thanos.shipper.json")
        self.assertEqual(json.loads(listed.read_text())["version"], 1)
        self.assertEqual(sorted(p.parent.name for p in bucket.glob("*/meta.json")), local)
        self.assertEqual(sidecar.stop(), 0)

    def test_unequal_block_durations_are_refused_without_the_flag(self):
        data = self.cluster.path("unequal") / "data"
        config = self.cluster.directory / "unequal.yml"
        config.write_text(json.dumps({"global": {"external_labels": {"replica": "u"}}}))
        port = harness.free_port()
        prometheus = self.cluster.start("unequal", [
            harness.reference_prometheus(), f"--config.file={config}", f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.min-block-duration=2h",
            "--storage.tsdb.max-block-duration=8h"])
        prometheus.wait_ready(f"http://127.0.0.1:{port}/-/ready")
        bucket = self.cluster.bucket_config(self.cluster.path("unequal-bucket"))
        sidecar, _, _ = self.cluster.sidecar("unequal-sidecar", f"http://127.0.0.1:{port}", data,
                                             [f"--objstore.config-file={bucket}"], )
        harness.wait_for(lambda: "block" in sidecar.tail() and "duration" in sidecar.tail(), "the refusal in the log")
        self.assertFalse((data / "thanos.shipper.json").exists())

    def test_stops_while_prometheus_runs(self):
        _, url, data = self.prometheus("running")
        sidecar, _, _ = self.cluster.sidecar("running-sidecar", url, data)
        self.check_stop(sidecar)

    def test_stops_while_prometheus_is_dead(self):
        prometheus, url, data = self.prometheus("dying")
        sidecar, _, _ = self.cluster.sidecar("dying-sidecar", url, data, ["--prometheus.get_config_interval=1s"])
        prometheus.kill()
        self.check_stop(sidecar)

    def test_stops_while_prometheus_hangs(self):
        prometheus, url, data = self.prometheus("hanging")
        sidecar, http, _ = self.cluster.sidecar("hanging-sidecar", url, data, ["--prometheus.get_config_interval=200ms"])
        prometheus.signal(signal.SIGSTOP)
        try:
            time.sleep(0.5)  # a heartbeat is under way now, or starts while stopping: both must end
            self.check_stop(sidecar)
        finally:
            prometheus.signal(signal.SIGCONT)

    def test_stops_while_prometheus_never_answered(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            data = self.cluster.path("silent")
            sidecar, http, _ = self.cluster.component("thanos-sidecar", "silent-sidecar", [
                f"--prometheus.url=http://127.0.0.1:{silent.getsockname()[1]}", f"--tsdb.path={data}"], wait=False)
            harness.wait_for(lambda: harness.answers_200(http + "/-/healthy"), "health while Prometheus is silent")
            self.assertFalse(harness.answers_200(http + "/-/ready"))
            self.check_stop(sidecar)

    def check_stop(self, sidecar):
        began = time.monotonic()
        self.assertEqual(sidecar.stop(STOP_BOUND_S), 0, sidecar.tail())
        self.assertLess(time.monotonic() - began, STOP_BOUND_S)

    def test_a_prometheus_without_external_labels_ends_it(self):
        data = self.cluster.path("unnamed") / "data"
        _, url = self.cluster.prometheus("unnamed", data)
        sidecar, _, _ = self.cluster.component("thanos-sidecar", "unnamed-sidecar",
                                               [f"--prometheus.url={url}", f"--tsdb.path={data}"], wait=False)
        self.assertEqual(sidecar.popen.wait(20), 1)
        self.assertIn("no external labels", sidecar.tail())

    def test_reloads_prometheus_with_the_environment_filled_in(self):
        data = self.cluster.path("reloaded") / "data"
        process, url = self.cluster.prometheus("reloaded", data, external_labels={"replica": "r"}, extra=["--web.enable-lifecycle"])
        source = self.cluster.path("reloaded-source") / "prometheus.yml.tmpl"
        output = self.cluster.directory / "reloaded.yml"  # the file Prometheus was started with
        rules = self.cluster.path("reloaded-rules")
        os.environ["TEST_REPLICA"] = "filled"
        template = "global: {external_labels: {replica: $(TEST_REPLICA)%s}}\nrule_files: ['%s/*.yml']\n"
        source.write_text(template % ("", rules))
        self.cluster.sidecar("reloaded-sidecar", url, data, [
            f"--reloader.config-file={source}", f"--reloader.config-envsubst-file={output}", f"--reloader.rule-dir={rules}",
            "--reloader.watch-interval=10m", "--reloader.retry-interval=1s"])

        def config():
            return harness.get_json(url + "/api/v1/status/config")[1]["data"]["yaml"]

        harness.wait_for(lambda: "replica: filled\n" in config(), "the first configuration")
        # As a config map is updated: a new directory behind a symbolic link that is exchanged.
        source.with_suffix(".new").write_text(template % ("-again", rules))
        os.rename(source.with_suffix(".new"), source)
        harness.wait_for(lambda: "replica: filled-again" in config(), "the changed configuration")
        (rules / "a.yml").write_text("groups: [{name: g, rules: [{record: one, expr: '1'}]}]")

        def groups():
            return [g["name"] for g in harness.get_json(url + "/api/v1/rules")[1]["data"]["groups"]]

        harness.wait_for(lambda: groups() == ["g"], "the new rule file")


if __name__ == "__main__":
    unittest.main()
