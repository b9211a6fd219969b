#pragma once
#include <string>
#include <string_view>

#include "core/error.h"
#include "select/expression_tree.h"

namespace fittest::select {

// See Expression::parse.
Result<ParsedExpression> parse_expression(std::string_view text, const std::string& where);

}  // namespace fittest::select
