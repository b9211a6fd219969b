#pragma once
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace fittest {

// The text with one to `most` changes: a byte changed, one of `alphabet` put in, some taken out, some said twice. What
// a reader of foreign text is given to see that it survives.
inline std::string mutated(std::string text, std::mt19937_64& random, std::string_view alphabet,
                           std::uint64_t most = 4) {
  for (std::uint64_t n = random() % most + 1; n > 0 && !text.empty(); --n) {
    const std::size_t at = random() % text.size();
    switch (random() % 4) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.insert(at, 1, alphabet[random() % alphabet.size()]);
        break;
      case 2:
        text.erase(at, random() % 10 + 1);
        break;
      default:
        text.insert(at, text.substr(random() % text.size(), random() % 60));
    }
  }
  return text;
}

}  // namespace fittest
