// Postings, series entries and symbols. items_per_second counts series references (or series, or look-ups).
#include <benchmark/benchmark.h>
#include <limits>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "encoding/crc32c.h"
#include "index/index_header.h"
#include "index/mapped_file.h"
#include "index/postings.h"
#include "index/reader.h"
#include "index/writer.h"

namespace {

using namespace thanos::index;  // NOLINT(google-build-using-namespace): a benchmark of one library
namespace base = thanos::base;
namespace labels = thanos::labels;

// `size` members with steps of 1 to `gap`.
Postings MakeList(uint32_t size, uint32_t gap, uint32_t seed) {
  std::mt19937 random(seed);
  Postings refs;
  SeriesRef ref = 0;
  for (uint32_t i = 0; i < size; ++i) {
    ref += 1 + static_cast<SeriesRef>(random() % gap);
    refs.push_back(ref);
  }
  return refs;
}

std::string EncodeList(const Postings& refs) {
  std::string body;
  base::AppendBigEndian32(body, static_cast<uint32_t>(refs.size()));
  for (const SeriesRef ref : refs) {
    base::AppendBigEndian32(body, ref);
  }
  std::string out;
  base::AppendBigEndian32(out, static_cast<uint32_t>(body.size()));
  out += body;
  base::AppendBigEndian32(out, thanos::encoding::Crc32c(body));
  return out;
}

void BM_DecodeBigEndian(benchmark::State& state) {
  const Postings refs = MakeList(static_cast<uint32_t>(state.range(0)), 8, 1);
  const std::string list = EncodeList(refs);
  Postings out(refs.size());
  for (auto _ : state) {
    DecodeBigEndian(std::string_view(list).substr(8, refs.size() * 4), out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_DecodeBigEndian)->Arg(10'000)->Arg(1'000'000);

// With checksum, order check and allocation.
void BM_DecodePostings(benchmark::State& state) {
  const std::string list = EncodeList(MakeList(static_cast<uint32_t>(state.range(0)), 8, 1));
  for (auto _ : state) {
    benchmark::DoNotOptimize(DecodePostings(list, "list"));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_DecodePostings)->Arg(10'000)->Arg(1'000'000);

// Arguments: sizes; the second list is as wide as the first. Items are members of both inputs.
void BM_Intersect(benchmark::State& state) {
  const auto gap = static_cast<uint32_t>(8 * state.range(1) / state.range(0));
  const Postings small = MakeList(static_cast<uint32_t>(state.range(0)), gap, 1);
  const Postings large = MakeList(static_cast<uint32_t>(state.range(1)), 8, 2);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Intersect(small, large));
  }
  state.SetItemsProcessed(state.iterations() * (state.range(0) + state.range(1)));
}
BENCHMARK(BM_Intersect)->Args({1'000'000, 1'000'000})->Args({100'000, 1'000'000})->Args({1'000, 1'000'000});

void BM_Without(benchmark::State& state) {
  const Postings a = MakeList(1'000'000, 8, 1);
  const Postings b = MakeList(1'000'000, 8, 2);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Without(a, b));
  }
  state.SetItemsProcessed(state.iterations() * 2'000'000);
}
BENCHMARK(BM_Without);

void BM_Union(benchmark::State& state) {
  std::vector<Postings> lists;
  for (int i = 0; i < state.range(0); ++i) {
    lists.push_back(MakeList(static_cast<uint32_t>(1'000'000 / state.range(0)),
                             static_cast<uint32_t>(16 * state.range(0)), static_cast<uint32_t>(i)));
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(UnionAll(lists));
  }
  state.SetItemsProcessed(state.iterations() * 1'000'000);
}
BENCHMARK(BM_Union)->Arg(2)->Arg(10)->Arg(10'000);

// An index of 20 000 series with ten labels and twenty chunks.
const Reader& SharedReader() {
  static const std::unique_ptr<Reader> reader = [] {
    const std::string path = "/tmp/thanos_index_bench." + std::to_string(getpid());
    const auto writer = *Writer::Create(path);
    std::vector<std::string> symbols = {"", "__name__"};
    for (char name = 'a'; name < 'i'; ++name) {
      symbols.push_back(std::string("label_") + name);
    }
    symbols.insert(symbols.end(), {"metric", "pod"});
    for (int i = 0; i < 20'000; ++i) {
      symbols.push_back("pod-" + std::to_string(100'000 + i));
    }
    for (int i = 0; i < 10; ++i) {
      symbols.push_back("value-" + std::to_string(i));
    }
    for (const std::string& symbol : symbols) {
      TH_CHECK(writer->AddSymbol(symbol).ok());
    }
    // Sorted by pod alone: the labels before it are constant.
    for (int i = 0; i < 20'000; ++i) {
      std::vector<labels::LabelView> views = {{"__name__", "metric"}};
      for (size_t name = 2; name < 10; ++name) {
        views.push_back({symbols[name], "value-3"});
      }
      const std::string pod = "pod-" + std::to_string(100'000 + i);
      views.push_back({"pod", pod});
      std::vector<ChunkMeta> chunks;
      for (int chunk = 0; chunk < 20; ++chunk) {
        chunks.push_back({static_cast<uint64_t>(i * 20 + chunk) * 300 + 8, chunk * 3'600'000,
                          chunk * 3'600'000 + 3'599'000});
      }
      TH_CHECK(writer->AddSeries(views, chunks).ok());
    }
    TH_CHECK(writer->Finish().ok());
    auto opened = *Reader::Open(*MapFile(path));
    unlink(path.c_str());
    return opened;
  }();
  return *reader;
}

void BM_Series(benchmark::State& state) {
  const Reader& reader = SharedReader();
  const Postings refs = *reader.AllPostings();
  IndexSeries series;
  for (auto _ : state) {
    for (const SeriesRef ref : refs) {
      benchmark::DoNotOptimize(reader.Series(ref, 3'600'000, 7'200'000, &series));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(refs.size()));
}
BENCHMARK(BM_Series);

void BM_PostingsForRegex(benchmark::State& state) {
  const Reader& reader = SharedReader();
  const std::vector<labels::Matcher> matchers = {
      *labels::Matcher::Create(labels::MatchType::kRegexp, "pod", "pod-1[0-9]+7"),
      labels::Matcher::Equal("__name__", "metric")};
  for (auto _ : state) {
    benchmark::DoNotOptimize(reader.PostingsFor(matchers));
  }
  state.SetItemsProcessed(state.iterations() * 20'000);
}
BENCHMARK(BM_PostingsForRegex);

void BM_SymbolLookup(benchmark::State& state) {
  const SymbolTable& symbols = SharedReader().symbols();
  uint32_t ref = 1;
  for (auto _ : state) {
    ref = (ref * 7919 + 1) % symbols.size();
    benchmark::DoNotOptimize(symbols.Lookup(ref));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SymbolLookup);

}  // namespace
