#pragma once
#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "heap/symbols/line.h"
#include "heap/symbols/scopes.h"
#include "heap/symbols/symbol_table.h"

namespace fittest::heap {

// The functions of an object's DWARF, by address. Each unit is walked once, when the first address in it is asked for,
// because libdw's own search walks it for every address. All addresses are those of the DWARF itself. The DWARF and the
// symbols must outlive it.
class Units {
 public:
  Units(Dwarf* dwarf, const SymbolTable& symbols);

  // The function that holds `address` with those that were inlined there, innermost first; `module` is left empty.
  // Empty where the DWARF does not tell of it.
  std::vector<Line> lines(std::uint64_t address);

 private:
  struct Span {
    std::uint64_t begin;
    std::uint64_t end;
    std::uint32_t index;  // of a unit, or of a function
  };
  // A function with code, or one that was inlined into the one that holds it.
  struct Function {
    Dwarf_Die die{};
    std::vector<Span> spans;
    std::vector<std::uint32_t> inlined;  // directly into this one
  };
  struct Unit {
    Dwarf_Die die{};  // whose lines, and for split DWARF whose addresses, it is
    bool walked = false;
    std::vector<Function> functions;
    std::vector<Span> spans;  // of those that are not inlined
  };

  void walk(Unit& unit);
  const std::string& name_of(const Function& function);
  const std::string& path_of(const char* file, Dwarf_Die unit);
  static std::optional<std::uint32_t> find(const std::vector<Span>& spans, std::uint64_t address);

  const SymbolTable& symbols_;
  std::vector<Unit> units_;
  std::vector<Span> spans_;
  Scopes scopes_;
  std::unordered_map<const void*, std::string> names_;  // by the function's entry
  std::unordered_map<const char*, std::string> paths_;  // by where the DWARF has them
};

// The name that people know `symbol` by: demangled, without the parts that compilers add (.cold, .constprop.0, ...).
std::string readable_name(std::string_view symbol);

}  // namespace fittest::heap
