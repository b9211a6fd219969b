#include "heap/symbols/python_lines.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace fittest::heap {
namespace {

// Objects/lnotab_notes.txt of CPython up to 3.10, and Objects/locations.md of 3.11 and newer.
constexpr std::uint32_t kFirstWithPairs = 10;
constexpr std::uint32_t kFirstWithLocations = 11;
constexpr int kNoLine = -128;  // the line delta of 3.10's table that stands for "no line"

// How the lines of an entry of the location table are stored.
constexpr unsigned kOneLineFirst = 10;  // to 12: the delta itself, 0 to 2
constexpr unsigned kNoColumns = 13;
constexpr unsigned kLong = 14;
constexpr unsigned kNone = 15;

constexpr unsigned char kEntryBit = 0x80;  // set in the first byte of an entry alone
constexpr unsigned kUnit = 2;              // bytes of a code unit

// Reads the location table byte by byte; past the end, all is zero and `ended` is set.
class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}

  [[nodiscard]] bool at_end() const { return at_ >= bytes_.size(); }
  [[nodiscard]] bool cut_off() const { return cut_off_; }

  unsigned char byte() {
    if (at_end()) {
      cut_off_ = true;
      return 0;
    }
    return static_cast<unsigned char>(bytes_[at_++]);
  }

  // Six bits a byte, the low ones first.
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 6) {
      const unsigned char next = byte();
      if (shift < 60) value |= std::uint64_t{next & 0x3FU} << shift;
      if ((next & 0x40U) == 0) return value;
    }
  }

  std::int64_t signed_number() {
    const std::uint64_t value = number();
    const auto magnitude = static_cast<std::int64_t>(value >> 1);
    return (value & 1) != 0 ? -magnitude : magnitude;
  }

  // To the next entry, or the end.
  void skip_to_entry() {
    while (!at_end() && (static_cast<unsigned char>(bytes_[at_]) & kEntryBit) == 0) ++at_;
  }

 private:
  const std::string& bytes_;
  std::size_t at_ = 0;
  bool cut_off_ = false;
};

// Lines of nonsensical tables must not overflow.
std::int64_t moved(std::int64_t line, std::int64_t delta) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 40;
  return std::clamp(line + std::clamp(delta, -kLimit, kLimit), -kLimit, kLimit);
}

// Calls use(line, units) for each entry of a location table; no line: the entry has none. False: the table is cut off.
template <typename Use>
bool for_each_location(const Code& code, Use use) {
  Reader reader(code.line_table);
  std::int64_t line = code.first_line;
  for (reader.skip_to_entry(); !reader.at_end(); reader.skip_to_entry()) {
    const unsigned first = reader.byte();
    const unsigned form = (first >> 3) & 0x0F;
    if (form == kNoColumns || form == kLong) {
      line = moved(line, reader.signed_number());
    } else if (form >= kOneLineFirst && form < kNoColumns) {
      line = moved(line, form - kOneLineFirst);
    }
    if (reader.cut_off()) return false;
    use(form == kNone ? std::nullopt : std::optional(line), (first & 7U) + 1);
  }
  return true;
}

// Writes a location table of lines alone.
class LocationWriter {
 public:
  explicit LocationWriter(std::int64_t first_line) : written_line_(first_line) {}

  void add(std::optional<std::int64_t> line, unsigned units) {
    if (line != line_) flush();
    line_ = line;
    units_ += units;
  }
  std::string finish() {
    flush();
    return std::move(out_);
  }

 private:
  void flush() {
    while (units_ > 0) {
      const unsigned units = std::min(units_, 8U);
      units_ -= units;
      out_.push_back(static_cast<char>(kEntryBit | (line_ ? kNoColumns : kNone) << 3 | (units - 1)));
      if (!line_) continue;
      const std::int64_t delta = *line_ - written_line_;
      auto rest = static_cast<std::uint64_t>(delta < 0 ? -delta : delta) << 1 | (delta < 0 ? 1U : 0U);
      for (; rest >= 0x40; rest >>= 6) out_.push_back(static_cast<char>(0x40U | (rest & 0x3FU)));
      out_.push_back(static_cast<char>(rest));
      written_line_ = *line_;
    }
  }

  std::string out_;
  std::optional<std::int64_t> line_;
  unsigned units_ = 0;  // with line_, not yet written
  std::int64_t written_line_;
};

}  // namespace

PythonLines::PythonLines(const Code& code) {
  if (code.python_minor >= kFirstWithLocations) {
    decode_locations(code);
  } else if (code.python_minor >= kFirstWithPairs) {
    decode_pairs(code);
  } else {
    decode_lnotab(code);
  }
}

std::uint32_t PythonLines::at(std::uint32_t offset) const {
  if (offset >= end_) return 0;
  const auto behind = std::upper_bound(starts_.begin(), starts_.end(), offset,
                                       [](std::uint64_t value, const Start& start) { return value < start.offset; });
  return behind == starts_.begin() ? 0 : std::prev(behind)->line;
}

void PythonLines::add(std::uint64_t offset, std::int64_t line) {
  const bool sane = line > 0 && line <= std::numeric_limits<std::uint32_t>::max();
  const std::uint32_t kept = sane ? static_cast<std::uint32_t>(line) : 0;
  if (!starts_.empty() && starts_.back().offset == offset) {
    starts_.back().line = kept;
  } else if (starts_.empty() || starts_.back().line != kept) {
    starts_.push_back({offset, kept});
  }
}

// Pairs of an unsigned step of the offset and a signed one of the line, which holds from the new offset on. The table
// does not say where the code ends.
void PythonLines::decode_lnotab(const Code& code) {
  std::uint64_t offset = 0;
  std::int64_t line = code.first_line;
  add(offset, line);
  const std::string& table = code.line_table;
  for (std::size_t i = 0; i + 1 < table.size(); i += 2) {
    offset += static_cast<unsigned char>(table[i]);
    line = moved(line, static_cast<signed char>(table[i + 1]));
    add(offset, line);
  }
  end_ = std::numeric_limits<std::uint64_t>::max();
}

// Pairs of an unsigned length and the signed step of the line that comes before it.
void PythonLines::decode_pairs(const Code& code) {
  std::int64_t line = code.first_line;
  const std::string& table = code.line_table;
  for (std::size_t i = 0; i + 1 < table.size(); i += 2) {
    const auto length = static_cast<unsigned char>(table[i]);
    const int delta = static_cast<signed char>(table[i + 1]);
    if (delta != kNoLine) line = moved(line, delta);
    if (length == 0) continue;
    add(end_, delta == kNoLine ? 0 : line);
    end_ += length;
  }
}

void PythonLines::decode_locations(const Code& code) {
  const bool whole = for_each_location(code, [this](std::optional<std::int64_t> line, unsigned units) {
    add(end_, line.value_or(0));
    end_ += units * kUnit;
  });
  static_cast<void>(whole);  // what was decoded holds
}

std::string line_table_without_columns(const Code& code) {
  if (code.python_minor < kFirstWithLocations) return code.line_table;
  LocationWriter writer(code.first_line);
  const bool whole =
      for_each_location(code, [&writer](std::optional<std::int64_t> line, unsigned units) { writer.add(line, units); });
  return whole ? writer.finish() : code.line_table;
}

}  // namespace fittest::heap
