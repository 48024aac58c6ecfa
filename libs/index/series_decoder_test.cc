#include "index/series_decoder.h"

#include <gtest/gtest.h>
#include <limits>
#include <string>

#include "base/bytes.h"
#include "encoding/crc32c.h"
#include "encoding/varint.h"

namespace thanos::index {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

std::string Frame(std::string body) {
  std::string out;
  encoding::AppendUvarint(out, body.size());
  out += body;
  base::AppendBigEndian32(out, encoding::Crc32c(body));
  return out;
}

// Labels (1, 2), (3, 4); chunks [100, 200], [150, 260] (overlapping), [300, 300].
std::string Entry() {
  std::string body;
  for (const uint64_t value : {2U, 1U, 2U, 3U, 4U, 3U}) {
    encoding::AppendUvarint(body, value);
  }
  encoding::AppendVarint(body, 100);
  encoding::AppendUvarint(body, 100);
  encoding::AppendUvarint(body, (uint64_t{1} << 32) + 8);
  encoding::AppendUvarint(body, static_cast<uint64_t>(-50));
  encoding::AppendUvarint(body, 110);
  encoding::AppendVarint(body, 30);
  encoding::AppendUvarint(body, 40);
  encoding::AppendUvarint(body, 0);
  encoding::AppendVarint(body, -10);
  return Frame(body);
}

TEST(DecodeSeriesTest, ReadsLabelsAndChunks) {
  SeriesEntry entry;
  const auto found = DecodeSeries(Entry() + "next", 16, kMin, kMax, &entry);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(*found);
  EXPECT_EQ(entry.labels, (std::vector<SymbolPair>{{1, 2}, {3, 4}}));
  const uint64_t ref = (uint64_t{1} << 32) + 8;
  EXPECT_EQ(entry.chunks,
            (std::vector<ChunkMeta>{{ref, 100, 200}, {ref + 30, 150, 260}, {ref + 20, 300, 300}}));
  EXPECT_EQ(entry.chunks[0].segment(), 1U);
  EXPECT_EQ(entry.chunks[0].offset(), 8U);
}

TEST(DecodeSeriesTest, FiltersByTimeInclusively) {
  SeriesEntry entry;
  EXPECT_TRUE(*DecodeSeries(Entry(), 16, 200, 299, &entry));
  EXPECT_EQ(entry.chunks.size(), 2U);
  EXPECT_TRUE(*DecodeSeries(Entry(), 16, 300, 400, &entry));
  EXPECT_EQ(entry.chunks.size(), 1U);
  EXPECT_FALSE(*DecodeSeries(Entry(), 16, 261, 299, &entry));
  EXPECT_FALSE(*DecodeSeries(Entry(), 16, kMin, 99, &entry));
}

TEST(DecodeSeriesTest, TellsHowMuchToRead) {
  const std::string entry_bytes = Entry();
  EXPECT_EQ(*SeriesEntryBytes(entry_bytes), entry_bytes.size());
  EXPECT_EQ(SeriesEntryBytes("").status().code(), base::StatusCode::kOutOfRange);
  SeriesEntry entry;
  for (size_t size = 0; size < entry_bytes.size(); ++size) {
    EXPECT_EQ(
        DecodeSeries(std::string_view(entry_bytes).substr(0, size), 16, kMin, kMax, &entry).status().code(),
        base::StatusCode::kOutOfRange);
  }
}

TEST(DecodeSeriesTest, EveryFlippedByteIsAnError) {
  const std::string good = Entry();
  SeriesEntry entry;
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_FALSE(DecodeSeries(bad, 16, kMin, kMax, &entry).ok()) << i;
    }
  }
}

TEST(DecodeSeriesTest, RefusesWrongCountsWithGoodChecksum) {
  SeriesEntry entry;
  std::string many_labels;
  encoding::AppendUvarint(many_labels, uint64_t{1} << 62);
  EXPECT_EQ(DecodeSeries(Frame(many_labels), 16, kMin, kMax, &entry).status().code(),
            base::StatusCode::kDataLoss);
  std::string many_chunks;
  encoding::AppendUvarint(many_chunks, 0);
  encoding::AppendUvarint(many_chunks, uint64_t{1} << 62);
  EXPECT_EQ(DecodeSeries(Frame(many_chunks), 16, kMin, kMax, &entry).status().code(),
            base::StatusCode::kDataLoss);
  std::string large_symbol;
  for (const uint64_t value : {uint64_t{1}, uint64_t{1} << 32, uint64_t{0}, uint64_t{0}}) {
    encoding::AppendUvarint(large_symbol, value);
  }
  EXPECT_EQ(DecodeSeries(Frame(large_symbol), 16, kMin, kMax, &entry).status().code(),
            base::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeSeries(Frame(std::string("\0\0x", 3)), 16, kMin, kMax, &entry).status().code(),
            base::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeSeries(std::string(12, '\xff'), 16, kMin, kMax, &entry).status().code(),
            base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::index
