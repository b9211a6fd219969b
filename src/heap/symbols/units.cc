#include "heap/symbols/units.h"

#include <cxxabi.h>
#include <dwarf.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "heap/symbols/entry_walk.h"

namespace fittest::heap {
namespace {

// Bounds on DWARF that makes no sense.
constexpr std::size_t kMostSpans = 100000;    // of one entry
constexpr std::size_t kLongestName = 100000;  // that is demangled
constexpr int kMostOrigins = 16;              // of one function
// Spans overlap only where the linker folded functions that are alike; so far back is looked.
constexpr int kOverlap = 8;

using Bounds = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

Bounds bounds_of(Dwarf_Die die) {
  Bounds bounds;
  Dwarf_Addr base = 0;
  Dwarf_Addr begin = 0;
  Dwarf_Addr end = 0;
  for (ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &begin, &end)) > 0 && bounds.size() < kMostSpans;) {
    // Functions that the linker threw away lie at 0.
    if (begin != 0 && begin < end) bounds.emplace_back(begin, end);
  }
  return bounds;
}

// Whether functions may lie in an entry of this kind.
bool holds_functions(int tag) {
  switch (tag) {
    case DW_TAG_compile_unit:
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_subprogram:
    case DW_TAG_inlined_subroutine:
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
      return true;
    default:
      return false;
  }
}

const char* text_of(Dwarf_Die die, unsigned name) {
  Dwarf_Attribute attribute{};
  return dwarf_formstring(dwarf_attr_integrate(&die, name, &attribute));
}

std::uint32_t number_of(Dwarf_Die die, unsigned name) {
  Dwarf_Attribute attribute{};
  Dwarf_Word value = 0;
  if (dwarf_formudata(dwarf_attr(&die, name, &attribute), &value) != 0 || value > UINT32_MAX) return 0;
  return static_cast<std::uint32_t>(value);
}

// The entry that first told of the function that `die` is of: its declaration, if there is one.
Dwarf_Die origin_of(Dwarf_Die die) {
  for (int step = 0; step < kMostOrigins; ++step) {
    Dwarf_Attribute attribute{};
    Dwarf_Die next{};
    Dwarf_Attribute* link = dwarf_attr(&die, DW_AT_abstract_origin, &attribute);
    if (link == nullptr) link = dwarf_attr(&die, DW_AT_specification, &attribute);
    if (link == nullptr || dwarf_formref_die(link, &next) == nullptr) break;
    die = next;
  }
  return die;
}

template <typename Span>
void sort_spans(std::vector<Span>& spans) {
  std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
    return a.begin != b.begin ? a.begin < b.begin : (a.end != b.end ? a.end > b.end : a.index < b.index);
  });
}

}  // namespace

std::string readable_name(std::string_view symbol) {
  // Of "f.part.0.cold", all from the first dot on that begins such a part.
  for (const std::string_view part : {".cold", ".constprop.", ".isra.", ".part.", ".lto_priv.", ".llvm."}) {
    const auto at = symbol.find(part);
    if (at == std::string_view::npos || at == 0) continue;
    const std::string_view rest = symbol.substr(at + part.size());
    const bool numbered = !rest.empty() && rest[0] >= '0' && rest[0] <= '9';
    if (part == ".cold" ? rest.empty() || rest[0] == '.' : numbered) symbol = symbol.substr(0, at);
  }
  std::string name(symbol);
  if (symbol.substr(0, 2) != "_Z" || symbol.size() > kLongestName) return name;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 && text != nullptr ? std::string(text.get()) : name;
}

Units::Units(Dwarf* dwarf, const SymbolTable& symbols) : symbols_(symbols) {
  Dwarf_CU* last = nullptr;
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die{};
  std::uint8_t kind = 0;
  while (dwarf_get_units(dwarf, last, &unit, nullptr, &kind, &die, nullptr) == 0) {
    last = unit;
    if (kind != DW_UT_compile && kind != DW_UT_skeleton) continue;
    const auto index = static_cast<std::uint32_t>(units_.size());
    const auto bounds = bounds_of(die);
    if (bounds.empty()) continue;
    units_.push_back({die, false, {}, {}});
    for (const auto& [begin, end] : bounds) spans_.push_back({begin, end, index});
  }
  sort_spans(spans_);
}

std::optional<std::uint32_t> Units::find(const std::vector<Span>& spans, std::uint64_t address) {
  auto at = std::upper_bound(spans.begin(), spans.end(), address,
                             [](std::uint64_t value, const Span& span) { return value < span.begin; });
  for (int step = 0; step < kOverlap && at != spans.begin(); ++step) {
    --at;
    if (address < at->end) return at->index;
  }
  return std::nullopt;
}

