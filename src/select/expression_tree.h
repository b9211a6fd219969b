#pragma once
// What an expression means, as the parser leaves it for the matcher.
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "core/verdict.h"
#include "select/expression.h"
#include "select/pattern.h"

namespace fittest::select {

struct UnknownTests {};
struct FailedTests {};
struct WithVerdict {
  Verdict verdict;
};

// The n-th of the labels that the expression names.
struct HasLabel {
  std::size_t number;
};

enum class Part { name, file, class_, id };
struct PartMatches {
  Part part;
  Pattern pattern;
  std::size_t number;  // from 0 in an expression
};

enum class Relation { greater, at_least, less, at_most, equal, unequal };
struct PeakIs {
  Relation relation;
  Bytes than;
};
struct HeapPeakIs {
  Relation relation;
  Bytes than;
};
struct RetainedIs {
  Relation relation;
  Bytes than;
};
struct DurationIs {
  Relation relation;
  Seconds than;
};
struct RunsAre {
  Relation relation;
  std::uint32_t than;
};

struct Node;
struct AllOf {  // of none: every test
  std::vector<Node> nodes;
};
struct AnyOf {
  std::vector<Node> nodes;
};
struct Not {
  std::vector<Node> node;  // one
};

struct Node {
  std::variant<UnknownTests, FailedTests, WithVerdict, HasLabel, PartMatches, PeakIs, HeapPeakIs, RetainedIs,
               DurationIs, RunsAre, AllOf, AnyOf, Not>
      what;
  // What deciding it costs, roughly. Nothing here has effects, so that the cheap may be asked before the dear.
  int cost = 1;
};

struct ParsedExpression {
  std::string text;
  std::string where;
  Node root;
  std::vector<Expression::Label> labels;
  std::vector<Pattern> label_patterns;  // for each of `labels`
  std::size_t part_matches = 0;         // how many there are in the tree
  std::vector<Expression::Fact> facts;  // each once
  bool asks_history = false;
};

}  // namespace fittest::select
