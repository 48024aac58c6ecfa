#pragma once

// EndpointApis over prepared answers, for tests.

#include <atomic>
#include <functional>
#include <string>

#include "base/mutex.h"
#include "storeapi/apis.h"

namespace thanos::storeapi {

// Thread-safe after set-up.
class FakeApis : public EndpointApis {
 public:
  RulesAnswer rules;
  TargetsAnswer targets;
  MetadataAnswer metadata;
  ExemplarsAnswer exemplars;
  StatisticsAnswer statistics;
  base::Status status;  // of every call
  // Called before each answer; may block on the token. Its error is the answer.
  std::function<base::Status(const base::CancelToken&)> before_answer;
  std::atomic<int> num_calls{0};

  // Of the last call, in text form.
  std::string last_request() const {
    base::MutexLock lock(mutex_);
    return last_request_;
  }

  base::StatusOr<RulesAnswer> Rules(const base::CancelToken& cancel,
                                    const ::thanos::RulesRequest& request) override {
    return Answer(cancel, request, rules);
  }
  base::StatusOr<TargetsAnswer> Targets(const base::CancelToken& cancel,
                                        const ::thanos::TargetsRequest& request) override {
    return Answer(cancel, request, targets);
  }
  base::StatusOr<MetadataAnswer> Metadata(const base::CancelToken& cancel,
                                          const ::thanos::MetricMetadataRequest& request) override {
    return Answer(cancel, request, metadata);
  }
  base::StatusOr<ExemplarsAnswer> Exemplars(const base::CancelToken& cancel,
                                            const ::thanos::ExemplarsRequest& request) override {
    return Answer(cancel, request, exemplars);
  }
  base::StatusOr<StatisticsAnswer> Statistics(const base::CancelToken& cancel,
                                              const ::thanos::TSDBStatisticsRequest& request) override {
    return Answer(cancel, request, statistics);
  }

 private:
  template <typename Request, typename T>
  base::StatusOr<T> Answer(const base::CancelToken& cancel, const Request& request, const T& answer) {
    ++num_calls;
    {
      base::MutexLock lock(mutex_);
      last_request_ = request.ShortDebugString();
    }
    TH_RETURN_IF_ERROR(status);
    if (before_answer) {
      TH_RETURN_IF_ERROR(before_answer(cancel));
    }
    return answer;
  }

  mutable base::Mutex mutex_;
  std::string last_request_ ABSL_GUARDED_BY(mutex_);
};

inline void AddLabel(std::string_view name, std::string_view value, ::thanos::ZLabelSet* label_set) {
  ::thanos::Label* const label = label_set->add_labels();
  label->set_name(std::string(name));
  label->set_value(std::string(value));
}

}  // namespace thanos::storeapi
