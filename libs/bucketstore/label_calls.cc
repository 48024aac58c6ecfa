// LabelNames and LabelValues.

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/mutex.h"
#include "bucketstore/bucket_store.h"
#include "bucketstore/internal/block_reader.h"
#include "bucketstore/internal/block_set.h"
#include "bucketstore/internal/hints.h"
#include "bucketstore/internal/request_scope.h"
#include "concurrency/task_group.h"
#include "telemetry/log.h"

namespace thanos::bucketstore {
namespace {

using internal::BlockIndexReader;
using internal::RequestScope;
using internal::SelectedBlock;

constexpr size_t kStepSeries = 1024;

void SortUnique(std::vector<std::string>* values) {
  std::sort(values->begin(), values->end());
  values->erase(std::unique(values->begin(), values->end()), values->end());
}

template <typename Request>
storeapi::SeriesRequest ToSeriesRequest(const Request& request) {
  storeapi::SeriesRequest series;
  series.min_time_ms = request.min_time_ms;
  series.max_time_ms = request.max_time_ms;
  series.matchers = request.matchers;
  series.partial_response = request.partial_response;
  series.without_replica_labels = request.without_replica_labels;
  series.request_hints = request.request_hints;
  // Coarse blocks hold the same labels in fewer series entries.
  series.max_resolution_ms = std::numeric_limits<int64_t>::max();
  series.skip_chunks = true;
  return series;
}

// Calls `visit` with every series of the block that the matchers accept.
base::Status ForEachSeries(const base::CancelToken& cancel, BlockIndexReader& reader,
                           const std::vector<labels::Matcher>& matchers,
                           const std::function<void(const index::SeriesEntry&)>& visit) {
  TH_ASSIGN_OR_RETURN(const index::Postings postings, reader.ExpandPostings(cancel, matchers));
  for (size_t begin = 0; begin < postings.size(); begin += kStepSeries) {
    const size_t count = std::min(kStepSeries, postings.size() - begin);
    TH_RETURN_IF_ERROR(reader.ReadSeries(cancel, std::span(postings).subspan(begin, count),
                                         [&](size_t, index::SeriesEntry& entry) -> base::StatusOr<bool> {
                                           visit(entry);
                                           return true;
                                         }));
  }
  return base::OkStatus();
}

base::Status AppendSymbols(const index::IndexHeader& header, const absl::flat_hash_set<uint32_t>& symbols,
                           std::vector<std::string>* values) {
  for (const uint32_t symbol : symbols) {
    TH_ASSIGN_OR_RETURN(const std::string_view text, header.Symbol(symbol));
    values->emplace_back(text);
  }
  return base::OkStatus();
}

base::Status NamesOfBlock(const base::CancelToken& cancel, const SelectedBlock& selected, RequestScope& scope,
                          std::vector<std::string>* names) {
  TH_ASSIGN_OR_RETURN(const auto reader, BlockIndexReader::Open(cancel, selected.block, scope));
  if (selected.matchers->empty()) {
    for (const std::string_view name : reader->header()->LabelNames()) {
      names->emplace_back(name);
    }
  } else {
    absl::flat_hash_set<uint32_t> symbols;
    TH_RETURN_IF_ERROR(
        ForEachSeries(cancel, *reader, *selected.matchers, [&](const index::SeriesEntry& entry) {
          for (const index::SymbolPair& pair : entry.labels) {
            symbols.insert(pair.name);
          }
        }));
    TH_RETURN_IF_ERROR(AppendSymbols(*reader->header(), symbols, names));
    if (symbols.empty()) {
      return base::OkStatus();  // no series, so the external labels say nothing
    }
  }
  for (const labels::LabelView& label : selected.block->meta().external_labels()) {
    names->emplace_back(label.name);
  }
  return reader->CheckIntact();
}

base::Status ValuesOfBlock(const base::CancelToken& cancel, const SelectedBlock& selected,
                           std::string_view label, RequestScope& scope, std::vector<std::string>* values) {
  const std::string_view external = labels::Get(selected.block->meta().external_labels(), label);
  TH_ASSIGN_OR_RETURN(const auto reader, BlockIndexReader::Open(cancel, selected.block, scope));
  if (selected.matchers->empty()) {
    for (const std::string_view value : reader->header()->LabelValues(label)) {
      values->emplace_back(value);
    }
    if (!external.empty()) {
      values->emplace_back(external);
    }
    return reader->CheckIntact();
  }
  absl::flat_hash_set<uint32_t> symbols;
  bool any = false;
  base::Status lookup;
  index::SymbolCache cache(reader->header()->symbols());
  TH_RETURN_IF_ERROR(ForEachSeries(cancel, *reader, *selected.matchers, [&](const index::SeriesEntry& entry) {
    any = true;
    for (const index::SymbolPair& pair : entry.labels) {
      const auto name = cache.Lookup(pair.name);
      if (!name.ok()) {
        lookup = name.status();
      } else if (*name == label) {
        symbols.insert(pair.value);
      }
    }
  }));
  TH_RETURN_IF_ERROR(lookup);
  if (!external.empty()) {
    if (any) {
      values->emplace_back(external);
    }
    return reader->CheckIntact();
  }
  TH_RETURN_IF_ERROR(AppendSymbols(*reader->header(), symbols, values));
  return reader->CheckIntact();
}

void Truncate(int64_t limit, storeapi::LabelsResponse* response) {
  if (limit > 0 && response->values.size() > static_cast<size_t>(limit)) {
    response->values.resize(static_cast<size_t>(limit));
  }
}

}  // namespace

base::StatusOr<storeapi::LabelsResponse> BucketStore::Collect(const base::CancelToken& cancel,
                                                              const storeapi::SeriesRequest& request,
                                                              std::string_view response_hints,
                                                              const CollectFromBlock& collect) {
  if (!ready()) {
    return base::Unavailable("bucket store is not ready: blocks are being loaded");
  }
  TH_ASSIGN_OR_RETURN(const auto block_matchers, internal::ParseBlockMatchers(request.request_hints));
  RequestScope scope(options_, *metrics_, *index_cache_, *chunk_pool_, bucket_, pool_);
  scope.request = CutToServedRange(request);
  const storeapi::SeriesRequest& cut = scope.request;
  const auto current = blocks();
  auto selected = current->Select(cut.min_time_ms, cut.max_time_ms, cut.max_resolution_ms, cut.matchers);
  std::erase_if(selected, [&](const SelectedBlock& candidate) {
    return !internal::MatchesBlock(block_matchers, candidate.block->meta());
  });
  std::vector<std::string> block_ids;
  for (const SelectedBlock& block : selected) {
    block_ids.push_back(block.block->id());
  }
  storeapi::LabelsResponse response;
  response.response_hints = internal::QueriedBlocksHints(response_hints, block_ids);
  response.warnings = current->MissingBlocks(cut.min_time_ms, cut.max_time_ms, cut.matchers);
  base::Mutex mutex;
  const auto collect_one = [&](const base::CancelToken& token, size_t i) -> base::Status {
    std::vector<std::string> values;
    const base::Status status = collect(token, selected[i], scope, &values);
    TH_RETURN_IF_ERROR(token.status());
    if (status.code() == base::StatusCode::kResourceExhausted) {
      return status;
    }
    SortUnique(&values);
    base::MutexLock lock(mutex);
    if (!status.ok()) {
      response.warnings.push_back(
          base::Concat("block ", selected[i].block->id(), ": ", base::Message(status)));
      TH_LOG(kWarn, "reading block").With("block", selected[i].block->id()).With("err", status);
      return base::OkStatus();
    }
    std::move(values.begin(), values.end(), std::back_inserter(response.values));
    return base::OkStatus();
  };
  TH_RETURN_IF_ERROR(concurrency::ParallelFor(pool_, cancel, selected.size(),
                                              std::max<size_t>(selected.size(), 1), collect_one));
  if (!response.warnings.empty() && cut.partial_response == storeapi::PartialResponse::kAbort) {
    return base::Aborted(response.warnings.front());
  }
  SortUnique(&response.values);
  return response;
}

base::StatusOr<storeapi::LabelsResponse> BucketStore::LabelNames(const base::CancelToken& cancel,
                                                                 const storeapi::LabelNamesRequest& request) {
  TH_ASSIGN_OR_RETURN(storeapi::LabelsResponse response,
                      Collect(cancel, ToSeriesRequest(request), "LabelNamesResponseHints", NamesOfBlock));
  std::erase_if(response.values, [&](const std::string& name) {
    return std::find(request.without_replica_labels.begin(), request.without_replica_labels.end(), name) !=
           request.without_replica_labels.end();
  });
  Truncate(request.limit, &response);
  return response;
}

base::StatusOr<storeapi::LabelsResponse> BucketStore::LabelValues(
    const base::CancelToken& cancel, const storeapi::LabelValuesRequest& request) {
  if (request.label.empty()) {
    return base::InvalidArgument("label name parameter cannot be empty");
  }
  if (std::find(request.without_replica_labels.begin(), request.without_replica_labels.end(),
                request.label) != request.without_replica_labels.end()) {
    return storeapi::LabelsResponse();
  }
  const CollectFromBlock collect = [&](const base::CancelToken& token, const SelectedBlock& selected,
                                       RequestScope& scope, std::vector<std::string>* values) {
    return ValuesOfBlock(token, selected, request.label, scope, values);
  };
  TH_ASSIGN_OR_RETURN(storeapi::LabelsResponse response,
                      Collect(cancel, ToSeriesRequest(request), "LabelValuesResponseHints", collect));
  Truncate(request.limit, &response);
  return response;
}

}  // namespace thanos::bucketstore
