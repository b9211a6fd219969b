#include "merge/missing.h"

#include <fmt/format.h>

#include <string_view>

#include "core/atomic_file.h"

namespace fittest::merge {
namespace {

std::string on_one_line(std::string_view id) {
  std::string out;
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (c == '\\') {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

Result<void> write_missing(const Merged& merged, const std::filesystem::path& file) {
  auto out = AtomicFile::create(file);
  if (!out) return tl::unexpected(out.error());
  for (const MergedTest& test : merged.tests) {
    if (test.state == MergedTest::State::settled) continue;
    out->add(on_one_line(test.id));
    if (const std::string& variant = merged.parts[test.part].variant; !variant.empty()) {
      out->add("\t" + on_one_line(variant));
    }
    out->add("\n");
  }
  return out->commit();
}

}  // namespace fittest::merge
