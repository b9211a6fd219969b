#pragma once
#include <string>

#include "heap/view/stacks.h"

namespace fittest::heap {

// Collapsed stacks, as flame graph tools read them: "outermost;...;innermost BYTES", a line for each stack. A frame is
// its function and, in brackets, its file (and not its line: lines would tear a function apart).
std::string collapsed_text(const Stacks& stacks, Measure by);

}  // namespace fittest::heap
