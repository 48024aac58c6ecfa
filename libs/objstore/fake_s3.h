#pragma once

// A strict S3 server for tests, in this process and in memory: one bucket, on a free port of loopback. It
// checks each request's signature, payload digest, Content-MD5 and date, and misbehaves when told so.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "net/http_server.h"

namespace thanos::objstore {

// What happens to one request. Members that do not apply to it have no effect.
struct S3Fault {
  int status = 0;  // not 0: answered with this and `code`
  std::string code = "InternalError";
  bool applied = false;     // the request takes effect before it is answered with `status`
  int retry_after_s = 0;    // sent with `status` unless 0
  std::string region = {};  // sent with `status` unless empty
  bool hangs = false;       // no answer until the client leaves
  bool breaks = false;      // the connection breaks in the middle of the answer's body
  int64_t drop_bytes = 0;   // the answer's body is shorter by this; its length agrees
  int64_t shift_range = 0;  // a range is answered from this many bytes further on
  bool ignores_range = false;
  bool flips_byte = false;        // a byte of the answer's body is another one
  bool drops_entry = false;       // a page of a listing lacks one entry
  bool error_in_success = false;  // status 200 with an error document as its body
};

// One request as the server saw it.
struct S3Call {
  std::string method = {};
  std::string key = {};  // empty: the bucket
  net::Parameters query = {};
  std::vector<net::HttpHeader> headers = {};
  int64_t number = 0;  // counts all requests, from 0

  bool HasQuery(std::string_view name) const;
  const std::string* Header(std::string_view name) const;
};

// Thread-safe.
class FakeS3 {
 public:
  struct Options {
    std::string bucket = "bucket";
    std::string access_key = "AKIAIOSFODNN7EXAMPLE";
    std::string secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    std::string session_token = {};  // required when not empty
    std::string region = "us-east-1";
    size_t max_keys = 1000;            // of one page
    bool virtual_hosted = false;       // the bucket is named by the Host header, not by the path
    bool sends_next_marker = true;     // in listings of version 1
    bool knows_list_v2 = true;         // else all listings are of version 1, whatever was asked for
    std::string web_config_file = {};  // for TLS; see net::HttpServerOptions
    bool signature_v2 = false;         // accepts signatures of version 2, and no others
  };
  static base::StatusOr<std::unique_ptr<FakeS3>> Start(Options options);
  ~FakeS3();

  // "127.0.0.1:port" or "localhost:port".
  std::string endpoint() const;
  const Options& options() const { return options_; }

  // Keys that are accepted from now on; requests signed with earlier ones get ExpiredToken.
  void ReplaceKeys(const std::string& access_key, const std::string& secret_key, const std::string& token);

  // Asked once per request whose signature is right; must be thread-safe.
  void SetPlan(std::function<S3Fault(const S3Call&)> plan);

  std::map<std::string, std::string> objects() const;
  void PutObject(const std::string& key, std::string content);
  size_t num_open_uploads() const;
  std::vector<S3Call> calls() const;
  // Reasons for which requests were refused before they reached the plan.
  std::vector<std::string> refusals() const;

 private:
  struct Object {
    std::string content;
    std::string etag;
    int64_t modified_ms = 0;
    std::vector<net::HttpHeader> headers;  // of the request that made it, those about encryption and metadata
  };
  struct UploadInProgress {
    std::string key;
    std::vector<net::HttpHeader> headers;
    std::map<int64_t, Object> parts;
  };
  struct Keys {
    std::string access_key;
    std::string secret_key;
    std::string session_token;
    std::set<std::string> expired;  // earlier access keys
  };
  explicit FakeS3(Options options)
      : options_(std::move(options)),
        keys_{options_.access_key, options_.secret_key, options_.session_token, {}} {}
  net::HttpResponse Handle(const net::HttpRequest& request);
  std::string Refusal(const net::HttpRequest& request, std::string* key) const;
  std::string SignatureRefusal(const net::HttpRequest& request, const Keys& keys) const;
  std::string SignatureV2Refusal(const net::HttpRequest& request, const Keys& keys) const;
  Keys keys() const;
  net::HttpResponse Refuse(const std::string& refusal) const;
  net::HttpResponse Apply(const S3Call& call, const net::HttpRequest& request, const S3Fault& fault);
  net::HttpResponse ReadObject(const S3Call& call, const S3Fault& fault)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  net::HttpResponse WriteObject(const S3Call& call, const std::string& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  net::HttpResponse WritePart(const S3Call& call, const std::string& body, const std::string& upload_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  net::HttpResponse BeginUpload(const S3Call& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  net::HttpResponse CompleteUpload(const S3Call& call, const std::string& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  net::HttpResponse AbortUpload(const std::string& upload_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  net::HttpResponse List(const S3Call& call, const S3Fault& fault) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  std::unique_ptr<net::HttpServer> server_;
  base::SystemClock clock_;
  mutable base::Mutex mutex_;
  std::function<S3Fault(const S3Call&)> plan_ ABSL_GUARDED_BY(mutex_);
  Keys keys_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Object> objects_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, UploadInProgress> uploads_ ABSL_GUARDED_BY(mutex_);
  std::vector<S3Call> calls_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> refusals_ ABSL_GUARDED_BY(mutex_);
  int64_t next_upload_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace thanos::objstore
