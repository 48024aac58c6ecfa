"""How long a store gateway takes to become ready and how much memory it needs, with real processes.

Measures an empty bucket, THANOS_BENCH_BLOCKS (default 200) blocks of THANOS_BENCH_SERIES (10000) series each on a filesystem
bucket, with and without index-headers of an earlier run, and the metas of THANOS_BENCH_METAS (5000) blocks in an S3 bucket
whose every answer takes 20 ms.
"""

import asyncio
import json
import os
import re
import sys
import threading
import time
import urllib.parse
from pathlib import Path

from tests.integration import harness

START_S = 1_700_006_400
BLOCKS = int(os.environ.get("THANOS_BENCH_BLOCKS", "200"))
SERIES = int(os.environ.get("THANOS_BENCH_SERIES", "10000"))
METAS = int(os.environ.get("THANOS_BENCH_METAS", "5000"))
LATENCY_S = 0.02
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(number):
    """A ULID of a fixed time with `number` in its random part."""
    digits = ""
    for _ in range(16):
        digits = ALPHABET[number % 32] + digits
        number //= 32
    return "01HF8C3V00" + digits


def meta_of(template, number):
    """The meta.json of a copy: its own ULID, sources and external labels, so that it is nobody's duplicate."""
    meta = json.loads(json.dumps(template))
    meta["ulid"] = ulid(number)
    meta["compaction"]["sources"] = [meta["ulid"]]
    meta["thanos"]["labels"] = {"cluster": "x", "copy": str(number)}
    return meta


def copy_blocks(source, target, count):
    """`count` blocks that share the files of one; `source` is the directory of a block."""
    template = json.loads((source / "meta.json").read_text())
    for number in range(count):
        meta = meta_of(template, number)
        block = target / meta["ulid"]
        (block / "chunks").mkdir(parents=True)
        os.link(source / "index", block / "index")
        for segment in (source / "chunks").iterdir():
            os.link(segment, block / "chunks" / segment.name)
        (block / "meta.json").write_text(json.dumps(meta))
    return template


class SlowMetas:
    """The read side of an S3 bucket that holds only meta.json objects; signatures are not looked at."""

    def __init__(self, template, count, latency_s):
        self.metas = {f"{ulid(n)}/meta.json": json.dumps(meta_of(template, n)).encode() for n in range(count)}
        self.names = sorted(name.split("/")[0] + "/" for name in self.metas)
        self.latency_s, self.num_requests, self.in_flight, self.most_in_flight = latency_s, 0, 0, 0
        self.loop = asyncio.new_event_loop()
        self.started = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.started.wait()

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=256))
        self.port = self.server.sockets[0].getsockname()[1]
        self.started.set()
        self.loop.run_forever()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.server.close()
        self.loop.run_until_complete(self.server.wait_closed())
        self.loop.close()

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target, _ = head.split("\r\n", 1)[0].split(" ")
                self.num_requests += 1
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                await asyncio.sleep(self.latency_s)
                self.in_flight -= 1
                status, body = self.answer(target)
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nLast-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
                             f"Content-Type: application/xml\r\n\r\n".encode() + (b"" if method == "HEAD" else body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def answer(self, target):
        url = urllib.parse.urlsplit(target)
        key = urllib.parse.unquote(url.path).split("/", 2)[2]
        if key in self.metas:
            return "200 OK", self.metas[key]
        if key:
            return "404 Not Found", b"<Error><Code>NoSuchKey</Code><Message>absent</Message></Error>"
        after = dict(urllib.parse.parse_qsl(url.query)).get("continuation-token", "")
        page = [name for name in self.names if name > after][:1000]
        more = bool(page) and page[-1] != self.names[-1]
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        listed = "".join(f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>" for name in page)
        return "200 OK", (f"<?xml version='1.0'?><ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}"
                          f"<KeyCount>{len(page)}</KeyCount><EncodingType>url</EncodingType>{listed}</ListBucketResult>").encode()

    def config(self):
        return (f"type: S3\nconfig:\n  bucket: metas\n  endpoint: 127.0.0.1:{self.port}\n  region: eu-test-1\n"
                "  access_key: a\n  secret_key: s\n  insecure: true\n")


def rss_mib(process):
    """Current resident memory, and the part of it that is not mapped files."""
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    return [int(re.search(rf"{field}:\s+(\d+)", status).group(1)) / 1024 for field in ("VmRSS", "RssAnon")]


def metric(url, name):
    with harness.urllib.request.urlopen(url + "/metrics") as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
    return None


def measure(cluster, what, argv, blocks):
    began = time.monotonic()
    process, url, _ = cluster.component("thanos-store", "store", argv, wait=False)
    deadline = began + 300
    while not harness.answers_200(url + "/-/ready"):
        if process.popen.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"{what}: not ready:\n{process.tail()}")
        time.sleep(0.005)
    took = time.monotonic() - began
    rss, anonymous = rss_mib(process)
    loaded = metric(url, "thanos_bucket_store_blocks_loaded")
    assert loaded == blocks, f"{what}: {loaded} blocks loaded, want {blocks}"
    print(f"{what:40} ready {took:6.2f} s   RSS {rss:6.1f} MiB (anonymous {anonymous:5.1f})   CPU {process.cpu_seconds():5.2f} s")
    process.stop()
    return took, rss


def main():
    cluster = harness.Cluster()
    slow = None
    try:
        data = cluster.path("data")
        harness.make_blocks(data, f"--start={START_S}", "--hours=2", f"--series={SERIES}")
        source = next(p for p in (data / "bucket").iterdir() if (p / "meta.json").exists())
        empty = cluster.bucket_config(cluster.path("empty"))
        measure(cluster, "empty bucket", [f"--data-dir={cluster.path('a')}", f"--objstore.config-file={empty}"], 0)
        many = cluster.path("many")
        template = copy_blocks(source, many, BLOCKS)
        argv = [f"--data-dir={cluster.path('b')}", f"--objstore.config-file={cluster.bucket_config(many)}"]
        measure(cluster, f"{BLOCKS} blocks, first start", argv, BLOCKS)
        measure(cluster, f"{BLOCKS} blocks, index-headers there", argv, BLOCKS)
        measure(cluster, f"{BLOCKS} blocks, lazy reader", [*argv, "--store.enable-index-header-lazy-reader"], BLOCKS)
        slow = SlowMetas(template, METAS, LATENCY_S)
        argv = [f"--data-dir={cluster.path('c')}", f"--objstore.config={slow.config()}",
                "--store.index-header-lazy-download-strategy=lazy"]
        for what in ("first start", "copies of metas there"):
            before = slow.num_requests
            measure(cluster, f"{METAS} metas at 20 ms, {what}", argv, METAS)
            print(f"    {slow.num_requests - before} requests, at most {slow.most_in_flight} at a time")
    finally:
        cluster.close()
        if slow:
            slow.close()


if __name__ == "__main__":
    sys.exit(main())
