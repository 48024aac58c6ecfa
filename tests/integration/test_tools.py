"""Every command of thanos-tools on a bucket with sane, corrupt, partial, overlapping and marked blocks."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import time
import unittest
import urllib.parse
import urllib.request

from tests.integration import harness
from tests.integration.compaction import START_S, make_bucket

DAY_S = 86_400
ULID = re.compile(r"^[0-9A-HJKMNP-TV-Z]{26}$")


class ToolsTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cls.data = cls.cluster.path("data")
        make_bucket(cls.data / "bucket", blocks=4, series=30, replicas=2)

    def setUp(self):
        name = self._testMethodName
        self.bucket = self.cluster.path(f"{name}-bucket")
        shutil.copytree(self.data / "bucket", self.bucket, dirs_exist_ok=True)
        self.config = self.cluster.bucket_config(self.bucket)
        self.blocks = sorted(p.parent.name for p in self.bucket.glob("*/meta.json"))

    def tool(self, *arguments, check=True, bucket=True):
        """(exit code, standard output, log) of one run."""
        argv = [harness.BIN_DIR / "thanos-tools", *arguments]
        if bucket:
            argv.append(f"--objstore.config-file={self.config}")
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=120)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done.returncode, done.stdout, done.stderr

    def meta(self, block):
        return json.loads((self.bucket / block / "meta.json").read_text())

    def mark_deleted(self, block, age_s):
        (self.bucket / block / "deletion-mark.json").write_text(json.dumps(
            {"id": block, "version": 1, "deletion_time": int(time.time()) - age_s, "details": "test"}))

    def spoil(self):
        """Makes one block of each bad kind; (corrupt, partial, overlapping, marked)."""
        corrupt, partial, original, marked = self.blocks[:4]
        segment = self.bucket / corrupt / "chunks/000001"
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 0xFF
        segment.write_bytes(content)
        (self.bucket / partial / "meta.json").unlink()
        overlapping = original[:-4] + "ZZZZ"
        shutil.copytree(self.bucket / original, self.bucket / overlapping)
        meta = self.meta(overlapping)
        meta["ulid"] = overlapping
        (self.bucket / overlapping / "meta.json").write_text(json.dumps(meta))
        self.mark_deleted(marked, 3 * DAY_S)
        return corrupt, partial, overlapping, marked

    def test_ls(self):
        _, partial, overlapping, marked = self.spoil()
        expected = sorted(set(self.blocks) - {partial} | {overlapping})
        self.assertEqual(self.tool("bucket", "ls")[1].split(), expected)
        self.assertEqual(self.tool("tools", "bucket", "ls", "--exclude-delete")[1].split(), [b for b in expected if b != marked])
        wide = self.tool("bucket", "ls", "-o", "wide")[1].splitlines()
        self.assertEqual(len(wide), len(expected))
        self.assertRegex(wide[0], r"^\S{26} -- 20\S+Z - 20\S+Z Diff: \S+, Compaction: 1, Downsample: 0, Source: \w+$")
        decoder, text, metas = json.JSONDecoder(), self.tool("bucket", "ls", "--output=json")[1], []
        while text.strip():
            meta, end = decoder.raw_decode(text.lstrip())
            metas.append(meta["ulid"])
            text = text.lstrip()[end:]
        self.assertEqual(metas, expected)
        self.assertEqual(self.tool("bucket", "ls", "-o", "{{.ULID}}={{.Compaction.Level}}")[1].split(), [b + "=1" for b in expected])
        later = self.tool("bucket", "ls", f"--min-time={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(START_S + 7 * 3600))}")[1].split()
        self.assertTrue(0 < len(later) < len(expected), later)
        selected = self.tool("bucket", "ls", "--selector.relabel-config=[{action: keep, source_labels: [replica], regex: r0}]")[1].split()
        self.assertEqual(selected, [b for b in expected if self.meta(b)["thanos"]["labels"]["replica"] == "r0"])

    def test_inspect(self):
        self.spoil()
        table = self.tool("bucket", "inspect")[1].splitlines()
        self.assertRegex(table[0], r"^\|\s+ULID\s+\|\s+FROM\s+\|\s+UNTIL\s+\|")
        rows = list(csv.DictReader(io.StringIO(self.tool("bucket", "inspect", "--output=csv", "-l", 'replica="r0"')[1])))
        self.assertTrue(rows)
        for row in rows:
            self.assertRegex(row["ULID"], ULID)
            self.assertIn("replica=r0", row["LABELS"])
        froms = [row["FROM"] for row in rows]
        self.assertEqual(froms, sorted(froms))
        self.assertEqual(self.tool("bucket", "inspect", "--sort-by=COLOUR", check=False)[0], 1)

    def test_mark(self):
        block = self.blocks[0]
        for marker, key in (("deletion-mark.json", "deletion_time"), ("no-compact-mark.json", "no_compact_time"),
                            ("no-downsample-mark.json", "no_downsample_time")):
            self.tool("bucket", "mark", f"--id={block}", f"--marker={marker}", "--details=because")
            mark = json.loads((self.bucket / block / marker).read_text())
            self.assertEqual((mark["id"], mark["version"], mark["details"]), (block, 1, "because"))
            self.assertAlmostEqual(mark[key], time.time(), delta=60)
            self.tool("bucket", "mark", f"--id={block}", f"--marker={marker}", "--remove")
            self.assertFalse((self.bucket / block / marker).exists())
        self.assertEqual(self.tool("bucket", "mark", f"--id={block}", "--marker=deletion-mark.json", check=False)[0], 1)

    def test_verify(self):
        self.assertNotIn("detected issue", self.tool("bucket", "verify")[2])
        corrupt, _, overlapping, _ = self.spoil()
        log = self.tool("bucket", "verify", "--issues=index_known_issues", "--issues=overlapped_blocks",
                        "--issues=duplicated_compaction")[2]
        issues = [line for line in log.splitlines() if "detected issue" in line]
        for issue, block in (("index_known_issues", corrupt), ("overlapped_blocks", overlapping), ("duplicated_compaction", overlapping)):
            self.assertTrue(any(f"issue={issue}" in line and block in line for line in issues), (issue, log))
        self.assertEqual(self.tool("bucket", "verify", "--issues=index_known_issues", f"--id={self.blocks[-1]}")[2].count("detected issue"), 0)
        self.assertEqual(self.tool("bucket", "verify", "--repair", check=False)[0], 1)
        backup = self.cluster.path("verify-backup")
        self.tool("bucket", "verify", "--repair", "--issues=duplicated_compaction",
                  f"--objstore-backup.config-file={self.cluster.bucket_config(backup)}")
        self.assertEqual(len(list(backup.glob("*/meta.json"))), 1)
        self.assertNotIn("detected issue", self.tool("bucket", "verify", "--issues=duplicated_compaction")[2])

    def test_cleanup(self):
        _, partial, _, marked = self.spoil()
        young = self.blocks[5]
        self.mark_deleted(young, 3600)
        old = time.time() - 5 * DAY_S
        for path in [*(self.bucket / partial).rglob("*"), self.bucket / partial]:
            os.utime(path, (old, old))
        self.tool("bucket", "cleanup", "--consistency-delay=0s")
        self.assertFalse(list((self.bucket / marked).rglob("*")))
        self.assertFalse(list((self.bucket / partial).rglob("*")))
        self.assertTrue((self.bucket / young / "meta.json").exists())

    def test_retention(self):
        self.tool("bucket", "retention", "--retention.resolution-raw=36500d", "--consistency-delay=0s")
        self.assertFalse(list(self.bucket.glob("*/deletion-mark.json")))
        age_d = (time.time() - START_S) / DAY_S
        keep_d = int(age_d)  # what ended more than this many days ago goes
        self.tool("bucket", "retention", f"--retention.resolution-raw={keep_d}d", "--consistency-delay=0s")
        now_ms = time.time() * 1000
        for block in self.blocks:
            expired = self.meta(block)["maxTime"] + keep_d * DAY_S * 1000 < now_ms
            self.assertEqual((self.bucket / block / "deletion-mark.json").exists(), expired, block)

    def test_replicate(self):
        _, partial, overlapping, marked = self.spoil()
        target = self.cluster.path("replicate-target")
        to = f"--objstore-to.config-file={self.cluster.bucket_config(target)}"
        ports = [f"--http-address=127.0.0.1:{harness.free_port()}"]
        self.tool("bucket", "replicate", "--single-run", "--ignore-marked-for-deletion", '--matcher={replica="r0"}', to, *ports)
        expected = {b for b in {*self.blocks, overlapping} - {partial, marked} if self.meta(b)["thanos"]["labels"]["replica"] == "r0"}
        self.assertEqual({p.parent.name for p in target.glob("*/meta.json")}, expected)
        for block in expected:
            for name in ("index", "meta.json", "chunks/000001"):
                self.assertEqual((target / block / name).read_bytes(), (self.bucket / block / name).read_bytes())
        self.tool("bucket", "replicate", f"--id={marked}", to, *ports)
        self.assertTrue((target / marked / "meta.json").exists())

    def test_rewrite(self):
        block = self.blocks[0]
        deletions = "[{matchers: '{instance=~\".*1\"}'}]"
        scratch = self.cluster.path("rewrite") / "scratch"
        common = ["bucket", "rewrite", f"--id={block}", f"--tmp.dir={scratch}", f"--rewrite.to-delete-config={deletions}"]
        log = self.tool(*common)[2]
        self.assertIn("dry run", log)
        self.assertEqual(sorted(p.parent.name for p in self.bucket.glob("*/meta.json")), self.blocks)
        self.tool(*common, "--no-dry-run", "--delete-blocks")
        added = [p.parent.name for p in self.bucket.glob("*/meta.json") if p.parent.name not in self.blocks]
        self.assertEqual(len(added), 1)
        meta = self.meta(added[0])
        self.assertEqual(meta["thanos"]["source"], "bucket.rewrite")
        self.assertEqual(meta["thanos"]["rewrites"][0]["sources"], self.meta(block)["compaction"]["sources"])
        self.assertLess(meta["stats"]["numSeries"], self.meta(block)["stats"]["numSeries"])
        self.assertTrue((self.bucket / block / "deletion-mark.json").exists())
        self.assertNotIn("detected issue", self.tool("bucket", "verify", "--issues=index_known_issues")[2])

    def test_upload_blocks(self):
        local = self.cluster.path("upload") / "local"
        shutil.copytree(self.data / "bucket", local)
        target = self.cluster.path("upload-bucket")
        self.config = self.cluster.bucket_config(target)
        self.assertEqual(self.tool("bucket", "upload-blocks", f"--path={local}", check=False)[0], 1)
        self.tool("bucket", "upload-blocks", f"--path={local}", '--label=cluster="up"', '--label=replica="a"')
        blocks = sorted(p.parent.name for p in local.glob("*/meta.json"))
        self.assertEqual(sorted(p.parent.name for p in target.glob("*/meta.json")), blocks)
        meta = json.loads((target / blocks[0] / "meta.json").read_text())
        self.assertEqual((meta["thanos"]["source"], meta["thanos"]["labels"]), ("bucket.upload", {"cluster": "up", "replica": "a"}))

    def serve(self, name, *arguments):
        port = harness.free_port()
        process = self.cluster.start(name, [harness.BIN_DIR / "thanos-tools", "bucket", *arguments,
                                            f"--objstore.config-file={self.config}", f"--http-address=127.0.0.1:{port}"])
        url = f"http://127.0.0.1:{port}"
        process.wait_ready(url + "/-/ready")
        return process, url

    def test_web(self):
        _, partial, overlapping, _ = self.spoil()
        process, url = self.serve("web", "web", "--label=cluster", "--web.external-prefix=/bucket")

        def listed():
            status, body = harness.get_json(url + "/bucket/api/v1/blocks")
            return status == 200 and body["data"]["blocks"] and body["data"]

        data = harness.wait_for(listed, "the first refresh")
        self.assertEqual(data["label"], "cluster")
        ulids = {b["ulid"] for b in data["blocks"]}
        self.assertNotIn(partial, ulids)
        self.assertTrue(ulids <= {*self.blocks, overlapping})
        block = self.blocks[-1]
        form = urllib.parse.urlencode({"id": block, "action": "NO_COMPACTION", "detail": "x"}).encode()
        with urllib.request.urlopen(url + "/bucket/api/v1/blocks/mark", data=form, timeout=20) as answer:
            self.assertEqual(answer.status, 204)
        self.assertTrue((self.bucket / block / "no-compact-mark.json").exists())
        self.assertEqual(process.stop(), 0)

    def test_downsample(self):
        self.bucket = self.cluster.path("long")
        make_bucket(self.bucket, blocks=2, block_hours=48, series=10)
        self.config = self.cluster.bucket_config(self.bucket)
        raw = sorted(p.parent.name for p in self.bucket.glob("*/meta.json"))
        process, _ = self.serve("downsample", "downsample", f"--data-dir={self.cluster.path('downsample-data')}")

        def downsampled():
            metas = [json.loads(p.read_text()) for p in self.bucket.glob("*/meta.json")]
            return sum(m["thanos"]["downsample"]["resolution"] == 300_000 for m in metas) == len(raw)

        harness.wait_for(downsampled, "a 5m block for each raw one")
        self.assertEqual(process.stop(), 0)
        self.assertNotIn("detected issue", self.tool("bucket", "verify", "--issues=index_known_issues")[2])

    def test_rules_check(self):
        rules = self.cluster.path("rules")
        (rules / "good.yml").write_text("groups: [{name: g, rules: [{record: 'a:b', expr: sum(up)}, {alert: A, expr: up == 0}]}]")
        _, _, log = self.tool("rules-check", f"--rules={rules}/*.yml", bucket=False)
        self.assertRegex(log, r'result=SUCCESS.*=2\n')
        (rules / "bad.yml").write_text("groups: [{name: g, rules: [{record: a, expr: 'sum('}]}]")
        code, _, log = self.tool("rules-check", f"--rules={rules}/*.yml", bucket=False, check=False)
        self.assertEqual(code, 1)
        self.assertIn("could not parse expression", log)
        self.assertEqual(self.tool("rules-check", f"--rules={rules}/none", bucket=False, check=False)[0], 1)

    def test_unknown_command(self):
        code, _, text = self.tool("bucket", "nothing", bucket=False, check=False)
        self.assertEqual(code, 1)
        self.assertIn("bucket ls", text)


if __name__ == "__main__":
    unittest.main()
