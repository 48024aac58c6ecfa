#include "query/active_query_log.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/strings.h"
#include "config/path_or_content.h"
#include "promapi/encode.h"
#include "telemetry/log.h"

namespace thanos::query {
namespace {

constexpr size_t kSlotBytes = 1000;
constexpr char kFileName[] = "/queries.active";

// The JSON of one entry with its comma, at most kSlotBytes: long queries are cut.
std::string EntryText(std::string_view query, int64_t now_s) {
  size_t length = std::min(query.size(), kSlotBytes);
  while (true) {
    while (length > 0 && length < query.size() &&
           (static_cast<unsigned char>(query[length]) & 0xc0) == 0x80) {
      --length;
    }
    std::string text = "{\"query\":";
    promapi::AppendJsonString(text, query.substr(0, length));
    base::Append(text, ",\"timestamp_sec\":", now_s, "},");
    if (text.size() <= kSlotBytes) {
      return text;
    }
    length -= std::min(length, std::max<size_t>(1, (text.size() - kSlotBytes + 5) / 6));
  }
}

base::Status WriteSlot(int fd, int slot, std::string text) {
  text.resize(kSlotBytes, '\0');
  const auto offset = static_cast<off_t>(1 + static_cast<size_t>(slot) * kSlotBytes);
  if (pwrite(fd, text.data(), text.size(), offset) != static_cast<ssize_t>(text.size())) {
    return base::Internal("writing the active query log: ", std::strerror(errno));
  }
  return base::OkStatus();
}

}  // namespace

std::vector<std::string> UnfinishedQueries(std::string_view content) {
  std::vector<std::string> queries;
  for (size_t begin = 1; begin < content.size(); begin += kSlotBytes) {
    std::string_view entry = content.substr(begin, kSlotBytes);
    entry = entry.substr(0, entry.find('\0'));
    if (entry.starts_with('{') && entry.ends_with("},")) {
      queries.emplace_back(entry.substr(0, entry.size() - 1));
    }
  }
  return queries;
}

base::StatusOr<std::unique_ptr<ActiveQueryLog>> ActiveQueryLog::Open(const std::string& directory,
                                                                     int slots) {
  if (mkdir(directory.c_str(), 0750) != 0 && errno != EEXIST) {
    return base::Internal("creating ", directory, ": ", std::strerror(errno));
  }
  const std::string path = directory + kFileName;
  if (const auto content = config::ReadFile(path); content.ok()) {
    if (const std::vector<std::string> queries = UnfinishedQueries(*content); !queries.empty()) {
      TH_LOG(kInfo, "these queries did not finish in the last run")
          .With("queries", "[" + base::Join(queries, ",") + "]");
    }
  }
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) {
    return base::Internal("opening ", path, ": ", std::strerror(errno));
  }
  std::unique_ptr<ActiveQueryLog> log(new ActiveQueryLog(fd, slots));
  const auto size = static_cast<off_t>(1 + static_cast<size_t>(slots) * kSlotBytes);
  if (pwrite(fd, "[", 1, 0) != 1 || ftruncate(fd, size) != 0) {
    return base::Internal("writing ", path, ": ", std::strerror(errno));
  }
  return log;
}

ActiveQueryLog::ActiveQueryLog(int fd, int slots) : fd_(fd) {
  for (int slot = slots - 1; slot >= 0; --slot) {
    free_.push_back(slot);
  }
}

ActiveQueryLog::~ActiveQueryLog() {
  close(fd_);
}

ActiveQueryLog::Entry ActiveQueryLog::Begin(std::string_view query, int64_t now_s) {
  int slot = 0;
  {
    base::MutexLock lock(mutex_);
    if (free_.empty()) {
      return {};
    }
    slot = free_.back();
    free_.pop_back();
  }
  if (const base::Status status = WriteSlot(fd_, slot, EntryText(query, now_s)); !status.ok()) {
    TH_LOG(kWarn, "recording an active query").With("err", status);
  }
  return Entry(this, slot);
}

void ActiveQueryLog::End(int slot) {
  WriteSlot(fd_, slot, "").IgnoreError();
  base::MutexLock lock(mutex_);
  free_.push_back(slot);
}

ActiveQueryLog::Entry::~Entry() {
  if (log_ != nullptr) {
    log_->End(slot_);
  }
}

ActiveQueryLog::Entry::Entry(Entry&& other) noexcept
    : log_(std::exchange(other.log_, nullptr)), slot_(other.slot_) {}

}  // namespace thanos::query
