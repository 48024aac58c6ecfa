#include "net/http_client.h"

#include "base/mutex.h"
#include "base/strings.h"
#include "net/curl_transfer.h"
#include "net/url.h"

namespace thanos::net {
namespace {

constexpr size_t kMaxIdleTransfers = 100;
constexpr int kMaxRedirects = 5;

bool SameOrigin(const Url& a, const Url& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port;
}

// Transfers, and with them connections, that wait for the next request. Last in, first out, so that idle ones
// age.
class TransferPool {
 public:
  explicit TransferPool(const HttpClientOptions& options) : options_(options) {}

  std::unique_ptr<CurlTransfer> Take() {
    {
      base::MutexLock lock(mutex_);
      if (!idle_.empty()) {
        auto transfer = std::move(idle_.back());
        idle_.pop_back();
        return transfer;
      }
    }
    return std::make_unique<CurlTransfer>(options_);
  }

  // A transfer that is not complete is dropped together with its connection.
  void Return(std::unique_ptr<CurlTransfer> transfer) {
    if (!transfer->complete()) {
      return;
    }
    base::MutexLock lock(mutex_);
    if (idle_.size() < kMaxIdleTransfers) {
      idle_.push_back(std::move(transfer));
    }
  }

 private:
  const HttpClientOptions& options_;
  base::Mutex mutex_;
  std::vector<std::unique_ptr<CurlTransfer>> idle_ ABSL_GUARDED_BY(mutex_);
};

class PooledBodyStream final : public BodyStream {
 public:
  PooledBodyStream(TransferPool& pool, std::unique_ptr<CurlTransfer> transfer)
      : pool_(pool), transfer_(std::move(transfer)) {}
  ~PooledBodyStream() override { pool_.Return(std::move(transfer_)); }
  int status() const override { return transfer_->status(); }
  const std::vector<HttpHeader>& headers() const override { return transfer_->headers(); }
  base::StatusOr<bool> Read(const base::CancelToken& cancel, std::string* out) override {
    return transfer_->Read(cancel, out);
  }

 private:
  TransferPool& pool_;
  std::unique_ptr<CurlTransfer> transfer_;
};

class HttpClientImpl final : public HttpClient {
 public:
  explicit HttpClientImpl(HttpClientOptions options) : options_(std::move(options)), pool_(options_) {}

  base::StatusOr<ClientResponse> Do(const base::CancelToken& cancel, const ClientRequest& request) override {
    const base::CancelSource limited = WithTimeout(cancel);
    TH_ASSIGN_OR_RETURN(auto transfer, Begin(limited.token(), request));
    ClientResponse response;
    response.status = transfer->status();
    response.headers = transfer->headers();
    while (true) {
      TH_ASSIGN_OR_RETURN(const bool more, transfer->Read(limited.token(), &response.body));
      if (response.body.size() > options_.max_response_bytes) {
        return base::ResourceExhausted("HTTP response body is larger than ", options_.max_response_bytes,
                                       " bytes");
      }
      if (!more) {
        break;
      }
    }
    pool_.Return(std::move(transfer));
    return response;
  }

  base::StatusOr<std::unique_ptr<BodyStream>> Open(const base::CancelToken& cancel,
                                                   const ClientRequest& request) override {
    TH_ASSIGN_OR_RETURN(auto transfer, Begin(WithTimeout(cancel).token(), request));
    return std::unique_ptr<BodyStream>(std::make_unique<PooledBodyStream>(pool_, std::move(transfer)));
  }

 private:
  base::CancelSource WithTimeout(const base::CancelToken& cancel) const {
    if (cancel.deadline() != base::kNoDeadline) {
      return base::CancelSource(cancel);
    }
    return base::CancelSource(cancel, options_.default_timeout);
  }

  // Sends `request`, follows redirects within the host and returns at the response's header.
  base::StatusOr<std::unique_ptr<CurlTransfer>> Begin(const base::CancelToken& cancel,
                                                      const ClientRequest& request) {
    auto transfer = pool_.Take();
    TH_RETURN_IF_ERROR(transfer->Start(request));
    TH_RETURN_IF_ERROR(transfer->WaitForHeader(cancel));
    if (transfer->status() < 300 || transfer->status() >= 400) {
      return transfer;
    }
    TH_ASSIGN_OR_RETURN(const Url origin, ParseUrl(request.url));
    ClientRequest next = request;
    for (int i = 0; i < kMaxRedirects; ++i) {
      const int status = transfer->status();
      const std::string location = transfer->RedirectUrl();
      const auto target = ParseUrl(location);
      if (status < 301 || status > 308 || status == 304 || !target.ok() || !SameOrigin(origin, *target)) {
        return transfer;
      }
      if (status == 303 || (status != 307 && status != 308 && request.method == "POST")) {
        next.method = next.method == "HEAD" ? "HEAD" : "GET";
        next.body.clear();
      }
      next.url = location;
      TH_RETURN_IF_ERROR(transfer->Start(next));
      TH_RETURN_IF_ERROR(transfer->WaitForHeader(cancel));
    }
    return base::Unavailable("stopped after ", kMaxRedirects, " redirects");
  }

  const HttpClientOptions options_;
  TransferPool pool_;
};

}  // namespace

std::unique_ptr<HttpClient> HttpClient::Create(HttpClientOptions options) {
  return std::make_unique<HttpClientImpl>(std::move(options));
}

}  // namespace thanos::net
