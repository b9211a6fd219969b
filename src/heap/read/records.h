#pragma once
// The records of one block, decoded. Everything is in the header so that what is done with an allocation can be
// compiled into the loop that finds it: a trace has hundreds of millions of them.
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "heap/trace/format.h"

namespace fittest::heap {

// Sizes from here on are garbage: an address space is not larger, unless it was asked to be.
inline constexpr std::uint64_t kLargestSize = std::uint64_t{1} << 48;

// Of Python's own allocators, whose addresses are by themselves.
constexpr bool of_python(trace::Kind kind) {
  return kind >= trace::Kind::python_raw;
}

// A place in the bytes of a block. Every read says whether it was possible; after one that was not, the place is
// undefined.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes)
      : at_(reinterpret_cast<const unsigned char*>(bytes.data())), end_(at_ + bytes.size()) {}

  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] const unsigned char* at() const { return at_; }

  bool byte(std::uint8_t& value) {
    if (at_ == end_) return false;
    value = *at_++;
    return true;
  }

  // An unsigned LEB128 number of at most 64 bits.
  bool number(std::uint64_t& value) {
    if constexpr (std::endian::native == std::endian::little) {
      // Lengths vary without a pattern, so that a branch for each byte would be guessed wrong half of the time.
      if (left() >= sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, at_, sizeof word);
        const std::uint64_t last = ~word & 0x8080'8080'8080'8080U;
        if (last != 0) {
          at_ += (std::countr_zero(last) >> 3) + 1;
          word &= (last ^ (last - 1)) & 0x7F7F'7F7F'7F7F'7F7FU;
          word = (word & 0x007F'007F'007F'007FU) | ((word & 0x7F00'7F00'7F00'7F00U) >> 1);
          word = (word & 0x0000'3FFF'0000'3FFFU) | ((word & 0x3FFF'0000'3FFF'0000U) >> 2);
          value = (word & 0x0000'0000'0FFF'FFFFU) | ((word & 0x0FFF'FFFF'0000'0000U) >> 4);
          return true;
        }
      }
    }
    return number_by_bytes(value);
  }

  bool signed_number(std::uint64_t& value) {
    if (!number(value)) return false;
    value = (value >> 1) ^ (~(value & 1) + 1);
    return true;
  }

  bool text(std::string_view& value) {
    std::uint64_t size = 0;
    if (!number(size) || size > left()) return false;
    value = {reinterpret_cast<const char*>(at_), static_cast<std::size_t>(size)};
    at_ += size;
    return true;
  }

  bool counters(trace::Counters& value) {
    return number(value.live) && number(value.peak) && number(value.allocated) && number(value.allocations) &&
           number(value.frees) && number(value.mapped) && number(value.mappings) && number(value.threads);
  }

 private:
  bool number_by_bytes(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const unsigned char byte = *at_++;
      if (shift == 63 && byte > 1) return false;
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  const unsigned char* at_;
  const unsigned char* end_;
};

// What records refer to that came before them in their block.
struct Previous {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::uint32_t stack = 0;
};

// A stack record. Its frames are still encoded, and have been checked to be whole.
struct StackRecord {
  std::uint64_t native_count = 0;
  std::uint64_t python_count = 0;
  Cursor frames;
};

struct CodeRecord {
  std::string_view name, file;
  std::uint64_t first_line = 0, python_minor = 0;
  std::string_view line_table;
  std::uint64_t line_table_left_out = 0;  // bytes of it
};

struct ModuleRecord {
  std::string_view path, build_id;
  std::uint64_t bias = 0, begin = 0, end = 0;
};

// What a visitor of records that are no allocations is called with; a visitor derives from it and hides what it wants.
struct RecordVisitor {
  void stack(const StackRecord&) {}
  void code(const CodeRecord&) {}
  void module(const ModuleRecord&) {}
  void clock(std::uint64_t /*milliseconds*/) {}
  void counters(const trace::Counters&) {}
  void mark(std::string_view /*name*/, const trace::Counters&) {}
  void thread(std::uint64_t /*id*/) {}
  void live(std::uint64_t /*most*/, std::uint64_t /*now*/) {}
  void lost(std::uint64_t /*count*/, std::string_view /*why*/) {}
  void note(std::string_view /*key*/, std::string_view /*value*/) {}
  void end() {}
};

