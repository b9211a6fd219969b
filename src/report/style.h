#pragma once
#include <string>
#include <string_view>

namespace fittest::report {

enum class Color { none, bold, dim, red, green, yellow, cyan };

// Colours, or none at all where they are off.
class Style {
 public:
  explicit Style(bool on) : on_(on) {}
  [[nodiscard]] std::string operator()(Color color, std::string_view text) const {
    if (!on_ || color == Color::none || text.empty()) return std::string(text);
    return std::string(start(color)) + std::string(text) + "\x1b[0m";
  }

 private:
  static constexpr std::string_view start(Color color) {
    switch (color) {
      case Color::none:
        return "";
      case Color::bold:
        return "\x1b[1m";
      case Color::dim:
        return "\x1b[2m";
      case Color::red:
        return "\x1b[31m";
      case Color::green:
        return "\x1b[32m";
      case Color::yellow:
        return "\x1b[33m";
      case Color::cyan:
        return "\x1b[36m";
    }
    return "";
  }
  bool on_;
};

}  // namespace fittest::report
