#include "storeapi/apis_client.h"

#include <grpcpp/grpcpp.h>
#include <utility>

#include "proto/thanos/exemplars.grpc.pb.h"
#include "proto/thanos/metadata.grpc.pb.h"
#include "proto/thanos/rules.grpc.pb.h"
#include "proto/thanos/status.grpc.pb.h"
#include "proto/thanos/targets.grpc.pb.h"
#include "rpc/status.h"

namespace thanos::storeapi {
namespace {

class RemoteApis final : public EndpointApis {
 public:
  RemoteApis(std::shared_ptr<grpc::Channel> channel, RemoteApisOptions options)
      : options_(options),
        rules_(channel),
        targets_(channel),
        metadata_(channel),
        exemplars_(channel),
        status_(std::move(channel)) {}

  base::StatusOr<RulesAnswer> Rules(const base::CancelToken& cancel,
                                    const ::thanos::RulesRequest& request) override {
    return Call<RulesAnswer, ::thanos::RulesResponse>(
        cancel, [&](grpc::ClientContext* context) { return rules_.Rules(context, request); });
  }
  base::StatusOr<TargetsAnswer> Targets(const base::CancelToken& cancel,
                                        const ::thanos::TargetsRequest& request) override {
    return Call<TargetsAnswer, ::thanos::TargetsResponse>(
        cancel, [&](grpc::ClientContext* context) { return targets_.Targets(context, request); });
  }
  base::StatusOr<MetadataAnswer> Metadata(const base::CancelToken& cancel,
                                          const ::thanos::MetricMetadataRequest& request) override {
    return Call<MetadataAnswer, ::thanos::MetricMetadataResponse>(
        cancel, [&](grpc::ClientContext* context) { return metadata_.MetricMetadata(context, request); });
  }
  base::StatusOr<ExemplarsAnswer> Exemplars(const base::CancelToken& cancel,
                                            const ::thanos::ExemplarsRequest& request) override {
    return Call<ExemplarsAnswer, ::thanos::ExemplarsResponse>(
        cancel, [&](grpc::ClientContext* context) { return exemplars_.Exemplars(context, request); });
  }
  base::StatusOr<StatisticsAnswer> Statistics(const base::CancelToken& cancel,
                                              const ::thanos::TSDBStatisticsRequest& request) override {
    return Call<StatisticsAnswer, ::thanos::TSDBStatisticsResponse>(
        cancel, [&](grpc::ClientContext* context) { return status_.TSDBStatistics(context, request); });
  }

 private:
  template <typename Answer, typename Frame, typename Start>
  base::StatusOr<Answer> Call(const base::CancelToken& cancel, Start start) const {
    grpc::ClientContext context;
    const base::CancelRegistration registration = rpc::SetContext(context, cancel);
    const auto reader = start(&context);
    Answer answer;
    Frame frame;
    size_t received_bytes = 0;
    while (reader->Read(&frame)) {
      received_bytes += frame.ByteSizeLong();
      if (received_bytes > options_.max_answer_bytes) {
        context.TryCancel();
        reader->Finish();
        return base::ResourceExhausted("answer is larger than ", options_.max_answer_bytes, " bytes");
      }
      Append(std::move(frame), &answer);
      frame.Clear();
    }
    TH_RETURN_IF_ERROR(rpc::FromGrpc(reader->Finish()));
    return answer;
  }

  const RemoteApisOptions options_;
  ::thanos::Rules::Stub rules_;
  ::thanos::Targets::Stub targets_;
  ::thanos::Metadata::Stub metadata_;
  ::thanos::Exemplars::Stub exemplars_;
  ::thanos::Status::Stub status_;
};

}  // namespace

std::unique_ptr<EndpointApis> MakeRemoteApis(std::shared_ptr<grpc::Channel> channel,
                                             RemoteApisOptions options) {
  return std::make_unique<RemoteApis>(std::move(channel), options);
}

}  // namespace thanos::storeapi
