#pragma once
#include <cstdint>
#include <string>

namespace fittest::cluster {

// How many groups are at what.
struct Tally {
  std::uint32_t pending = 0;
  std::uint32_t running = 0;
  std::uint32_t done = 0;
  std::uint32_t given_up = 0;
  std::string reason;  // of one that waits, in Slurm's word
};

// "fittest  12 groups: 3 pending (Resources), 4 running, 5 done".
std::string progress_text(const Tally& tally);

}  // namespace fittest::cluster
