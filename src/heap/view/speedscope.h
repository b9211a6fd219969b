#pragma once
#include <string>

#include "heap/view/stacks.h"

namespace fittest::heap {

// speedscope's file format (its published schema): a sampled profile of bytes for each measure, the one asked for shown
// first.
std::string speedscope_json(const Stacks& stacks, const std::string& name, Measure first);

}  // namespace fittest::heap
