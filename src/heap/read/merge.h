#pragma once
#include <cstdint>
#include <vector>

#include "heap/read/profile.h"

namespace fittest::heap {

// Several processes (a parent and those it forked) as one. Modules, code objects and stacks that are the same become
// one; figures are added up. The first profile gives program, process and start. `peak` is the sum of each process's
// own peak: as they were at different moments, it is an upper bound of what all held together. Points over time and
// tests are those of the first alone, because the clocks of the others begin elsewhere.
Profile merge(std::vector<Profile> profiles);

// The same, for those who kept figures of their own by stack.
struct Merged {
  Profile profile;
  std::vector<std::vector<std::uint32_t>> stacks;  // by profile and stack of it: its number in the result
};
Merged merge_with_numbers(std::vector<Profile> profiles);

}  // namespace fittest::heap
