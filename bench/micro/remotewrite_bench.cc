// Walking write requests. items_per_second counts series: about ten labels, 320 bytes, one sample each.
#include <benchmark/benchmark.h>
#include <string>

#include "encoding/compress.h"
#include "labels/labels.h"
#include "remotewrite/decode.h"
#include "remotewrite/encode.h"
#include "remotewrite/validate.h"

namespace {

using namespace thanos::remotewrite;  // NOLINT(google-build-using-namespace): a benchmark of one library
using thanos::labels::Labels;

constexpr int kSeries = 2000;

std::string MakeBody(Version version) {
  RequestBuilder builder(version);
  for (int i = 0; i < kSeries; ++i) {
    const std::string pod = "checkout-7d9f8b6c5d-" + std::to_string(10000 + i % 97);
    const std::string instance = "10.4." + std::to_string(i % 200) + ".17:9090";
    const std::string bucket = std::to_string(i % 20);
    const Labels labels{{"__name__", "http_request_duration_seconds_bucket"},
                        {"cluster", "production-eu-west-1"},
                        {"code", "200"},
                        {"container", "checkout"},
                        {"handler", "/api/v1/orders/:id/items"},
                        {"instance", instance},
                        {"job", "kubernetes-pods"},
                        {"le", bucket},
                        {"namespace", "shop-backend"},
                        {"pod", pod}};
    const Sample samples[] = {{1'700'000'000'000 + i, i * 0.5, 0}};
    builder.Add({.labels = labels, .samples = samples});
  }
  return builder.Finish();
}

void BM_WalkAndHash(benchmark::State& state) {
  const Version version = state.range(0) == 1 ? Version::kV1 : Version::kV2;
  const std::string body = MakeBody(version);
  SeriesView series;
  for (auto _ : state) {
    RequestReader reader(version, body);
    uint64_t hash = 0;
    while (reader.Next(&series)) {
      hash ^= series.label_hash;
    }
    benchmark::DoNotOptimize(hash);
  }
  state.SetItemsProcessed(state.iterations() * kSeries);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(body.size()));
}
BENCHMARK(BM_WalkAndHash)->Arg(1)->Arg(2);

void BM_WalkHashAndValidate(benchmark::State& state) {
  const std::string body = MakeBody(Version::kV1);
  SeriesView series;
  for (auto _ : state) {
    RequestReader reader(Version::kV1, body);
    int bad = 0;
    while (reader.Next(&series)) {
      bad += Validate(series) == LabelProblem::kNone ? 0 : 1;
    }
    benchmark::DoNotOptimize(bad);
  }
  state.SetItemsProcessed(state.iterations() * kSeries);
}
BENCHMARK(BM_WalkHashAndValidate);

void BM_Uncompress(benchmark::State& state) {
  const bool snappy = state.range(0) == 0;
  const std::string body = MakeBody(Version::kV1);
  std::string compressed;
  if (snappy) {
    thanos::encoding::SnappyCompress(body, &compressed);
  } else if (!thanos::encoding::ZstdCompress(body, 1, &compressed).ok()) {
    state.SkipWithError("zstd");
  }
  std::string out;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        Uncompress(snappy ? ContentEncoding::kSnappy : ContentEncoding::kZstd, compressed, 32 << 20, &out)
            .ok());
  }
  state.SetItemsProcessed(state.iterations() * kSeries);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(body.size()));
}
BENCHMARK(BM_Uncompress)->Arg(0)->Arg(1);

}  // namespace
