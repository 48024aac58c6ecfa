#include "config/flags.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "config/flag_help.h"
#include "config/flag_registry.h"
#include "config/flag_value.h"
#include "config/path_or_content.h"
#include "config/units.h"

namespace thanos::config {
namespace {

constexpr int kExitBadUsage = 1;
constexpr int kExitBadValue = 2;

// Arguments with `@file` replaced by the file's lines; blank lines and lines beginning with '#' are skipped.
base::StatusOr<std::vector<std::string>> ExpandFiles(int argc, const char* const* argv) {
  std::vector<std::string> out;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!argument.starts_with('@') || argument.size() == 1) {
      out.push_back(argument);
      continue;
    }
    TH_ASSIGN_OR_RETURN(const std::string text, ReadFile(argument.substr(1)));
    for (const std::string_view line : base::Split(text, '\n')) {
      const std::string_view trimmed = base::Trim(line);
      if (!trimmed.empty() && !trimmed.starts_with('#')) {
        out.emplace_back(trimmed);
      }
    }
  }
  return out;
}

FlagSet::Outcome Exit(int code, std::string standard_output, std::string standard_error) {
  return {FlagSet::Outcome::Action::kExit, code, std::move(standard_output), std::move(standard_error)};
}

}  // namespace

struct FlagSet::Impl {
  std::string component;
  std::string help;
  std::string version_text;
  bool want_help = false;
  bool want_version = false;
  std::vector<Flag> flags;
  base::StringMap<size_t> by_name;

  struct Assignment {
    Flag* flag;
    std::string text;
  };

  void Add(std::string name, Flag::Target target, std::string flag_help, FlagOptions options,
           std::vector<std::string> allowed = {}) {
    TH_CHECK(!by_name.contains(name));
    by_name.emplace(name, flags.size());
    flags.push_back(Flag{std::move(name), std::move(flag_help), target, std::move(allowed), options});
    RegisterInGflags(flags.back().name, flags.back().help, FlagText(flags.back()));
  }

  Flag* Find(std::string_view name) {
    const auto it = by_name.find(name);
    return it == by_name.end() ? nullptr : &flags[it->second];
  }

  Flag* FindShort(char short_name) {
    const auto it = std::find_if(flags.begin(), flags.end(),
                                 [&](const Flag& flag) { return flag.options.short_name == short_name; });
    return it == flags.end() ? nullptr : &*it;
  }

  // The flag of "--name" or "--no-name" and, for a boolean, which of both.
  Flag* FindLong(std::string_view name, bool* negated) {
    *negated = false;
    if (Flag* flag = Find(name); flag != nullptr) {
      return flag;
    }
    if (!name.starts_with("no-")) {
      return nullptr;
    }
    Flag* flag = Find(name.substr(3));
    *negated = true;
    return flag != nullptr && flag->is_bool() ? flag : nullptr;
  }

  // Takes the value of `flag` from `attached` ("=value" or "-lvalue") or from the next argument.
  base::Status TakeValue(Flag* flag, std::string_view written, std::optional<std::string_view> attached,
                         const std::vector<std::string>& arguments, size_t* next,
                         std::vector<Assignment>* out) {
    if (attached.has_value()) {
      out->push_back({flag, std::string(*attached)});
      return base::OkStatus();
    }
    if (*next >= arguments.size() || (arguments[*next].size() > 1 && arguments[*next].starts_with('-'))) {
      return base::InvalidArgument("expected argument for flag '", written, "'");
    }
    out->push_back({flag, arguments[(*next)++]});
    return base::OkStatus();
  }

  base::Status TokenizeLong(std::string_view argument, const std::vector<std::string>& arguments,
                            size_t* next, std::vector<Assignment>* out) {
    const size_t equals = argument.find('=');
    const std::string_view written = argument.substr(0, equals);
    bool negated = false;
    Flag* flag = FindLong(written.substr(2), &negated);
    if (flag == nullptr) {
      return base::InvalidArgument("unknown long flag '", written, "'");
    }
    const auto attached =
        equals == std::string_view::npos ? std::nullopt : std::optional(argument.substr(equals + 1));
    if (!flag->is_bool()) {
      return TakeValue(flag, written, attached, arguments, next, out);
    }
    if (attached.has_value()) {
      return base::InvalidArgument("unexpected argument '", *attached, "' of boolean flag '", written, "'");
    }
    out->push_back({flag, negated ? "false" : "true"});
    return base::OkStatus();
  }

  base::Status TokenizeShort(std::string_view argument, const std::vector<std::string>& arguments,
                             size_t* next, std::vector<Assignment>* out) {
    const std::string_view written = argument.substr(0, 2);
    Flag* flag = FindShort(argument[1]);
    if (flag == nullptr) {
      return base::InvalidArgument("unknown short flag '", written, "'");
    }
    const std::string_view rest = argument.substr(2);
    if (!flag->is_bool()) {
      return TakeValue(flag, written, rest.empty() ? std::nullopt : std::optional(rest), arguments, next,
                       out);
    }
    out->push_back({flag, "true"});
    return rest.empty() ? base::OkStatus() : TokenizeShort(base::Concat("-", rest), arguments, next, out);
  }

