#include "net/http_client.h"

#include <algorithm>
#include <condition_variable>
#include <iterator>

#include "base/mutex.h"
#include "base/strings.h"
#include "net/curl_transfer.h"
#include "net/url.h"

namespace thanos::net {
namespace {

constexpr int kMaxRedirects = 5;

bool SameOrigin(const Url& a, const Url& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port;
}

// Transfers, and with them connections, that wait for the next request. Last in, first out, so that idle ones
// age.
class TransferPool {
 public:
  explicit TransferPool(const HttpClientOptions& options) : options_(options) {}

  // One for a single request; waits while there are max_connections. To be given to Release in any case.
  base::StatusOr<std::unique_ptr<CurlTransfer>> Take(const base::CancelToken& cancel) {
    if (options_.max_connections > 0) {
      TH_RETURN_IF_ERROR(WaitForTurn(cancel));
    }
    std::vector<Idle> dropped;
    base::MutexLock lock(mutex_);
    if (!idle_.empty() && IsTooOld(idle_.back())) {  // and so are all others
      dropped.swap(idle_);
    }
    if (!idle_.empty()) {
      auto transfer = std::move(idle_.back().transfer);
      idle_.pop_back();
      return transfer;
    }
    return std::make_unique<CurlTransfer>(options_);
  }

  // A transfer that is not complete is dropped together with its connection.
  void Release(std::unique_ptr<CurlTransfer> transfer) {
    std::vector<Idle> dropped;
    base::MutexLock lock(mutex_);
    if (options_.max_connections > 0) {
      --running_;
      turn_.notify_one();
    }
    const auto is_fresh = [this](const Idle& idle) { return !IsTooOld(idle); };
    const auto fresh = std::find_if(idle_.begin(), idle_.end(), is_fresh);
    std::move(idle_.begin(), fresh, std::back_inserter(dropped));
    idle_.erase(idle_.begin(), fresh);
    if (transfer->complete() && idle_.size() < options_.max_idle_connections) {
      idle_.push_back({std::move(transfer), base::SteadyNow()});
    }
  }

 private:
  struct Idle {
    std::unique_ptr<CurlTransfer> transfer;
    base::TimePoint since;
  };
  bool IsTooOld(const Idle& idle) const {
    return options_.idle_timeout > base::Duration::zero() &&
           base::SteadyNow() - idle.since > options_.idle_timeout;
  }
  base::Status WaitForTurn(const base::CancelToken& cancel) {
    const auto registration = cancel.OnCancel([this] {
      base::MutexLock lock(mutex_);
      turn_.notify_all();
    });
    base::MutexLock lock(mutex_);
    while (running_ >= options_.max_connections) {
      TH_RETURN_IF_ERROR(cancel.status());
      if (cancel.deadline() == base::kNoDeadline) {
        turn_.wait(lock.native());
      } else {
        turn_.wait_until(lock.native(), cancel.deadline());
      }
    }
    ++running_;
    return base::OkStatus();
  }

  const HttpClientOptions& options_;
  base::Mutex mutex_;
  std::condition_variable turn_;
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;      // counted only when there is a limit
  std::vector<Idle> idle_ ABSL_GUARDED_BY(mutex_);  // the longest waiting first
};

// A transfer on loan.
class PooledTransfer {
 public:
  PooledTransfer(TransferPool& pool, std::unique_ptr<CurlTransfer> transfer)
      : pool_(&pool), transfer_(std::move(transfer)) {}
  ~PooledTransfer() {
    if (transfer_ != nullptr) {
      pool_->Release(std::move(transfer_));
    }
  }
  PooledTransfer(PooledTransfer&&) = default;
  PooledTransfer& operator=(PooledTransfer&&) = delete;
  CurlTransfer* operator->() const { return transfer_.get(); }

 private:
  TransferPool* pool_;
  std::unique_ptr<CurlTransfer> transfer_;
};

class PooledBodyStream final : public BodyStream {
 public:
  explicit PooledBodyStream(PooledTransfer transfer) : transfer_(std::move(transfer)) {}
  int status() const override { return transfer_->status(); }
  const std::vector<HttpHeader>& headers() const override { return transfer_->headers(); }
  base::StatusOr<bool> Read(const base::CancelToken& cancel, std::string* out) override {
    return transfer_->Read(cancel, out);
  }

 private:
  PooledTransfer transfer_;
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
    return response;
  }

  base::StatusOr<std::unique_ptr<BodyStream>> Open(const base::CancelToken& cancel,
                                                   const ClientRequest& request) override {
    TH_ASSIGN_OR_RETURN(auto transfer, Begin(WithTimeout(cancel).token(), request));
    return std::unique_ptr<BodyStream>(std::make_unique<PooledBodyStream>(std::move(transfer)));
  }

 private:
  base::CancelSource WithTimeout(const base::CancelToken& cancel) const {
    if (cancel.deadline() != base::kNoDeadline) {
      return base::CancelSource(cancel);
    }
    return base::CancelSource(cancel, options_.default_timeout);
  }

  // Sends `request`, follows redirects within the host and returns at the response's header.
  base::StatusOr<PooledTransfer> Begin(const base::CancelToken& cancel, const ClientRequest& request) {
    TH_ASSIGN_OR_RETURN(auto taken, pool_.Take(cancel));
    PooledTransfer transfer(pool_, std::move(taken));
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
        next.body_source = nullptr;
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
