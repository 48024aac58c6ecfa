#include "discovery/resolver.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <condition_variable>
#include <functional>
#include <netdb.h>
#include <netinet/in.h>
#include <optional>
#include <resolv.h>
#include <sys/socket.h>
#include <utility>

#include "base/mutex.h"
#include "concurrency/thread_pool.h"
#include "discovery/dns_message.h"

namespace thanos::discovery {
namespace {

template <typename T>
base::StatusOr<std::vector<T>> SortedOrNotFound(std::vector<T> values, std::string_view name) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  if (values.empty()) {
    return base::NotFound("looking up ", name, ": no records");
  }
  return values;
}

base::StatusOr<std::vector<std::string>> BlockingLookupHost(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int code = getaddrinfo(host.c_str(), nullptr, &hints, &raw);
  if (code != 0) {
    const bool absent = code == EAI_NONAME || code == EAI_NODATA;
    return base::MakeStatus(absent ? base::StatusCode::kNotFound : base::StatusCode::kUnavailable,
                            base::Concat("looking up ", host, ": ", gai_strerror(code)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(raw, &freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  return SortedOrNotFound(std::move(addresses), host);
}

base::StatusOr<std::vector<SrvRecord>> BlockingLookupSrv(const std::string& name) {
  constexpr int kClassInternet = 1;
  constexpr int kTypeSrv = 33;
  struct __res_state state {};
  if (res_ninit(&state) != 0) {
    return base::Unavailable("looking up ", name, ": the resolver configuration cannot be read");
  }
  std::vector<unsigned char> answer(size_t{64} << 10);
  const int length = res_nquery(&state, name.c_str(), kClassInternet, kTypeSrv, answer.data(),
                                static_cast<int>(answer.size()));
  const int error = state.res_h_errno;
  res_nclose(&state);
  if (length < 0) {
    const bool absent = error == HOST_NOT_FOUND || error == NO_DATA;
    return base::MakeStatus(absent ? base::StatusCode::kNotFound : base::StatusCode::kUnavailable,
                            base::Concat("looking up SRV ", name, ": ", hstrerror(error)));
  }
  const size_t size = std::min(static_cast<size_t>(length), answer.size());
  base::StatusOr<std::vector<SrvRecord>> records =
      ParseSrvAnswer({reinterpret_cast<const char*>(answer.data()), size});
  if (!records.ok()) {
    return base::Annotate(records.status(), "looking up SRV ", name);
  }
  return SortedOrNotFound(*std::move(records), name);
}

class SystemResolver final : public Resolver {
 public:
  base::StatusOr<std::vector<std::string>> LookupHost(const base::CancelToken& cancel,
                                                      const std::string& host) override {
    return Run<std::vector<std::string>>(cancel, [host] { return BlockingLookupHost(host); });
  }
  base::StatusOr<std::vector<SrvRecord>> LookupSrv(const base::CancelToken& cancel,
                                                   const std::string& name) override {
    return Run<std::vector<SrvRecord>>(cancel, [name] { return BlockingLookupSrv(name); });
  }

 private:
  // Shared by the waiting caller and the look-up, which may end after the caller has left.
  template <typename T>
  struct Job {
    base::Mutex mutex;
    std::condition_variable done;
    std::optional<base::StatusOr<T>> result;
  };

  template <typename T>
  base::StatusOr<T> Run(const base::CancelToken& cancel, std::function<base::StatusOr<T>()> lookup) {
    auto job = std::make_shared<Job<T>>();
    pool_.Submit([job, lookup = std::move(lookup)] {
      base::StatusOr<T> result = lookup();
      base::MutexLock lock(job->mutex);
      job->result = std::move(result);
      job->done.notify_all();
    });
    const auto registration = cancel.OnCancel([job] {
      base::MutexLock lock(job->mutex);
      job->done.notify_all();
    });
    base::MutexLock lock(job->mutex);
    const auto ready = [&] { return job->result.has_value() || cancel.cancelled(); };
    if (cancel.deadline() == base::kNoDeadline) {
      job->done.wait(lock.native(), ready);
    } else {
      job->done.wait_until(lock.native(), cancel.deadline(), ready);
    }
    if (job->result.has_value()) {
      return *std::move(job->result);
    }
    return base::Annotate(cancel.status(), "waiting for DNS");
  }

  concurrency::ThreadPool pool_{"dns", 4};
};

}  // namespace

std::unique_ptr<Resolver> MakeSystemResolver() {
  return std::make_unique<SystemResolver>();
}

}  // namespace thanos::discovery
