#include "wal/memory_file_system.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace thanos::wal {

// A file or a directory; `durable_*` is what a loss of power leaves.
struct MemoryFileSystem::Node {
  bool is_directory = false;
  std::string data;
  std::string durable_data;
  std::map<std::string, std::shared_ptr<Node>> entries;
  std::map<std::string, std::shared_ptr<Node>> durable_entries;
};

class MemoryFileSystem::OpenFile final : public WritableFile {
 public:
  OpenFile(MemoryFileSystem& files, std::shared_ptr<Node> node, std::string path, uint64_t generation)
      : files_(files), node_(std::move(node)), path_(std::move(path)), generation_(generation) {}

  base::StatusOr<size_t> Write(std::string_view data) override {
    base::MutexLock lock(files_.mutex_);
    if (files_.generation_ != generation_) {
      return base::Internal("write ", path_, ": lost with the power");
    }
    switch (files_.NextFault()) {
      case Fault::kNone:
        node_->data.append(data);
        return data.size();
      case Fault::kNoSpace:
        node_->data.append(data.substr(0, data.size() / 2));
        return base::ResourceExhausted("write ", path_, ": no space left on device");
      case Fault::kShortWrite:
        node_->data.append(data.substr(0, data.size() / 2));
        return data.size() / 2;
      case Fault::kPowerCut:
        node_->data.append(data);
        return base::Internal("write ", path_, ": power is off");
      case Fault::kIoError:
        break;
    }
    return base::Internal("write ", path_, ": input/output error");
  }

  base::Status Sync() override {
    base::MutexLock lock(files_.mutex_);
    TH_RETURN_IF_ERROR(Check("sync"));
    node_->durable_data = node_->data;
    return base::OkStatus();
  }
  base::Status Truncate(uint64_t num_bytes) override {
    base::MutexLock lock(files_.mutex_);
    TH_RETURN_IF_ERROR(Check("truncate"));
    TH_CHECK(num_bytes <= node_->data.size());
    node_->data.resize(static_cast<size_t>(num_bytes));
    return base::OkStatus();
  }
  base::Status Close() override {
    base::MutexLock lock(files_.mutex_);
    return Check("close");
  }

 private:
  base::Status Check(std::string_view what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(files_.mutex_) {
    if (files_.generation_ != generation_) {
      return base::Internal(what, " ", path_, ": lost with the power");
    }
    return files_.Refuse(what, path_);
  }

  MemoryFileSystem& files_;
  std::shared_ptr<Node> node_;
  std::string path_;
  uint64_t generation_;
};

MemoryFileSystem::MemoryFileSystem() : root_(std::make_shared<Node>()) {
  root_->is_directory = true;
}

MemoryFileSystem::~MemoryFileSystem() = default;

void MemoryFileSystem::FailAt(uint64_t call, Fault fault, bool until_told) {
  base::MutexLock lock(mutex_);
  fail_at_ = num_calls_ + call;
  fault_ = fault;
  until_told_ = until_told;
}

uint64_t MemoryFileSystem::num_calls() const {
  base::MutexLock lock(mutex_);
  return num_calls_;
}

Fault MemoryFileSystem::NextFault() {
  const uint64_t call = num_calls_++;
  if (power_is_off_) {
    return Fault::kIoError;
  }
  const bool hit = fault_ != Fault::kNone && (call == fail_at_ || (until_told_ && call > fail_at_));
  if (hit && fault_ == Fault::kPowerCut) {
    power_is_off_ = true;
  }
  return hit ? fault_ : Fault::kNone;
}

base::Status MemoryFileSystem::Refuse(std::string_view what, const std::string& path) {
  switch (NextFault()) {
    case Fault::kNone:
      return base::OkStatus();
    case Fault::kNoSpace:
      return base::ResourceExhausted(what, " ", path, ": no space left on device");
    default:
      return base::Internal(what, " ", path, ": input/output error");
  }
}

std::shared_ptr<MemoryFileSystem::Node> MemoryFileSystem::Find(const std::string& path,
                                                               std::shared_ptr<Node>* parent,
                                                               std::string* name) const {
  std::shared_ptr<Node> node = root_;
  std::shared_ptr<Node> above;
  std::string last;
  for (const std::string_view part : base::Split(path, '/')) {
    if (part.empty() || part == ".") {
      continue;
    }
    if (node == nullptr) {
      above = nullptr;
      break;
    }
    above = node;
    last = std::string(part);
    const auto found = node->entries.find(last);
    node = found == node->entries.end() ? nullptr : found->second;
  }
  if (parent != nullptr) {
    *parent = above;
    *name = last;
  }
  return node;
}

void MemoryFileSystem::PowerOn(uint64_t seed) {
  base::MutexLock lock(mutex_);
  std::mt19937_64 random(seed);
  Forget(*root_, random);
  power_is_off_ = false;
  fault_ = Fault::kNone;
  ++generation_;
}

void MemoryFileSystem::Forget(Node& node, std::mt19937_64& random) {
  node.entries = node.durable_entries;
  for (const auto& entry : node.entries) {
    Node& child = *entry.second;
    if (child.is_directory) {
      Forget(child, random);
      continue;
    }
    // Appended bytes may have been written back without a sync, up to any byte; so may a truncation.
    const bool extends = child.data.starts_with(child.durable_data);
    const size_t extra = extends ? child.data.size() - child.durable_data.size() : 0;
    const size_t kept = extra == 0 ? 0 : static_cast<size_t>(random() % (extra + 1));
    child.data =
        child.durable_data + child.data.substr(extends ? child.durable_data.size() : child.data.size(), kept);
    child.durable_data = child.data;
  }
}

void MemoryFileSystem::Put(const std::string& path, std::string content) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<Node> parent;
  std::string name;
  std::shared_ptr<Node> node = Find(path, &parent, &name);
  TH_CHECK(parent != nullptr);
  if (node == nullptr) {
    node = std::make_shared<Node>();
  }
  node->data = content;
  node->durable_data = std::move(content);
  parent->entries[name] = node;
  parent->durable_entries[name] = node;
}

