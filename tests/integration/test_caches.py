"""The store gateway's caches on real Memcached and Redis servers: a second store finds what the first one read, damaged values
are never used, and a dead cache costs no answer."""

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import time
import unittest

from tests.integration import answers, certificates, harness, s3_server

START_S = 1_700_006_400
HOURS = 4
QUERIES = ["sum by (replica) (temperature_celsius)", "count(temperature_celsius)",
           "sum(rate(http_requests_total[5m]))"]
BIN = harness.PEERS_DIR / "stable/usr/bin"
LIBRARIES = harness.PEERS_DIR / "stable/usr/lib/x86_64-linux-gnu"
ITEMS = "enabled_items: [Postings, Series, ExpandedPostings]\n"


def memcached_config(port):
    return f"type: MEMCACHED\nconfig:\n  addresses: ['127.0.0.1:{port}']\n  timeout: 1s\n  max_item_size: 1MiB\n"


def redis_config(port, extra):
    return f"type: REDIS\nconfig:\n  addr: '127.0.0.1:{port}'\n  password: secret\n  db: 1\n{extra}"


class CacheTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cls.data = cls.cluster.path("data")
        harness.make_blocks(cls.data, f"--start={START_S}", f"--hours={HOURS}", "--series=100")
        _, _, store = cls.cluster.store("store-directory", cls.data / "bucket")
        _, cls.reference, _ = cls.cluster.querier("query-directory", [store])

    def setUp(self):
        self.server = s3_server.S3Server()
        self.addCleanup(self.server.close)
        self.server.load(self.data / "bucket")

    def peer(self, name, argv, port):
        if not (BIN / name).exists():
            self.skipTest(f"SKIPPED: {name} is not in {BIN}; scripts/test.sh fetches it")
        environment = {**os.environ, "LD_LIBRARY_PATH": str(LIBRARIES)}
        log = open(self.cluster.directory / f"{name}.log", "ab")
        self.addCleanup(log.close)
        process = subprocess.Popen([BIN / name, *argv], env=environment, stdout=log, stderr=subprocess.STDOUT,
                                   cwd=self.cluster.directory)

        def end():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        self.addCleanup(end)
        harness.wait_for(listens, f"start of {name}")
        return process

    def memcached(self):
        port = harness.free_port()
        return self.peer("memcached", ["-u", "root", "-l", "127.0.0.1", "-p", str(port), "-m", "64"], port), port

    def store(self, name, bucket_cache, index_cache):
        """(process, querier URL, store URL) over the S3 bucket."""
        store, url, address = self.cluster.component("thanos-store", name, [
            f"--data-dir={self.cluster.path(name + '-data')}", f"--objstore.config={self.server.config()}",
            f"--store.caching-bucket.config={bucket_cache}", f"--index-cache.config={index_cache}"])
        self.addCleanup(store.kill)
        querier, querier_url, _ = self.cluster.querier("query-" + name, [address], ["--store.response-timeout=30s"])
        self.addCleanup(querier.kill)
        harness.wait_for(lambda: self.ask(querier_url, "count(temperature_celsius)")[1].get("data", {}).get("result"),
                         "the store's answer")
        return store, querier_url, url

    @staticmethod
    def ask(base, query):
        return harness.get_json(base + "/api/v1/query_range", {
            "query": query, "start": START_S + 600, "end": START_S + HOURS * 3600 - 60, "step": 60, "dedup": "false"})

    def check_answers(self, querier):
        for query in QUERIES:
            status, ours = self.ask(querier, query)
            self.assertEqual(status, 200, ours)
            self.assertFalse(ours.get("warnings"), ours.get("warnings"))
            self.assertIsNone(answers.difference(ours, self.ask(self.reference, query)[1]))

    def reads(self):
        """How often parts of chunk and index files were read so far."""
        done = [key for method, key, _ in self.server.requests if method == "GET"]
        return sum("/chunks/" in key for key in done), sum(key.endswith("/index") for key in done)

    @staticmethod
    def metric(url, name):
        with harness.urllib.request.urlopen(url + "/metrics") as answer:
            return sum(float(line.split()[-1]) for line in answer.read().decode().splitlines() if line.startswith(name))

    def check_sharing(self, bucket_cache, index_cache, num_items):
        """A second store finds in the cache what the first has read from the bucket."""
        _, first, _ = self.store("store-first-" + self.id().split(".")[-1], bucket_cache, index_cache)
        self.check_answers(first)
        before = -1

        def settled():
            nonlocal before
            before, last = num_items(), before
            return before > 0 and before == last

        harness.wait_for(settled, "items in the cache")
        self.check_answers(first)
        chunks, index = self.reads()
        _, second, url = self.store("store-second-" + self.id().split(".")[-1], bucket_cache, index_cache)
        headers = self.reads()[1] - index  # for the index-headers of the second store
        self.check_answers(second)
        self.assertEqual(self.reads()[0], chunks, "chunks are in the cache")
        self.assertEqual(self.reads()[1] - index, headers, "postings and series are in the cache")
        for name in ("thanos_store_bucket_cache_operation_hits_total", "thanos_store_index_cache_hits_total"):
            self.assertGreater(self.metric(url, name), 0, name)
        return second, url

    def test_memcached(self):
        process, port = self.memcached()
        config = memcached_config(port)

        def num_items():
            return int(dict(line.split()[1:3] for line in self.talk(port, b"stats\r\n", b"END\r\n").decode().splitlines()
                            if line.startswith("STAT"))["curr_items"])

        querier, url = self.check_sharing(config, config + ITEMS + "ttl: 1h\n", num_items)
        # Every cached value is damaged: none of them is used.
        damaged = self.damage_all(port)
        self.assertGreater(damaged, 10)
        self.check_answers(querier)
        self.assertGreater(self.metric(url, 'thanos_memcached_operation_failures_total{name="index-cache",operation="getmulti",reason="checksum"'), 0)
        # A server that hangs, and one that is gone.
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        self.check_answers(querier)
        self.assertLess(time.monotonic() - began, 60)
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        self.check_answers(querier)

    @staticmethod
    def talk(port, request, end, tls=None):
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            if tls:
                connection = stack.enter_context(tls.wrap_socket(connection, server_hostname="127.0.0.1"))
            connection.sendall(request)
            answer = b""
            while not answer.endswith(end):
                piece = connection.recv(1 << 20)
                if not piece:
                    break
                answer += piece
            return answer

    def damage_all(self, port):
        keys = [line.split(b" ")[0][4:] for line in self.talk(port, b"lru_crawler metadump all\r\n", b"END\r\n").splitlines()
                if line.startswith(b"key=")]
        count = 0
        for key in keys:
            key = harness.urllib.parse.unquote_to_bytes(key)
            head, _, rest = self.talk(port, b"get " + key + b"\r\n", b"END\r\n").partition(b"\r\n")
            if not head.startswith(b"VALUE"):
                continue
            size = int(head.split()[3])
            value = bytearray(rest[:size])
            value[size // 2] ^= 1
            stored = self.talk(port, b"set %s 0 3600 %d\r\n%s\r\n" % (key, size, bytes(value)), b"\r\n")
            self.assertEqual(stored, b"STORED\r\n")
            count += 1
        return count

    def check_redis(self, argv, port, extra, tls=None):
        process = self.peer("redis-server", ["--bind", "127.0.0.1", "--save", "", "--requirepass", "secret", *argv], port)

        def num_items():
            answer = self.talk(port, b"AUTH secret\r\nSELECT 1\r\nDBSIZE\r\nQUIT\r\n", b"+OK\r\n+OK\r\n+OK\r\n", tls)
            return next(int(line[1:]) for line in answer.decode().splitlines() if line.startswith(":"))

        config = redis_config(port, extra)
        querier, _ = self.check_sharing(config, config + ITEMS, num_items)
        process.kill()
        process.wait()
        self.check_answers(querier)

    def test_redis_with_password(self):
        port = harness.free_port()
        self.check_redis(["--port", str(port)], port, "")

    def test_redis_with_tls(self):
        port = harness.free_port()
        authority = certificates.Authority(self.cluster.path("certificates"))
        certificate, key = authority.issue("redis")
        tls = ssl.create_default_context(cafile=authority.certificate)
        self.check_redis(["--port", "0", "--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key),
                          "--tls-ca-cert-file", str(authority.certificate), "--tls-auth-clients", "yes"], port,
                         f"  tls_enabled: true\n  tls_config: {{ca_file: {authority.certificate}, cert_file: {certificate}, key_file: {key}}}\n",
                         self.with_certificate(tls, certificate, key))

    @staticmethod
    def with_certificate(tls, certificate, key):
        tls.load_cert_chain(certificate, key)
        return tls


if __name__ == "__main__":
    unittest.main()