void Units::walk(Unit& unit) {
  unit.walked = true;
  Dwarf_Die root = unit.die;
  // The rest of a skeleton is in a file of its own.
  std::uint8_t kind = 0;
  Dwarf_Die split{};
  if (dwarf_cu_info(unit.die.cu, nullptr, &kind, nullptr, &split, nullptr, nullptr, nullptr) == 0 &&
      kind == DW_UT_skeleton && split.addr != nullptr) {
    root = split;
  }

  // The function around is what is known of the entries around.
  for (EntryWalk<std::optional<std::uint32_t>> walk(root, std::nullopt); !walk.ended();) {
    std::optional<std::uint32_t> function = walk.context();
    const int tag = dwarf_tag(&walk.entry());
    const bool inlined = tag == DW_TAG_inlined_subroutine && function;
    if (inlined || tag == DW_TAG_subprogram) {
      if (const auto bounds = bounds_of(walk.entry()); !bounds.empty()) {
        const auto index = static_cast<std::uint32_t>(unit.functions.size());
        Function made;
        made.die = walk.entry();
        for (const auto& [begin, end] : bounds) made.spans.push_back({begin, end, index});
        sort_spans(made.spans);
        if (inlined) {
          unit.functions[*function].inlined.push_back(index);
        } else {
          unit.spans.insert(unit.spans.end(), made.spans.begin(), made.spans.end());
        }
        unit.functions.push_back(std::move(made));
        function = index;
      } else if (!inlined) {
        function.reset();  // a declaration, or what is inlined elsewhere
      }
    }
    if (holds_functions(tag)) {
      walk.enter(function);
    } else {
      walk.pass();
    }
  }
  sort_spans(unit.spans);
}

const std::string& Units::name_of(const Function& function) {
  // What was inlined in many places is named once.
  Dwarf_Die die = function.die;
  const Dwarf_Die origin = origin_of(die);
  const bool inlined = dwarf_tag(&die) == DW_TAG_inlined_subroutine;
  const auto [found, made] = names_.try_emplace(inlined ? origin.addr : die.addr);
  if (!made) return found->second;
  const char* name = text_of(die, DW_AT_linkage_name);
  if (name == nullptr) name = text_of(die, DW_AT_MIPS_linkage_name);
  if (name == nullptr && !inlined && !function.spans.empty()) {
    // What is local to a file has no linkage name, but its symbol has.
    const auto symbol = symbols_.find(function.spans.front().begin);
    if (symbol.substr(0, 2) == "_Z") name = symbol.data();
  }
  if (name != nullptr) {
    found->second = readable_name(name);
  } else if (name = text_of(die, DW_AT_name); name != nullptr) {
    found->second = scopes_.before(origin) + readable_name(name);
  }
  return found->second;
}

// A file may count from where the compiler was started.
const std::string& Units::path_of(const char* file, Dwarf_Die unit) {
  const auto [found, made] = paths_.try_emplace(file);
  if (!made || file == nullptr) return found->second;
  std::string path = file;
  if (!path.starts_with('/')) {
    if (const char* folder = text_of(unit, DW_AT_comp_dir); folder != nullptr) path = std::string(folder) + '/' + path;
  }
  found->second = std::filesystem::path(path).lexically_normal();
  return found->second;
}

std::vector<Line> Units::lines(std::uint64_t address) {
  const auto index = find(spans_, address);
  if (!index) return {};
  Unit& unit = units_[*index];
  if (!unit.walked) walk(unit);

  std::vector<Line> lines;
  std::string file;
  std::uint32_t number = 0;
  if (Dwarf_Line* row = dwarf_getsrc_die(&unit.die, address); row != nullptr) {
    file = path_of(dwarf_linesrc(row, nullptr, nullptr), unit.die);
    int value = 0;
    if (dwarf_lineno(row, &value) == 0 && value > 0) number = static_cast<std::uint32_t>(value);
  }

  std::vector<std::uint32_t> chain;  // outermost first
  for (auto found = find(unit.spans, address); found;) {
    chain.push_back(*found);
    const auto& inlined = unit.functions[*found].inlined;
    found.reset();
    for (const std::uint32_t candidate : inlined) {
      if (find(unit.functions[candidate].spans, address)) {
        found = candidate;
        break;
      }
    }
  }
  if (chain.empty()) {  // as for assembler with lines alone
    lines.push_back({readable_name(symbols_.find(address)), file, number, {}, Language::native, false});
    return lines;
  }
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (chain.size() > 1 && dwarf_getsrcfiles(&unit.die, &files, &count) != 0) files = nullptr;
  for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
    const Function& function = unit.functions[*at];
    const bool inlined = std::next(at) != chain.rend();
    lines.push_back({name_of(function), file, number, {}, Language::native, inlined});
    if (!inlined) break;
    const std::uint32_t caller = number_of(function.die, DW_AT_call_file);
    file = path_of(files == nullptr ? nullptr : dwarf_filesrc(files, caller, nullptr, nullptr), unit.die);
    number = number_of(function.die, DW_AT_call_line);
  }
  return lines;
}

}  // namespace fittest::heap
