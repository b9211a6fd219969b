#pragma once
// `.test_durations`, the file of pytest-split: a JSON object from test id to seconds. A byte of an id that is not UTF-8
// is written as Python writes it: "\udcff" for 0xff.
#include <filesystem>
#include <map>
#include <string>

#include "core/error.h"
#include "core/ids.h"

namespace fittest::history {

using Durations = std::map<std::string, Seconds, std::less<>>;

// Reads an object, or the list of pairs of older versions. A file that is not there is no error: nothing is known.
// Errors name file and line: no JSON, another shape, a value that is no number. Negative values are dropped.
Result<Durations> read_durations(const std::filesystem::path& file);

enum class OldDurations { keep, drop };

// Writes what was measured over what is there (or, with `drop`, instead of it): sorted keys, indent 4, as pytest-split
// does. The file is replaced whole or not at all; one that cannot be understood is left as it is, unless `drop`. What
// is negative or not finite is left out.
Result<void> store_durations(const std::filesystem::path& file, const Durations& measured, OldDurations old);

}  // namespace fittest::history
