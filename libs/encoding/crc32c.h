#pragma once

#include <cstdint>
#include <string_view>

namespace thanos::encoding {

// CRC32 with the Castagnoli polynomial, the checksum of blocks, WAL and head chunks.
uint32_t Crc32c(std::string_view data);

// The checksum of the concatenation of bytes with checksum `crc` and `data`.
uint32_t ExtendCrc32c(uint32_t crc, std::string_view data);

}  // namespace thanos::encoding
