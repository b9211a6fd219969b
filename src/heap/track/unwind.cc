#include "heap/track/unwind.h"

#include <sys/uio.h>
#include <ucontext.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>

#include "heap/track/frame_rule.h"
#include "heap/track/objects.h"
#include "heap/track/pages.h"
#include "heap/track/thread_state.h"

namespace fittest::heap::track {
namespace {

// Rules by return address. A slot is written by any thread at any time without a lock: `check` is address ^ packed
// rule, so that a slot of which one half is another's is seen as empty.
struct Slot {
  std::atomic<std::uint64_t> packed;
  std::atomic<std::uint64_t> check;
};
constexpr std::size_t kSlots = std::size_t{1} << 16;
Slot slots[kSlots];

constexpr std::int32_t kFrameAtItself = 0x7FFF;  // saved rbp is at rbp, not at CFA + offset

std::uint64_t pack(const FrameRule& rule) {
  const bool at_itself = rule.frame_offset == INT32_MIN;
  // What does not fit (a frame of over 2^31 bytes, registers saved 256 KiB from the CFA) ends the walk.
  const std::int32_t saved = at_itself ? kFrameAtItself : rule.frame_offset / 8;
  if (saved > kFrameAtItself || saved < -kFrameAtItself) return 1ULL << 63;
  return 1ULL << 63 | static_cast<std::uint64_t>(rule.base) << 56 | static_cast<std::uint64_t>(rule.saves_frame) << 48 |
         static_cast<std::uint64_t>(static_cast<std::uint16_t>(saved)) << 32 | static_cast<std::uint32_t>(rule.offset);
}

std::size_t slot_of(std::uintptr_t address) {
  return (address * 0x9E3779B97F4A7C15ULL) >> 48;
}
static_assert(kSlots == std::size_t{1} << (64 - 48));

// `address`: a return address, or with `exact` the very instruction (a signal's).
[[gnu::noinline]] std::uint64_t read_rule(std::uintptr_t address, bool exact) {
  FrameRule rule;
  const std::uintptr_t instruction = exact ? address : address - 1;
  if (const Object* object = find_object(instruction)) rule = read_frame_rule(*object, instruction);
  const std::uint64_t packed = pack(rule);
  if (!exact) {
    Slot& slot = slots[slot_of(address)];
    slot.packed.store(packed, std::memory_order_relaxed);
    slot.check.store(address ^ packed, std::memory_order_relaxed);
  }
  return packed;
}

std::uint64_t rule_at(std::uintptr_t address, bool exact) {
  if (exact) return read_rule(address, true);
  const Slot& slot = slots[slot_of(address)];
  const std::uint64_t packed = slot.packed.load(std::memory_order_relaxed);
  if ((slot.check.load(std::memory_order_relaxed) ^ packed) == address && packed != 0) [[likely]]
    return packed;
  return read_rule(address, false);
}

}  // namespace

std::size_t readable_pages(std::uintptr_t begin, std::size_t count) {
  char bytes[kPagesAtOnce];
  iovec here{bytes, count};
  iovec there[kPagesAtOnce];
  for (std::size_t i = 0; i < count; ++i) there[i] = {reinterpret_cast<void*>(begin + i * kPage), 1};
  const long read = system_call(SYS_process_vm_readv, process_id(), reinterpret_cast<long>(&here), 1,
                                reinterpret_cast<long>(there), static_cast<long>(count), 0);
  if (!failed(read)) return static_cast<std::size_t>(read);
  if (read == -EFAULT) return 0;
  // A sandbox that forbids it: mapped is as good as readable, but for pages that guard.
  unsigned char resident[kPagesAtOnce];
  std::size_t mapped = 0;
  while (mapped < count && !failed(system_call(SYS_mincore, static_cast<long>(begin + mapped * kPage),
                                               static_cast<long>(kPage), reinterpret_cast<long>(resident)))) {
    ++mapped;
  }
  return mapped;
}

namespace {

// What may be read of the stack that the thread is on: pages that were found readable, kept with the thread. They stay
// so while the thread lives; where it goes over to another stack (a signal's, a coroutine's), they are found anew.
class Readable {
 public:
  Readable(ThreadState& thread, std::uintptr_t sp) : thread_(&thread), lowest_(sp) {
    const std::uintptr_t page = sp & ~(kPage - 1);
    if (page >= thread.stack_begin && page < thread.stack_end) return;
    if (page < thread.stack_begin && thread.stack_begin - page <= kGrowth && all_readable(page, thread.stack_begin)) {
      thread.stack_begin = page;
      return;
    }
    thread.stack_begin = thread.stack_end = page;
  }
  // Whether the `bytes` at `at` can be read.
  bool operator()(std::uintptr_t at, std::size_t bytes) {
    if (at < lowest_ || at % 8 != 0 || at - lowest_ > kFarthest) return false;
    while (at + bytes > thread_->stack_end) {
      const std::size_t more = readable_pages(thread_->stack_end, kPagesAtOnce);
      if (more == 0) return false;
      thread_->stack_end += more * kPage;
    }
    return true;
  }

