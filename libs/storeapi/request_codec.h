#pragma once

// Requests and small answers between our types and the generated messages. Includes generated headers: for
// storeapi's own sources and tests only.

#include <vector>

#include "base/status.h"
#include "proto/thanos/info.pb.h"
#include "proto/thanos/store.pb.h"
#include "storeapi/server.h"
#include "storeapi/store.h"

namespace thanos::storeapi {

using MatcherMessages = google::protobuf::RepeatedPtrField<::thanos::LabelMatcher>;
void MatchersToProto(const std::vector<labels::Matcher>& matchers, MatcherMessages* out);
// InvalidArgument as below.
base::StatusOr<std::vector<labels::Matcher>> MatchersFromProto(const MatcherMessages& messages);

// To the wire. The tenant travels as metadata and is not part of the messages.
void ToProto(const SeriesRequest& request, ::thanos::SeriesRequest* out);
void ToProto(const LabelNamesRequest& request, ::thanos::LabelNamesRequest* out);
void ToProto(const LabelValuesRequest& request, ::thanos::LabelValuesRequest* out);
void ToProto(const LabelsResponse& response, ::thanos::LabelNamesResponse* out);
void ToProto(const LabelsResponse& response, ::thanos::LabelValuesResponse* out);
void ToProto(const EndpointInfo& info, ::thanos::info::InfoResponse* out);

// From the wire. InvalidArgument: unknown matcher type, or a regular expression that does not parse.
base::StatusOr<SeriesRequest> FromProto(const ::thanos::SeriesRequest& message);
base::StatusOr<LabelNamesRequest> FromProto(const ::thanos::LabelNamesRequest& message);
base::StatusOr<LabelValuesRequest> FromProto(const ::thanos::LabelValuesRequest& message);
// Sorts and removes duplicates when the sender did not.
LabelsResponse FromProto(const ::thanos::LabelNamesResponse& message);
LabelsResponse FromProto(const ::thanos::LabelValuesResponse& message);
// DataLoss: a label set with repeated names.
base::StatusOr<EndpointInfo> FromProto(const ::thanos::info::InfoResponse& message);

}  // namespace thanos::storeapi
