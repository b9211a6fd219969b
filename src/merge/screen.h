#pragma once
#include <string>

#include "merge/merge.h"
#include "report/style.h"

namespace fittest::merge {

// What a person reads of it: the table of runs, failures with their reasons, what is missing, what else is wrong.
// `outputs`: the folder where the rest is to be found.
std::string screen_text(const Merged& merged, const std::string& outputs, unsigned columns, const report::Style& style);

}  // namespace fittest::merge
