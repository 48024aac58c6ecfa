"""The querier's flags and API as users see them, with real stores and stacked queriers."""

import base64
import gzip
import json
import ssl
import unittest
import urllib.error
import urllib.request

from tests.integration import certificates, harness

START_S = 1_700_006_400
AT_S = START_S + 3600
PASSWORD_HASH = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"  # of "secret"


class QuerierTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cluster = cls.cluster
        cls.data = cluster.path("data")
        harness.make_blocks(cls.data, f"--start={START_S}", "--hours=2", "--series=50")
        log_calls = "grpc: {options: {level: DEBUG, decision: {log_end: true}}}"
        cls.store_process, cls.store_url, cls.store_b = cluster.store(
            "store-b", cls.data / "bucket", ["--log.level=debug", f"--request.logging-config={log_calls}"])
        _, _, cls.store_a = cluster.store("store-a", cls.data / "bucket-a")
        _, cls.querier, cls.address = cluster.querier("query", [cls.store_a, cls.store_b])

    def ask(self, querier, query, path="query", **parameters):
        """The data of a successful answer without warnings."""
        if path == "query":
            parameters.setdefault("time", AT_S)
        status, body = harness.get_json(f"{querier}/api/v1/{path}", {"query": query, **parameters})
        self.assertEqual(status, 200, body)
        self.assertNotIn("warnings", body)
        return body["data"]

    def replicas(self, querier, **parameters):
        data = self.ask(querier, "count by (replica) (temperature_celsius)", dedup="false", **parameters)
        return sorted(r["metric"]["replica"] for r in data["result"])

    def test_selector_relabel_config(self):
        rules = "- {action: keep, source_labels: [replica], regex: b}"
        _, querier, _ = self.cluster.querier("query-selecting", [self.store_a, self.store_b],
                                             [f"--selector.relabel-config={rules}"])
        self.assertEqual(self.replicas(querier), ["b"])
        process, _, _ = self.cluster.component("thanos-query", "query-bad-selector", [
            "--selector.relabel-config=- {action: replace, target_label: x}"], wait=False)
        self.assertEqual(process.popen.wait(10), 1)

    def test_store_match(self):
        self.assertEqual(self.replicas(self.querier), ["a", "b"])
        self.assertEqual(self.replicas(self.querier, **{"storeMatch[]": f'{{__address__="{self.store_a}"}}'}), ["a"])

    def test_groups_share_one_name(self):
        _, querier, _ = self.cluster.querier("query-group", [], [f"--endpoint-group={self.store_a}",
                                                                  f"--endpoint-group-strict=dns+localhost:{self.store_b.rsplit(':', 1)[1]}"])
        harness.wait_for(lambda: self.replicas(querier) == ["a", "b"], "both groups")
        names = [s["name"] for s in harness.get_json(querier + "/api/v1/stores")[1]["data"]["store"]]
        self.assertIn(f"thanos:///{self.store_a}", names)

    def test_distributed_mode_gives_the_same_answers(self):
        leaf = {}
        for replica, store in (("a", self.store_a), ("b", self.store_b)):
            leaf[replica] = self.cluster.component("thanos-query", f"leaf-{replica}", [f"--endpoint={store}"])
        addresses = [leaf[r][2] for r in leaf]
        _, plain, _ = self.cluster.component("thanos-query", "query-plain", [f"--endpoint={a}" for a in addresses])
        # The label that tells partitions apart is one that is usually the replicas'; nobody de-duplicates here.
        _, root, _ = self.cluster.component("thanos-query", "query-root", [
            *[f"--endpoint={a}" for a in addresses], "--query.mode=distributed", "--query.partition-label=replica"])
        window = {"start": START_S + 600, "end": START_S + 3600, "step": 60}
        for query in ("sum(temperature_celsius)", "avg by (replica) (temperature_celsius)", "count(http_requests_total) or vector(0)",
                      "max by (instance) (rate(http_requests_total[5m]))", "topk(3, temperature_celsius)",
                      "sum by (replica) (rate(http_requests_total[5m])) / 2"):
            with self.subTest(query=query):
                ours = self.ask(root, query, "query_range", **window)["result"]
                theirs = self.ask(plain, query, "query_range", **window)["result"]
                self.assertEqual(self.rounded(ours), self.rounded(theirs))
                self.assertEqual(self.rounded(self.ask(root, query)["result"]), self.rounded(self.ask(plain, query)["result"]))
        handled = [line for line in harness.get_text(leaf["a"][1] + "/metrics").splitlines()
                   if line.startswith("grpc_server_handled_total") and 'grpc_service="thanos.Query"' in line
                   and 'grpc_code="OK"' in line]
        self.assertTrue(any(not line.endswith(" 0") for line in handled), handled)
        leaf["b"][0].kill()
        status, body = harness.get_json(root + "/api/v1/query", {"query": "sum(temperature_celsius)", "time": AT_S})
        self.assertEqual(status, 200, body)
        self.assertTrue(any(leaf["b"][2] in w for w in body.get("warnings", [])), body)
        self.assertNotEqual(harness.get_json(root + "/api/v1/query", {
            "query": "sum(temperature_celsius)", "time": AT_S, "partial_response": "false"})[0], 200)

    @staticmethod
    def rounded(result):
        """Sums of other orders differ in the last digits."""
        return sorted((sorted(r["metric"].items()), [(t, f"{float(v):.9e}") for t, v in r.get("values") or [r["value"]]])
                      for r in result)

    def test_explain_analyze_stats_and_limit(self):
        query = "sum by (instance) (rate(http_requests_total[5m]))"
        status, body = harness.get_json(self.querier + "/api/v1/query_explain", {"query": query})
        self.assertEqual((status, body["error"]), (400, "engine type must be 'thanos'"))
        plan = self.ask(self.querier, query, "query_explain", engine="thanos")
        self.assertEqual(plan["name"], "[aggregate] sum by ([instance])")
        self.assertEqual(plan["children"][0]["name"], "[function] rate")
        data = self.ask(self.querier, query, engine="thanos", analyze="true", stats="all")
        self.assertIn("executionTime", data["analysis"])
        self.assertGreater(data["analysis"]["totalSamples"], 0)
        self.assertIn("children", data["analysis"])
        self.assertGreater(data["stats"]["samples"]["totalQueryableSamples"], 0)
        self.assertIn("execTotalTime", data["stats"]["timings"])
        status, body = harness.get_json(self.querier + "/api/v1/query", {
            "query": "http_requests_total", "time": AT_S, "limit": "3"})
        self.assertEqual(len(body["data"]["result"]), 3)
        self.assertEqual(body["warnings"], ["results truncated due to limit"])

    def test_tenancy(self):
        _, querier, _ = self.cluster.querier("query-tenants", [self.store_a], [
            "--query.enforce-tenancy", "--query.tenant-label-name=cluster", "--query.tenant-header=X-Team",
            "--query.default-tenant-id=nobody"])
        def count(tenant):
            headers = {"X-Team": tenant} if tenant else {}
            text = harness.get_text(f"{querier}/api/v1/query?time={AT_S}&query=count(temperature_celsius%7Bcluster=%22y%22%7D)",
                                    headers)
            return len(json.loads(text)["data"]["result"])
        self.assertEqual((count("x"), count("y"), count("")), (1, 0, 0))
        with self.assertRaises(urllib.error.HTTPError) as refused:
            harness.get_text(f"{querier}/api/v1/query?query=temperature_celsius", {"X-Team": "../x"})
        self.assertEqual(refused.exception.code, 400)
        self.assertIn('tenant="x"', harness.get_text(querier + "/metrics"))

    def test_request_ids_reach_the_stores(self):
        harness.get_text(f"{self.querier}/api/v1/query?time={AT_S}&query=temperature_celsius", {"X-Request-ID": "my-own-id"})
        lines = [line for line in self.store_process.log_path.read_text().splitlines() if "grpc.request_id=my-own-id" in line]
        self.assertTrue(any("grpc.service=thanos.Store grpc.method=Series" in line for line in lines), lines)

    def test_prefixes_cors_and_compression(self):
        _, base, _ = self.cluster.component("thanos-query", "query-prefixed", [
            "--web.route-prefix=/served", "--web.external-prefix=/outside", "--web.prefix-header=X-Prefix",
            "--web.disable-cors"])
        self.assertEqual(harness.get_json(base + "/served/api/v1/labels")[0], 200)
        self.assertEqual(harness.get_json(base + "/api/v1/labels")[0], 404)
        opener = urllib.request.build_opener(NoRedirect)
        for headers, location in (({}, "/outside/graph"), ({"X-Prefix": "/dynamic"}, "/dynamic/graph")):
            with self.assertRaises(urllib.error.HTTPError) as redirect:
                opener.open(urllib.request.Request(base + "/", headers=headers), timeout=10)
            self.assertEqual((redirect.exception.code, redirect.exception.headers["Location"]), (302, location))
        with urllib.request.urlopen(base + "/served/api/v1/labels", timeout=10) as answer:
            self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])
        request = urllib.request.Request(self.querier + f"/api/v1/query?time={AT_S}&query=http_requests_total",
                                         headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")
            self.assertEqual(answer.headers["Content-Encoding"], "gzip")
            self.assertEqual(json.loads(gzip.decompress(answer.read()))["status"], "success")
        options = urllib.request.Request(self.querier + "/api/v1/query", method="OPTIONS")
        with urllib.request.urlopen(options, timeout=10) as answer:
            self.assertEqual((answer.status, answer.headers["Access-Control-Allow-Origin"]), (204, "*"))

    def test_active_query_log_and_telemetry_flags(self):
        directory = self.cluster.path("active")
        _, querier, _ = self.cluster.querier("query-active", [self.store_a], [
            f"--query.active-query-path={directory}", "--query.max-concurrent=3", "--query.conn-metric.label=store_type",
            "--query.telemetry.request-duration-seconds-quantiles=0.5",
            "--query.telemetry.request-duration-seconds-quantiles=7"])
        self.ask(querier, "sum(temperature_celsius)")
        self.assertEqual((directory / "queries.active").stat().st_size, 3001)
        metrics = harness.get_text(querier + "/metrics")
        self.assertIn('thanos_store_nodes_grpc_connections{store_type="store"} 1', metrics)
        self.assertIn('le="7"} 1', metrics)
        self.assertIn("thanos_query_concurrent_gate_queries_max 3", metrics)
        for name in ("grpc_client_handled_total", "grpc_client_started_total", "grpc_client_handling_seconds_bucket",
                     "grpc_client_msg_received_total", "grpc_client_msg_sent_total", "grpc_req_panics_recovered_total",
                     "thanos_store_selects_dropped_total", "prometheus_engine_query_duration_seconds",
                     "thanos_query_endpoint_groups_dns_lookups_total"):
            self.assertTrue(f"\n{name}" in metrics, name)

    def test_web_configuration_and_tenant_from_the_certificate(self):
        files = self.cluster.path("web")
        authority = certificates.Authority(files)
        certificate, key = authority.issue("server")
        config = files / "web.yml"
        config.write_text(json.dumps({
            "tls_server_config": {"cert_file": str(certificate), "key_file": str(key),
                                  "client_auth_type": "VerifyClientCertIfGiven", "client_ca_file": str(authority.certificate)},
            "basic_auth_users": {"user": PASSWORD_HASH}}))
        process, url, _ = self.cluster.component("thanos-query", "query-https", [
            f"--endpoint={self.store_a}", f"--http.config={config}", "--query.enforce-tenancy",
            "--query.tenant-label-name=cluster", "--query.tenant-certificate-field=organization"], wait=False)
        url = url.replace("http://", "https://")
        context = ssl.create_default_context(cafile=authority.certificate)
        member = ssl.create_default_context(cafile=authority.certificate)
        member.load_cert_chain(*authority.issue("member", subject="/O=x/CN=m"))
        def get(path, tls=context, user="user:secret"):
            headers = {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()} if user else {}
            try:
                with urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=10, context=tls) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()
            except OSError:
                return 0, b""
        harness.wait_for(lambda: get("/-/ready")[0] == 200, "readiness over TLS")
        self.assertEqual(get("/-/ready", user=None)[0], 401)
        self.assertEqual(get("/metrics", user="user:wrong")[0], 401)
        query = f"/api/v1/query?time={AT_S}&query=count(temperature_celsius)"
        status, body = get(query)
        self.assertEqual(status, 400, body)
        self.assertIn(b"organization", body)
        status, body = get(query, tls=member)
        self.assertEqual(status, 200, body)
        self.assertEqual(len(json.loads(body)["data"]["result"]), 1)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


if __name__ == "__main__":
    unittest.main()
