#include "bucketstore/internal/hints.h"

#include <utility>

#include "encoding/wire.h"

namespace thanos::bucketstore::internal {
namespace {

using encoding::WireField;
using encoding::WireReader;
using encoding::WireType;

constexpr std::string_view kBlockIdLabel = "__block_id";

// Fields of hintspb messages and of google.protobuf.Any.
constexpr uint32_t kAnyTypeUrl = 1;
constexpr uint32_t kAnyValue = 2;
constexpr uint32_t kBlockMatchers = 1;
constexpr uint32_t kQueriedBlocks = 1;
constexpr uint32_t kBlockId = 1;

base::StatusOr<labels::Matcher> ParseMatcher(std::string_view message) {
  int64_t type = 0;
  std::string name;
  std::string value;
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kVarint)) {
      type = field.AsInt64();
    } else if (field.is(2, WireType::kBytes)) {
      name = field.bytes;
    } else if (field.is(3, WireType::kBytes)) {
      value = field.bytes;
    }
  }
  TH_RETURN_IF_ERROR(reader.status());
  if (type < 0 || type > 3) {
    return base::InvalidArgument("unknown matcher type ", type);
  }
  return labels::Matcher::Create(static_cast<labels::MatchType>(type), std::move(name), std::move(value));
}

base::StatusOr<std::vector<labels::Matcher>> Parse(std::string_view any) {
  std::vector<labels::Matcher> matchers;
  WireReader outer(any);
  WireField field;
  while (outer.Next(&field)) {
    if (!field.is(kAnyValue, WireType::kBytes)) {
      continue;
    }
    WireReader inner(field.bytes);
    WireField hint;
    while (inner.Next(&hint)) {
      if (hint.is(kBlockMatchers, WireType::kBytes)) {
        TH_ASSIGN_OR_RETURN(labels::Matcher matcher, ParseMatcher(hint.bytes));
        matchers.push_back(std::move(matcher));
      }
    }
    TH_RETURN_IF_ERROR(inner.status());
  }
  TH_RETURN_IF_ERROR(outer.status());
  return matchers;
}

}  // namespace

base::StatusOr<std::vector<labels::Matcher>> ParseBlockMatchers(std::string_view any) {
  auto matchers = Parse(any);
  if (!matchers.ok()) {
    return base::InvalidArgument("request hints: ", base::Message(matchers.status()));
  }
  return matchers;
}

bool MatchesBlock(const std::vector<labels::Matcher>& matchers, const block::Meta& meta) {
  for (const labels::Matcher& matcher : matchers) {
    const bool is_id = matcher.name() == kBlockIdLabel;
    if (!(is_id ? matcher.Matches(meta.ulid.ToString())
                : matcher.Matches(labels::Get(meta.external_labels(), matcher.name())))) {
      return false;
    }
  }
  return true;
}

std::string QueriedBlocksHints(std::string_view message, const std::vector<std::string>& block_ids) {
  std::string value;
  std::string block;
  for (const std::string& id : block_ids) {
    block.clear();
    encoding::AppendBytesField(block, kBlockId, id);
    encoding::AppendBytesField(value, kQueriedBlocks, block);
  }
  std::string any;
  encoding::AppendBytesField(any, kAnyTypeUrl, base::Concat("type.googleapis.com/hintspb.", message));
  encoding::AppendBytesField(any, kAnyValue, value);
  return any;
}

}  // namespace thanos::bucketstore::internal