std::string MemoryFileSystem::Get(const std::string& path) const {
  base::MutexLock lock(mutex_);
  const std::shared_ptr<Node> node = Find(path, nullptr, nullptr);
  TH_CHECK(node != nullptr);
  return node->data;
}

base::StatusOr<std::unique_ptr<WritableFile>> MemoryFileSystem::Create(const std::string& path) {
  base::MutexLock lock(mutex_);
  TH_RETURN_IF_ERROR(Refuse("create", path));
  std::shared_ptr<Node> parent;
  std::string name;
  if (Find(path, &parent, &name) != nullptr) {
    return base::AlreadyExists("create ", path, ": it exists");
  }
  if (parent == nullptr) {
    return base::NotFound("create ", path);
  }
  auto node = std::make_shared<Node>();
  parent->entries[name] = node;
  return std::unique_ptr<WritableFile>(std::make_unique<OpenFile>(*this, node, path, generation_));
}

base::StatusOr<base::SharedBytes> MemoryFileSystem::Read(const std::string& path) {
  base::MutexLock lock(mutex_);
  const std::shared_ptr<Node> node = Find(path, nullptr, nullptr);
  if (node == nullptr || node->is_directory) {
    return base::NotFound("open ", path);
  }
  return base::SharedBytes::FromString(node->data);
}

base::StatusOr<std::vector<std::string>> MemoryFileSystem::List(const std::string& directory) {
  base::MutexLock lock(mutex_);
  const std::shared_ptr<Node> node = Find(directory, nullptr, nullptr);
  if (node == nullptr || !node->is_directory) {
    return base::NotFound("list ", directory);
  }
  std::vector<std::string> names;
  for (const auto& entry : node->entries) {
    names.push_back(entry.first);
  }
  return names;
}

base::Status MemoryFileSystem::CreateDirectory(const std::string& path) {
  base::MutexLock lock(mutex_);
  TH_RETURN_IF_ERROR(Refuse("create directory", path));
  std::shared_ptr<Node> parent;
  std::string name;
  if (Find(path, &parent, &name) != nullptr) {
    return base::OkStatus();
  }
  if (parent == nullptr) {
    return base::NotFound("create directory ", path);
  }
  auto node = std::make_shared<Node>();
  node->is_directory = true;
  parent->entries[name] = std::move(node);
  return base::OkStatus();
}

base::Status MemoryFileSystem::Rename(const std::string& from, const std::string& to) {
  base::MutexLock lock(mutex_);
  TH_RETURN_IF_ERROR(Refuse("rename", from));
  std::shared_ptr<Node> from_parent;
  std::shared_ptr<Node> to_parent;
  std::string from_name;
  std::string to_name;
  const std::shared_ptr<Node> node = Find(from, &from_parent, &from_name);
  Find(to, &to_parent, &to_name);
  if (node == nullptr || to_parent == nullptr) {
    return base::NotFound("rename ", from);
  }
  from_parent->entries.erase(from_name);
  to_parent->entries[to_name] = node;
  return base::OkStatus();
}

base::Status MemoryFileSystem::Remove(const std::string& path) {
  base::MutexLock lock(mutex_);
  TH_RETURN_IF_ERROR(Refuse("remove", path));
  std::shared_ptr<Node> parent;
  std::string name;
  const std::shared_ptr<Node> node = Find(path, &parent, &name);
  if (node == nullptr) {
    return base::NotFound("remove ", path);
  }
  if (!node->entries.empty()) {
    return base::FailedPrecondition("remove ", path, ": the directory is not empty");
  }
  parent->entries.erase(name);
  return base::OkStatus();
}

base::Status MemoryFileSystem::SyncDirectory(const std::string& directory) {
  base::MutexLock lock(mutex_);
  TH_RETURN_IF_ERROR(Refuse("sync", directory));
  const std::shared_ptr<Node> node = Find(directory, nullptr, nullptr);
  if (node == nullptr) {
    return base::NotFound("sync ", directory);
  }
  node->durable_entries = node->entries;
  return base::OkStatus();
}

}  // namespace thanos::wal
