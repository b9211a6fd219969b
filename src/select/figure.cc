#include "select/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace fittest::select {
namespace {

constexpr std::array<std::pair<std::string_view, double>, 6> kUnits = {
    {{"", 1}, {"ms", 0.001}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}}};

}  // namespace

bool is_bare_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

Result<Bytes> parse_size(std::string_view text) {
  auto size = parse_bytes(text);
  if (size && is_bare_number(text) && size->value != 0) {
    return failure(fmt::format("'{}' has no unit", text), {},
                   fmt::format("write {0}B, {0}KB, {0}MB or {0}GB (units of 1024)", text));
  }
  return size;
}

Result<Seconds> parse_duration(std::string_view text) {
  constexpr std::string_view kRemedy = "write a duration as 500ms, 2s, 1.5min or 1h; without a unit it is seconds";
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (problem != std::errc() || !std::isfinite(number) || std::signbit(number)) {
    return failure(fmt::format("'{}' is no duration", text), {}, std::string(kRemedy));
  }
  std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const auto* known = std::ranges::find(kUnits, unit, &std::pair<std::string_view, double>::first);
  if (known == kUnits.end()) {
    return failure(fmt::format("'{}' is no duration: unknown unit '{}'", text, unit), {}, std::string(kRemedy));
  }
  return number * known->second;
}

Result<std::uint32_t> parse_count(std::string_view text) {
  std::uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc() || stop != end) {
    return failure(fmt::format("'{}' is no number of runs", text), {}, "write a whole number: runs < 3");
  }
  return number;
}

}  // namespace fittest::select
