"""Generated queries through sidecar, store gateway and querier give a real Prometheus' answers over the same samples.

Three views of one data set (tests/data/make_blocks.cc): replica a lies in the Prometheus behind the sidecar, replica b in the
bucket behind the store gateway, and both de-duplicated. The reference Prometheus holds all three as ordinary series: with a
`replica` label, and, de-duplicated by a plain model of the rule, with a `reference` label that says whether counters were
lifted at a switch of replicas.

De-duplicated queries read both replicas from buckets and begin before the first sample: which replica is in use depends on
where reading starts and on how chunks are cut, in Thanos too, and a Prometheus cuts the chunks it sends at the ends of the
range it is asked for.

The whole grammar is compared on each replica's own series (grammar_generator.py): answers, errors with their texts, warnings
and infos with their positions; broken queries must be refused with the same words.

THANOS_DIFF_SEED repeats a run, THANOS_DIFF_QUERIES sets the number of queries per view, THANOS_DIFF_GRAMMAR that of the
grammar: 400 unless set; `make differential` runs 2,000 and as many with a new seed, which is printed.
"""

import os
import unittest

from tests.integration import answers, harness
from tests.integration import grammar_generator
from tests.integration.query_generator import EXCLUSIONS, QueryGenerator

FEATURES = "--enable-feature=promql-experimental-functions,promql-duration-expr"
START_S = 1_700_006_400  # a multiple of two hours
HOURS = 8
END_S = START_S + HOURS * 3600
# Used only when Prometheus 3.5 is not to be had. Its windows and lookback are closed on the left, which does not matter here:
# no evaluation time coincides with a sample, except inside subqueries.
EXCLUDED_WITH_2 = {
    "rate(": "extrapolation at a far boundary was limited differently before 2.51",
    "increase(": "as rate",
    "delta(": "as rate",
    ":": "subqueries have one more evaluation where their start coincides with one",
    "atan2": "kept the metric name before 3.0",
    "stddev": "compensated differently before 3.0",
    "stdvar": "as stddev",
}


class DifferentialTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cluster = cls.cluster
        cls.seed = int(os.environ.get("THANOS_DIFF_SEED", "20"))
        cls.count = int(os.environ.get("THANOS_DIFF_QUERIES", "70"))
        cls.grammar_count = int(os.environ.get("THANOS_DIFF_GRAMMAR", "400"))
        cls.has_prometheus_3 = harness.reference_prometheus() == harness.PROMETHEUS_3
        data = cluster.path("data")
        harness.make_blocks(data, f"--start={START_S}", f"--hours={HOURS}", "--series=2000")
        _, cls.reference = cluster.prometheus("reference", data / "reference", extra=[FEATURES])
        _, prometheus = cluster.prometheus("prometheus-a", data / "prometheus-a",
                                           external_labels={"cluster": "x", "replica": "a"})
        _, _, sidecar = cluster.sidecar("sidecar", prometheus, data / "prometheus-a")
        _, _, store = cluster.store("store", data / "bucket")
        _, _, store_a = cluster.store("store-a", data / "bucket-a")
        flags = [FEATURES, "--query.annotation-format=prometheus"]
        _, cls.querier, _ = cluster.querier("query", [sidecar, store], flags)
        _, cls.bucket_querier, _ = cluster.querier("bucket-query", [store_a, store], flags)
        for querier in (cls.querier, cls.bucket_querier):
            harness.wait_for(lambda: cls.both_replicas_answer(querier), "both replicas")

    @classmethod
    def both_replicas_answer(cls, querier):
        status, body = harness.get_json(querier + "/api/v1/query", {
            "query": "count by (replica) (temperature_celsius)", "time": START_S + 3600, "dedup": "false"})
        return status == 200 and len(body["data"]["result"]) == 2

    def compare(self, generator, our_matchers, reference_matchers, instant, times):
        """Runs `count` queries of one view; `times` gives (start, end, step) from the generator's random source."""
        differences, compared, empty = [], 0, 0
        for _ in range(self.count):
            query = generator.query()
            if not self.has_prometheus_3 and any(word in query for word in EXCLUDED_WITH_2):
                continue
            start, end, step = times(generator.random)
            path = "/api/v1/query" if instant else "/api/v1/query_range"
            window = {"time": end} if instant else {"start": start, "end": end, "step": step}
            deduplicate = "replica" not in our_matchers
            ours = harness.get_json((self.bucket_querier if deduplicate else self.querier) + path, {
                **window, "query": query.replace("@SEL@", our_matchers), "dedup": str(deduplicate).lower()}, "POST")[1]
            theirs = harness.get_json(self.reference + path, {
                **window, "query": query.replace("@SEL@", reference_matchers)}, "POST")[1]
            compared += 1
            empty += theirs["status"] == "success" and not theirs["data"]["result"]
            found = answers.difference(ours, theirs, drop_labels=("reference",))
            if found:
                differences.append(f"{query.replace('@SEL@', our_matchers)} {window}: {found}")
            elif ours.get("warnings") and any("PromQL" not in w for w in ours["warnings"]):
                differences.append(f"{query}: unexpected warnings {ours['warnings']}")
        print(f"seed {self.seed}: {compared} queries compared, {empty} empty answers, {len(differences)} differences")
        if differences:
            self.fail(f"{len(differences)} of {compared} differ:\n" + "\n".join(differences[:12]) + "\nexcluded by design:" + EXCLUSIONS)
        if compared == 0:
            self.skipTest("Prometheus 2.42 is no reference for any of these queries")
        self.assertLessEqual(empty, compared * 0.6)

    @staticmethod
    def inside(random):
        start = START_S + 3600 + 30 * random.randint(0, 240) + 15
        return start, start + random.choice([600, 3600, 7200]), random.choice([30, 60, 90, 300])

    @staticmethod
    def from_the_beginning(random):
        return START_S + 15, START_S + 15 + random.choice([2, 5, 8]) * 3600, random.choice([120, 300, 600])

    def replica_view(self, replica, instant, counters):
        matchers = f'cluster="x",replica="{replica}"'
        seed = f"{self.seed}-{replica}-{instant}-{counters}"
        self.compare(QueryGenerator(seed, counters), matchers, matchers, instant, self.inside)

    def deduplicated_view(self, instant, counters):
        kind = "counter" if counters else "plain"
        generator = QueryGenerator(f"{self.seed}-dedup-{instant}-{counters}", counters, modifiers=False,
                                   ranges=["8h", "10h"] if instant else None)
        if instant:
            # Subqueries and bare selectors would start reading in the middle.
            def aggregation(_):
                query = generator.aggregation(generator.metric(), 2)
                return aggregation(_) if "topk" in query or "bottomk" in query else query

            generator.vector = aggregation
            generator.leaf = lambda metric: (
                f"{generator.random.choice(['rate', 'increase'] if counters else ['sum_over_time', 'count_over_time', 'avg_over_time', 'max_over_time'])}"
                f"({generator.selector(metric)}[8h])")
        self.compare(generator, 'cluster="x"', f'cluster="x",replica="",reference="{kind}"', instant, self.from_the_beginning)

    def test_replica_a_through_the_sidecar_range(self):
        self.replica_view("a", False, False)

    def test_replica_a_through_the_sidecar_range_counters(self):
        self.replica_view("a", False, True)

    def test_replica_a_through_the_sidecar_instant(self):
        self.replica_view("a", True, False)

    def test_replica_b_through_the_store_range(self):
        self.replica_view("b", False, False)

    def test_replica_b_through_the_store_range_counters(self):
        self.replica_view("b", False, True)

    def test_replica_b_through_the_store_instant(self):
        self.replica_view("b", True, True)

    def test_deduplicated_range(self):
        self.deduplicated_view(False, False)

    def test_deduplicated_range_counters(self):
        self.deduplicated_view(False, True)

    def test_deduplicated_instant(self):
        self.deduplicated_view(True, False)

    def test_deduplicated_instant_counters(self):
        self.deduplicated_view(True, True)

    def grammar(self, replica, instant, share):
        """Generated queries of the whole grammar over one replica; `share` of THANOS_DIFF_GRAMMAR."""
        if not self.has_prometheus_3:
            self.skipTest("needs Prometheus 3.5")
        matchers = f'cluster="x",replica="{replica}"'
        generator = grammar_generator.GrammarGenerator(f"{self.seed}-grammar-{replica}-{instant}", instant)
        differences, errors = [], 0
        for _ in range(int(self.grammar_count * share)):
            query = generator.query().replace("@SEL@", matchers)
            start, end, step = self.inside(generator.random)
            found = self.compare_one(query, {"time": end} if instant else {"start": start, "end": end, "step": step}, instant)
            errors += found == "error"
            if found not in (None, "error"):
                differences.append(f"{query!r} {start}..{end}/{step}: {found}")
        print(f"seed {self.seed}: {int(self.grammar_count * share)} queries of the grammar, {errors} errors, {len(differences)} differences")
        if differences:
            self.fail(f"{len(differences)} differ:\n" + "\n".join(differences[:40]) + "\nexcluded by design:" + grammar_generator.EXCLUSIONS)

    def compare_one(self, query, window, instant):
        """None, "error" when both refuse the query alike, or what differs."""
        path = "/api/v1/query" if instant else "/api/v1/query_range"
        for _ in range(2):
            our_status, ours = harness.get_json(self.querier + path, {**window, "query": query, "dedup": "false"}, "POST")
            if all(text.startswith("PromQL") for text in ours.get("warnings", [])):
                break
            # A store that did not answer in time on a busy machine: once more when it does.
            harness.wait_for(lambda: self.both_replicas_answer(self.querier), "both replicas", 120)
        status, theirs = harness.get_json(self.reference + path, {**window, "query": query}, "POST")
        if our_status != status:
            return f"HTTP status: ours {our_status} {ours.get('error')!r}, reference {status} {theirs.get('error')!r}"
        if theirs["status"] == "error":
            return answers.error_difference(ours, theirs) or "error"
        found = answers.difference(ours, theirs) or answers.annotation_difference(ours, theirs)
        if found is None and instant and query.startswith("sort"):
            found = answers.order_difference(ours, theirs)
        return found

    def test_grammar_through_the_sidecar_range(self):
        self.grammar("a", False, 0.3)

    def test_grammar_through_the_sidecar_instant(self):
        self.grammar("a", True, 0.3)

    def test_grammar_through_the_store_range(self):
        self.grammar("b", False, 0.2)

    def test_grammar_through_the_store_instant(self):
        self.grammar("b", True, 0.2)

    def test_broken_queries_are_refused_with_the_same_words(self):
        if not self.has_prometheus_3:
            self.skipTest("needs Prometheus 3.5")
        generator = grammar_generator.GrammarGenerator(f"{self.seed}-broken", True)
        differences = []
        for _ in range(self.grammar_count // 2):
            query = grammar_generator.break_query(generator.query(), generator.random).replace("@SEL@", 'replica="b"')
            ours = harness.get_json(self.querier + "/api/v1/format_query", {"query": query}, "POST")[1]
            theirs = harness.get_json(self.reference + "/api/v1/format_query", {"query": query}, "POST")[1]
            if grammar_generator.is_new_word(theirs) or grammar_generator.is_slip_in_brackets(ours):
                continue
            same = ours == theirs if theirs["status"] == "success" else answers.error_difference(ours, theirs) is None
            if not same:
                differences.append(f"{query!r}: ours {ours}, reference {theirs}")
        print(f"seed {self.seed}: {self.grammar_count // 2} broken queries, {len(differences)} differences")
        self.assertFalse(differences, "\n".join(differences[:20]))

    def test_syntax_trees(self):
        generator = grammar_generator.GrammarGenerator(f"{self.seed}-trees", True)
        for _ in range(self.grammar_count // 4 if self.has_prometheus_3 else 0):
            query = generator.query().replace("@SEL@", 'replica="b"')
            theirs = harness.get_json(self.reference + "/api/v1/parse_query", {"query": query}, "POST")[1]
            if theirs["status"] == "success" and not grammar_generator.has_duration_expression(query):
                with self.subTest(query=query):
                    self.assertEqual(harness.get_json(self.querier + "/api/v1/parse_query", {"query": query}, "POST")[1], theirs)

    def test_series_and_labels(self):
        window = {"start": START_S + 3600, "end": START_S + 7200}
        for path, params in [
            ("/api/v1/series", {"match[]": 'temperature_celsius{room=~"r-1.*",replica="b"}'}),
            ("/api/v1/series", {"match[]": 'queue_length{instance="i-2",replica="a"}'}),
            ("/api/v1/labels", {"match[]": '{__name__=~"queue.*",replica="b"}'}),
            ("/api/v1/label/instance/values", {"match[]": 'queue_length{replica="a"}'}),
            ("/api/v1/label/kind/values", {"match[]": '{cluster="x",replica="b"}'}),
        ]:
            with self.subTest(path=path, params=params):
                ours = harness.get_json(self.querier + path, {**window, **params, "dedup": "false"})[1]
                theirs = harness.get_json(self.reference + path, {**window, **params})[1]
                key = (lambda d: sorted(map(str, (sorted(x.items()) for x in d)))) if path.endswith("series") else sorted
                self.assertEqual(key(ours["data"]), key(theirs["data"]))
                self.assertTrue(theirs["data"])

    def test_errors_have_prometheus_form(self):
        for query in ["sum(", "rate(up)", "foo(up)", "up{", "1 + ", '{__name__=~".*"}', "up @ x", "up[5m]"]:
            with self.subTest(query=query):
                params = {"query": query, "start": START_S, "end": START_S + 60, "step": 15}
                ours_status, ours = harness.get_json(self.querier + "/api/v1/query_range", params)
                status, theirs = harness.get_json(self.reference + "/api/v1/query_range", params)
                self.assertEqual((ours_status, ours["status"], ours["errorType"]), (status, theirs["status"], theirs["errorType"]))


if __name__ == "__main__":
    unittest.main()
