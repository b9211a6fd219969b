#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "heap/view/look.h"
#include "heap/view/stacks.h"

namespace fittest::heap {

// The stacks laid over each other, from the outermost frame inwards. Node 0 is the root and has no frame; a node stands
// behind its parent. Sums hold what is called from a node too.
struct CallTree {
  struct Node {
    std::uint32_t frame = 0;  // index into Stacks::lines
    std::uint32_t parent = 0;
    Amounts amounts{};
    std::vector<std::uint32_t> children = {};  // in the order in which they came
  };
  std::vector<Node> nodes;
};

CallTree call_tree(const Stacks& stacks);

struct TreeOptions {
  Measure by = Measure::peak;
  std::size_t limit = 60;  // nodes that are shown, the largest first; 0: all
};

// The call tree with the share of each node. A node that is all that its parent calls stands below it without being set
// in further.
std::string tree_text(const Stacks& stacks, const TreeOptions& options, const Look& look);

}  // namespace fittest::heap
