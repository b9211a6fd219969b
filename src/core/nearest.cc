#include "core/nearest.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace fittest {
namespace {

// Nobody's slip of the finger.
constexpr std::size_t kLongestWord = 64;
constexpr std::size_t kShortWord = 3;

// How many characters must be put in, taken out or replaced to make one of the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, diagonal + 1, replaced});
    }
  }
  return row.back();
}

std::string plain(std::string_view word) {
  std::string out(word);
  for (char& c : out) c = c == '_' ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

// Of a word of three letters, two wrong ones make any other.
std::size_t most_mistakes(std::size_t length) {
  return length <= kShortWord ? 1 : std::max<std::size_t>(2, length / 3);
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view written, std::span<const std::string_view> known) {
  if (written.size() > kLongestWord) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t least = 0;
  for (const std::string_view word : known) {
    const std::size_t distance = edit_distance(plain(written), plain(word));
    if (distance > most_mistakes(word.size()) || (best && distance >= least)) continue;
    best = word;
    least = distance;
  }
  return best;
}

}  // namespace fittest
