#pragma once
#include <span>
#include <vector>

#include "core/facts.h"
#include "core/test_list.h"
#include "select/expression_tree.h"

namespace fittest::select {

// See Expression::match.
std::vector<bool> match_tests(const ParsedExpression& expression, const TestList& tests, std::span<const Facts> facts);

}  // namespace fittest::select
