#include "promstore/reloader_watch.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/check.h"

namespace thanos::promstore {
namespace {

constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                             IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

DirectoryWatch::DirectoryWatch()
    : inotify_fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  TH_CHECK(wake_fd_ >= 0);
}

DirectoryWatch::~DirectoryWatch() {
  if (inotify_fd_ >= 0) {
    close(inotify_fd_);
  }
  close(wake_fd_);
}

base::Status DirectoryWatch::Watch(const std::set<std::string>& directories) {
  base::Status first_error;
  std::map<int, std::string> watched;
  for (const std::string& directory : directories) {
    // Adding one again gives the descriptor it has.
    const int descriptor = inotify_add_watch(inotify_fd_, directory.c_str(), kEvents);
    if (descriptor >= 0) {
      watched.emplace(descriptor, directory);
    } else if (first_error.ok()) {
      first_error = base::ErrnoStatus(errno, base::Concat("watching directory ", directory));
    }
  }
  for (const auto& [descriptor, directory] : directories_) {
    if (!watched.contains(descriptor)) {
      inotify_rm_watch(inotify_fd_, descriptor);
    }
  }
  directories_ = std::move(watched);
  return first_error;
}

int DirectoryWatch::Wait(const base::CancelToken& cancel, base::Duration timeout) {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t drained = read(wake_fd_, &count, sizeof(count));
  const auto registration = cancel.OnCancel([fd = wake_fd_] {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(fd, &one, sizeof(one));
  });
  pollfd fds[] = {{inotify_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
  const auto limit = std::chrono::ceil<std::chrono::milliseconds>(cancel.Remaining(timeout)).count();
  poll(fds, 2, static_cast<int>(std::clamp<int64_t>(limit, 0, INT_MAX)));
  return TakeEvents();
}

int DirectoryWatch::TakeEvents() {
  alignas(inotify_event) char buffer[16 * 1024];
  int num_events = 0;
  ssize_t got = 0;
  while ((got = read(inotify_fd_, buffer, sizeof(buffer))) > 0) {
    for (ssize_t position = 0; position < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + position);
      position += static_cast<ssize_t>(sizeof(inotify_event)) + event->len;
      if ((event->mask & IN_IGNORED) != 0) {
        directories_.erase(event->wd);
      } else {
        ++num_events;
      }
    }
  }
  return num_events;
}

}  // namespace thanos::promstore
