#include "heap/symbols/symbol_table.h"

#include <algorithm>

namespace fittest::heap {
namespace {

// Functions lie within others only in assembler; so far back is looked.
constexpr int kNesting = 8;

// `malloc` before `__libc_malloc`, and what is exported before what is not.
int rank_of(const GElf_Sym& symbol, std::string_view name) {
  int rank = symbol.st_size == 0 ? 1000 : 0;
  if (GELF_ST_TYPE(symbol.st_info) == STT_NOTYPE) rank += 500;
  if (GELF_ST_BIND(symbol.st_info) == STB_LOCAL) rank += 100;
  return rank + static_cast<int>(std::min<std::size_t>(name.find_first_not_of('_'), 50));
}

// From `address` to the end of its section.
std::uint64_t rest_of_section(Elf* elf, GElf_Word section, GElf_Addr address, Dwarf_Addr bias) {
  GElf_Shdr header{};
  if (elf == nullptr || gelf_getshdr(elf_getscn(elf, section), &header) == nullptr) return 0;
  const std::uint64_t at = address - bias - header.sh_addr;
  return at < header.sh_size ? header.sh_size - at : 0;
}

}  // namespace

SymbolTable::SymbolTable(Dwfl_Module* module) {
  const int count = dwfl_module_getsymtab(module);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol{};
    GElf_Addr address = 0;
    GElf_Word section = SHN_UNDEF;
    Elf* elf = nullptr;
    Dwarf_Addr bias = 0;
    const char* name = dwfl_module_getsym_info(module, i, &symbol, &address, &section, &elf, &bias);
    if (name == nullptr || *name == '\0' || section == SHN_UNDEF || section == SHN_ABS || section == GElf_Word(-1)) {
      continue;
    }
    const auto type = GELF_ST_TYPE(symbol.st_info);
    if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE) continue;
    const bool sized = symbol.st_size != 0;
    const std::uint64_t size = sized ? symbol.st_size : rest_of_section(elf, section, address, bias);
    symbols_.push_back({address, size, sized, rank_of(symbol, name), name});
  }
  std::sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    if (a.rank != b.rank) return a.rank < b.rank;
    return a.name < b.name;
  });
  const auto same = [](const Symbol& a, const Symbol& b) { return a.begin == b.begin; };
  symbols_.erase(std::unique(symbols_.begin(), symbols_.end(), same), symbols_.end());
}

std::string_view SymbolTable::find(std::uint64_t address) const {
  auto at = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                             [](std::uint64_t value, const Symbol& symbol) { return value < symbol.begin; });
  for (int step = 0; step < kNesting && at != symbols_.begin(); ++step) {
    --at;
    // Without a size, it reaches to the next symbol at most.
    if ((at->sized || step == 0) && address - at->begin < at->size) return at->name;
  }
  return {};
}

bool SymbolTable::has(std::string_view name) const {
  return std::any_of(symbols_.begin(), symbols_.end(), [&](const Symbol& symbol) { return symbol.name == name; });
}

}  // namespace fittest::heap
