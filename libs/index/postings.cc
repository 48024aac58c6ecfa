#include "index/postings.h"

#include <algorithm>
#include <bit>
#include <emmintrin.h>
#include <smmintrin.h>
#include <tmmintrin.h>

#include "base/bytes.h"
#include "base/check.h"
#include "index/toc.h"

namespace thanos::index {
namespace {

// From this ratio of lengths on, searching in the longer list beats walking it.
constexpr size_t kGallopRatio = 32;
// A bitmap of the whole range is used for unions when it has at most this many bits per member.
constexpr uint64_t kBitmapBitsPerMember = 256;

bool StrictlyAscending(std::span<const SeriesRef> refs) {
  size_t i = 1;
  __m128i bad = _mm_setzero_si128();
  for (; i + 4 <= refs.size(); i += 4) {
    const __m128i before = _mm_loadu_si128(reinterpret_cast<const __m128i*>(refs.data() + i - 1));
    const __m128i here = _mm_loadu_si128(reinterpret_cast<const __m128i*>(refs.data() + i));
    // before >= here, unsigned
    bad = _mm_or_si128(bad, _mm_cmpeq_epi32(_mm_max_epu32(before, here), before));
  }
  if (!_mm_testz_si128(bad, bad)) {
    return false;
  }
  for (; i < refs.size(); ++i) {
    if (refs[i - 1] >= refs[i]) {
      return false;
    }
  }
  return true;
}

// First position in [begin, refs.size()) whose member is >= `ref`.
size_t Gallop(std::span<const SeriesRef> refs, size_t begin, SeriesRef ref) {
  size_t step = 1;
  size_t low = begin;
  while (low + step < refs.size() && refs[low + step] < ref) {
    low += step;
    step *= 2;
  }
  const size_t high = std::min(low + step + 1, refs.size());
  return static_cast<size_t>(std::lower_bound(refs.begin() + static_cast<ptrdiff_t>(low),
                                              refs.begin() + static_cast<ptrdiff_t>(high), ref) -
                             refs.begin());
}

Postings IntersectGalloping(std::span<const SeriesRef> small, std::span<const SeriesRef> large) {
  Postings out;
  size_t position = 0;
  for (const SeriesRef ref : small) {
    position = Gallop(large, position, ref);
    if (position == large.size()) {
      break;
    }
    if (large[position] == ref) {
      out.push_back(ref);
    }
  }
  return out;
}

Postings UnionTwo(const Postings& a, const Postings& b) {
  Postings out(a.size() + b.size());
  SeriesRef* position = out.data();
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    const SeriesRef x = a[i];
    const SeriesRef y = b[j];
    *position++ = std::min(x, y);
    i += x <= y;
    j += y <= x;
  }
  position = std::copy(a.begin() + static_cast<ptrdiff_t>(i), a.end(), position);
  position = std::copy(b.begin() + static_cast<ptrdiff_t>(j), b.end(), position);
  out.resize(static_cast<size_t>(position - out.data()));
  return out;
}

Postings UnionByBitmap(const std::vector<Postings>& lists, SeriesRef low, SeriesRef high) {
  std::vector<uint64_t> bits((uint64_t{high} - low) / 64 + 1);
  for (const Postings& list : lists) {
    for (const SeriesRef ref : list) {
      const SeriesRef bit = ref - low;
      bits[bit / 64] |= uint64_t{1} << (bit % 64);
    }
  }
  size_t count = 0;
  for (const uint64_t word : bits) {
    count += static_cast<size_t>(std::popcount(word));
  }
  Postings out(count);
  SeriesRef* position = out.data();
  for (size_t i = 0; i < bits.size(); ++i) {
    for (uint64_t word = bits[i]; word != 0; word &= word - 1) {
      *position++ = low + static_cast<SeriesRef>(i * 64) + static_cast<SeriesRef>(std::countr_zero(word));
    }
  }
  return out;
}

}  // namespace

void DecodeBigEndian(std::string_view bytes, SeriesRef* out) {
  const __m128i swap = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
  const size_t count = bytes.size() / 4;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const auto* source = reinterpret_cast<const __m128i*>(bytes.data() + i * 4);
    auto* target = reinterpret_cast<__m128i*>(out + i);
    _mm_storeu_si128(target, _mm_shuffle_epi8(_mm_loadu_si128(source), swap));
    _mm_storeu_si128(target + 1, _mm_shuffle_epi8(_mm_loadu_si128(source + 1), swap));
  }
  for (; i < count; ++i) {
    out[i] = base::LoadBigEndian32(bytes.data() + i * 4);
  }
}

