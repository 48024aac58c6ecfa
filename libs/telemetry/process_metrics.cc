#include "telemetry/process_metrics.h"

#include <dirent.h>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>

#include "base/strings.h"

namespace thanos::telemetry {
namespace {

std::string Slurp(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

double BootTimeSeconds() {
  const std::string text = Slurp("/proc/stat");
  const size_t at = text.find("btime ");
  if (at == std::string::npos) {
    return 0;
  }
  const std::string_view rest = std::string_view(text).substr(at + 6);
  return base::ParseDouble(rest.substr(0, rest.find('\n'))).value_or(0);
}

int CountOpenFiles() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) {
    return -1;
  }
  int count = 0;
  // One thread at a time uses this directory stream.
  while (const dirent* entry = readdir(directory)) {
    count += entry->d_name[0] == '.' ? 0 : 1;
  }
  closedir(directory);
  return count - 1;  // the directory itself
}

// Fields of /proc/self/stat after the command's closing bracket; field 3 is the first.
std::vector<std::string_view> StatFields(const std::string& stat) {
  const size_t bracket = stat.rfind(") ");
  if (bracket == std::string::npos) {
    return {};
  }
  return base::Split(std::string_view(stat).substr(bracket + 2), ' ');
}

}  // namespace

std::vector<ProcessValue> ReadProcessMetrics() {
  std::vector<ProcessValue> out;
  const std::string stat = Slurp("/proc/self/stat");
  const auto fields = StatFields(stat);
  const auto field = [&](size_t number) {  // numbered from 1 as in proc(5)
    return number - 3 < fields.size() ? base::ParseDouble(fields[number - 3]).value_or(0) : 0.0;
  };
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  if (!fields.empty() && ticks > 0) {
    out.push_back({"process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", true,
                   (field(14) + field(15)) / ticks});
    out.push_back({"process_virtual_memory_bytes", "Virtual memory size in bytes.", false, field(23)});
    out.push_back({"process_resident_memory_bytes", "Resident memory size in bytes.", false,
                   field(24) * static_cast<double>(sysconf(_SC_PAGESIZE))});
    out.push_back({"process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
                   false, BootTimeSeconds() + field(22) / ticks});
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.push_back({"process_max_fds", "Maximum number of open file descriptors.", false,
                   static_cast<double>(limit.rlim_cur)});
  }
  if (getrlimit(RLIMIT_AS, &limit) == 0) {
    out.push_back(
        {"process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.", false,
         limit.rlim_cur == RLIM_INFINITY ? 18446744073709551615.0 : static_cast<double>(limit.rlim_cur)});
  }
  if (const int open_files = CountOpenFiles(); open_files >= 0) {
    out.push_back(
        {"process_open_fds", "Number of open file descriptors.", false, static_cast<double>(open_files)});
  }
  return out;
}

}  // namespace thanos::telemetry
