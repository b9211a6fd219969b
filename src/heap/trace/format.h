#pragma once
// The trace of one process's heap, as it lies on disk: docs/heap-trace.md says it in words. Written by track/, inside
// the process that is watched, and read by read/; this header is all that the two share. It needs nothing but the
// compiler, because track/ runs where nothing else may be used.
#include <cstddef>
#include <cstdint>

// Tables, to be read across.
// clang-format off

namespace fittest::heap::trace {

// All integers are little-endian.

inline constexpr char kMagic[8] = {'F', 'T', 'H', 'E', 'A', 'P', '\r', '\n'};
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint32_t kPackedVersion = 2;  // the packed form: packed_header_size()
inline constexpr std::size_t kHeaderSize = 4096;
// Blocks hold at most this many bytes before compression; the tail is as long.
inline constexpr std::size_t kSmallestTail = std::size_t{64} << 10;
inline constexpr std::size_t kLargestTail = std::size_t{1} << 20;

// How much is recorded.
enum class Mode : std::uint32_t {
  count = 0,   // the counters of the header alone
  sample = 1,  // a Poisson sample of the small allocations, every one of at least kAlwaysRecorded bytes
  exact = 2,   // every allocation
};

// Allocations of at least this many bytes are recorded whatever the sampling says, and stand for themselves alone.
inline constexpr std::uint64_t kAlwaysRecorded = std::uint64_t{64} << 10;

// What an allocation takes beyond what was asked for, for the sampling: one of `size` bytes is recorded with
// probability 1 - exp(-(size + kSampledExtra) / period), so that the many tiny ones are not overlooked.
inline constexpr std::uint64_t kSampledExtra = 24;

// What the process counts without a lock, exact with one thread. Heap bytes are those that the allocator set aside
// (malloc_usable_size), which is what a free gives back; mapped bytes are the anonymous memory that the program itself
// got by mmap, mremap and brk. Kept up to date in the header, and put into the trace by `Tag::counters`.
struct Counters {
  std::uint64_t live;             // heap + mapped bytes held now
  std::uint64_t peak;             // the most of them held since the trace began
  std::uint64_t allocated;        // heap bytes ever allocated
  std::uint64_t allocations;      // calls that allocated heap memory
  std::uint64_t frees;            // calls that gave heap memory back
  std::uint64_t mapped;           // of `live`: mapped bytes
  std::uint64_t mappings;         // calls that mapped anonymous memory or moved the break up
  std::uint64_t threads;          // the most that counted at once: peak is off by at most 64 KiB for each but the first
};

// The first page of the file. Fields are written when the file is made; `counters`, `milliseconds`, `lost` and `ended`
// again and again while the process runs, by a mapping of the page, so that they survive any kind of death.
struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t mode;             // Mode
  std::uint32_t process;          // pid
  std::uint32_t parent_process;   // whose trace to look in for what was held when this process was forked; 0: none
  std::uint64_t parent_sequence;  // the block of that trace that was being filled, and the bytes then in it
  std::uint64_t parent_committed;
  std::uint64_t period;           // mean bytes between samples; 0 if exact
  std::uint64_t started;          // wall clock, nanoseconds since 1970
  std::uint64_t tail_capacity;    // bytes that the tail's data may hold
  std::uint64_t page_size;
  Counters counters;
  Counters at_start;              // what was held when the trace began: by the parent (fork), or before a section
  std::uint64_t milliseconds;     // since `started`, when counters were last brought up to date
  std::uint64_t lost;             // allocations that should have been recorded and were not: tables or disk were full
  std::uint32_t ended;            // 1: the process, or the section, came to its end and wrote all it had
  std::uint32_t thread_only;      // the thread that a section was limited to; 0: all
  char program[1024];             // path of the executable, 0-terminated, cut if longer
};
static_assert(sizeof(Header) <= kHeaderSize);

// A packed trace has no tail and, of its header, only what is used: blocks of up to kLargestTail bytes begin behind the
// zero that ends `program`. `program` must have one.
constexpr std::size_t packed_header_size(const Header& header) {
  std::size_t length = 0;
  while (header.program[length] != '\0') ++length;
  return offsetof(Header, program) + length + 1;
}