  base::Status Tokenize(const std::vector<std::string>& arguments, std::vector<Assignment>* out) {
    size_t next = !arguments.empty() && arguments[0] == component ? 1 : 0;
    while (next < arguments.size()) {
      const std::string_view argument = arguments[next++];
      if (argument.size() < 2 || !argument.starts_with('-') || argument == "--") {
        return base::InvalidArgument("unexpected argument '", argument, "'");
      }
      TH_RETURN_IF_ERROR(argument.starts_with("--") ? TokenizeLong(argument, arguments, &next, out)
                                                    : TokenizeShort(argument, arguments, &next, out));
    }
    return base::OkStatus();
  }

  std::string Help() const { return FormatHelp(component, help, flags); }
};

FlagSet::FlagSet(std::string component, std::string help) : impl_(std::make_unique<Impl>()) {
  impl_->version_text = base::Concat("thanos ", component, "\n");
  impl_->component = std::move(component);
  impl_->help = std::move(help);
  Add("help", &impl_->want_help, "Print usage and stop.", {.short_name = 'h'});
  Add("version", &impl_->want_version, "Print build information and stop.");
}
FlagSet::~FlagSet() = default;

void FlagSet::Add(std::string name, bool* target, std::string help, FlagOptions options) {
  impl_->Add(std::move(name), target, std::move(help), options);
}
void FlagSet::Add(std::string name, std::string* target, std::string help, FlagOptions options) {
  impl_->Add(std::move(name), target, std::move(help), options);
}
void FlagSet::Add(std::string name, int64_t* target, std::string help, FlagOptions options) {
  impl_->Add(std::move(name), target, std::move(help), options);
}
void FlagSet::Add(std::string name, double* target, std::string help, FlagOptions options) {
  impl_->Add(std::move(name), target, std::move(help), options);
}
void FlagSet::Add(std::string name, ExtDuration* target, std::string help, FlagOptions options) {
  impl_->Add(std::move(name), target, std::move(help), options);
}
void FlagSet::Add(std::string name, PromDuration* target, std::string help, FlagOptions options) {
  impl_->Add(std::move(name), target, std::move(help), options);
}
void FlagSet::Add(std::string name, ByteSize* target, std::string help, FlagOptions options) {
  impl_->Add(std::move(name), target, std::move(help), options);
}
void FlagSet::Add(std::string name, TimeOrDuration* target, std::string help, FlagOptions options) {
  impl_->Add(std::move(name), target, std::move(help), options);
}
void FlagSet::Add(std::string name, std::vector<std::string>* target, std::string help, FlagOptions options) {
  impl_->Add(std::move(name), target, std::move(help), options);
}
void FlagSet::AddEnum(std::string name, std::string* target, std::vector<std::string> allowed,
                      std::string help, FlagOptions options) {
  impl_->Add(std::move(name), target, std::move(help), options, std::move(allowed));
}

FlagSet::Outcome FlagSet::Parse(int argc, const char* const* argv) {
  const auto arguments = ExpandFiles(argc, argv);
  if (!arguments.ok()) {
    return Exit(kExitBadUsage, "", base::Concat("Error: ", base::Message(arguments.status()), "\n"));
  }
  std::vector<Impl::Assignment> assignments;
  if (const base::Status status = impl_->Tokenize(*arguments, &assignments); !status.ok()) {
    return Exit(kExitBadUsage, "", base::Concat("Error: ", base::Message(status), ", try --help\n"));
  }
  for (const Impl::Assignment& assignment : assignments) {
    impl_->want_help |= assignment.flag->name == "help" && assignment.text == "true";
    impl_->want_version |= assignment.flag->name == "version" && assignment.text == "true";
  }
  if (impl_->want_help) {
    impl_->want_help = false;
    return Exit(0, "", impl_->Help());
  }
  if (impl_->want_version) {
    return Exit(0, impl_->version_text, "");
  }
  for (const Impl::Assignment& assignment : assignments) {
    if (const base::Status status = SetFlag(*assignment.flag, assignment.text); !status.ok()) {
      return Exit(kExitBadValue, "",
                  base::Concat(impl_->Help(),
                               "\nError parsing commandline arguments: ", base::Message(status), "\n"));
    }
    StoreInGflags(assignment.flag->name, FlagText(*assignment.flag));
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> FlagSet::Values() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Flag& flag : impl_->flags) {
    std::string text = FlagText(flag);
    const bool bucket = flag.name == "objstore.config" || flag.name == "objstore.config-file";
    if (bucket || (flag.options.secret && !text.empty())) {
      text = "<REDACTED>";
    }
    out.emplace_back(flag.name, std::move(text));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> FlagSet::SetWithoutEffect() const {
  std::vector<std::string> out;
  for (const Flag& flag : impl_->flags) {
    if (flag.options.no_effect && flag.times_set > 0) {
      out.push_back(flag.name);
    }
  }
  return out;
}

std::string FlagSet::HelpText() const {
  return impl_->Help();
}

void FlagSet::SetVersionText(std::string text) {
  impl_->version_text = std::move(text);
}

}  // namespace thanos::config
