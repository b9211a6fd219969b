#pragma once
#include <cstdint>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"

namespace fittest::plan {

// Something that takes one core and some memory for some time, as predicted.
struct Load {
  Bytes need;
  Seconds duration = 0;
};

struct PackingRoom {
  Bytes budget;
  unsigned workers = 1;
  Bytes base;          // held by each worker beside its load
  Seconds filler = 0;  // further work, so short and of so little memory that it runs wherever there is room for a base
};

// When all is done if the loads are started in this order, each as soon as it fits, with those behind it going first
// where that does not make it wait: what the scheduler does, without the cost of workers that start and go.
Seconds packed_makespan(const std::vector<Load>& loads, const std::vector<std::uint32_t>& order,
                        const PackingRoom& room);

// An order that packs as well as `order` (of all loads) or better, found by trying others for a bounded effort. Where
// cores and memory are both scarce, no simple rule comes close to the bound; trying does. The same arguments give the
// same order.
std::vector<std::uint32_t> improved_order(const std::vector<Load>& loads, std::vector<std::uint32_t> order,
                                          const PackingRoom& room, std::uint64_t seed);

}  // namespace fittest::plan
