#include "remotewrite/encode.h"

#include "remotewrite/internal/fields.h"

namespace thanos::remotewrite {

using encoding::AppendBytesField;
using encoding::AppendDoubleField;
using encoding::AppendInt64Field;
using encoding::AppendMessageField;
using encoding::AppendSint64Field;
using encoding::AppendVarintField;

namespace {

void AppendLabels(labels::LabelSpan labels, std::string& out) {
  for (const labels::LabelView& label : labels) {
    AppendMessageField(out, internal::kSeriesLabels, [&](std::string& inner) {
      AppendBytesField(inner, internal::kLabelName, label.name);
      AppendBytesField(inner, internal::kLabelValue, label.value);
    });
  }
}

void AppendSample(const Sample& sample, bool with_start, std::string& out) {
  AppendMessageField(out, internal::kSeriesSamples, [&](std::string& inner) {
    AppendDoubleField(inner, 1, sample.value);
    AppendInt64Field(inner, 2, sample.time_ms);
    if (with_start && sample.start_time_ms != 0) {
      AppendInt64Field(inner, 3, sample.start_time_ms);
    }
  });
}

void AppendSpans(uint32_t number, const std::vector<model::Span>& spans, std::string& out) {
  for (const model::Span& span : spans) {
    AppendMessageField(out, number, [&](std::string& inner) {
      AppendSint64Field(inner, 1, span.offset);
      AppendVarintField(inner, 2, span.length);
    });
  }
}

void AppendPackedDoubles(uint32_t number, const std::vector<double>& values, std::string& out) {
  if (values.empty()) {
    return;
  }
  encoding::AppendBytesHeader(out, number, values.size() * sizeof(double));
  for (const double value : values) {
    const auto bits = std::bit_cast<uint64_t>(value);
    out.append(reinterpret_cast<const char*>(&bits), sizeof(bits));
  }
}

void AppendBuckets(uint32_t deltas_number, bool is_float, const std::vector<double>& counts,
                   std::string& out) {
  if (is_float) {
    AppendPackedDoubles(deltas_number + 1, counts, out);
    return;
  }
  if (counts.empty()) {
    return;
  }
  AppendMessageField(out, deltas_number, [&](std::string& inner) {
    int64_t previous = 0;
    for (const double value : counts) {
      const auto count = static_cast<int64_t>(value);
      encoding::AppendVarint(inner, count - previous);
      previous = count;
    }
  });
}

}  // namespace

void AppendRawSeries(std::string_view raw, std::string* body) {
  AppendBytesField(*body, internal::kRequestSeries, raw);
}

void AppendSeries(const SeriesView& series, std::string* body) {
  AppendMessageField(*body, internal::kRequestSeries, [&](std::string& out) {
    out.append(series.label_block);
    for (const Sample& sample : series.samples) {
      AppendSample(sample, false, out);
    }
    for (const ExemplarView& exemplar : series.exemplars) {
      AppendMessageField(out, internal::kSeriesExemplars, [&](std::string& inner) {
        AppendLabels(
            labels::LabelSpan(series.exemplar_labels).subspan(exemplar.labels_begin, exemplar.labels_count),
            inner);
        AppendDoubleField(inner, 2, exemplar.value);
        AppendInt64Field(inner, 3, exemplar.time_ms);
      });
    }
    for (const std::string_view histogram : series.histograms) {
      AppendBytesField(out, internal::kSeriesHistograms, histogram);
    }
  });
}

void AppendHistogram(const HistogramSample& sample, std::string& out) {
  const model::Histogram& histogram = *sample.histogram;
  if (histogram.is_float) {
    AppendDoubleField(out, 2, histogram.count);
  } else {
    AppendVarintField(out, 1, static_cast<uint64_t>(histogram.count));
  }
  AppendDoubleField(out, 3, histogram.sum);
  AppendSint64Field(out, 4, histogram.schema);
  AppendDoubleField(out, 5, histogram.zero_threshold);
  if (histogram.is_float) {
    AppendDoubleField(out, 7, histogram.zero_count);
  } else {
    AppendVarintField(out, 6, static_cast<uint64_t>(histogram.zero_count));
  }
  AppendSpans(8, histogram.negative_spans, out);
  AppendBuckets(9, histogram.is_float, histogram.negative_buckets, out);
  AppendSpans(11, histogram.positive_spans, out);
  AppendBuckets(12, histogram.is_float, histogram.positive_buckets, out);
  AppendVarintField(out, 14, static_cast<uint64_t>(histogram.counter_reset_hint));
  AppendInt64Field(out, 15, sample.time_ms);
  AppendPackedDoubles(16, histogram.custom_bounds, out);
  if (sample.start_time_ms != 0) {
    AppendInt64Field(out, 17, sample.start_time_ms);
  }
}

void RequestBuilder::Add(const SeriesInput& series) {
  if (version_ == Version::kV1) {
    AddV1(series);
  } else {
    AddV2(series);
  }
}

void RequestBuilder::AddV1(const SeriesInput& series) {
  AppendMessageField(series_, internal::kRequestSeries, [&](std::string& out) {
    AppendLabels(series.labels, out);
    for (const Sample& sample : series.samples) {
      AppendSample(sample, false, out);
    }
    for (const Exemplar& exemplar : series.exemplars) {
      AppendMessageField(out, internal::kSeriesExemplars, [&](std::string& inner) {
        AppendLabels(exemplar.labels, inner);
        AppendDoubleField(inner, 2, exemplar.value);
        AppendInt64Field(inner, 3, exemplar.time_ms);
      });
    }
    for (const HistogramSample& histogram : series.histograms) {
      AppendMessageField(out, internal::kSeriesHistograms,
                         [&](std::string& inner) { AppendHistogram(histogram, inner); });
    }
  });
}

uint64_t RequestBuilder::Intern(std::string_view text) {
  if (refs_.empty()) {
    refs_.emplace("", 0);
    AppendBytesField(symbols_, internal::kRequest2Symbols, "");
  }
  const auto found = refs_.find(text);
  if (found != refs_.end()) {
    return found->second;
  }
  const uint64_t ref = refs_.size();
  refs_.emplace(text, ref);
  AppendBytesField(symbols_, internal::kRequest2Symbols, text);
  return ref;
}

void RequestBuilder::AppendRefs(labels::LabelSpan labels, std::string& out) {
  AppendMessageField(out, internal::kSeries2LabelRefs, [&](std::string& inner) {
    for (const labels::LabelView& label : labels) {
      encoding::AppendUvarint(inner, Intern(label.name));
      encoding::AppendUvarint(inner, Intern(label.value));
    }
  });
}

void RequestBuilder::AddV2(const SeriesInput& series) {
  AppendMessageField(series_, internal::kRequest2Series, [&](std::string& out) {
    AppendRefs(series.labels, out);
    for (const Sample& sample : series.samples) {
      AppendSample(sample, true, out);
    }
    for (const HistogramSample& histogram : series.histograms) {
      AppendMessageField(out, internal::kSeries2Histograms,
                         [&](std::string& inner) { AppendHistogram(histogram, inner); });
    }
    for (const Exemplar& exemplar : series.exemplars) {
      AppendMessageField(out, internal::kSeries2Exemplars, [&](std::string& inner) {
        AppendRefs(exemplar.labels, inner);
        AppendDoubleField(inner, 2, exemplar.value);
        AppendInt64Field(inner, 3, exemplar.time_ms);
      });
    }
    if (series.metadata != nullptr) {
      AppendMessageField(out, internal::kSeries2Metadata, [&](std::string& inner) {
        AppendVarintField(inner, 1, series.metadata->type);
        AppendVarintField(inner, 3, Intern(series.metadata->help));
        AppendVarintField(inner, 4, Intern(series.metadata->unit));
      });
    }
  });
}

void RequestBuilder::AddMetadata(const MetadataView& metadata) {
  AppendMessageField(series_, internal::kRequestMetadata, [&](std::string& out) {
    AppendVarintField(out, 1, metadata.type);
    AppendBytesField(out, 2, metadata.family);
    AppendBytesField(out, 4, metadata.help);
    AppendBytesField(out, 5, metadata.unit);
  });
}

std::string RequestBuilder::Finish() {
  std::string body = std::move(symbols_);
  body += series_;
  series_.clear();
  symbols_.clear();
  refs_.clear();
  return body;
}

}  // namespace thanos::remotewrite
