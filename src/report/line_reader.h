#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/descriptor.h"
#include "core/error.h"

namespace fittest::report {

inline constexpr std::size_t kLongestLine = 4 << 20;

// The lines of a file of events, one after another, in little memory whatever the file holds.
class LineReader {
 public:
  static Result<LineReader> open(const std::filesystem::path& file);

  // Without its newline, valid until the next call; nothing at the end. A last line without a newline is one too; of a
  // line longer than kLongestLine only so much is read.
  Result<std::optional<std::string_view>> next();

 private:
  LineReader(std::filesystem::path file, Descriptor opened);
  // False at the end of the file.
  Result<bool> read_more();

  std::filesystem::path file_;
  Descriptor opened_;
  std::string buffer_;
  std::string line_;
  std::size_t begin_ = 0;  // of what is in `buffer_` and was not given out
};

}  // namespace fittest::report
