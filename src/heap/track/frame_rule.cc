#include "heap/track/frame_rule.h"

#include <cstring>

#include "heap/track/objects.h"

namespace fittest::heap::track {
namespace {

using Byte = unsigned char;

constexpr std::uint64_t kRbp = 6, kRsp = 7, kReturnAddress = 16;  // psABI, figure 3.36
constexpr std::size_t kMostRemembered = 8;

std::uint64_t read_uleb(const Byte*& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const Byte byte = *at++;
    if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return value;
  }
}

std::int64_t read_sleb(const Byte*& at) {
  std::uint64_t value = 0;
  unsigned shift = 0;
  Byte byte = 0;
  do {
    byte = *at++;
    if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    shift += 7;
  } while ((byte & 0x80) != 0);
  if (shift < 64 && (byte & 0x40) != 0) value |= ~std::uint64_t{0} << shift;
  return static_cast<std::int64_t>(value);
}

template <typename T>
T read_raw(const Byte*& at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  at += sizeof value;
  return value;
}

// A pointer in one of the encodings DW_EH_PE_*: its format, then what it is relative to. Indirect ones are not for
// code.
// clang-format off
std::uintptr_t read_encoded(const Byte*& at, Byte encoding, std::uintptr_t data) {
  const auto here = reinterpret_cast<std::uintptr_t>(at);
  std::uintptr_t value = 0;
  switch (encoding & 0x0F) {
    case 0x00: value = read_raw<std::uintptr_t>(at); break;
    case 0x01: value = read_uleb(at); break;
    case 0x02: value = read_raw<std::uint16_t>(at); break;
    case 0x03: value = read_raw<std::uint32_t>(at); break;
    case 0x04: value = read_raw<std::uint64_t>(at); break;
    case 0x09: value = static_cast<std::uintptr_t>(read_sleb(at)); break;
    case 0x0A: value = static_cast<std::uintptr_t>(static_cast<std::intptr_t>(read_raw<std::int16_t>(at))); break;
    case 0x0B: value = static_cast<std::uintptr_t>(static_cast<std::intptr_t>(read_raw<std::int32_t>(at))); break;
    case 0x0C: value = static_cast<std::uintptr_t>(read_raw<std::int64_t>(at)); break;
    default: return 0;
  }
  switch (encoding & 0x70) {
    case 0x10: return value + here;
    case 0x30: return value + data;
    default: return value;
  }
}
// clang-format on

// What stands before the instructions of all entries that share it.
struct Common {
  std::uint64_t code_factor = 1;
  std::int64_t data_factor = 1;
  Byte pointers = 0;       // encoding of an entry's addresses
  bool augmented = false;  // entries have augmentation data
  bool signal = false;
  const Byte* begin = nullptr;
  const Byte* end = nullptr;
};

bool read_common(const Byte* at, Common& common) {
  const auto length = read_raw<std::uint32_t>(at);
  if (length == 0 || length == 0xFFFFFFFF) return false;
  common.end = at + length;
  if (read_raw<std::uint32_t>(at) != 0) return false;
  const Byte version = *at++;
  if (version != 1 && version != 3) return false;
  const auto* augmentation = reinterpret_cast<const char*>(at);
  at += std::strlen(augmentation) + 1;
  common.code_factor = read_uleb(at);
  common.data_factor = read_sleb(at);
  if (version == 1) {
    ++at;  // the column of the return address
  } else {
    read_uleb(at);
  }
  if (*augmentation == 'z') {
    common.augmented = true;
    const std::uint64_t size = read_uleb(at);
    const Byte* const rest = at + size;
    for (++augmentation; *augmentation != '\0'; ++augmentation) {
      if (*augmentation == 'R') common.pointers = *at++;
      if (*augmentation == 'L') ++at;
      if (*augmentation == 'P') {
        const Byte encoding = *at++;
        read_encoded(at, encoding & 0x0F, 0);
      }
      if (*augmentation == 'S') common.signal = true;
    }
    at = rest;
  } else if (*augmentation != '\0') {
    return false;
  }
  common.begin = at;
  return true;
}

struct Row {
  std::uint64_t base = kRsp;
  std::int64_t offset = 0;
  const Byte* expression = nullptr;  // of the CFA; null: base + offset
  std::uint64_t expression_size = 0;
  bool saves_frame = false;
  bool frame_unknown = false;  // rbp is somewhere that we do not follow
  bool outermost = false;      // there is no caller
  std::int64_t frame_offset = 0;
};

class Program {
 public:
  Program(const Common& common, std::uintptr_t start) : common_(common), location_(start) {}

