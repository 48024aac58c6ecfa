#include "config/flag_registry.h"

#include <gflags/gflags.h>
#include <memory>

#include "base/mutex.h"
#include "base/strings.h"

namespace thanos::config {
namespace {

// gflags keeps pointers to all of this for the life of the process.
struct Entry {
  std::string name;
  std::string help;
  std::string current;
  std::string default_value;
};

struct Table {
  base::Mutex mutex;
  base::StringMap<std::unique_ptr<Entry>> entries ABSL_GUARDED_BY(mutex);
};

Table& Entries() {
  static auto& table = *new Table;
  return table;
}

}  // namespace

void RegisterInGflags(const std::string& name, const std::string& help, const std::string& default_text) {
  Table& table = Entries();
  base::MutexLock lock(table.mutex);
  if (table.entries.contains(name)) {
    google::SetCommandLineOption(name.c_str(), default_text.c_str());
    return;
  }
  std::string foreign;
  if (google::GetCommandLineOption(name.c_str(), &foreign)) {
    return;
  }
  auto entry = std::make_unique<Entry>(Entry{name, help, default_text, default_text});
  google::FlagRegisterer(entry->name.c_str(), entry->help.c_str(), "thanos", &entry->current,
                         &entry->default_value);
  table.entries.emplace(name, std::move(entry));
}

void StoreInGflags(const std::string& name, const std::string& text) {
  Table& table = Entries();
  base::MutexLock lock(table.mutex);
  if (table.entries.contains(name)) {
    google::SetCommandLineOption(name.c_str(), text.c_str());
  }
}

}  // namespace thanos::config
