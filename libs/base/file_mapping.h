#pragma once

// Read-only mappings of files. A file that is cut short, or whose disk fails, while it is mapped would end
// the process at the next access (SIGBUS). Mappings made here read as zeros then, and remember it.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace thanos::base {

// Maps the first `num_bytes` of the file at `path`, which is open as `fd`; unmapped when the last owner is
// gone. Zero bytes give empty bytes.
// The first call installs a handler of SIGBUS, which passes on what is not about these mappings.
// ResourceExhausted: too many mappings. Thread-safe.
StatusOr<SharedBytes> MapForReading(int fd, const std::string& path, size_t num_bytes);

// Gives back the memory of the pages that were read of the mapping behind `owner`; they are read from the
// system's cache of the file when they are needed again. Does nothing for other memory. Thread-safe.
void ReleasePages(const BufferOwner& owner);

// False once the file behind the mapping of `owner` has become shorter, or a read met a page that the file
// did not give: then all that was read from it is doubtful, also what was verified before. True for other
// memory. Costs a system call; thread-safe.
bool IsIntact(const BufferOwner& owner);

// Gives the pages from that of the first byte of `bytes` up to that of the last, which is kept, back to the
// system when they are of the mapping behind `owner`: they no longer count as memory of the process, and are
// mapped again when they are read. Nothing happens to other memory. Thread-safe, also with readers of
// `bytes`.
void ReleasePages(const BufferOwner& owner, std::string_view bytes);

}  // namespace thanos::base
