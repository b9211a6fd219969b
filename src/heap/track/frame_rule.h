#pragma once
// How to get from a frame to its caller's, read from the call frame information (DWARF 5, section 6.4; the x86-64 psABI
// numbers the registers; the LSB describes .eh_frame and .eh_frame_hdr).
#include <cstdint>

namespace fittest::heap::track {

struct Object;

// The canonical frame address (CFA) is the caller's stack pointer; the return address stands right below it.
struct FrameRule {
  enum class Base : std::uint8_t {
    none,      // the frame cannot be left: unknown, or the outermost
    stack,     // CFA = stack pointer + offset
    frame,     // CFA = frame pointer (rbp) + offset
    frame_at,  // CFA = the word at (rbp + offset): functions that align their stack
    signal,    // the kernel's signal frame: registers are in its ucontext
  };
  Base base = Base::none;
  bool saves_frame = false;  // the caller's rbp is at CFA + frame_offset; otherwise it is still in rbp
  std::int32_t offset = 0;
  std::int32_t frame_offset = 0;
};

// The rule at `address` (the instruction that is executed, not a return address) of `object`. Base::none where the
// object does not say, or says it in a way that is not understood.
FrameRule read_frame_rule(const Object& object, std::uintptr_t address);

}  // namespace fittest::heap::track