// Decodes one record whose tag has been read and is none of alloc, free and unmap. False: it is not one, or not whole.
template <class Visitor>
bool decode_other(std::uint8_t tag, Cursor& in, Visitor& visitor) {
  using trace::Tag;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::string_view text;
  std::string_view more;
  trace::Counters counters{};
  if ((tag & ~trace::kTagMask) != 0) return false;  // no flags are known for these
  switch (static_cast<Tag>(tag)) {
    case Tag::stack: {
      StackRecord stack{0, 0, in};
      if (!in.number(stack.native_count) || stack.native_count > in.left()) return false;
      for (std::uint64_t i = 0; i < stack.native_count; ++i) {
        if (!in.number(a)) return false;
      }
      if (!in.number(stack.python_count) || stack.python_count > in.left() / 2) return false;
      for (std::uint64_t i = 0; i < stack.python_count; ++i) {
        if (!in.number(a) || !in.number(b)) return false;
      }
      visitor.stack(stack);
      return true;
    }
    case Tag::code: {
      CodeRecord code;
      if (!in.text(code.name) || !in.text(code.file) || !in.number(code.first_line) || !in.number(code.python_minor) ||
          !in.text(code.line_table) || !in.number(code.line_table_left_out)) {
        return false;
      }
      visitor.code(code);
      return true;
    }
    case Tag::module: {
      ModuleRecord module;
      if (!in.text(module.path) || !in.text(module.build_id) || !in.number(module.bias) || !in.number(module.begin) ||
          !in.number(module.end)) {
        return false;
      }
      visitor.module(module);
      return true;
    }
    case Tag::clock:
      if (!in.number(a)) return false;
      visitor.clock(a);
      return true;
    case Tag::counters:
      if (!in.counters(counters)) return false;
      visitor.counters(counters);
      return true;
    case Tag::mark:
      if (!in.text(text) || !in.counters(counters)) return false;
      visitor.mark(text, counters);
      return true;
    case Tag::thread:
      if (!in.number(a)) return false;
      visitor.thread(a);
      return true;
    case Tag::live:
      if (!in.number(a) || !in.number(b)) return false;
      visitor.live(a, b);
      return true;
    case Tag::lost:
      if (!in.number(a) || !in.text(text)) return false;
      visitor.lost(a, text);
      return true;
    case Tag::note:
      if (!in.text(text) || !in.text(more)) return false;
      visitor.note(text, more);
      return true;
    case Tag::end:
      visitor.end();
      return true;
    default:
      return false;
  }
}

// The same for a record that was found whole, tag included: what decode_records gave to other().
template <class Visitor>
void visit_other(std::span<const std::byte> record, Visitor& visitor) {
  Cursor in(record);
  std::uint8_t tag = 0;
  in.byte(tag);
  decode_other(tag, in, visitor);
}

// Decodes up to `limit` records into calls on the sink:
//   alloc(address, size, stack, kind, sampled), free(address, of_python, temporary), unmap(address, size),
//   other(bytes): a whole record of another kind, tag included.
// Returns how many were decoded; fewer than `limit` means that the block ended, or, if `damaged` was set, that the next
// record is not one.
template <class Sink>
std::size_t decode_records(Cursor& in, Previous& previous, std::size_t limit, Sink& sink, bool& damaged) {
  using trace::Tag;
  Previous last = previous;
  std::size_t count = 0;
  for (; count < limit && in.left() > 0; ++count) {
    const unsigned char* const begin = in.at();
    std::uint8_t tag = 0;
    in.byte(tag);
    std::uint64_t delta = 0;
    bool good = false;
    switch (static_cast<Tag>(tag & trace::kTagMask)) {
      case Tag::alloc: {
        std::uint64_t kind = 0;
        std::uint64_t size = last.size;
        std::uint64_t stack = last.stack;
        good = in.signed_number(delta) && ((tag & trace::kOtherKind) == 0 || in.number(kind)) &&
               ((tag & trace::kSameSize) != 0 || in.number(size)) &&
               ((tag & trace::kSameStack) != 0 || in.number(stack)) &&
               kind <= static_cast<std::uint64_t>(trace::Kind::python_object) && size < kLargestSize &&
               stack < UINT32_MAX;
        if (!good) break;
        last = {last.address + delta, size, static_cast<std::uint32_t>(stack)};
        sink.alloc(last.address, size, last.stack, static_cast<trace::Kind>(kind), (tag & trace::kSampled) != 0);
        break;
      }
      case Tag::free:
        good = in.signed_number(delta) && (tag & ~(trace::kTagMask | trace::kFreeOtherKind | trace::kTemporary)) == 0;
        if (!good) break;
        last.address += delta;
        sink.free(last.address, (tag & trace::kFreeOtherKind) != 0, (tag & trace::kTemporary) != 0);
        break;
      case Tag::unmap: {
        std::uint64_t size = 0;
        good = in.signed_number(delta) && in.number(size) && (tag & ~trace::kTagMask) == 0;
        if (!good) break;
        last.address += delta;
        sink.unmap(last.address, size);
        break;
      }
      default: {
        RecordVisitor nobody;
        good = decode_other(tag, in, nobody);
        if (good) {
          sink.other(std::span(reinterpret_cast<const std::byte*>(begin), static_cast<std::size_t>(in.at() - begin)));
        }
      }
    }
    if (!good) {
      damaged = true;
      break;
    }
  }
  previous = last;
  return count;
}

}  // namespace fittest::heap
