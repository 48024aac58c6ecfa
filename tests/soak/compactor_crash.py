"""Kills the compactor at random moments of compaction, downsampling, upload, marking and deletion.

After every kill a reader must find each sample of the source exactly once; see KillLoop. Environment: THANOS_SOAK_KILLS (200),
THANOS_SOAK_SEED.
"""

import os
import random
import sys
import time

from tests.integration import compaction, harness


def main():
    seed = int(os.environ.get("THANOS_SOAK_SEED", str(int(time.time()))))
    kills = int(os.environ.get("THANOS_SOAK_KILLS", "200"))
    print(f"seed {seed}, {kills} kills", flush=True)
    chance = random.Random(seed)
    cluster = harness.Cluster()
    began = time.monotonic()
    try:
        loop = compaction.KillLoop(cluster, chance, groups=2, blocks=26, series=10, interval=120)
        buckets = 0
        while loop.kills < kills:
            loop.fresh()
            buckets += 1
            # A few kills in a row on one bucket, then to the end; looking for leftovers takes longest.
            for _ in range(chance.randint(1, 8)):
                if loop.kill_once() or loop.kills >= kills:
                    break
            if buckets % 5 == 0 or loop.kills >= kills:
                loop.check_end()
                print(f"{loop.kills} kills, {buckets} buckets", flush=True)
            else:
                loop.finish()
        print(f"{loop.kills} kills over {buckets} buckets in {time.monotonic() - began:.0f} s (a run takes {loop.run_s:.2f} s): "
              f"{loop.wanted['samples']} samples each time, {loop.downsampled['samples']} downsampled")
        return 0
    except AssertionError as error:
        print(f"FAILED with seed {seed}: {error}")
        print(cluster.logs())
        return 1
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main())
