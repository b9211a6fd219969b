#pragma once
#include <cstdint>
#include <string>

namespace fittest::heap {

enum class Language { native, python };

// A frame with its names, as a reader of a report sees it.
struct Line {
  std::string function;    // demangled; "0x1234" where nothing is known
  std::string file;        // of the source; "" if unknown
  std::uint32_t line = 0;  // 0 if unknown
  std::string module;      // of a native frame: the object's path
  Language language = Language::native;
  bool inlined = false;  // into the frame that follows
  bool operator==(const Line&) const = default;
};

}  // namespace fittest::heap
