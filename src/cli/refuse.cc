#include "cli/refuse.h"

#include <iostream>

namespace fittest::cli {

int refuse(const Error& error) {
  std::cerr << "fittest: " << error.text() << "\n";
  return kUsage;
}

}  // namespace fittest::cli
