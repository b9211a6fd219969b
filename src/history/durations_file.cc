#include "history/durations_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/atomic_file.h"
#include "core/utf8.h"
#include "core/utf8_bytes.h"

namespace fittest::history {
namespace {

using Json = nlohmann::json;

constexpr const char* kRemedy =
    "mend that line, or delete the file and write it anew: fittest pytest --store-durations --clean-durations";
constexpr const char* kShape =
    "a durations file is a JSON object of test ids and seconds: {\"test_a.py::test_b\": 1.5}";

// Python writes a byte of a name that is not UTF-8 as half a surrogate pair, "\udcff", which the JSON library takes for
// a mistake. In JSON text, U+10FF00 + byte is "\udbff\udfff": the stand-in of utf8_bytes.h.
constexpr std::string_view kLoneHalf = "\\udc";
constexpr std::string_view kStandIn = "\\udbff\\udf";

// The value of "\uXXXX" at `at`, if that is what stands there.
std::optional<unsigned> escaped_unit(std::string_view text, std::size_t at) {
  if (text.size() < at + 6 || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    const char c = text[i];
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (!digit && !letter) return std::nullopt;
    unit = unit * 16 + static_cast<unsigned>(digit ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return unit;
}

std::string with_stand_ins(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (std::size_t at = 0; at < json.size();) {
    std::size_t length = json[at] == '\\' ? 2 : 1;
    if (const auto unit = escaped_unit(json, at)) {
      const auto next = escaped_unit(json, at + 6);
      const bool pair = *unit >= 0xD800 && *unit < 0xDC00 && next && *next >= 0xDC00 && *next < 0xE000;
      length = pair ? 12 : 6;
      if (*unit >= 0xDC80 && *unit <= 0xDCFF) {
        out += kStandIn;
        out += json.substr(at + 4, 2);
        at += length;
        continue;
      }
    }
    out += json.substr(at, length);
    at += length;
  }
  return out;
}

// For text that `dump` made: each stand-in is one character of a name, none is half of something else.
std::string with_lone_halves(std::string json) {
  for (std::size_t at = json.find(kStandIn); at != std::string::npos; at = json.find(kStandIn, at)) {
    json.replace(at, kStandIn.size(), kLoneHalf);
    at += kLoneHalf.size();
  }
  return json;
}

// Counts lines while the parser reads.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::size_t* line) : at_(at), line_(line) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    if (*at_ == '\n') ++*line_;
    ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) { return a.at_ == b.at_; }

 private:
  const char* at_;
  std::size_t* line_;
};

// Takes the parser's calls: an object of numbers, or a list of pairs.
class Reader : public nlohmann::json_sax<Json> {
 public:
  explicit Reader(const std::size_t& line) : line_(line) {}

  [[nodiscard]] Durations take() { return std::move(durations_); }
  [[nodiscard]] std::size_t line() const { return problem_line_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

  bool null() override { return no_number("null"); }
  bool boolean(bool value) override { return no_number(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return number(static_cast<Seconds>(value)); }
  bool number_unsigned(number_unsigned_t value) override { return number(static_cast<Seconds>(value)); }
  bool number_float(number_float_t value, const string_t& /*text*/) override { return number(value); }
  bool string(string_t& value) override {
    if (!in_pair() || id_) return no_number("a text");
    name(value);
    return true;
  }
  bool binary(binary_t& /*value*/) override { return no_number("binary"); }
  bool start_object(std::size_t /*size*/) override {
    if (depth_ > 0) return no_number("an object");
    ++depth_;
    return true;
  }
  bool key(string_t& value) override {
    name(value);
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t /*size*/) override {
    if (depth_ == 2 || (depth_ == 1 && !is_list_)) return no_number("a list");
    is_list_ = true;
    ++depth_;
    return true;
  }
  bool end_array() override {
    if (in_pair() && (!complete_ || id_)) return fail("a list that is no pair of a test id and seconds");
    complete_ = false;
    --depth_;
    return true;
  }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error while ...", or, for a number that
    // is too large, "[json.exception.out_of_range.406] number overflow ...".
    std::string text = valid_utf8(error.what());
    text.erase(0, text.find("] ") + 2);
    if (text.starts_with("parse error at ")) text.erase(0, text.find(": ") + 2);
    name_line_ = line_;
    return fail("no valid JSON: " + text);
  }

 private:
  [[nodiscard]] bool in_pair() const { return is_list_ && depth_ == 2; }

  void name(const std::string& text) {
    id_ = utf8_to_bytes(text);
    name_line_ = line_;
  }

  bool number(Seconds value) {
    if (!id_) return fail("a number where a test id should be");
    // Python's JSON knows no limits, ours does: what is not finite does not come this far.
    if (value >= 0) durations_.insert_or_assign(*id_, value);
    id_.reset();
    complete_ = true;
    return true;
  }

  bool no_number(const std::string& found) {
    if (!id_) return fail(found + " where a test id should be");
    return fail(found + " where the seconds of '" + *id_ + "' should be");
  }

  bool fail(std::string problem) {
    problem_ = std::move(problem);
    problem_line_ = std::max<std::size_t>(name_line_, 1);
    return false;
  }

  const std::size_t& line_;
  Durations durations_;
  int depth_ = 0;
  bool is_list_ = false;
  bool complete_ = false;  // the pair has its number
  std::optional<std::string> id_;
  std::size_t name_line_ = 0;  // of the last id, and so of the number behind it
  std::string problem_;
  std::size_t problem_line_ = 0;
};

// As Python's repr: the shortest digits that give the same number, a float even where it is whole.
std::string number_text(Seconds value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

Result<Durations> read_durations(const std::filesystem::path& file) {
  std::error_code problem;
  const auto status = std::filesystem::status(file, problem);
  if (status.type() == std::filesystem::file_type::not_found) return Durations{};
  if (status.type() == std::filesystem::file_type::directory) return failure("is a folder", file.string(), kShape);
  std::ifstream in(file, std::ios::binary);
  if (!in) return failure("cannot be read", file.string(), "make it readable");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) return failure("cannot be read", file.string(), "make it readable");
  text = with_stand_ins(text);

  std::size_t line = 1;
  Reader reader(line);
  const CountingIterator begin(text.data(), &line);
  const CountingIterator end(text.data() + text.size(), &line);
  if (!Json::sax_parse(begin, end, &reader)) {
    return failure(reader.problem(), file.string() + ":" + std::to_string(reader.line()), kRemedy);
  }
  return reader.take();
}

Result<void> store_durations(const std::filesystem::path& file, const Durations& measured, OldDurations old) {
  Durations all;
  if (old == OldDurations::keep) {
    Result<Durations> before = read_durations(file);
    if (!before) return tl::unexpected(before.error());
    all = std::move(*before);
  }
  for (const auto& [id, seconds] : measured) {
    if (std::isfinite(seconds) && seconds >= 0) all.insert_or_assign(id, seconds);
  }
  std::string text = "{";
  const char* separator = "\n";
  for (const auto& [id, seconds] : all) {
    constexpr bool kAsciiOnly = true;
    text += separator;
    text += "    " + with_lone_halves(Json(bytes_to_utf8(id)).dump(-1, ' ', kAsciiOnly)) + ": " + number_text(seconds);
    separator = ",\n";
  }
  text += all.empty() ? "}" : "\n}";
  return write_file(file, text);
}

}  // namespace fittest::history
