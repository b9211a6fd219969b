#include "heap/symbols/scopes.h"

#include <dwarf.h>

#include "heap/symbols/entry_walk.h"

namespace fittest::heap {
namespace {

bool has_scopes(Dwarf_Die unit) {
  switch (dwarf_srclang(&unit)) {
    case DW_LANG_C89:
    case DW_LANG_C:
    case DW_LANG_C99:
    case DW_LANG_C11:
    case DW_LANG_Mips_Assembler:
      return false;
    default:
      return true;
  }
}

}  // namespace

Scopes::OfUnit Scopes::walk(Dwarf_Die unit) {
  OfUnit scopes;
  for (EntryWalk<std::string> walk(unit, {}); !walk.ended();) {
    Dwarf_Die& entry = walk.entry();
    const char* name = dwarf_diename(&entry);
    switch (dwarf_tag(&entry)) {
      case DW_TAG_subprogram:
        if (!walk.context().empty()) scopes.emplace(dwarf_dieoffset(&entry), walk.context());
        walk.pass();
        break;
      case DW_TAG_namespace:
        walk.enter(walk.context() + (name == nullptr ? "(anonymous namespace)" : name) + "::");
        break;
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type:
        walk.enter(walk.context() + (name == nullptr ? "(anonymous class)" : name) + "::");
        break;
      default:
        walk.pass();
    }
  }
  return scopes;
}

const std::string& Scopes::before(Dwarf_Die function) {
  static const std::string none;
  const auto [unit, made] = units_.try_emplace(function.cu);
  if (made) {
    Dwarf_Die root{};
    if (dwarf_diecu(&function, &root, nullptr, nullptr) != nullptr && has_scopes(root)) unit->second = walk(root);
  }
  const auto found = unit->second.find(dwarf_dieoffset(&function));
  return found == unit->second.end() ? none : found->second;
}

}  // namespace fittest::heap
