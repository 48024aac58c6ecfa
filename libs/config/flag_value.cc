#include "config/flag_value.h"

#include <algorithm>
#include <cmath>

#include "config/units.h"

namespace thanos::config {
namespace {

// Assigns a parsed value or returns its error.
template <typename T, typename Field>
base::Status Assign(base::StatusOr<T> parsed, Field& field) {
  if (!parsed.ok()) {
    return parsed.status();
  }
  field = *std::move(parsed);
  return base::OkStatus();
}

struct Parser {
  const Flag& flag;
  std::string_view text;

  base::Status operator()(bool* target) const {
    *target = text == "true";
    return base::OkStatus();
  }
  base::Status operator()(std::string* target) const {
    if (!flag.allowed.empty() &&
        std::find(flag.allowed.begin(), flag.allowed.end(), text) == flag.allowed.end()) {
      return base::InvalidArgument("enum value must be one of ", base::Join(flag.allowed, ","), ", got '",
                                   text, "'");
    }
    *target = std::string(text);
    return base::OkStatus();
  }
  base::Status operator()(int64_t* target) const {
    if (const auto value = base::ParseInt64(text.starts_with('+') ? text.substr(1) : text);
        value.has_value()) {
      *target = *value;
      return base::OkStatus();
    }
    // Whole numbers in float form, such as 1e6, are accepted too.
    const auto value = base::ParseDouble(text);
    if (!value.has_value() || std::abs(*value) > 9e15 || std::trunc(*value) != *value) {
      return base::InvalidArgument("expected an integer, got ", base::Quote(text));
    }
    *target = static_cast<int64_t>(*value);
    return base::OkStatus();
  }
  base::Status operator()(double* target) const {
    const auto value = base::ParseDouble(text);
    if (!value.has_value()) {
      return base::InvalidArgument("expected a float, got ", base::Quote(text));
    }
    *target = *value;
    return base::OkStatus();
  }
  base::Status operator()(ExtDuration* target) const { return Assign(ParseExtDuration(text), target->value); }
  base::Status operator()(PromDuration* target) const {
    return Assign(ParsePromDuration(text), target->value);
  }
  base::Status operator()(ByteSize* target) const { return Assign(ParseByteSize(text), target->value); }
  base::Status operator()(TimeOrDuration* target) const {
    TimeOrDuration candidate{std::string(text)};
    TH_RETURN_IF_ERROR(candidate.ToMs(0).status());
    *target = std::move(candidate);
    return base::OkStatus();
  }
  base::Status operator()(std::vector<std::string>* target) const {
    if (flag.times_set == 0) {
      target->clear();
    }
    target->emplace_back(text);
    return base::OkStatus();
  }
};

struct Printer {
  std::string operator()(const bool* target) const { return *target ? "true" : "false"; }
  std::string operator()(const std::string* target) const { return *target; }
  std::string operator()(const int64_t* target) const { return base::Concat(*target); }
  std::string operator()(const double* target) const { return base::Concat(*target); }
  std::string operator()(const ExtDuration* target) const { return FormatExtDuration(target->value); }
  std::string operator()(const PromDuration* target) const { return FormatPromDuration(target->value); }
  std::string operator()(const ByteSize* target) const { return FormatByteSize(target->value); }
  std::string operator()(const TimeOrDuration* target) const { return target->text; }
  std::string operator()(const std::vector<std::string>* target) const { return base::Join(*target, ","); }
};

}  // namespace

base::Status SetFlag(Flag& flag, std::string_view text) {
  if (flag.times_set > 0 && !flag.is_list()) {
    return base::InvalidArgument("flag '", flag.name, "' cannot be repeated");
  }
  TH_RETURN_IF_ERROR(base::Annotate(std::visit(Parser{flag, text}, flag.target), "flag '--", flag.name, "'"));
  ++flag.times_set;
  return base::OkStatus();
}

std::string FlagText(const Flag& flag) {
  return std::visit(Printer{}, flag.target);
}

}  // namespace thanos::config
