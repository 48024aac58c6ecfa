#pragma once

// Shared by the tests of this library: the golden index, small indexes made on the spot, and a text form of
// everything a reader or header can say.

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "encoding/crc32c.h"
#include "encoding/varint.h"
#include "index/index_header.h"
#include "index/reader.h"
#include "index/writer.h"

namespace thanos::index::testing {

inline std::string GoldenIndexPath() {
  return TH_SOURCE_DIR "/tests/golden/block/01M7WX2GS3A535W7R09VB63D1E/index";
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

// A fresh path inside the test's temporary directory.
inline std::string TempPath(const std::string& name) {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  const auto directory = std::filesystem::path(::testing::TempDir()) /
                         (std::string("thanos_index_") + info->test_suite_name() + "_" + info->name());
  std::filesystem::create_directories(directory);
  return (directory / name).string();
}

struct TestSeries {
  labels::Labels labels;
  std::vector<ChunkMeta> chunks;
};

inline std::set<std::string, std::less<>> SymbolsOf(const std::vector<TestSeries>& all) {
  std::set<std::string, std::less<>> symbols{""};
  for (const TestSeries& series : all) {
    for (const labels::LabelView& label : series.labels) {
      symbols.emplace(label.name);
      symbols.emplace(label.value);
    }
  }
  return symbols;
}

// Writes an index of version 2; `all` sorted by labels.
inline base::Status WriteIndex(const std::vector<TestSeries>& all, const std::string& path,
                               const WriterOptions& options = {}) {
  TH_ASSIGN_OR_RETURN(const auto writer, Writer::Create(path, options));
  for (const std::string& symbol : SymbolsOf(all)) {
    TH_RETURN_IF_ERROR(writer->AddSymbol(symbol));
  }
  for (const TestSeries& series : all) {
    TH_RETURN_IF_ERROR(writer->AddSeries(series.labels, series.chunks));
  }
  return writer->Finish();
}

// An index of version 1: symbols referred to by position, series references not divided, table in no order of
// values.
inline std::string MakeIndexV1(const std::vector<TestSeries>& all) {
  const auto section = [](std::string* out, const std::string& body) {
    base::AppendBigEndian32(*out, static_cast<uint32_t>(body.size()));
    *out += body;
    base::AppendBigEndian32(*out, encoding::Crc32c(body));
  };
  const auto text = [](std::string* out, std::string_view value) {
    encoding::AppendUvarint(*out, value.size());
    *out += value;
  };
  std::string out;
  base::AppendBigEndian32(out, kIndexMagic);
  out += '\x01';
  Toc toc;
  toc.symbols = out.size();
  const auto symbols = SymbolsOf(all);
  std::map<std::string, uint64_t, std::less<>> positions;
  std::string body;
  base::AppendBigEndian32(body, static_cast<uint32_t>(symbols.size()));
  for (const std::string& symbol : symbols) {
    positions[symbol] = out.size() + 4 + body.size();
    text(&body, symbol);
  }
  section(&out, body);
  toc.series = out.size();
  // Values in descending order, to have a table that is not sorted.
  std::map<std::string, std::map<std::string, Postings, std::greater<>>> lists;
  for (const TestSeries& series : all) {
    const auto ref = static_cast<SeriesRef>(out.size());
    lists[""][""].push_back(ref);
    body.clear();
    encoding::AppendUvarint(body, series.labels.size());
    for (const labels::LabelView& label : series.labels) {
      lists[std::string(label.name)][std::string(label.value)].push_back(ref);
      encoding::AppendUvarint(body, positions.find(label.name)->second);
      encoding::AppendUvarint(body, positions.find(label.value)->second);
    }
    encoding::AppendUvarint(body, series.chunks.size());
    for (size_t i = 0; i < series.chunks.size(); ++i) {
      const ChunkMeta& chunk = series.chunks[i];
      if (i == 0) {
        encoding::AppendVarint(body, chunk.min_time_ms);
      } else {
        encoding::AppendUvarint(body,
                                static_cast<uint64_t>(chunk.min_time_ms - series.chunks[i - 1].max_time_ms));
      }
      encoding::AppendUvarint(body, static_cast<uint64_t>(chunk.max_time_ms - chunk.min_time_ms));
      if (i == 0) {
        encoding::AppendUvarint(body, chunk.ref);
      } else {
        encoding::AppendVarint(body, static_cast<int64_t>(chunk.ref - series.chunks[i - 1].ref));
      }
    }
    encoding::AppendUvarint(out, body.size());
    out += body;
    base::AppendBigEndian32(out, encoding::Crc32c(body));
  }
  toc.label_indices = toc.postings = out.size();
  std::string table;
  uint32_t count = 0;
  for (const auto& [name, values] : lists) {
    for (const auto& [value, refs] : values) {
      table += '\x02';
      text(&table, name);
      text(&table, value);
      encoding::AppendUvarint(table, out.size());
      ++count;
      body.clear();
      base::AppendBigEndian32(body, static_cast<uint32_t>(refs.size()));
      for (const SeriesRef ref : refs) {
        base::AppendBigEndian32(body, ref);
      }
      section(&out, body);
    }
  }
  toc.label_offset_table = toc.postings_offset_table = out.size();
  body.clear();
  base::AppendBigEndian32(body, count);
  section(&out, body + table);
  AppendToc(out, toc);
  return out;
}

// A few hundred series with one label of many values. `count` up to 1000.
inline std::vector<TestSeries> SampleSeries(int count) {
  std::vector<TestSeries> all;
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(10'000 + i).substr(1);
    TestSeries series;
    series.labels = i % 10 == 3 ? labels::Labels{{"__name__", "up"}, {"pod", number}}
                                : labels::Labels{{"__name__", "up"},
                                                 {"pod", number},
                                                 {"zone", std::string(1, static_cast<char>('a' + i % 3))}};
    for (int chunk = 0; chunk < i % 4; ++chunk) {
      series.chunks.push_back(
          {static_cast<uint64_t>(i * 1000 + chunk * 100 + 8), chunk * 1000 - 500, chunk * 1000 + 400});
    }
    all.push_back(std::move(series));
  }
  return all;
}

inline base::StatusOr<std::string> Describe(const Reader& reader) {
  std::string out = base::Concat("symbols ", reader.symbols().size(), "\n");
  IndexSeries series;
  TH_ASSIGN_OR_RETURN(const Postings all, reader.AllPostings());
  for (const SeriesRef ref : all) {
    TH_RETURN_IF_ERROR(reader.Series(ref, &series));
    base::Append(out, ref, " ", labels::ToString(series.labels));
    for (const ChunkMeta& chunk : series.chunks) {
      base::Append(out, " ", chunk.ref, "@", chunk.min_time_ms, "-", chunk.max_time_ms);
    }
    out += '\n';
  }
  for (const std::string_view name : reader.LabelNames()) {
    for (const std::string_view value : reader.LabelValues(name)) {
      TH_ASSIGN_OR_RETURN(const Postings refs, reader.PostingsFor(name, value));
      base::Append(out, name, "=", base::Quote(value));
      for (const SeriesRef ref : refs) {
        base::Append(out, " ", ref);
      }
      out += '\n';
    }
  }
  return out;
}

inline std::string Describe(const IndexHeader& header) {
  std::string out = base::Concat("version ", header.index_version(), "\n");
  for (const std::string_view symbol : header.symbols().All()) {
    base::Append(out, symbol, "\n");
  }
  base::Append(out, header.AllPostingsRange().begin, "-", header.AllPostingsRange().end, "\n");
  for (const std::string_view name : header.LabelNames()) {
    const auto values = header.LabelValues(name);
    const auto ranges = header.PostingsRanges(name, values);
    for (size_t i = 0; i < values.size(); ++i) {
      base::Append(out, name, "=", base::Quote(values[i]), " ", ranges[i].begin, "-", ranges[i].end, "\n");
    }
  }
  return out;
}

inline RangeReader ReadFrom(const std::string& index) {
  return [&index](uint64_t offset, uint64_t length) -> base::StatusOr<base::SharedBytes> {
    if (offset > index.size() || length > index.size() - offset) {
      return base::OutOfRange("range outside of the object");
    }
    return base::SharedBytes{std::string_view(index).substr(offset, length), nullptr};
  };
}

}  // namespace thanos::index::testing
