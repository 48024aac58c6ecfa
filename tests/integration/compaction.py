"""Buckets for the compactor, and what they hold."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.integration import harness

START_S = 1_700_006_400  # a multiple of eight hours and of two days
CONTENTS_FIELDS = ("series", "samples", "sum", "hash")


def make_bucket(directory, **options):
    """Small blocks; see tests/data/make_bucket.cc."""
    arguments = {"start": START_S, **options}
    subprocess.run([str(harness.TOOL_DIR / "make_bucket"), f"--out={directory}",
                    *[f"--{name.replace('_', '-')}={value}" for name, value in arguments.items()]], check=True)


class Bucket:
    """What a reader finds in a bucket directory: contents by resolution and the blocks in use."""

    def __init__(self, directory, scratch):
        done = subprocess.run([str(harness.TOOL_DIR / "dump_bucket"), str(directory), str(scratch)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"the bucket is not in order: {done.stderr}")
        self.contents, self.blocks = {}, []
        for line in done.stdout.splitlines():
            kind, *fields = line.split(" ")
            if kind == "contents":
                self.contents[int(fields[0])] = dict(zip(CONTENTS_FIELDS, fields[1:]))
            else:
                self.blocks.append({"ulid": fields[0], "resolution": int(fields[1]), "min": int(fields[2]) // 1000,
                                    "max": int(fields[3]) // 1000, "level": int(fields[4]), "labels": fields[5]})

    def of_resolution(self, resolution):
        return [b for b in self.blocks if b["resolution"] == resolution]


def compactor_arguments(bucket_config, data_dir, *extra):
    return [harness.BIN_DIR / "thanos-compact", f"--data-dir={data_dir}", f"--objstore.config-file={bucket_config}",
            "--http-address=127.0.0.1:0", "--consistency-delay=0s", *extra]


def run_once(cluster, bucket_dir, data_dir, *extra, name="compact", timeout_s=120):
    """Exit code of a run without --wait, and its log."""
    process = cluster.start(name, compactor_arguments(cluster.bucket_config(bucket_dir), data_dir, *extra))
    code = process.popen.wait(timeout_s)
    return code, process.log_path.read_text(errors="replace")


def age_files(directory, seconds):
    """Makes every file of the bucket look that much older."""
    then = time.time() - seconds
    for path in Path(directory).rglob("*"):
        os.utime(path, (then, then))


class KillLoop:
    """Kills compactors at random moments. After each kill a reader must find every sample of the source once, and after
    a run to the end every sample, its downsampled form, and nothing else."""

    def __init__(self, cluster, chance, **bucket_options):
        self.cluster, self.chance = cluster, chance
        self.source = cluster.path("source")
        make_bucket(self.source, **bucket_options)
        self.scratch = cluster.path("scratch")
        self.wanted = Bucket(self.source, self.scratch).contents[0]
        self.bucket = cluster.directory / "killed-bucket"
        self.data = cluster.path("killed-data")
        self.config = cluster.bucket_config(self.bucket)
        self.kills = 0
        self.fresh()
        began = time.monotonic()
        self.finish()
        self.run_s = time.monotonic() - began
        self.downsampled = Bucket(self.bucket, self.scratch).contents[300_000]
        if float(self.downsampled["sum"]) <= 0:
            raise AssertionError("nothing was downsampled")

    def fresh(self):
        shutil.rmtree(self.bucket, ignore_errors=True)
        shutil.copytree(self.source, self.bucket)

    def start(self):
        # Without delay, so that deletions come in the same run.
        return self.cluster.start("compact-killed", compactor_arguments(
            self.config, self.data, "--delete-delay=0s", "--compact.concurrency=2", "--downsample.concurrency=2",
            "--log.level=warn"))

    def check(self):
        contents = Bucket(self.bucket, self.scratch).contents
        if contents.get(0) != self.wanted:
            raise AssertionError(f"after {self.kills} kills the bucket holds {contents.get(0)} instead of {self.wanted}")
        return contents

    def finish(self):
        process = self.start()
        code = process.popen.wait(120)
        if code != 0:
            raise AssertionError(f"compactor ended with {code}:\n{process.tail()}")
        self.check()

    def kill_once(self):
        """True: the run was over before."""
        process = self.start()
        time.sleep(self.chance.random() * self.run_s * 1.1)
        ended = process.popen.poll() is not None
        process.popen.send_signal(signal.SIGKILL)
        process.popen.wait()
        process.log.close()
        self.cluster.processes.remove(process)
        self.kills += 0 if ended else 1
        self.check()
        return ended

    def check_end(self):
        """Runs to the end and looks for leftovers once all delays are over."""
        self.finish()
        contents = self.check()
        if contents[300_000]["samples"] != self.downsampled["samples"] or contents[300_000] != self.downsampled:
            raise AssertionError(f"downsampled: {contents[300_000]} instead of {self.downsampled}")
        for _ in range(2):  # what the first clean-up touches is old again for the second
            age_files(self.bucket, 3 * 86_400)
            time.sleep(1.1)  # marks count whole seconds
            self.finish()
        used = {b["ulid"] for b in Bucket(self.bucket, self.scratch).blocks}
        left = {p.name for p in self.bucket.iterdir()}
        if used != left:
            files = [str(p.relative_to(self.bucket)) for name in left - used for p in (self.bucket / name).rglob("*")]
            raise AssertionError(f"left in the bucket: {sorted(left - used)}: {sorted(files)}")
        for block in used:
            names = sorted(str(p.relative_to(self.bucket / block)) for p in (self.bucket / block).rglob("*") if p.is_file())
            if [n for n in names if not n.startswith("chunks/0")] != ["index", "meta.json"]:
                raise AssertionError(f"left in block {block}: {names}")
        scratch = sorted(p.name for p in self.data.iterdir())
        if scratch != ["meta-syncer"]:
            raise AssertionError(f"left in the data directory: {scratch}")
