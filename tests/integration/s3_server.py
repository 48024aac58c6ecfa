"""A strict S3 server in memory: one bucket, path style, signature version 4 checked from the specification, list version 2,
ranges and multipart uploads. `plan(method, key, query)` makes it misbehave."""

import base64
import dataclasses
import datetime
import hashlib
import hmac
import re
import threading
import time
import urllib.parse
import xml.etree.ElementTree
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

ACCESS_KEY = "integration-access"
SECRET_KEY = "integration/secret+key"
REGION = "eu-test-1"
BUCKET = "blocks"
MAX_SKEW_S = 900


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-._~")


def hmac_sha256(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def check_signature(server, method, path, pairs, headers, body):
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, "
                         r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})", headers.get("Authorization", ""))
    if not match:
        raise Refused(403, "AccessDenied")
    access, day, region, signed, signature = match.groups()
    date, digest = headers.get("X-Amz-Date", ""), headers.get("X-Amz-Content-Sha256", "")
    if digest != hashlib.sha256(body).hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch")
    names = signed.split(";")
    required = {"host"} | {n.lower() for n in headers if n.lower().startswith("x-amz-") or n.lower() == "content-md5"}
    if names != sorted(names) or not required <= set(names) or access not in server.keys or region != REGION:
        raise Refused(403, "AccessDenied")
    secret, token = server.keys[access]
    if secret is None:
        raise Refused(400, "ExpiredToken")
    if headers.get("X-Amz-Security-Token") != token:
        raise Refused(403, "InvalidToken")
    now = datetime.datetime.now(datetime.timezone.utc)
    when = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs((now - when).total_seconds()) > MAX_SKEW_S or not date.startswith(day):
        raise Refused(403, "RequestTimeTooSkewed")
    query = "&".join(f"{k}={v}" for k, v in sorted((quote(k), quote(v)) for k, v in pairs))
    canonical = "\n".join([method, quote(path, "/"), query,
                           *(f"{n}:{' '.join(headers[n].split())}" for n in names), "", signed, digest])
    text = f"AWS4-HMAC-SHA256\n{date}\n{day}/{region}/s3/aws4_request\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac_sha256(key, part)
    if not hmac.compare_digest(signature, hmac_sha256(key, text).hex()):
        raise Refused(403, "SignatureDoesNotMatch")
    if "Content-MD5" in headers and headers["Content-MD5"] != base64.b64encode(hashlib.md5(body).digest()).decode():
        raise Refused(400, "BadDigest")