uint64_t PostingsBytes(std::string_view bytes) {
  TH_CHECK(bytes.size() >= 4);
  return uint64_t{base::LoadBigEndian32(bytes.data())} + 8;
}

base::StatusOr<Postings> DecodePostings(std::string_view bytes, std::string_view what) {
  TH_ASSIGN_OR_RETURN(const std::string_view body, SectionBody(bytes, what));
  if (body.size() < 4 || body.size() % 4 != 0 || base::LoadBigEndian32(body.data()) != body.size() / 4 - 1) {
    return base::DataLoss(what, ": number of entries does not fit the length ", body.size());
  }
  Postings refs(body.size() / 4 - 1);
  DecodeBigEndian(body.substr(4), refs.data());
  if (!StrictlyAscending(refs)) {
    return base::DataLoss(what, ": series references are not ascending");
  }
  return refs;
}

Postings Intersect(std::span<const SeriesRef> a, std::span<const SeriesRef> b) {
  if (a.size() > b.size()) {
    std::swap(a, b);
  }
  if (a.empty()) {
    return {};
  }
  if (b.size() / a.size() >= kGallopRatio) {
    return IntersectGalloping(a, b);
  }
  Postings out(a.size());
  size_t i = 0;
  size_t j = 0;
  size_t count = 0;
  // Without branches on the data: which side is smaller is unpredictable.
  while (i < a.size() && j < b.size()) {
    const SeriesRef x = a[i];
    const SeriesRef y = b[j];
    out.data()[count] = x;
    count += x == y;
    i += x <= y;
    j += y <= x;
  }
  out.resize(count);
  return out;
}

Postings IntersectAll(std::vector<Postings> lists) {
  if (lists.empty()) {
    return {};
  }
  std::ranges::sort(lists, {}, &Postings::size);
  Postings result = std::move(lists.front());
  for (size_t i = 1; i < lists.size() && !result.empty(); ++i) {
    result = Intersect(result, lists[i]);
  }
  return result;
}

Postings UnionAll(std::vector<Postings> lists) {
  std::erase_if(lists, [](const Postings& list) { return list.empty(); });
  if (lists.empty()) {
    return {};
  }
  if (lists.size() > 2) {
    uint64_t total = 0;
    SeriesRef low = lists[0].front();
    SeriesRef high = lists[0].back();
    for (const Postings& list : lists) {
      total += list.size();
      low = std::min(low, list.front());
      high = std::max(high, list.back());
    }
    if ((uint64_t{high} - low) / kBitmapBitsPerMember <= total) {
      return UnionByBitmap(lists, low, high);
    }
  }
  // Pairwise, neighbours first: every member is copied once per level.
  while (lists.size() > 1) {
    for (size_t i = 0; i + 1 < lists.size(); i += 2) {
      lists[i / 2] = UnionTwo(lists[i], lists[i + 1]);
    }
    if (lists.size() % 2 == 1) {
      lists[lists.size() / 2] = std::move(lists.back());
    }
    lists.resize((lists.size() + 1) / 2);
  }
  return std::move(lists.front());
}

Postings Without(std::span<const SeriesRef> a, std::span<const SeriesRef> b) {
  Postings out(a.size());
  size_t i = 0;
  size_t j = 0;
  size_t count = 0;
  if (!a.empty() && b.size() / a.size() >= kGallopRatio) {
    for (; i < a.size() && j < b.size(); ++i) {
      j = Gallop(b, j, a[i]);
      out.data()[count] = a[i];
      count += j == b.size() || b[j] != a[i];
    }
  }
  while (i < a.size() && j < b.size()) {
    const SeriesRef x = a[i];
    const SeriesRef y = b[j];
    out.data()[count] = x;
    count += x < y;
    i += x <= y;
    j += y <= x;
  }
  std::copy(a.begin() + static_cast<ptrdiff_t>(i), a.end(), out.begin() + static_cast<ptrdiff_t>(count));
  out.resize(count + a.size() - i);
  return out;
}

}  // namespace thanos::index
