#include "core/bytes.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

namespace fittest {

namespace {
constexpr std::string_view kUnitLetters = "bkmgtp";
constexpr std::string_view kRemedy = "write a size as 4G, 512MiB or 1.5GB (units of 1024)";
}  // namespace

std::string format_bytes(Bytes amount) {
  static constexpr std::array<std::string_view, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(amount.value);
  std::size_t unit = 0;
  // 999.5 would print as "1000": take the next unit before the rounding shows four digits.
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0 || value >= 9.95) return fmt::format("{:.0f} {}", value, kUnits[unit]);
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

Result<Bytes> parse_bytes(std::string_view text) {
  const std::string shown(text);
  const auto refuse = [&](std::string_view why) -> Result<Bytes> {
    return failure(fmt::format("'{}' is no size: {}", shown, why), {}, std::string(kRemedy));
  };
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  if (text.empty()) return refuse("it is empty");
  if (text.front() == '-') return refuse("it is negative");
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (code != std::errc{} || !std::isfinite(number)) return refuse("it does not start with a number");
  std::string unit;
  for (const char* c = end; c != text.data() + text.size(); ++c)
    if (!std::isspace(static_cast<unsigned char>(*c)))
      unit += static_cast<char>(std::tolower(static_cast<unsigned char>(*c)));
  double factor = 1;
  if (!unit.empty()) {
    const auto power = kUnitLetters.find(unit.front());
    const std::string_view rest = std::string_view(unit).substr(1);
    const bool known_suffix = rest.empty() || (power != 0 && (rest == "b" || rest == "ib"));
    if (power == std::string_view::npos || !known_suffix) return refuse(fmt::format("unknown unit '{}'", unit));
    factor = std::pow(1024.0, static_cast<double>(power));
  }
  const double bytes = number * factor;
  if (bytes >= 9.2e18) return refuse("it is more than any machine has");
  return Bytes{static_cast<std::uint64_t>(bytes)};
}

}  // namespace fittest
