#pragma once
// `fittest chunks --suggest`: a set of chunks from what was measured. Pure.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/facts.h"
#include "core/ids.h"
#include "core/test_list.h"

namespace fittest::select {

// The machine that the chunks are for.
struct SuggestOptions {
  Bytes budget;
  unsigned cores = 1;
};

struct SuggestedChunk {
  std::string name;
  std::string expression;  // empty: every test
  unsigned workers = 1;
  Seconds timeout = 0;
  // Why.
  std::vector<TestIndex> tests;
  std::uint32_t unknown = 0;         // of them, never measured
  Bytes usual;                       // 95 of 100 take no more
  std::optional<TestIndex> largest;  // nothing where none was measured
  Seconds work = 0;                  // sum of the durations
};

struct Suggestion {
  SuggestOptions options;
  Bytes for_tests;  // of the budget, what is left for tests beside the process that collected
  std::vector<SuggestedChunk> chunks;
};

// Tests that do not fit together with as many of their like as there are cores are put apart, in chunks with fewer
// workers: by labels and folders, where those tell the heavy tests from the light ones, otherwise by their peak. Every
// test is in exactly one chunk, those without facts in one of the light ones.
Suggestion suggest(const TestList& tests, std::span<const Facts> facts, const SuggestOptions& options);

// As [[chunk]] tables for fittest.toml, each with the figures that speak for it.
std::string to_toml(const Suggestion& suggestion, const TestList& tests, std::span<const Facts> facts);

}  // namespace fittest::select
