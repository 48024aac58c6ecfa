#pragma once

// Private: the mirror of our flags in gflags' registry, where tools and libraries that know gflags find them.
// The registry is one per process; the values of a FlagSet are its own.

#include <string>
#include <string_view>

namespace thanos::config {

// Makes `name` known with `default_text`. A name registered before, by us, gets the new default as its value.
// Names of foreign flags (gflags' and glog's own) are left alone.
void RegisterInGflags(const std::string& name, const std::string& help, const std::string& default_text);

// Stores the value of a registered flag.
void StoreInGflags(const std::string& name, const std::string& text);

}  // namespace thanos::config