  // Carries out instructions up to the row that holds for `address`. False for one that is not understood.
  bool run(const Byte* at, const Byte* end, std::uintptr_t address) {
    while (at < end && location_ <= address) {
      if (!step(at, address)) return false;
      if (passed_) break;
    }
    return true;
  }
  void end_of_common() { initial_ = row_; }
  [[nodiscard]] const Row& row() const { return row_; }

 private:
  // False: stop, the next row starts behind `address`.
  void advance(std::uint64_t by, std::uintptr_t address) {
    const std::uintptr_t next = location_ + by * common_.code_factor;
    if (next > address) {
      passed_ = true;
    } else {
      location_ = next;
    }
  }
  void save(std::uint64_t reg, std::int64_t factored) {
    if (reg != kRbp) return;
    row_.saves_frame = true;
    row_.frame_unknown = false;
    row_.frame_offset = factored * common_.data_factor;
  }
  void restore(std::uint64_t reg) {
    if (reg != kRbp) return;
    row_.saves_frame = initial_.saves_frame;
    row_.frame_unknown = initial_.frame_unknown;
    row_.frame_offset = initial_.frame_offset;
  }
  void lose(std::uint64_t reg) {
    if (reg == kRbp) row_.frame_unknown = true;
    if (reg == kReturnAddress) row_.outermost = true;
  }

  // clang-format off
  bool step(const Byte*& at, std::uintptr_t address) {
    const Byte code = *at++;
    switch (code & 0xC0) {
      case 0x40: advance(code & 0x3F, address); return true;
      case 0x80: save(code & 0x3F, static_cast<std::int64_t>(read_uleb(at))); return true;
      case 0xC0: restore(code & 0x3F); return true;
      default: break;
    }
    switch (code) {
      case 0x00: return true;  // nop
      case 0x01: {             // set_loc
        const std::uintptr_t next = read_encoded(at, common_.pointers, 0);
        passed_ = next > address;
        if (!passed_) location_ = next;
        return true;
      }
      case 0x02: advance(*at++, address); return true;
      case 0x03: advance(read_raw<std::uint16_t>(at), address); return true;
      case 0x04: advance(read_raw<std::uint32_t>(at), address); return true;
      case 0x05: {  // offset_extended
        const std::uint64_t reg = read_uleb(at);
        save(reg, static_cast<std::int64_t>(read_uleb(at)));
        return true;
      }
      case 0x06: restore(read_uleb(at)); return true;
      case 0x07: lose(read_uleb(at)); return true;  // undefined
      case 0x08: {                                  // same_value
        if (read_uleb(at) == kRbp) row_.saves_frame = row_.frame_unknown = false;
        return true;
      }
      case 0x09: {  // register
        lose(read_uleb(at));
        read_uleb(at);
        return true;
      }
      case 0x0A:  // remember_state
        if (depth_ == kMostRemembered) return false;
        remembered_[depth_++] = row_;
        return true;
      case 0x0B:  // restore_state
        if (depth_ == 0) return false;
        row_ = remembered_[--depth_];
        return true;
      case 0x0C:  // def_cfa
        row_.base = read_uleb(at);
        row_.offset = static_cast<std::int64_t>(read_uleb(at));
        row_.expression = nullptr;
        return true;
      case 0x0D: row_.base = read_uleb(at); row_.expression = nullptr; return true;
      case 0x0E: row_.offset = static_cast<std::int64_t>(read_uleb(at)); return true;
      case 0x0F:  // def_cfa_expression
        row_.expression_size = read_uleb(at);
        row_.expression = at;
        at += row_.expression_size;
        return true;
      case 0x10:    // expression
      case 0x16: {  // val_expression
        const std::uint64_t reg = read_uleb(at);
        const std::uint64_t size = read_uleb(at);
        // What GCC writes for rbp in functions that align their stack: the word at rbp itself.
        if (reg == kRbp && code == 0x10 && size == 2 && at[0] == 0x76 && at[1] == 0) {
          row_.saves_frame = true;
          row_.frame_unknown = false;
          row_.frame_offset = INT32_MIN;  // at rbp: resolved by the caller of run()
        } else {
          lose(reg);
        }
        at += size;
        return true;
      }
      case 0x11: {  // offset_extended_sf
        const std::uint64_t reg = read_uleb(at);
        save(reg, read_sleb(at));
        return true;
      }
      case 0x12:  // def_cfa_sf
        row_.base = read_uleb(at);
        row_.offset = read_sleb(at) * common_.data_factor;
        row_.expression = nullptr;
        return true;
      case 0x13: row_.offset = read_sleb(at) * common_.data_factor; return true;
      case 0x14:  // val_offset
      case 0x15: {
        lose(read_uleb(at));
        read_uleb(at);
        return true;
      }
      case 0x2E: read_uleb(at); return true;  // GNU_args_size
      default: return false;
    }
  }
  // clang-format on

