#include "select/fingerprint.h"

#include <fmt/format.h>

namespace fittest::select {

// FNV-1a of 64 bits over each id, a zero byte, and the four bytes of its group, the lowest first.
std::string fingerprint(const TestList& tests, std::span<const std::uint32_t> group_of) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (TestIndex test = 0; test < tests.size(); ++test) {
    for (const char c : tests.id(test)) add(static_cast<unsigned char>(c));
    add(0);
    for (unsigned shift = 0; shift < 32; shift += 8) add(static_cast<unsigned char>(group_of[test] >> shift));
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace fittest::select
