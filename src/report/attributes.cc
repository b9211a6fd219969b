#include "report/attributes.h"

#include <algorithm>

namespace fittest::report {
namespace {
constexpr char kEscape = '\x1b';
// Nobody has more colours on than this says; a stream of bytes that looks like it is not followed any further.
constexpr std::size_t kMostActive = 256;
constexpr std::size_t kLongestSequence = 64;
}  // namespace

void Attributes::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (sequence_.empty()) {
      const std::size_t escape = bytes.find(kEscape);
      if (escape == std::string_view::npos) return;
      sequence_.push_back(kEscape);
      bytes.remove_prefix(escape + 1);
      continue;
    }
    const char c = bytes.front();
    if (sequence_.size() == 1 && c != '[') {
      sequence_.clear();  // some other escape; the byte may begin the next one
      continue;
    }
    bytes.remove_prefix(1);
    sequence_ += c;
    const bool parameter = (c >= '0' && c <= '9') || c == ';' || c == ':';
    if (sequence_.size() == 2 || (parameter && sequence_.size() < kLongestSequence)) continue;
    if (c == 'm') end_of_sequence();
    sequence_.clear();
    if (c == kEscape) sequence_.push_back(kEscape);
  }
}

void Attributes::end_of_sequence() {
  const std::string_view parameters = std::string_view(sequence_).substr(2, sequence_.size() - 3);
  const std::size_t last = parameters.find_last_of(';');
  const std::string_view final_one = last == std::string_view::npos ? parameters : parameters.substr(last + 1);
  // "0" as the last of several can also be the last figure of a colour (38;5;0): then the rest stays.
  const bool alone = last == std::string_view::npos;
  if (alone && final_one.find_first_not_of('0') == std::string_view::npos) {
    active_.clear();
  } else if (active_.size() + sequence_.size() <= kMostActive) {
    active_ += sequence_;
  }
}

}  // namespace fittest::report
