#include "core/read_file.h"

#include <fstream>
#include <iterator>

namespace fittest {

Result<std::string> read_file(const std::filesystem::path& file, std::uintmax_t largest) {
  std::error_code problem;
  if (!std::filesystem::exists(file, problem))
    return failure("there is no such file", file.string(), "name one that is there");
  if (!std::filesystem::is_regular_file(file, problem)) {
    return failure("it is no regular file", file.string(), "name a file");
  }
  const std::uintmax_t size = std::filesystem::file_size(file, problem);
  if (problem || size > largest) {
    return failure("it is larger than " + std::to_string(largest >> 20) + " MiB", file.string(), "make it smaller");
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(stream), {});
  if (!stream) return failure("cannot be read", file.string(), "make it readable for this user");
  return text;
}

}  // namespace fittest
