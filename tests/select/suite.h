#pragma once
// A suite of a few tests that differ in all that an expression may ask for.
#include <string>
#include <vector>

#include "core/facts.h"
#include "core/test_list.h"

namespace fittest::select {

struct SmallSuite {
  TestList tests;
  std::vector<Facts> facts;

  void add(std::string_view id, std::vector<std::string> labels, Facts known = {}) {
    TestList::Traits traits;
    traits.labels = tests.add_labels(std::move(labels));
    tests.add(id, traits);
    facts.push_back(known);
  }
};

}  // namespace fittest::select