// Behind the header: the block that is being filled, uncompressed, in memory shared with the file, so that a process
// killed by SIGKILL has lost nothing. `committed` bytes of `data` are whole records.
struct TailHeader {
  std::uint64_t sequence;   // of this block, counted from 0
  std::uint64_t committed;
};
inline constexpr std::size_t kTailOffset = kHeaderSize;

// Behind the tail, from kHeaderSize + sizeof(TailHeader) + tail_capacity on: full blocks, one after the other. The tail
// is emptied after its block was appended: a tail whose sequence stands among the blocks is to be ignored.
inline constexpr std::uint32_t kBlockMagic = 0x4B4C4246;  // "FBLK"
struct BlockHeader {
  std::uint32_t magic;
  std::uint32_t stored_size;  // bytes behind this header: one zstd frame
  std::uint32_t raw_size;     // bytes of records in it
  std::uint32_t checksum;     // the low 32 bits of XXH64, seed 0, of the stored bytes
  std::uint64_t sequence;
};

// A record: a byte of tag (low four bits) and flags (high four), then its fields: unsigned LEB128 numbers ("number"),
// the same after zigzag ("signed"), or a number and as many bytes ("text"). "Previous" values start at 0 in each block,
// so that a block can be read by itself once the definitions before it are known. Definitions (stack, code, module) are
// numbered from 0 in the order in which they appear in the whole trace.
enum class Tag : std::uint8_t {
  alloc = 1,     // signed: address - previous address; [number: Kind, with kOtherKind]; [number: size, without kSameSize];
                 // [number: stack, without kSameStack]. size: bytes asked for
  free = 2,      // signed: address - previous address (of an alloc or free)
  stack = 3,     // number: n; n * signed: return address - the one before it in this record (innermost first);
                 // number: m; m * (number: code, number: offset * 2 + entry), innermost first
  code = 4,      // a Python code object. text: qualified name; text: file; number: first line; number: version of
                 // Python (minor); text: its line table as it lies in memory; number: bytes of that left out at the end
  module = 5,    // an object that is mapped. text: path ("" : vdso or unknown); text: build id; number: load bias;
                 // number: first address; number: address behind the last
  clock = 6,     // number: milliseconds since the start
  counters = 7,  // eight numbers: Counters in their order
  mark = 8,      // text: name, of a test that begins here; an empty name: it ended. Then eight numbers: Counters
  thread = 9,    // number: the kernel's id of the thread that the next records are of
  live = 10,     // number: the most bytes that were live since the last such record; number: live now
  lost = 11,     // number: allocations not recorded since here; text: why
  unmap = 12,    // signed: address - previous address (of an alloc, free or unmap, here and above); number: bytes. Of
                 // what alloc records of kind mapped and brk brought, any part
  note = 13,     // text: key; text: value. What a reader should be told ("allocator": "jemalloc", ...)
  end = 14,      // the process or section ended as it should
};
inline constexpr std::uint8_t kTagBits = 4;
inline constexpr std::uint8_t kTagMask = 0x0F;
// Flags of alloc:
inline constexpr std::uint8_t kSameSize = 0x10;   // as the alloc record before in this block
inline constexpr std::uint8_t kSameStack = 0x20;  // as the alloc record before in this block
inline constexpr std::uint8_t kOtherKind = 0x40;  // not Kind::heap
inline constexpr std::uint8_t kSampled = 0x80;    // stands for 1 / (1 - exp(-(size + kSampledExtra) / period)) like it
// Flags of free:
inline constexpr std::uint8_t kTemporary = 0x10;      // in a sampled trace: its thread has allocated nothing since
inline constexpr std::uint8_t kFreeOtherKind = 0x40;  // the address is of a Python allocator (Kind::python_*)

enum class Kind : std::uint8_t {
  heap = 0,
  mapped = 1,  // mmap, mremap of anonymous memory
  brk = 2,
  python_raw = 3,
  python_memory = 4,
  python_object = 5,
};
// Memory that the program mapped by itself, which ends with unmap.
constexpr bool is_mapping(Kind kind) { return kind == Kind::mapped || kind == Kind::brk; }

// A Python frame's `entry` bit: the interpreter's evaluation loop was entered for this frame, so that the Python frames
// outside of it belong to the next native frame of the loop.

}  // namespace fittest::heap::trace
