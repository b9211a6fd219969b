#pragma once
// Garbage that looks like what it was made from, for the parsers of foreign text.
#include <algorithm>
#include <random>
#include <string>

namespace fittest::memory {

// Cuts, doubles, swaps and overwrites pieces of what is valid.
inline std::string mutate(std::string text, std::mt19937_64& random) {
  for (std::uint64_t n = random() % 6 + 1; n > 0 && !text.empty(); --n) {
    const std::size_t at = random() % text.size();
    const std::size_t length = random() % std::min<std::size_t>(text.size() - at, 24) + 1;
    switch (random() % 6) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, text.substr(random() % text.size(), length));
        break;
      case 2:
        text[at] = static_cast<char>(random());
        break;
      case 3:
        text.resize(at);
        break;
      case 4:
        text.insert(at, std::string(length, "0/9 \n:-"[random() % 7]));
        break;
      default:
        text.insert(at, "18446744073709551616");
    }
  }
  return text;
}

}  // namespace fittest::memory
