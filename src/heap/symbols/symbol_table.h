#pragma once
#include <elfutils/libdwfl.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace fittest::heap {

// The functions that a module's symbol table names (.symtab of the object or of its debug file, else what is exported),
// sorted by address. Names are the module's, which must outlive the table.
class SymbolTable {
 public:
  explicit SymbolTable(Dwfl_Module* module);

  // The name of the function that holds `address`, as it is in the table; "" if there is none.
  [[nodiscard]] std::string_view find(std::uint64_t address) const;

  // Whether a function of that name is there; looks through all.
  [[nodiscard]] bool has(std::string_view name) const;

 private:
  struct Symbol {
    std::uint64_t begin;
    std::uint64_t size;
    bool sized;  // if the table does not say, as for functions in assembler, `size` is up to the end of the section
    int rank;    // among those of one address, the least is taken
    std::string_view name;
  };
  std::vector<Symbol> symbols_;
};

}  // namespace fittest::heap
