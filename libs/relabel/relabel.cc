#include "relabel/relabel.h"

#include <array>
#include <clocale>
#include <cwctype>
#include <openssl/evp.h>
#include <re2/re2.h>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/strings.h"
#include "relabel/internal/template.h"

namespace thanos::relabel {
namespace {

constexpr std::array<std::string_view, 11> kActionNames = {"replace",   "keep",      "drop",     "keepequal",
                                                           "dropequal", "hashmod",   "labelmap", "labeldrop",
                                                           "labelkeep", "lowercase", "uppercase"};
// An expression whose program does not fit is refused.
constexpr int64_t kMaxExpressionMemoryBytes = 64 << 20;

re2::StringPiece Piece(std::string_view text) {
  return {text.data(), text.size()};
}

bool IsLabelName(std::string_view name) {
  return !name.empty() && base::IsValidUtf8(name);
}

// The last eight bytes of the MD5 sum, which is what Prometheus shards by.
uint64_t HashOf(std::string_view value) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const int ok = EVP_Digest(value.data(), value.size(), digest.data(), &size, EVP_md5(), nullptr);
  TH_CHECK(ok == 1 && size == 16);
  return base::LoadBigEndian64(reinterpret_cast<const char*>(digest.data()) + 8);
}

// One locale for all conversions: the process' own must not matter.
locale_t Utf8Locale() {
  static const locale_t kLocale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return kLocale;
}

void AppendUtf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// Simple case mapping, character by character. Text that is not UTF-8 is mapped in ASCII only.
std::string ChangeCase(std::string_view text, bool upper) {
  const locale_t locale = Utf8Locale();
  const bool wide = locale != nullptr && base::IsValidUtf8(text);
  std::string changed;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80 || !wide) {
      const bool letter = upper ? (lead >= 'a' && lead <= 'z') : (lead >= 'A' && lead <= 'Z');
      changed += static_cast<char>(letter ? lead ^ 0x20 : lead);
      ++i;
      continue;
    }
    const size_t length = lead >= 0xF0 ? 4 : (lead >= 0xE0 ? 3 : 2);
    uint32_t code = lead & (0xFFU >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      code = (code << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
    }
    AppendUtf8(changed, static_cast<uint32_t>(upper ? towupper_l(code, locale) : towlower_l(code, locale)));
    i += length;
  }
  return changed;
}

bool NeedsTarget(Action action) {
  return action == Action::kReplace || action == Action::kHashMod || action == Action::kLowercase ||
         action == Action::kUppercase || action == Action::kKeepEqual || action == Action::kDropEqual;
}

bool IsEqualAction(Action action) {
  return action == Action::kKeepEqual || action == Action::kDropEqual;
}

// Fields that only some actions have; the same refusals as Prometheus'.
base::Status CheckFields(const RuleConfig& rule) {
  const std::string_view name = ActionName(rule.action);
  if (rule.action == Action::kHashMod && rule.modulus == 0) {
    return base::InvalidArgument("relabel configuration for hashmod requires non-zero modulus");
  }
  if (NeedsTarget(rule.action) && rule.target_label.empty()) {
    return base::InvalidArgument("relabel configuration for ", name, " action requires 'target_label' value");
  }
  if (NeedsTarget(rule.action) && !IsLabelName(rule.target_label)) {
    return base::InvalidArgument("\"", rule.target_label, "\" is invalid 'target_label' for ", name,
                                 " action");
  }
  const bool has_replacement = rule.replacement != kDefaultReplacement;
  if ((rule.action == Action::kLowercase || rule.action == Action::kUppercase ||
       IsEqualAction(rule.action)) &&
      has_replacement) {
    return base::InvalidArgument("'replacement' can not be set for ", name, " action");
  }
  if (rule.action == Action::kLabelMap && !IsLabelName(rule.replacement)) {
    return base::InvalidArgument("\"", rule.replacement, "\" is invalid 'replacement' for labelmap action");
  }
  const bool has_others = rule.modulus != 0 || rule.separator != kDefaultSeparator || has_replacement;
  if (IsEqualAction(rule.action) && (has_others || rule.regex != kDefaultRegex)) {
    return base::InvalidArgument(
        name, " action requires only 'source_labels' and `target_label`, and no other fields");
  }
  if ((rule.action == Action::kLabelDrop || rule.action == Action::kLabelKeep) &&
      (has_others || !rule.source_labels.empty() || !rule.target_label.empty())) {
    return base::InvalidArgument(name, " action requires only 'regex', and no other fields");
  }
  return base::OkStatus();
}

