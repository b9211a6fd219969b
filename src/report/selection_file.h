#pragma once
// `selection.json` of a run folder: which tests there were, and which of them this run took. `fittest merge` finds by
// it what no run has a verdict for.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/ids.h"

namespace fittest::report {

inline constexpr int kSelectionVersion = 1;

struct SelectionFile {
  struct Split {
    unsigned splits = 1;
    unsigned group = 1;  // from 1 to `splits`
    std::string algorithm;
    std::string fingerprint;  // of what the split was made from; groups with different ones do not fit together
    friend bool operator==(const Split&, const Split&) = default;
  };

  std::string suite = {};    // "pytest"
  std::string variant = {};  // "py3.12": what this run is of, where the same tests run several times over; often empty
  std::string chunk = {};    // its name; empty for a run that is of none
  std::optional<Split> split = {};
  std::vector<std::string> candidates = {};  // ids of all tests before the split, in collection order
  std::vector<TestIndex> selected = {};      // places in `candidates`
};

// Errors name the file, and the line where it is no JSON: unreadable, another version, a field that is missing or of
// another kind, a group that its split does not have, a place that there is not. Unknown fields are left aside.
Result<SelectionFile> read_selection(const std::filesystem::path& file);

// The file is replaced whole or not at all. Bytes that are no UTF-8 become U+FFFD, as in events.jsonl.
Result<void> write_selection(const std::filesystem::path& file, const SelectionFile& selection);

}  // namespace fittest::report
