#include "heap/read/definitions.h"

#include <iterator>

namespace fittest::heap {
namespace {

// What a vector takes while it grows, and an allocation around what it holds.
constexpr std::uint64_t kOverhead = 64;

}  // namespace

Definitions::Added Definitions::add(const ModuleRecord& record) {
  if (!allowance_.take(3 * (sizeof(Module) + sizeof(Range) + kOverhead) + record.path.size() +
                       record.build_id.size())) {
    return Added::no_memory;
  }
  const auto index = static_cast<std::uint32_t>(modules_.size());
  modules_.push_back({std::string(record.path), std::string(record.build_id), record.bias, record.begin, record.end});
  if (record.begin >= record.end) return Added::added;
  // What lay there was unmapped before.
  auto place = mapped_.lower_bound(record.begin);
  if (place != mapped_.begin() && std::prev(place)->second.end > record.begin) --place;
  while (place != mapped_.end() && place->first < record.end) place = mapped_.erase(place);
  mapped_.emplace_hint(place, record.begin, Range{record.end, index});
  return Added::added;
}

Definitions::Added Definitions::add(const CodeRecord& record) {
  if (!allowance_.take(2 * (sizeof(Code) + kOverhead) + record.name.size() + record.file.size() +
                       record.line_table.size())) {
    return Added::no_memory;
  }
  if (record.first_line > UINT32_MAX || record.python_minor > UINT32_MAX) return Added::undefined;
  codes_.push_back({std::string(record.name), std::string(record.file), static_cast<std::uint32_t>(record.first_line),
                    static_cast<std::uint32_t>(record.python_minor), std::string(record.line_table)});
  return Added::added;
}

Definitions::Added Definitions::add(const StackRecord& record) {
  if (!allowance_.take(2 * (sizeof(Stack) + kOverhead) + record.native_count * sizeof(NativeFrame) +
                       record.python_count * sizeof(PythonFrame))) {
    return Added::no_memory;
  }
  Stack stack;
  Cursor frames = record.frames;
  std::uint64_t value = 0;
  std::uint64_t address = 0;
  frames.number(value);  // the number of native frames, as in the record
  stack.native.reserve(record.native_count);
  for (std::uint64_t i = 0; i < record.native_count; ++i) {
    frames.signed_number(value);
    address += value;
    stack.native.push_back({address, module_at(address)});
  }
  frames.number(value);
  stack.python.reserve(record.python_count);
  for (std::uint64_t i = 0; i < record.python_count; ++i) {
    std::uint64_t code = 0;
    frames.number(code);
    frames.number(value);
    if (code >= codes_.size() || value / 2 > UINT32_MAX) return Added::undefined;
    stack.python.push_back({static_cast<std::uint32_t>(code), static_cast<std::uint32_t>(value / 2), value % 2 != 0});
  }
  stacks_.push_back(std::move(stack));
  return Added::added;
}

// A return address lies behind the call, which can be a function's last instruction, and the module's.
std::uint32_t Definitions::module_at(std::uint64_t address) const {
  if (address == 0) return kNoModule;
  const std::uint64_t call = address - 1;
  auto place = mapped_.upper_bound(call);
  if (place == mapped_.begin()) return kNoModule;
  --place;
  return call < place->second.end ? place->second.module : kNoModule;
}

}  // namespace fittest::heap