RE2::Options ExpressionOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(kMaxExpressionMemoryBytes);
  return options;
}

}  // namespace

std::string_view ActionName(Action action) {
  return kActionNames[static_cast<size_t>(action)];
}

struct Rule::Compiled {
  explicit Compiled(RuleConfig rule)
      : config(std::move(rule)), expression(Piece(config.regex), ExpressionOptions()) {}

  bool Matches(std::string_view text) const { return RE2::FullMatch(Piece(text), expression); }
  // The groups of a match of the whole `text`; empty: no match.
  std::vector<re2::StringPiece> Match(std::string_view text) const {
    std::vector<re2::StringPiece> groups(static_cast<size_t>(expression.NumberOfCapturingGroups()) + 1);
    if (!expression.Match(Piece(text), 0, text.size(), RE2::ANCHOR_BOTH, groups.data(),
                          static_cast<int>(groups.size()))) {
      groups.clear();
    }
    return groups;
  }

  const RuleConfig config;
  const RE2 expression;
};

base::StatusOr<Rule> Rule::Create(RuleConfig config) {
  TH_RETURN_IF_ERROR(CheckFields(config));
  auto compiled = std::make_shared<const Compiled>(std::move(config));
  if (!compiled->expression.ok()) {
    return base::InvalidArgument("regex '", compiled->config.regex, "': ", compiled->expression.error());
  }
  return Rule(std::move(compiled));
}

const RuleConfig& Rule::config() const {
  return compiled_->config;
}

std::string Rule::SourceValue(const labels::LabelBuilder& labels) const {
  std::string value;
  for (size_t i = 0; i < config().source_labels.size(); ++i) {
    value += i > 0 ? std::string_view(config().separator) : std::string_view();
    value += labels.Get(config().source_labels[i]);
  }
  return value;
}

void Rule::Replace(labels::LabelBuilder* labels, const std::string& value) const {
  const std::vector<re2::StringPiece> groups = compiled_->Match(value);
  if (groups.empty()) {
    return;
  }
  const std::string target = internal::Expand(config().target_label, compiled_->expression, groups);
  if (IsLabelName(target)) {
    labels->Set(target, internal::Expand(config().replacement, compiled_->expression, groups));
  }
}

void Rule::MapNames(labels::LabelBuilder* labels) const {
  const labels::Labels before = labels->Build();
  for (const labels::LabelView& label : before) {
    const std::vector<re2::StringPiece> groups = compiled_->Match(label.name);
    if (groups.empty()) {
      continue;
    }
    const std::string name = internal::Expand(config().replacement, compiled_->expression, groups);
    if (!name.empty()) {
      labels->Set(name, label.value);
    }
  }
}

void Rule::DeleteNames(labels::LabelBuilder* labels, bool matching) const {
  const labels::Labels before = labels->Build();
  for (const labels::LabelView& label : before) {
    if (compiled_->Matches(label.name) == matching) {
      labels->Delete(label.name);
    }
  }
}

bool Rule::Apply(labels::LabelBuilder* labels) const {
  const std::string value = SourceValue(*labels);
  const std::string& target = config().target_label;
  switch (config().action) {
    case Action::kReplace:
      Replace(labels, value);
      return true;
    case Action::kKeep:
      return compiled_->Matches(value);
    case Action::kDrop:
      return !compiled_->Matches(value);
    case Action::kKeepEqual:
      return labels->Get(target) == value;
    case Action::kDropEqual:
      return labels->Get(target) != value;
    case Action::kHashMod:
      labels->Set(target, std::to_string(HashOf(value) % config().modulus));
      return true;
    case Action::kLabelMap:
      MapNames(labels);
      return true;
    case Action::kLabelDrop:
      DeleteNames(labels, true);
      return true;
    case Action::kLabelKeep:
      DeleteNames(labels, false);
      return true;
    case Action::kLowercase:
      labels->Set(target, ChangeCase(value, false));
      return true;
    case Action::kUppercase:
      labels->Set(target, ChangeCase(value, true));
      return true;
  }
  return true;
}

bool Process(std::span<const Rule> rules, labels::LabelBuilder* labels) {
  for (const Rule& rule : rules) {
    if (!rule.Apply(labels)) {
      return false;
    }
  }
  return true;
}

}  // namespace thanos::relabel
