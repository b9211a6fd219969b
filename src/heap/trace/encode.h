#pragma once
// How the parts of records are written: docs/heap-trace.md. Each function writes at `at`, where there must be room, and
// returns the place behind. As in format.h, nothing but the compiler is needed.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "heap/trace/format.h"

namespace fittest::heap::trace {

inline constexpr std::size_t kLongestNumber = 10;  // LEB128 of 64 bits

inline unsigned char* put_number(unsigned char* at, std::uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<unsigned char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<unsigned char>(value);
  return at;
}

inline unsigned char* put_signed(unsigned char* at, std::uint64_t difference) {
  const auto value = static_cast<std::int64_t>(difference);
  return put_number(at, (difference << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

inline unsigned char* put_text(unsigned char* at, const void* text, std::size_t size) {
  at = put_number(at, size);
  std::memcpy(at, text, size);
  return at + size;
}

inline unsigned char* put_tag(unsigned char* at, Tag tag, unsigned flags = 0) {
  *at = static_cast<unsigned char>(static_cast<unsigned>(tag) | flags);
  return at + 1;
}

inline unsigned char* put_counters(unsigned char* at, const Counters& counters) {
  for (const std::uint64_t value : {counters.live, counters.peak, counters.allocated, counters.allocations,
                                    counters.frees, counters.mapped, counters.mappings, counters.threads}) {
    at = put_number(at, value);
  }
  return at;
}

// What records refer to that came before them in their block.
struct Before {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::uint32_t stack = 0;
};

inline constexpr std::size_t kLongestAlloc = 3 * kLongestNumber + 2;

inline unsigned char* put_alloc(unsigned char* at, Before& before, Kind kind, std::uint64_t address, std::uint64_t size,
                                std::uint32_t stack, bool sampled) {
  unsigned flags = sampled ? kSampled : 0U;
  if (kind != Kind::heap) flags |= kOtherKind;
  if (size == before.size) flags |= kSameSize;
  if (stack == before.stack) flags |= kSameStack;
  at = put_signed(put_tag(at, Tag::alloc, flags), address - before.address);
  if ((flags & kOtherKind) != 0) *at++ = static_cast<unsigned char>(kind);
  if ((flags & kSameSize) == 0) at = put_number(at, size);
  if ((flags & kSameStack) == 0) at = put_number(at, stack);
  before = {address, size, stack};
  return at;
}

inline unsigned char* put_free(unsigned char* at, Before& before, std::uint64_t address, bool python, bool temporary) {
  const unsigned flags = (python ? kFreeOtherKind : 0U) | (temporary ? kTemporary : 0U);
  at = put_signed(put_tag(at, Tag::free, flags), address - before.address);
  before.address = address;
  return at;
}

inline unsigned char* put_unmap(unsigned char* at, Before& before, std::uint64_t address, std::uint64_t bytes) {
  at = put_number(put_signed(put_tag(at, Tag::unmap), address - before.address), bytes);
  before.address = address;
  return at;
}

}  // namespace fittest::heap::trace
