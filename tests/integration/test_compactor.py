"""The compactor as a process: results as Prometheus reads them, halting, quarantine, retention, API, stops and kills."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from tests.integration import compaction, harness

START_S = compaction.START_S
DAY_S = 86_400
PROMTOOL = harness.PEERS_DIR / "stable/usr/bin/promtool"


def metric(url, name):
    """Value of the first sample of a metric, labels included in `name`; None when there is none."""
    with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name) and line[len(name)] in " {":
                return float(line.rsplit(" ", 1)[1])
    return None


class CompactorTest(harness.ClusterTest):
    def setUp(self):
        self.root = self.cluster.path(self.id().rsplit(".", 1)[1])
        self.bucket = self.root / "bucket"
        self.scratch = self.root / "scratch"

    def make(self, **options):
        compaction.make_bucket(self.bucket, **options)
        return compaction.Bucket(self.bucket, self.scratch)

    def run_once(self, *extra, want=0, bucket=None):
        code, log = compaction.run_once(self.cluster, bucket or self.bucket, self.root / "data", *extra)
        self.assertEqual(code, want, log)
        return log

    def now(self):
        return compaction.Bucket(self.bucket, self.scratch)

    def start_waiting(self, *extra):
        port = harness.free_port()
        process = self.cluster.start("compact-wait", [
            harness.BIN_DIR / "thanos-compact", "--wait", f"--data-dir={self.root / 'data'}",
            f"--objstore.config-file={self.cluster.bucket_config(self.bucket)}", f"--http-address=127.0.0.1:{port}",
            "--consistency-delay=0s", "--wait-interval=1s", *extra])
        url = f"http://127.0.0.1:{port}"
        process.wait_ready(url + "/-/ready")
        return process, url

    def marked(self, name="deletion-mark.json"):
        return sorted(p.parent.name for p in self.bucket.glob("*/" + name))

    def test_prometheus_reads_the_same(self):
        before = self.make(blocks=30, series=20, interval=60)
        original = self.root / "original"
        shutil.copytree(self.bucket, original)
        self.run_once("--compact.concurrency=2", "--compact.blocks-fetch-concurrency=2", "--hash-func=SHA256")
        after = self.now()
        self.assertEqual(after.contents[0], before.contents[0])
        self.assertEqual(after.contents[300_000]["sum"], str(20 * 48 * 60))
        self.assertEqual([(b["resolution"], (b["min"] - START_S) // 3600, (b["max"] - START_S) // 3600, b["level"])
                          for b in sorted(after.blocks, key=lambda b: (b["resolution"], b["min"]))],
                         [(0, 0, 48, 3), (0, 48, 56, 2), (0, 56, 58, 1), (0, 58, 60, 1), (300_000, 0, 48, 3)])
        compacted = self.root / "compacted"
        compacted.mkdir()
        for block in after.of_resolution(0):
            shutil.copytree(self.bucket / block["ulid"], compacted / block["ulid"])
        for block in after.of_resolution(0):
            done = subprocess.run([PROMTOOL, "tsdb", "analyze", compacted, block["ulid"]], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("Series: 20\n", done.stdout)
        _, reference = self.cluster.prometheus("prometheus-original", original)
        _, ours = self.cluster.prometheus("prometheus-compacted", compacted)
        for query in ("value", "sum(rate(value[10m]))", "count_over_time(value[1h])"):
            parameters = {"query": query, "start": START_S, "end": START_S + 60 * 3600, "step": 1800}
            wanted = harness.get_json(reference + "/api/v1/query_range", parameters)
            self.assertEqual(wanted[0], 200)
            self.assertGreater(len(wanted[1]["data"]["result"]), 0)
            self.assertEqual(harness.get_json(ours + "/api/v1/query_range", parameters), wanted, query)

    def test_second_run_plans_nothing(self):
        self.make(groups=3, blocks=10, series=5)
        self.run_once()
        blocks = self.now().blocks
        log = self.run_once()
        self.assertNotIn("compaction available", log.split("compaction iterations done")[-2].rsplit("starting compact", 1)[-1])
        self.assertEqual(self.now().blocks, blocks)

    def test_replicas_become_one(self):
        before = self.make(blocks=6, replicas=2, series=10)
        samples = int(before.contents[0]["samples"])
        for _ in range(2):
            self.run_once("--deduplication.replica-label=replica", "--deduplication.func=penalty", "--delete-delay=0s")
            time.sleep(1.1)  # marks count whole seconds
        after = self.now()
        self.assertEqual(int(after.contents[0]["samples"]), samples // 2)
        self.assertTrue(all(b["labels"] == '{cluster="c0"}' for b in after.blocks if b["level"] > 1), after.blocks)
        self.assertEqual([b for b in after.blocks if "replica" in b["labels"]], [])

    def test_retention_and_deletion(self):
        now_s = int(time.time()) // 7200 * 7200
        # Long enough for an aligned block of two days.
        self.make(blocks=60, start=now_s - 130 * 3600)
        self.run_once("--retention.resolution-raw=41h")
        limit = now_s - 41 * 3600
        self.assertGreater(len(self.marked()), 0)
        time.sleep(1.1)
        self.run_once("--retention.resolution-raw=41h", "--delete-delay=0s")
        after = self.now()
        self.assertTrue(all(b["max"] >= limit for b in after.of_resolution(0)), after.blocks)
        self.assertGreater(len(after.of_resolution(300_000)), 0, "downsampled data has its own retention")

    def test_partial_uploads_go_when_they_are_old(self):
        self.make(blocks=1)
        partial = self.bucket / "01HF8B9V80CVXKJQ79K3V4KS9C"
        (partial / "chunks").mkdir(parents=True)
        (partial / "chunks" / "000001").write_bytes(b"half")
        unknown = self.bucket / "somebody-elses" / "file"
        unknown.parent.mkdir()
        unknown.write_bytes(b"kept")
        self.run_once()
        self.assertTrue(partial.exists())
        compaction.age_files(self.bucket, 3 * DAY_S)
        self.run_once()
        self.assertFalse(partial.exists())
        self.assertTrue(unknown.exists())

    def make_overlap(self):
        """Two groups; in c0 two blocks overlap."""
        self.make(groups=2, blocks=6)
        second = self.root / "second"
        compaction.make_bucket(second, blocks=1, start=START_S + 1800, series=3)
        for block in second.iterdir():
            shutil.move(block, self.bucket)

    def test_an_overlap_halts(self):
        self.make_overlap()
        log = self.run_once(want=1)
        self.assertIn("overlaps found", log)
        self.assertTrue(any(b["level"] == 2 and "c1" in b["labels"] for b in self.now_unchecked()), "the other group goes on")
        process, url = self.start_waiting()
        harness.wait_for(lambda: metric(url, "thanos_compact_halted") == 1, "halting")
        self.assertIsNone(process.popen.poll())
        self.assertEqual(process.stop(), 0)
        code, log = compaction.run_once(self.cluster, self.bucket, self.root / "data", "--wait", "--no-debug.halt-on-error")
        self.assertEqual(code, 1, log)

    def now_unchecked(self):
        """Blocks in use, of a bucket in which series overlap."""
        blocks = []
        for meta in self.bucket.glob("*/meta.json"):
            content = json.loads(meta.read_text())
            blocks.append({"level": content["compaction"]["level"], "labels": str(content["thanos"]["labels"])})
        return blocks

    def test_quarantine_goes_on(self):
        self.make_overlap()
        self.run_once("--compact.quarantine-bad-blocks")
        self.assertEqual(len(self.marked("no-compact-mark.json")), 1)
        mark = next(self.bucket.glob("*/no-compact-mark.json"))
        self.assertIn('"reason":"overlap"', mark.read_text())
        self.assertTrue(any(b["level"] == 2 and "c0" in b["labels"] for b in self.now_unchecked()))

    def test_waiting(self):
        self.make(blocks=6)
        process, url = self.start_waiting("--compact.progress-interval=1s", "--web.route-prefix=/compact",
                                          "--block-viewer.global.sync-block-interval=1s", "--bucket-web-label=cluster")
        harness.wait_for(lambda: (metric(url, "thanos_compact_iterations_total") or 0) >= 1, "an iteration")
        self.assertEqual(metric(url, "thanos_compact_halted"), 0)
        harness.wait_for(lambda: metric(url, "thanos_compact_todo_compactions") == 0, "progress")
        api = url + "/compact/api/v1/blocks"

        def loaded():
            status, body = harness.get_json(api, {"view": "loaded"})
            return status == 200 and body["data"]["refreshedAt"] > "2" and len(body["data"]["blocks"]) == 3 and body

        body = harness.wait_for(loaded, "the view of blocks in use")
        self.assertEqual(body["data"]["label"], "cluster")
        self.assertEqual(sorted(b["compaction"]["level"] for b in body["data"]["blocks"]), [1, 1, 2])
        harness.wait_for(lambda: len(harness.get_json(api)[1]["data"]["blocks"]) == 7, "the view of all blocks")
        block = body["data"]["blocks"][0]["ulid"]
        self.assertEqual(self.post(api + "/mark", f"id={block}&action=NO_COMPACTION&detail=test"), 204)
        self.assertIn(block, self.marked("no-compact-mark.json"))
        self.assertEqual(self.post(api + "/mark", f"id={block}&action=NONSENSE"), 400)
        began = time.monotonic()
        self.assertEqual(process.stop(), 0)
        self.assertLess(time.monotonic() - began, 10)

    def post(self, url, body):
        request = urllib.request.Request(url, data=body.encode(), method="POST",
                                         headers={"Content-Type": "application/x-www-form-urlencoded"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def test_admin_operations_can_be_refused(self):
        self.make(blocks=1)
        process, url = self.start_waiting("--disable-admin-operations")
        block = next(self.bucket.iterdir()).name
        self.assertEqual(self.post(url + "/api/v1/blocks/mark", f"id={block}&action=DELETION"), 400)
        self.assertEqual(self.marked(), [])
        self.assertEqual(process.stop(), 0)

    def test_sigterm_at_any_point(self):
        self.make(groups=4, blocks=27, series=20)
        source = self.now().contents[0]
        chance = random.Random(7)
        for stops in range(4):
            process = self.cluster.start("compact-stopped", compaction.compactor_arguments(
                self.cluster.bucket_config(self.bucket), self.root / "data", "--wait"))
            # From the moment at which it takes signals.
            harness.wait_for(lambda: process.log_path.read_text().count("starting compact") > stops, "the start")
            time.sleep(chance.random())
            process.popen.send_signal(signal.SIGTERM)
            self.assertEqual(process.popen.wait(20), 0, process.tail())
            self.assertEqual(self.now().contents[0], source)

    def test_selector_leaves_other_blocks_alone(self):
        self.make(groups=2, blocks=6)
        self.run_once("--selector.relabel-config=[{source_labels: [cluster], regex: c1, action: keep}]")
        self.assertEqual({b["labels"] for b in self.now().blocks if b["level"] == 2}, {'{cluster="c1"}'})

    def test_start_checks(self):
        self.make(blocks=1)
        for flags, text in ((["--retention.resolution-raw=39h"], "40 hours"),
                            (["--retention.resolution-5m=9d"], "10 days"),
                            (["--deduplication.func=penalty"], "replica label"),
                            (["--debug.max-compaction-level=7"], "level"),
                            (["--min-time=2024-01-01T00:00:00Z", "--max-time=2023-01-01T00:00:00Z"], "min-time"),
                            (["--selector.relabel-config=[{action: replace}]"], "relabel")):
            self.assertIn(text, self.run_once(*flags, want=1), flags)
        self.run_once("--retention.resolution-raw=39h", "--downsampling.disable")

    def test_one_process_per_data_directory(self):
        self.make(blocks=1)
        process, _ = self.start_waiting()
        self.assertIn("in use", self.run_once(want=1))
        self.assertEqual(process.stop(), 0)


class KillTest(harness.ClusterTest):
    def test_kill_9_loses_and_doubles_nothing(self):
        seed = int(os.environ.get("THANOS_TEST_SEED", "1"))
        print(f"seed {seed}")
        chance = random.Random(seed)
        loop = compaction.KillLoop(self.cluster, chance, groups=2, blocks=26, series=5, interval=120)
        for _ in range(60):
            loop.fresh()
            for _ in range(5):
                if loop.kill_once() or loop.kills >= 10:
                    break
            loop.check_end()
            if loop.kills >= 10:
                return
        self.fail("the compactor ended before it could be killed")
