#include <utility>
#include <vector>

#include "block/filters.h"
#include "labels/builder.h"
#include "relabel/config.h"

namespace thanos::block {
namespace {

constexpr std::string_view kBlockIdLabel = "__block_id";

}  // namespace

base::StatusOr<std::unique_ptr<BlockFilter>> ParseBlockSelector(std::string_view yaml) {
  TH_ASSIGN_OR_RETURN(std::vector<relabel::Rule> rules, relabel::ParseRules(yaml, relabel::kSelectorActions));
  if (rules.empty()) {
    return std::unique_ptr<BlockFilter>();
  }
  const auto keep = [rules = std::move(rules)](const Meta& meta) {
    labels::LabelBuilder builder(meta.external_labels());
    builder.Set(kBlockIdLabel, meta.ulid.ToString());
    return relabel::Process(rules, &builder);
  };
  return std::unique_ptr<BlockFilter>(std::make_unique<SelectionFilter>(keep));
}

}  // namespace thanos::block
