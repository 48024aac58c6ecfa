"""Kills and stops components at random while queries run.

Every answer must be right, or say that something is missing (a warning), or be an error; after the faults the full answer must
come back by itself, and memory must not have grown without bound. Environment: THANOS_SOAK_MINUTES (30), THANOS_SOAK_SEED.
"""

import os
import random
import signal
import sys
import time

from tests.integration import harness

START_S = 1_700_006_400
QUERY = "count by (replica) (queue_length)"


class Component:
    """A process that is started again with the same arguments and ports."""

    def __init__(self, cluster, name, argv, ready_url):
        self.cluster, self.name, self.argv, self.ready_url = cluster, name, argv, ready_url
        self.start()

    def start(self):
        self.process = self.cluster.start(self.name, self.argv)
        self.process.wait_ready(self.ready_url)


def component(cluster, binary, name, argv):
    http_port, grpc_port = harness.free_port(), harness.free_port()
    url = f"http://127.0.0.1:{http_port}"
    made = Component(cluster, name, [harness.BIN_DIR / binary, f"--http-address=127.0.0.1:{http_port}",
                                     f"--grpc-address=127.0.0.1:{grpc_port}", *argv], url + "/-/ready")
    return made, url, f"127.0.0.1:{grpc_port}"


def ask(querier):
    status, body = harness.get_json(querier + "/api/v1/query", {"query": QUERY, "time": START_S + 3600, "dedup": "false"})
    if status != 200:
        return None, [str(body)]
    return {r["metric"]["replica"]: r["value"][1] for r in body["data"]["result"]}, body.get("warnings", [])


def main():
    seed = int(os.environ.get("THANOS_SOAK_SEED", str(int(time.time()))))
    minutes = float(os.environ.get("THANOS_SOAK_MINUTES", "30"))
    chance = random.Random(seed)
    print(f"seed {seed}, {minutes} minutes", flush=True)
    cluster = harness.Cluster()
    try:
        data = cluster.path("data")
        harness.make_blocks(data, f"--start={START_S}", "--hours=4", "--series=1000")
        _, prometheus = cluster.prometheus("prometheus-a", data / "prometheus-a", external_labels={"cluster": "x", "replica": "a"})
        config = cluster.bucket_config(data / "bucket")
        sidecar, _, sidecar_grpc = component(cluster, "thanos-sidecar", "sidecar", [
            f"--prometheus.url={prometheus}", f"--tsdb.path={data / 'prometheus-a'}"])
        store, _, store_grpc = component(cluster, "thanos-store", "store", [
            f"--data-dir={cluster.path('store')}", f"--objstore.config-file={config}"])
        query, querier, _ = component(cluster, "thanos-query", "query", [
            "--query.replica-label=replica", f"--endpoint={sidecar_grpc}", f"--endpoint={store_grpc}",
            "--store.response-timeout=2s", "--query.timeout=10s"])
        whole = harness.wait_for(lambda: (lambda a: a if a and len(a) == 2 else None)(ask(querier)[0]), "both replicas")
        rss_start = query.process.peak_rss_bytes()
        asked = partial = failed = faults = 0
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            victim = chance.choice([sidecar, store])
            stopped = chance.random() < 0.3
            faults += 1
            if stopped:
                victim.process.signal(signal.SIGSTOP)
            else:
                victim.process.kill()
                cluster.processes.remove(victim.process)
            for _ in range(chance.randint(1, 20)):
                answer, warnings = ask(querier)
                asked += 1
                if answer is None:
                    failed += 1
                elif answer != whole:
                    partial += 1
                    if not warnings:
                        print(f"WRONG: {answer} without a warning, wanted {whole}")
                        return 1
            if stopped:
                victim.process.signal(signal.SIGCONT)
            else:
                victim.start()
            harness.wait_for(lambda: ask(querier)[0] == whole, f"recovery after a fault of {victim.name}")
        rss_end = query.process.peak_rss_bytes()
        print(f"{faults} faults, {asked} queries: {partial} partial with a warning, {failed} errors; "
              f"querier peak RSS {rss_start / 2**20:.0f} -> {rss_end / 2**20:.0f} MiB")
        return 0
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main())
