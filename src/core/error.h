#pragma once
// What a user can cause is a Result; what only a bug can cause is an exception.
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace fittest {

// One failure, said so that the reader can act: what happened, where (file, line, option, process), what to do.
struct Error {
  std::string what;
  std::string where = {};
  std::string remedy = {};

  // "where: what" and, on a second line, "  -> remedy".
  [[nodiscard]] std::string text() const;
};

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(std::string what, std::string where = {}, std::string remedy = {}) {
  return tl::unexpected<Error>(Error{std::move(what), std::move(where), std::move(remedy)});
}

// The failure of a system call: `errno_value` in words behind `what`.
tl::unexpected<Error> system_failure(int errno_value, std::string what, std::string where = {},
                                     std::string remedy = {});

}  // namespace fittest
