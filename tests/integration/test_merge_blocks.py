"""Merged and downsampled blocks in the eyes of Prometheus: the same answers as from their inputs, and nothing for promtool to
complain about."""

import json
import random
import shutil
import subprocess
import unittest

from tests.integration import answers, harness

START_S = 1_700_006_400
HOURS = 8
END_S = START_S + HOURS * 3600
PROMTOOL = harness.PEERS_DIR / "stable/usr/bin/promtool"
QUERIES = [
    "count({__name__=~\".+\"})",
    "sum by (job) (rate(requests_0_total[5m]))",
    "avg by (zone) ({__name__=~\"level_.+\"})",
    "max_over_time(level_7[1h])",
    "sum(count_over_time(requests_2_total[8h]))",
    "sum by (handler) (resets(requests_4_total[2h]))",
    "{instance=\"10.0.0.1:9100\"}",
]


def tool(*arguments):
    """The last line of JSON that merge_blocks prints."""
    done = subprocess.run([str(harness.TOOL_DIR / "merge_blocks"), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"merge_blocks {arguments}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def blocks(directory):
    return sorted(path for path in directory.iterdir() if path.is_dir() and (path / "meta.json").exists())


class MergeBlocksTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cls.a, cls.b = cls.cluster.path("a"), cls.cluster.path("b")
        cls.options = [f"--start={START_S}", "--series=600", "--interval=30"]
        tool("generate", f"--out={cls.a}", *cls.options)
        tool("generate", f"--out={cls.b}", "--offset=7000", *cls.options)

    def serve(self, name, *directories):
        """A Prometheus over copies of the blocks."""
        data = self.cluster.path(name)
        for directory in directories:
            for block in blocks(directory):
                shutil.copytree(block, data / block.name)
        return self.cluster.prometheus(name, data)[1]

    def expect_equal_answers(self, first, second, queries=QUERIES):
        seed = random.randrange(1 << 32)
        choose = random.Random(seed)
        compared = 0
        for query in queries:
            for _ in range(3):
                start = choose.randrange(START_S, END_S - 600)
                parameters = {"query": query, "start": start, "end": choose.randrange(start, END_S + 600), "step": 61}
                bodies = [harness.get_json(base + "/api/v1/query_range", parameters)[1] for base in (first, second)]
                self.assertIsNone(answers.difference(*bodies), f"{parameters}, seed {seed}")
                self.assertEqual(bodies[0]["status"], "success", bodies[0])
                compared += sum(len(series["values"]) for series in bodies[0]["data"]["result"])
        self.assertGreater(compared, 1000)

    def promtool(self, *arguments):
        if not PROMTOOL.exists():
            self.skipTest("promtool was not fetched")
        done = subprocess.run([str(PROMTOOL), *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_one_block_answers_like_four(self):
        merged = self.cluster.path("merged")
        result = tool("merge", f"--out={merged}", "--threads=2", *blocks(self.a))
        self.assertEqual(result["samples"], 600 * 240 * 4)
        self.assertEqual(result["recoded_chunks"], 0)
        tool("verify", *blocks(merged))
        self.expect_equal_answers(self.serve("before", self.a), self.serve("after", merged))
        analysis = self.promtool("tsdb", "analyze", merged, blocks(merged)[0].name)
        self.assertIn("Series: 600", analysis)
        self.assertIn("Duration: 8h0m0s", analysis)

    def test_overlapping_blocks_answer_like_one(self):
        merged = self.cluster.path("merged-one-to-one")
        result = tool("merge", f"--out={merged}", "--function=one-to-one", *blocks(self.a), *blocks(self.b))
        self.assertEqual(result["samples"], 2 * 600 * 240 * 4)
        tool("verify", *blocks(merged))
        self.expect_equal_answers(self.serve("overlapping", self.a, self.b), self.serve("one-to-one", merged))

    def test_penalty_is_what_the_plain_model_makes_of_the_pair(self):
        data = self.cluster.path("pair")
        harness.make_blocks(data, f"--start={START_S}", f"--hours={HOURS}", "--series=150")
        merged = self.cluster.path("merged-penalty")
        result = tool("merge", f"--out={merged}", "--function=penalty", "--threads=2",
                      *blocks(data / "bucket-a"), *blocks(data / "bucket"))
        self.assertGreater(result["recoded_chunks"], 0)
        tool("verify", *blocks(merged))
        ours, reference = self.serve("penalty", merged), self.serve("reference", data / "reference")
        found = {}
        for base, matcher in ((ours, ""), (reference, ',reference="plain"')):
            _, body = harness.get_json(base + "/api/v1/query", {
                "query": f'{{__name__=~".+"{matcher}}}[{HOURS}h]', "time": END_S})
            found[base] = answers.by_labels(body["data"]["result"], ("reference", "cluster", "replica"))
        self.assertEqual(found[ours].keys(), found[reference].keys())
        self.assertGreater(len(found[ours]), 100)
        for labels, points in found[reference].items():
            self.assertEqual(found[ours][labels], points, labels)

    def test_downsampled_blocks_pass_promtool(self):
        merged, five, hour = (self.cluster.path(name) for name in ("merged-raw", "five", "hour"))
        tool("merge", f"--out={merged}", *blocks(self.a))
        self.assertEqual(tool("downsample", f"--out={five}", *blocks(merged))["series"], 600)
        self.assertEqual(tool("downsample", f"--out={hour}", "--resolution=3600000", *blocks(five))["series"], 600)
        tool("verify", *blocks(five), *blocks(hour))
        for directory in (five, hour):
            self.assertIn("Series: 600", self.promtool("tsdb", "analyze", directory, blocks(directory)[0].name))


if __name__ == "__main__":
    unittest.main()
