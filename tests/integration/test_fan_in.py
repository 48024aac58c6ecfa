"""Rules, alerts, targets, metadata and exemplars of two real Prometheus replicas through sidecars, queriers and stacked queriers."""

import json
import signal
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.integration import harness

RULES = {"groups": [{"name": "example", "interval": "1s", "rules": [
    {"record": "job:requests:sum", "expr": "sum by (job) (requests_total)", "labels": {"kind": "recorded"}},
    {"alert": "ManyRequests", "expr": "requests_total > 1", "labels": {"severity": "page"},
     "annotations": {"summary": "too many"}},
    {"alert": "NoRequests", "expr": "requests_total < 1"},
]}]}


class Exporter:
    """Serves one counter with an exemplar, as OpenMetrics."""

    def __init__(self):
        began = time.time()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = ("# HELP requests Requests served.\n# TYPE requests counter\n"
                        f'requests_total{{path="/a"}} 5 # {{trace_id="abc"}} 1.5 {began:.3f}\n# EOF\n').encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class FanInTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cluster = cls.cluster
        cls.exporter = Exporter()
        cls.addClassCleanup(cls.exporter.close)
        rules = cluster.path("rules") / "rules.yml"
        rules.write_text(json.dumps(RULES))
        cls.prometheus, cls.sidecars = {}, {}
        for replica in ("a", "b"):
            config = cluster.directory / f"prometheus-{replica}.yml"
            config.write_text(json.dumps({
                "global": {"scrape_interval": "1s", "external_labels": {"cluster": "x", "replica": replica}},
                "rule_files": [str(rules)],
                "scrape_configs": [{"job_name": "exporter", "static_configs": [{"targets": [cls.exporter.address]}]}]}))
            port, data = harness.free_port(), cluster.path(f"data-{replica}")
            process = cluster.start(f"prometheus-{replica}", [
                harness.reference_prometheus(), f"--config.file={config}", f"--storage.tsdb.path={data}",
                f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.min-block-duration=2h",
                "--storage.tsdb.max-block-duration=2h", "--enable-feature=exemplar-storage", "--log.level=warn"])
            url = f"http://127.0.0.1:{port}"
            process.wait_ready(url + "/-/ready")
            cls.prometheus[replica] = process
            cls.sidecars[replica] = cluster.sidecar(f"sidecar-{replica}", url, data)[2]
        _, cls.querier, address = cluster.querier("query", cls.sidecars.values(), ["--query.timeout=20s"])
        _, cls.top, _ = cluster.querier("query-top", [address], ["--query.timeout=20s"])
        for querier in (cls.querier, cls.top):
            harness.wait_for(lambda: cls.firing(querier), "the firing alert")
            harness.wait_for(lambda: cls.exemplars(querier), "the exemplar")
            harness.wait_for(lambda: [t["health"] for t in cls.get(querier, "targets")["activeTargets"]] == ["up"],
                             "the scraped target")

    @classmethod
    def get(cls, querier, path, parameters=None):
        status, body = harness.get_json(f"{querier}/api/v1/{path}", parameters)
        if status != 200:
            raise AssertionError(f"{path}: {status} {body}")
        if body.get("warnings"):
            raise AssertionError(f"{path}: {body['warnings']}")
        return body["data"]

    @classmethod
    def firing(cls, querier):
        return [a for a in cls.get(querier, "alerts")["alerts"] if a["state"] == "firing"]

    @classmethod
    def exemplars(cls, querier):
        return cls.get(querier, "query_exemplars", {"query": "rate(requests_total{cluster=\"x\"}[5m])",
                                                    "start": time.time() - 3600, "end": time.time() + 60})

    def both(self):
        for querier in (self.querier, self.top):
            with self.subTest(querier="stacked" if querier == self.top else "one level"):
                yield querier

    def test_rules_are_merged(self):
        for querier in self.both():
            groups = self.get(querier, "rules")["groups"]
            self.assertEqual([g["name"] for g in groups], ["example"])
            rules = {r["name"]: r for r in groups[0]["rules"]}
            self.assertEqual(sorted(rules), ["ManyRequests", "NoRequests", "job:requests:sum"])
            self.assertEqual(len(groups[0]["rules"]), 3, "replicas are one")
            self.assertEqual(rules["job:requests:sum"]["type"], "recording")
            self.assertEqual(rules["job:requests:sum"]["labels"], {"cluster": "x", "kind": "recorded"})
            many = rules["ManyRequests"]
            self.assertEqual((many["type"], many["state"], many["health"]), ("alerting", "firing", "ok"))
            self.assertEqual(many["labels"], {"cluster": "x", "severity": "page"})
            self.assertEqual(many["annotations"], {"summary": "too many"})
            self.assertEqual(rules["NoRequests"]["state"], "inactive")
            for key in ("file", "interval", "evaluationTime", "lastEvaluation", "limit", "partialResponseStrategy"):
                self.assertIn(key, groups[0])

    def test_rules_are_filtered(self):
        for querier in self.both():
            def names(**parameters):
                groups = self.get(querier, "rules", [(k.replace("__", "[]"), v) for k, v in parameters.items()])["groups"]
                return sorted(r["name"] for g in groups for r in g["rules"])
            self.assertEqual(names(type="ALERT"), ["ManyRequests", "NoRequests"])
            self.assertEqual(names(type="record"), ["job:requests:sum"])
            self.assertEqual(names(rule_name__="NoRequests"), ["NoRequests"])
            self.assertEqual(names(rule_group__="other"), [])
            self.assertEqual(names(match__='{severity="page"}'), ["ManyRequests"])
            self.assertEqual(harness.get_json(querier + "/api/v1/rules", {"type": "nonsense"})[0], 400)

    def test_alerts(self):
        for querier in self.both():
            alerts = self.firing(querier)
            self.assertEqual(len(alerts), 1, alerts)
            self.assertEqual(alerts[0]["value"], "5e+00")
            self.assertEqual(alerts[0]["labels"]["alertname"], "ManyRequests")
            self.assertNotIn("replica", alerts[0]["labels"])
            self.assertEqual(alerts[0]["annotations"], {"summary": "too many"})
            self.assertIn("activeAt", alerts[0])

    def test_targets(self):
        for querier in self.both():
            targets = self.get(querier, "targets")
            self.assertEqual(len(targets["activeTargets"]), 1, "replicas are one")
            target = targets["activeTargets"][0]
            self.assertEqual((target["health"], target["scrapePool"]), ("up", "exporter"))
            self.assertEqual(target["labels"]["instance"], self.exporter.address)
            self.assertEqual(target["labels"]["cluster"], "x")
            self.assertEqual(self.get(querier, "targets", {"state": "dropped"})["activeTargets"], [])
            self.assertEqual(harness.get_json(querier + "/api/v1/targets", {"state": "x"})[0], 400)

    def test_metadata(self):
        for querier in self.both():
            metadata = self.get(querier, "metadata", {"metric": "requests"}) or self.get(
                querier, "metadata", {"metric": "requests_total"})
            (entries,) = metadata.values()
            self.assertEqual(entries, [{"type": "counter", "help": "Requests served.", "unit": ""}])
            self.assertLessEqual(len(self.get(querier, "metadata", {"limit": "1"})), 1)

    def test_exemplars(self):
        for querier in self.both():
            data = self.exemplars(querier)
            self.assertEqual(len(data), 1, data)
            labels = data[0]["seriesLabels"]
            self.assertEqual((labels["__name__"], labels["cluster"], labels["path"]), ("requests_total", "x", "/a"))
            self.assertNotIn("replica", labels)
            self.assertEqual([(e["labels"], e["value"]) for e in data[0]["exemplars"]], [({"trace_id": "abc"}, "1.5")])
            self.assertEqual(self.get(querier, "query_exemplars", {
                "query": 'requests_total{cluster="y"}', "start": time.time() - 60, "end": time.time()}), [])

    def test_tsdb_status_without_endpoints_that_have_it(self):
        for querier in self.both():
            status = self.get(querier, "status/tsdb")
            self.assertEqual(status["seriesCountByMetricName"], [])
            self.assertIn("headStats", status)

    def test_metadata_of_labels(self):
        for querier in self.both():
            self.assertIn("cluster", self.get(querier, "labels"))
            self.assertEqual(self.get(querier, "label/path/values"), ["/a"])
            series = self.get(querier, "series", {"match[]": "requests_total"})
            self.assertEqual([s["path"] for s in series], ["/a"], "replicas are one")

    def test_a_hanging_prometheus_is_told(self):
        _, querier, _ = self.cluster.querier("query-impatient", self.sidecars.values(), ["--query.timeout=3s"])
        _, strict, _ = self.cluster.querier("query-strict", self.sidecars.values(), [
            "--query.timeout=3s", "--no-rule.partial-response", "--no-target.partial-response",
            "--no-metric-metadata.partial-response", "--no-exemplar.partial-response"])
        self.prometheus["b"].signal(signal.SIGSTOP)
        try:
            for path, parameters in (("rules", {}), ("targets", {}), ("metadata", {}),
                                     ("query_exemplars", {"query": "requests_total"})):
                with self.subTest(path=path):
                    began = time.monotonic()
                    status, body = harness.get_json(f"{querier}/api/v1/{path}", parameters)
                    self.assertEqual(status, 200, body)
                    self.assertTrue(any(self.sidecars["b"] in w for w in body.get("warnings", [])), body)
                    self.assertTrue(body["data"], "the other replica answers")
                    self.assertNotEqual(harness.get_json(f"{strict}/api/v1/{path}", parameters)[0], 200)
                    self.assertLess(time.monotonic() - began, 10)
        finally:
            self.prometheus["b"].signal(signal.SIGCONT)


if __name__ == "__main__":
    unittest.main()
