#pragma once
#include "core/error.h"

namespace fittest::cli {

inline constexpr int kUsage = 4;

// Tells the user why a verb does nothing, and returns the exit code for it.
int refuse(const Error& error);

}  // namespace fittest::cli
