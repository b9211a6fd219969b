#pragma once
#include <string>

#include "heap/view/stacks.h"

namespace fittest::heap {

// The flame graph as one HTML file that needs no network: all measures in it, `first` shown first. `about` is the line
// below the program's name. Bars that no screen could show in any measure are left out.
std::string flame_graph_html(const Stacks& stacks, const std::string& program, const std::string& about, Measure first);

}  // namespace fittest::heap