  const Common& common_;
  std::uintptr_t location_;
  bool passed_ = false;
  Row row_;
  Row initial_;
  Row remembered_[kMostRemembered];
  std::size_t depth_ = 0;
};

FrameRule rule_of(const Row& row) {
  FrameRule rule;
  if (row.outermost) return rule;
  if (row.expression != nullptr) {
    // DW_OP_breg6 offset, DW_OP_deref: the stack pointer kept before it was aligned.
    const Byte* at = row.expression;
    const Byte* const end = at + row.expression_size;
    if (row.expression_size < 3 || *at++ != 0x76) return rule;
    rule.offset = static_cast<std::int32_t>(read_sleb(at));
    if (at + 1 != end || *at != 0x06) return rule;
    rule.base = FrameRule::Base::frame_at;
  } else if (row.base == kRsp || row.base == kRbp) {
    rule.base = row.base == kRsp ? FrameRule::Base::stack : FrameRule::Base::frame;
    rule.offset = static_cast<std::int32_t>(row.offset);
  } else {
    return rule;
  }
  rule.saves_frame = row.saves_frame && !row.frame_unknown;
  rule.frame_offset = static_cast<std::int32_t>(row.frame_offset);
  return rule;
}

// The entry for `address` by the table of .eh_frame_hdr, or null.
const Byte* find_entry(const Object& object, std::uintptr_t address) {
  const Byte* at = object.eh_frame_hdr;
  const auto header = reinterpret_cast<std::uintptr_t>(at);
  if (at == nullptr || at[0] != 1) return nullptr;
  const Byte frame_encoding = at[1], count_encoding = at[2], table_encoding = at[3];
  if (table_encoding != 0x3B) return nullptr;  // signed 4 bytes, relative to the header: what every linker writes
  at += 4;
  read_encoded(at, frame_encoding, header);
  const std::uintptr_t count = read_encoded(at, count_encoding, header);
  struct Entry {
    std::int32_t start, entry;
  };
  const auto* table = reinterpret_cast<const Entry*>(at);
  std::uintptr_t low = 0, high = count;
  while (low < high) {
    const std::uintptr_t middle = (low + high) / 2;
    const std::uintptr_t start = header + static_cast<std::uintptr_t>(std::intptr_t{table[middle].start});
    if (start <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return nullptr;
  return object.eh_frame_hdr + table[low - 1].entry;
}

}  // namespace

FrameRule read_frame_rule(const Object& object, std::uintptr_t address) {
#if defined(__x86_64__)
  const Byte* at = find_entry(object, address);
  if (at == nullptr) return {};
  const auto length = read_raw<std::uint32_t>(at);
  if (length == 0 || length == 0xFFFFFFFF) return {};
  const Byte* const end = at + length;
  const Byte* const here = at;
  const auto back = read_raw<std::uint32_t>(at);
  if (back == 0) return {};
  Common common;
  if (!read_common(here - back, common)) return {};
  const std::uintptr_t start = read_encoded(at, common.pointers, 0);
  const std::uintptr_t size = read_encoded(at, common.pointers & 0x0F, 0);
  if (address - start >= size) return {};
  if (common.signal) {
    FrameRule rule;
    rule.base = FrameRule::Base::signal;
    return rule;
  }
  if (common.augmented) {
    const std::uint64_t skip = read_uleb(at);
    at += skip;
  }
  Program program(common, start);
  if (!program.run(common.begin, common.end, address)) return {};
  program.end_of_common();
  if (!program.run(at, end, address)) return {};
  return rule_of(program.row());
#else
  (void)object;
  (void)address;
  return {};
#endif
}

}  // namespace fittest::heap::track
