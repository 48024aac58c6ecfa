#pragma once

// Series with real chunks for the tests of this library.

#include <initializer_list>
#include <utility>

#include "chunkenc/appender.h"
#include "storeapi/fake_store.h"

namespace thanos::query {

// One raw chunk with the given (milliseconds, value) samples.
inline storeapi::FakeSeries::FakeChunk MakeChunk(std::initializer_list<std::pair<int64_t, double>> samples) {
  chunkenc::XorAppender appender;
  for (const auto& [timestamp_ms, value] : samples) {
    appender.Append(timestamp_ms, value);
  }
  return {samples.begin()->first, std::prev(samples.end())->first, appender.Bytes()};
}

}  // namespace thanos::query
