#pragma once
// The frames between fittest and its pytest side. Every frame: length (u32, of what follows), type (u8), payload.
// Numbers are little endian. The other end is plugin/fittest_pytest/wire.py.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fittest::suite::pytest {

enum class Frame : std::uint8_t {
  // fittest -> session
  replay = 'R',   // u32 test, u8 whether its start and end are told too, reports
  verdict = 'V',  // JSON {index, verdict, outcome, message}
  finish = 'F',   // JSON {reason: done | interrupted | exit | shouldstop, message, returncode}
  answer = 'A',   // JSON, to `ask`: {labels: {name: [index]}}, {selected: [index]}, {folder, limits, earlier} or
                  // {error}
  // session -> fittest
  tests = 'T',      // again and again: u32 file, u32 group, u8 shares set-up, u32 number of the labels, u32 length, id
  ask = 'O',        // JSON {stage: label | select | heap, label_sets, ...}: about the tests sent before, which are then
                    // forgotten
  collected = 'C',  // JSON
  stop = 'S',       // JSON {reason}
  // fittest -> zygote
  fork = 'K',  // JSON, and a descriptor beside it
  wait = 'W',  // u32 pid
  // zygote -> fittest
  forked = 'k',  // u32 worker, u32 pid
  ended = 'x',   // u32 pid, i32 status of wait(2)
  // fittest -> worker
  batch = 'B',   // u32 test each; for a spawned worker: u32 test, u32 length, id each
  retire = 'Q',  // nothing
  // worker -> fittest
  ready = 'r',         // u64 held
  started = 's',       // u32 test
  finished = 'e',      // u32 test, u8 verdict, u8 flags, f64 seconds, u64 peak, u64 held, u32 length of the detail,
                       // u32 length of what is left behind; these two (of the detail the first line says why, the
                       // others are the failure's text); with kHeap before the detail: u64 peak, u64 allocated,
                       // u64 allocations, and with kBody u64 peak of the body; reports
  amended = 'a',       // u32 test, u8 verdict, u32 length of the detail; it; reports
  batch_done = 'd',    // u64 held
  asks_to_stop = 'p',  // u32 test, JSON {kind, message, returncode}
};

// Flags of `finished`.
inline constexpr std::uint8_t kChanged = 1;
inline constexpr std::uint8_t kBroken = 2;
inline constexpr std::uint8_t kHeap = 4;
inline constexpr std::uint8_t kBody = 8;  // only with kHeap

// Nothing larger is believed.
inline constexpr std::uint32_t kLargestFrame = 1U << 30;

// Takes fields off the front of a payload. After a read past the end `ok` is false, and all reads give zero.
class FieldReader {
 public:
  explicit FieldReader(std::string_view payload) : rest_(payload) {}
  std::uint8_t u8();
  std::uint32_t u32();
  std::uint64_t u64();
  double f64();
  std::string_view bytes(std::size_t count);
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::uint64_t number(std::size_t size);
  std::string_view rest_;
  bool ok_ = true;
};

void put_u32(std::string& out, std::uint32_t number);
std::string make_frame(Frame type, std::string_view payload);

// Cuts a stream of bytes into frames.
class FrameCutter {
 public:
  struct Cut {
    Frame type;
    std::string_view payload;  // valid until the next call
  };
  void append(std::string_view bytes) { buffer_ += bytes; }
  // The next whole frame; nothing if there is none yet. A length beyond `kLargestFrame`, or of 0, makes the stream bad.
  std::optional<Cut> next();
  [[nodiscard]] bool bad() const { return bad_; }

 private:
  std::string buffer_;
  std::size_t done_ = 0;
  bool bad_ = false;
};

}  // namespace fittest::suite::pytest
