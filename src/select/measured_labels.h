#pragma once
#include <span>
#include <vector>

#include "core/facts.h"
#include "core/test_list.h"
#include "select/expression.h"

namespace fittest::select {

// The tests that have each label, by what is known of them. `labels` as `in_order` gives them: one that another is made
// of stands before it.
std::vector<std::vector<TestIndex>> measure(std::span<const MeasuredLabel> labels, const TestList& tests,
                                            std::span<const Facts> facts);

}  // namespace fittest::select
