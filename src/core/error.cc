#include "core/error.h"

#include <system_error>

namespace fittest {

std::string Error::text() const {
  std::string out = where.empty() ? what : where + ": " + what;
  if (!remedy.empty()) out += "\n  -> " + remedy;
  return out;
}

tl::unexpected<Error> system_failure(int errno_value, std::string what, std::string where, std::string remedy) {
  what += ": " + std::generic_category().message(errno_value);
  return failure(std::move(what), std::move(where), std::move(remedy));
}

}  // namespace fittest
