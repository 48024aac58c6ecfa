#include <algorithm>

#include "base/bytes.h"
#include "encoding/compress.h"
#include "encoding/crc32c.h"
#include "wal/internal/framing.h"
#include "wal/segments.h"

namespace thanos::wal {

using internal::kHeaderBytes;
using internal::kPageBytes;

namespace {

// Looking for the next whole fragment computes checksums of at most this many bytes per page, so that hostile
// pages cost no more than honest ones.
constexpr size_t kSearchBytes = 1024 * kPageBytes;

}  // namespace

void ReplayStats::Add(const ReplayStats& other) {
  segments += other.segments;
  records += other.records;
  bytes += other.bytes;
  dropped_records += other.dropped_records;
  dropped_bytes += other.dropped_bytes;
  torn_tails += other.torn_tails;
  damaged_segments += other.damaged_segments;
  for (const Damage& damage : other.damages) {
    if (damages.size() < kMaxDamages) {
      damages.push_back(damage);
    }
  }
}

SegmentReader::SegmentReader(std::string_view bytes, std::string path)
    : bytes_(bytes), path_(std::move(path)) {
  stats_.segments = 1;
  stats_.bytes = bytes.size();
}

SegmentReader::Parse SegmentReader::ParseAt(uint64_t position, Fragment* fragment) const {
  const uint64_t page_end = position - position % kPageBytes + kPageBytes;
  const auto left = static_cast<size_t>(std::min<uint64_t>(page_end, bytes_.size()) - position);
  const std::string_view rest = bytes_.substr(static_cast<size_t>(position), left);
  const bool last_page = page_end > bytes_.size();
  const auto type = static_cast<uint8_t>(rest[0]);
  if (type == internal::kPageEnd) {
    const bool all_zero = rest.find_first_not_of('\0') == std::string_view::npos;
    return all_zero ? Parse::kPageEnd : Parse::kDamaged;
  }
  const uint8_t kind = type & internal::kTypeMask;
  const uint8_t flags = type & ~uint8_t{internal::kTypeMask};
  const bool flags_ok = flags == 0 || flags == internal::kSnappyFlag || flags == internal::kZstdFlag;
  if (kind < internal::kFull || kind > internal::kLast || !flags_ok) {
    return Parse::kDamaged;
  }
  if (rest.size() < kHeaderBytes) {
    return last_page ? Parse::kTorn : Parse::kDamaged;
  }
  const size_t length =
      static_cast<size_t>(static_cast<uint8_t>(rest[1])) << 8 | static_cast<uint8_t>(rest[2]);
  if (position % kPageBytes + kHeaderBytes + length > kPageBytes) {
    return Parse::kDamaged;
  }
  if (length > rest.size() - kHeaderBytes) {
    return last_page ? Parse::kTorn : Parse::kDamaged;
  }
  fragment->type = type;
  fragment->data = rest.substr(kHeaderBytes, length);
  return encoding::Crc32c(fragment->data) == base::LoadBigEndian32(rest.data() + 3) ? Parse::kFragment
                                                                                    : Parse::kDamaged;
}

bool SegmentReader::Next(std::string_view* record) {
  while (position_ < bytes_.size()) {
    Fragment fragment;
    const uint64_t begin = position_;
    switch (ParseAt(position_, &fragment)) {
      case Parse::kFragment:
        position_ += kHeaderBytes + fragment.data.size();
        if (Accept(fragment, begin, record)) {
          ++stats_.records;
          return true;
        }
        break;
      case Parse::kPageEnd:
        position_ = std::min<uint64_t>(position_ - position_ % kPageBytes + kPageBytes, bytes_.size());
        break;
      case Parse::kTorn:
      case Parse::kDamaged:
        Resynchronize();
        break;
    }
  }
  FinishAtEnd();
  return false;
}

// True when `fragment` completes a record.
bool SegmentReader::Accept(const Fragment& fragment, uint64_t begin, std::string_view* record) {
  const uint8_t kind = fragment.type & internal::kTypeMask;
  const uint8_t flags = fragment.type & ~uint8_t{internal::kTypeMask};
  const uint64_t framed_bytes = kHeaderBytes + fragment.data.size();
  if (kind == internal::kFull || kind == internal::kFirst) {
    DropPartial("the record has no end");
    if (kind == internal::kFull) {
      return Decode(flags, fragment.data, begin, record);
    }
    partial_open_ = true;
    partial_flags_ = flags;
    partial_begin_ = begin;
    partial_framed_bytes_ = framed_bytes;
    partial_.assign(fragment.data);
    return false;
  }
  if (!partial_open_) {
    Drop(begin, framed_bytes, "the record has no beginning");
    return false;
  }
  partial_framed_bytes_ += framed_bytes;
  if (flags != partial_flags_ || partial_.size() + fragment.data.size() > kMaxRecordBytes) {
    DropPartial("the fragments do not belong together");
    return false;
  }
  partial_.append(fragment.data);
  if (kind == internal::kMiddle) {
    return false;
  }
  partial_open_ = false;
  return Decode(flags, partial_, partial_begin_, record);
}

bool SegmentReader::Decode(uint8_t flags, std::string_view data, uint64_t begin, std::string_view* record) {
  if (flags == 0) {
    *record = data;
    return true;
  }
  const base::Status status = flags == internal::kSnappyFlag
                                  ? encoding::SnappyUncompress(data, kMaxRecordBytes, &decoded_)
                                  : encoding::ZstdUncompress(data, kMaxRecordBytes, &decoded_);
  if (!status.ok()) {
    Drop(begin, position_ - begin, base::Message(status));
    return false;
  }
  *record = decoded_;
  return true;
}

// The end of the fragment at `position` by its header, right or not.
uint64_t SegmentReader::SkipDamagedAt(uint64_t position) const {
  if (position + kHeaderBytes > bytes_.size()) {
    return bytes_.size();
  }
  const char* header = bytes_.data() + position;
  return position + kHeaderBytes +
         (static_cast<uint64_t>(static_cast<uint8_t>(header[1])) << 8 | static_cast<uint8_t>(header[2]));
}

// Moves to the next fragment of this page with a right checksum, else to the next page.
void SegmentReader::Resynchronize() {
  const uint64_t begin = position_;
  const uint64_t end = std::min<uint64_t>(position_ - position_ % kPageBytes + kPageBytes, bytes_.size());
  Fragment fragment;
  const bool torn = end == bytes_.size() && ParseAt(position_, &fragment) == Parse::kTorn;
  size_t budget = kSearchBytes;
  uint64_t candidate = begin + 1;
  // Where the header is whole and the data damaged, the next fragment is where the header says.
  if (const uint64_t next = SkipDamagedAt(begin);
      next + kHeaderBytes <= end && ParseAt(next, &fragment) == Parse::kFragment) {
    candidate = next;
    budget = 0;
  }
  for (; budget > 0 && candidate + kHeaderBytes <= end; ++candidate) {
    // A fragment without data says nothing: its checksum is zero, and so are many bytes.
    const char* header = bytes_.data() + candidate;
    const size_t length =
        static_cast<size_t>(static_cast<uint8_t>(header[1])) << 8 | static_cast<uint8_t>(header[2]);
    if (header[0] == 0 || length == 0 || candidate + kHeaderBytes + length > end || length > budget) {
      continue;
    }
    const Parse parse = ParseAt(candidate, &fragment);
    if (parse == Parse::kFragment) {
      break;
    }
    budget -= length;
  }
  const bool found = candidate + kHeaderBytes <= end && ParseAt(candidate, &fragment) == Parse::kFragment;
  position_ = found ? candidate : end;
  if (torn && !found) {
    // What a killed writer leaves behind.
    ++stats_.torn_tails;
    ++stats_.dropped_records;
    stats_.dropped_bytes += end - begin + (partial_open_ ? partial_framed_bytes_ : 0);
    partial_open_ = false;
    done_ = true;
    return;
  }
  const uint64_t lost = position_ - begin;
  if (partial_open_) {
    stats_.dropped_bytes += partial_framed_bytes_;
    partial_open_ = false;
  }
  Drop(begin, lost, "no fragment with a right checksum");
}

void SegmentReader::DropPartial(std::string_view reason) {
  if (partial_open_) {
    partial_open_ = false;
    Drop(partial_begin_, partial_framed_bytes_, reason);
  }
}

void SegmentReader::Drop(uint64_t begin, uint64_t num_bytes, std::string_view reason) {
  ++stats_.dropped_records;
  stats_.dropped_bytes += num_bytes;
  stats_.damaged_segments = 1;
  if (stats_.damages.size() < ReplayStats::kMaxDamages) {
    stats_.damages.push_back({path_, begin, std::string(reason)});
  }
}

void SegmentReader::FinishAtEnd() {
  if (!done_ && partial_open_) {
    ++stats_.torn_tails;
    ++stats_.dropped_records;
    stats_.dropped_bytes += partial_framed_bytes_;
    partial_open_ = false;
  }
  done_ = true;
}

}  // namespace thanos::wal