@dataclasses.dataclass
class Fault:
    """How one request goes wrong."""
    status: int = 0  # answered instead
    code: str = "InternalError"  # goes with `status`
    applied: bool = False  # the request takes effect before it is answered with `status`
    cut: bool = False  # the connection ends in the middle of the body
    flip: bool = False  # a byte of the body is changed
    shorten: int = 0  # the body has so many bytes less, with a length that agrees
    delay_s: float = 0  # before the answer begins
    drop_entry: bool = False  # a page of a listing lacks an entry


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=None):
        fault = self.fault
        if self.muted:
            return
        if fault.flip and body:
            body = body[:len(body) // 2] + bytes([body[len(body) // 2] ^ 0xFF]) + body[len(body) // 2 + 1:]
        if fault.shorten:
            body = body[:-fault.shorten]
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:len(body) // 2] if fault.cut else body)
        if fault.cut:
            self.close_connection = True

    def fail(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode(),
                    {"Content-Type": "application/xml"})

    def handle_any(self):
        server = self.server.owner
        self.fault, self.muted = Fault(), False
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        pairs = [tuple(urllib.parse.unquote(part) for part in piece.partition("=")[::2])
                 for piece in url.query.split("&") if piece]
        query = dict(pairs)
        try:
            check_signature(server, self.command, path, pairs, self.headers, body)
            if not path.startswith(f"/{BUCKET}/"):
                raise Refused(404, "NoSuchBucket")
            key = path[len(BUCKET) + 2:]
            self.fault = server.plan(self.command, key, query) or Fault()
            server.requests.append((self.command, key, query))
            time.sleep(self.fault.delay_s)
            self.muted = self.fault.status != 0
            if not self.fault.status or self.fault.applied:
                with server.lock:
                    self.apply(server, key, query, body)
            self.muted = False
            if self.fault.status:
                raise Refused(self.fault.status, self.fault.code)
        except Refused as refused:
            self.muted = False
            if refused.status == 403:
                server.refusals.append(refused.code)
            self.fail(refused.status, refused.code)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def apply(self, server, key, query, body):
        if not key:
            self.list(server, query)
        elif self.command in ("GET", "HEAD"):
            self.read(server, key)
        elif self.command == "PUT" and "uploadId" in query:
            self.upload_of(server, key, query)["parts"][int(query["partNumber"])] = body
            self.answer(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        elif self.command == "PUT":
            server.objects[key] = body
            self.answer(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        elif self.command == "POST" and "uploads" in query:
            upload_id = f"id/{len(server.uploads)}+{len(server.requests)}"
            server.uploads[upload_id] = {"key": key, "parts": {}}
            self.answer(200, f"<InitiateMultipartUploadResult><UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>".encode())
        elif self.command == "POST":
            self.complete(server, key, query, body)
        elif "uploadId" in query:
            self.upload_of(server, key, query)
            del server.uploads[query["uploadId"]]
            self.answer(204)
        else:
            server.objects.pop(key, None)
            self.answer(204)

    def upload_of(self, server, key, query):
        upload = server.uploads.get(query["uploadId"])
        if upload is None or upload["key"] != key:
            raise Refused(404, "NoSuchUpload")
        return upload

    def complete(self, server, key, query, body):
        parts, content, digests = self.upload_of(server, key, query)["parts"], b"", b""
        name = "{http://s3.amazonaws.com/doc/2006-03-01/}"
        listed = [(int(p.findtext(name + "PartNumber")), p.findtext(name + "ETag")) for p in xml.etree.ElementTree.fromstring(body)]
        for number, etag in listed:
            digest = hashlib.md5(parts.get(number, b""))
            if number not in parts or etag != f'"{digest.hexdigest()}"':
                raise Refused(400, "InvalidPart")
            content, digests = content + parts[number], digests + digest.digest()
        server.objects[key] = content
        server.etags[key] = f"{hashlib.md5(digests).hexdigest()}-{len(listed)}"
        del server.uploads[query["uploadId"]]
        self.answer(200, b"<CompleteMultipartUploadResult/>")

    def read(self, server, key):
        if key not in server.objects:
            raise Refused(404, "NoSuchKey")
        body, status = server.objects[key], 200
        headers = {"Last-Modified": formatdate(usegmt=True), "Content-Type": "application/octet-stream",
                   "ETag": f'"{server.etags.get(key) or hashlib.md5(body).hexdigest()}"'}
        if wanted := self.headers.get("Range"):
            first, last = (int(end) for end in re.fullmatch(r"bytes=(\d+)-(\d+)", wanted).groups())
            if first >= len(body):
                raise Refused(416, "InvalidRange")
            last = min(last, len(body) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            body, status = body[first:last + 1], 206
        self.answer(status, body, headers)

    def list(self, server, query):
        prefix, delimiter, after = query.get("prefix", ""), query.get("delimiter", ""), query.get("continuation-token", "")
        entries = set()
        for key in server.objects:
            if key.startswith(prefix):
                end = key.find(delimiter, len(prefix)) if delimiter else -1
                entries.add(key if end < 0 else key[:end + 1])
        names = sorted(name for name in entries if name > after)
        page = names[:min(server.page_size, int(query.get("max-keys", 1000)))]
        body = "".join(f"<CommonPrefixes><Prefix>{quote(n, '/')}</Prefix></CommonPrefixes>" if n.endswith("/") else
                       f"<Contents><Key>{quote(n, '/')}</Key></Contents>" for n in page[self.fault.drop_entry:])
        truncated = len(page) < len(names)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if truncated else ""
        self.answer(200, f"<?xml version='1.0'?><ListBucketResult><IsTruncated>{str(truncated).lower()}</IsTruncated>{token}"
                         f"<KeyCount>{len(page)}</KeyCount><EncodingType>url</EncodingType>{body}</ListBucketResult>".encode())


class S3Server:
    def __init__(self, page_size=3):
        self.objects, self.etags, self.uploads = {}, {}, {}
        self.requests, self.refusals = [], []
        self.keys = {ACCESS_KEY: (SECRET_KEY, None)}  # secret key, None once it has expired, and session token
        self.page_size = page_size
        self.plan = lambda method, key, query: None
        self.lock = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.owner = self
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def config(self, extra=""):
        """YAML for --objstore.config."""
        return (f"type: S3\nconfig:\n  bucket: {BUCKET}\n  endpoint: 127.0.0.1:{self.http.server_port}\n  region: {REGION}\n"
                f"  access_key: {ACCESS_KEY}\n  secret_key: {SECRET_KEY}\n  insecure: true\n{extra}")

    def load(self, directory):
        """Takes over the files below `directory` as objects."""
        for path in directory.rglob("*"):
            if path.is_file():
                self.objects[str(path.relative_to(directory))] = path.read_bytes()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class RoleServer:
    """An STS that gives keys of `s3` for a web identity; each time others, and the earlier ones expire."""

    def __init__(self, s3, role, web_token):
        self.num_keys, self.fails = 0, False
        owner = self

        class StsHandler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                right = (form.get("Action"), form.get("RoleArn"), form.get("WebIdentityToken")) == (
                    "AssumeRoleWithWebIdentity", role, web_token)
                status, body = (200, owner.assume(s3)) if right and not owner.fails else (
                    503 if owner.fails else 403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), StsHandler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def assume(self, s3):
        self.num_keys += 1
        self.expire(s3)
        access, secret, token = (f"role-{kind}-{self.num_keys}" for kind in ("access", "secret", "token/+="))
        s3.keys[access] = (secret, token)
        until = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (f"<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{access}</AccessKeyId>"
                f"<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken><Expiration>{until}</Expiration>"
                "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>")

    @staticmethod
    def expire(s3):
        for access, (_, token) in list(s3.keys.items()):
            if access.startswith("role-"):
                s3.keys[access] = (None, token)

    def close(self):
        self.http.shutdown()
        self.http.server_close()
