#pragma once
#include <elfutils/libdw.h>

#include <string>
#include <unordered_map>

namespace fittest::heap {

// The namespaces and classes around functions, for those that DWARF gives no linkage name: what is local to a file.
// Entries do not know what they lie in, so that a unit is walked once, when first asked about.
class Scopes {
 public:
  // What to put before the name of a function: "a::(anonymous namespace)::", or "".
  const std::string& before(Dwarf_Die function);

 private:
  using OfUnit = std::unordered_map<Dwarf_Off, std::string>;  // by the function's entry; only those that have one
  static OfUnit walk(Dwarf_Die unit);

  std::unordered_map<const Dwarf_CU*, OfUnit> units_;
};

}  // namespace fittest::heap
