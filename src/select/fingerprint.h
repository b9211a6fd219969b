#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "core/test_list.h"

namespace fittest::select {

// 16 hexadecimal digits that two machines have in common only if they cut the same tests into the same groups.
std::string fingerprint(const TestList& tests, std::span<const std::uint32_t> group_of);

}  // namespace fittest::select
