#pragma once
#include "core/error.h"
#include "select/label_check.h"
#include "suite/pytest/interpreter.h"

namespace fittest::suite::pytest {

// Prints the patch that makes these changes to the sources, and what it cannot change as comments in front, to
// fittest's own output. Changes no file. Errors: the interpreter cannot be started, or fails.
Result<void> print_mark_patch(const Interpreter& python, const select::MarkChanges& changes);

}  // namespace fittest::suite::pytest
