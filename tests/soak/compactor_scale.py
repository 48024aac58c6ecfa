"""1,000 small blocks over 50 external label sets, fully compacted, downsampled and retained: peak memory, time, and a second run
that finds nothing to do. Environment: THANOS_SCALE_GROUPS (50), THANOS_SCALE_MAX_RSS_MB (500).
"""

import os
import sys
import time

from tests.integration import compaction, harness

TWO_DAYS_S = 2 * 86_400
BLOCKS_PER_GROUP = 20
BLOCK_HOURS = 8


def run(cluster, bucket, data, name):
    """(seconds, peak RSS in MB, CPU seconds, log) of a run to the end."""
    process = cluster.start(name, compaction.compactor_arguments(
        cluster.bucket_config(bucket), data, "--compact.concurrency=2", "--downsample.concurrency=2",
        "--retention.resolution-raw=5d"))
    began = time.monotonic()
    _, status, usage = os.wait4(process.popen.pid, 0)
    process.popen.returncode = os.waitstatus_to_exitcode(status)
    if process.popen.returncode != 0:
        raise AssertionError(f"compactor ended with {process.popen.returncode}:\n{process.tail()}")
    return time.monotonic() - began, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, process.log_path.read_text()


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def main():
    groups = int(os.environ.get("THANOS_SCALE_GROUPS", "50"))
    max_rss_mb = float(os.environ.get("THANOS_SCALE_MAX_RSS_MB", "500"))
    cluster = harness.Cluster()
    try:
        bucket, data = cluster.path("bucket"), cluster.path("data")
        now_s = int(time.time())
        start_s = now_s // TWO_DAYS_S * TWO_DAYS_S - 4 * TWO_DAYS_S
        compaction.make_bucket(bucket, groups=groups, blocks=BLOCKS_PER_GROUP, block_hours=BLOCK_HOURS, series=50,
                               interval=60, start=start_s)
        before = compaction.Bucket(bucket, cluster.path("scratch"))
        check(len(before.blocks) == groups * BLOCKS_PER_GROUP, "blocks were not made")
        seconds, rss_mb, cpu_s, _ = run(cluster, bucket, data, "compact-first")
        after = compaction.Bucket(bucket, cluster.path("scratch"))
        print(f"{len(before.blocks)} blocks of {groups} label sets, {before.contents[0]['samples']} samples: {seconds:.1f} s, "
              f"{cpu_s:.1f} CPU s, peak RSS {rss_mb:.0f} MB, {len(after.blocks)} blocks afterwards")
        check(after.contents[0] == before.contents[0], "raw samples changed")
        downsampled = after.of_resolution(300_000)
        check(len(downsampled) == 3 * groups, f"{len(downsampled)} downsampled blocks")
        # 20 blocks of 8 hours: three times two days, and two blocks that still wait for their window.
        check(len(after.of_resolution(0)) == 5 * groups, f"{len(after.of_resolution(0))} raw blocks")
        marked = {p.parent.name for p in bucket.glob("*/deletion-mark.json")}
        expired = {b["ulid"] for b in after.of_resolution(0) if b["max"] + 5 * 86_400 < now_s}
        check(expired and expired <= marked, "blocks behind their retention are not marked")
        check(not marked & {b["ulid"] for b in downsampled}, "downsampled blocks are marked")
        check(rss_mb < max_rss_mb, f"peak RSS {rss_mb:.0f} MB")
        seconds, rss_mb, cpu_s, log = run(cluster, bucket, data, "compact-second")
        print(f"second run: {seconds:.1f} s, {cpu_s:.1f} CPU s, peak RSS {rss_mb:.0f} MB")
        for text in ("compaction available", "downsampled block", "has been marked", "deleted block"):
            check(text not in log, f"the second run still had work: {text}")
        return 0
    except AssertionError as error:
        print(f"FAILED: {error}")
        print(cluster.logs())
        return 1
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main())