 private:
  static constexpr std::size_t kGrowth = std::size_t{1} << 20;  // of a stack between two walks; beyond: another stack
  static constexpr std::size_t kFarthest = std::size_t{64} << 20;

  static bool all_readable(std::uintptr_t begin, std::uintptr_t end) {
    while (begin < end) {
      const std::size_t left = (end - begin) / kPage;
      const std::size_t ask = left < kPagesAtOnce ? left : kPagesAtOnce;
      if (readable_pages(begin, ask) != ask) return false;
      begin += ask * kPage;
    }
    return true;
  }

  ThreadState* thread_;
  std::uintptr_t lowest_;
};

std::uintptr_t word(std::uintptr_t at) {
  std::uintptr_t value;
  std::memcpy(&value, reinterpret_cast<const void*>(at), sizeof value);
  return value;
}

}  // namespace

// Set by the first call: where this library's own code lies.
static std::uintptr_t own_begin, own_end;

[[gnu::noinline]] std::size_t walk_stack(ThreadState& thread, std::uintptr_t* into, std::size_t capacity) {
#if defined(__x86_64__)
  std::uintptr_t ip, sp, bp;
  asm volatile("leaq 0(%%rip), %0\n\tmovq %%rsp, %1\n\tmovq %%rbp, %2" : "=&r"(ip), "=&r"(sp), "=&r"(bp));
  if (own_end == 0) {
    if (const Object* own = find_object(ip)) {
      own_begin = own->begin;
      own_end = own->end;
    }
  }
  Readable readable(thread, sp);
  std::size_t found = 0;
  bool exact = true;  // ip is an instruction, not a return address
  // This function's own place is always the same two or three: the rule is not looked up each time.
  static std::atomic<std::uint64_t> own_rule{0};
  std::uint64_t packed = own_rule.load(std::memory_order_relaxed);
  if (packed == 0) {
    packed = read_rule(ip, true);
    own_rule.store(packed, std::memory_order_relaxed);
  }
  for (std::size_t steps = 0; steps < kMostNativeFrames + 16; ++steps) {
    const auto base = static_cast<FrameRule::Base>((packed >> 56) & 0x7F);
    const auto offset = static_cast<std::intptr_t>(static_cast<std::int32_t>(static_cast<std::uint32_t>(packed)));
    std::uintptr_t cfa = 0;
    if (base == FrameRule::Base::stack) {
      cfa = sp + static_cast<std::uintptr_t>(offset);
    } else if (base == FrameRule::Base::frame) {
      cfa = bp + static_cast<std::uintptr_t>(offset);
    } else if (base == FrameRule::Base::frame_at) {
      const std::uintptr_t at = bp + static_cast<std::uintptr_t>(offset);
      if (!readable(at, 8)) break;
      cfa = word(at);
    } else if (base == FrameRule::Base::signal) {
      // The kernel put a ucontext where the stack pointer is once the return address was taken off.
      const auto* context = reinterpret_cast<const ucontext_t*>(sp);
      if (!readable(sp, sizeof *context)) break;
      ip = static_cast<std::uintptr_t>(context->uc_mcontext.gregs[REG_RIP]);
      sp = static_cast<std::uintptr_t>(context->uc_mcontext.gregs[REG_RSP]);
      bp = static_cast<std::uintptr_t>(context->uc_mcontext.gregs[REG_RBP]);
      readable = Readable(thread, sp);
      exact = true;
      if (found == capacity) break;
      if (ip - own_begin >= own_end - own_begin) into[found++] = ip + 1;
      packed = rule_at(ip, true);
      continue;
    } else {
      break;
    }
    // A caller's frame lies above; anything else is a rule that does not fit what is there.
    if (cfa <= sp || !readable(cfa - 8, 8)) break;
    if ((packed >> 48 & 1) != 0) {
      const auto saved = static_cast<std::int16_t>(static_cast<std::uint16_t>(packed >> 32));
      const std::uintptr_t at =
          saved == kFrameAtItself ? bp : cfa + static_cast<std::uintptr_t>(std::intptr_t{saved} * 8);
      if (!readable(at, 8)) break;
      bp = word(at);
    }
    ip = word(cfa - 8);
    sp = cfa;
    exact = false;
    if (ip == 0) break;
    if (ip - own_begin >= own_end - own_begin) {
      if (found == capacity) break;
      into[found++] = ip;
    }
    packed = rule_at(ip, exact);
  }
  return found;
#else
  (void)thread;
  (void)into;
  (void)capacity;
  return 0;
#endif
}

void forget_stack(ThreadState& thread, std::uintptr_t begin, std::size_t size) {
  if (begin < thread.stack_end && begin + size > thread.stack_begin) thread.stack_begin = thread.stack_end = 0;
}

void forget_frame_rules() {
  for (Slot& slot : slots) slot.check.store(0, std::memory_order_relaxed);
  forget_objects();
}

}  // namespace fittest::heap::track
