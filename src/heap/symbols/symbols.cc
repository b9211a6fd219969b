#include "heap/symbols/symbols.h"

#include <fmt/format.h>

namespace fittest::heap {

Symbols::Symbols(const Profile& profile, SymbolOptions options) : profile_(profile), options_(std::move(options)) {}

Object* Symbols::object_of(const Module& module) {
  if (module.path.empty()) return nullptr;  // the vdso
  const auto [found, made] = objects_.try_emplace({module.path, module.build_id});
  if (made) {
    if (auto opened = Object::open(module.path, module.build_id, options_.debug_folders)) {
      found->second = std::move(*opened);
    } else {
      problems_.push_back(opened.error().text());
    }
  }
  return found->second.get();
}

std::uint32_t Symbols::index_of(Line line) {
  const auto [found, made] = indices_.try_emplace(line, static_cast<std::uint32_t>(known_.size()));
  if (made) known_.push_back(std::move(line));
  return found->second;
}

NamedFrame Symbols::look_up(const NativeFrame& frame) {
  // An address that is returned to lies behind the call, which may be the last of its line or function.
  std::uint64_t address = frame.address - 1;
  std::vector<Line> lines;
  std::string path;
  bool embeds_python = false;
  if (frame.module < profile_.modules.size()) {
    const Module& module = profile_.modules[frame.module];
    address -= module.bias;
    path = module.path;
    if (Object* object = object_of(module)) {
      lines = object->lines(address);
      embeds_python = object->embeds_python();
    }
  }
  if (lines.empty()) lines.emplace_back().module = path;
  for (Line& line : lines) {
    if (line.function.empty()) line.function = fmt::format("0x{:x}", address);
  }
  NamedFrame named = kind_of(lines.back(), embeds_python);
  for (Line& line : lines) named.lines.push_back(index_of(std::move(line)));
  return named;
}

const NamedFrame& Symbols::named(const NativeFrame& frame) {
  const auto [found, made] = frames_.try_emplace(Key{frame.address, frame.module});
  if (made) found->second = look_up(frame);
  return found->second;
}

NamedPythonFrame Symbols::named(const PythonFrame& frame) {
  const auto [found, made] = python_lines_.try_emplace((std::uint64_t{frame.code} << 32) | frame.offset);
  if (made) {
    Line line;
    line.language = Language::python;
    if (frame.code < profile_.codes.size()) {
      const Code& code = profile_.codes[frame.code];
      line.function = code.name;
      line.file = code.file;
      line.line = tables_.try_emplace(frame.code, code).first->second.at(frame.offset);
    }
    if (line.function.empty()) line.function = "unknown Python function";
    found->second = index_of(std::move(line));
  }
  return {found->second, frame.entry};
}

std::vector<std::uint32_t> Symbols::indices(const Stack& stack) {
  std::vector<const NamedFrame*> native;
  native.reserve(stack.native.size());
  for (const NativeFrame& frame : stack.native) native.push_back(&named(frame));
  std::vector<NamedPythonFrame> python;
  python.reserve(stack.python.size());
  for (const PythonFrame& frame : stack.python) python.push_back(named(frame));
  return merge(native, python, options_.native);
}

std::vector<Line> Symbols::lines(const Stack& stack) {
  std::vector<Line> lines;
  for (const std::uint32_t index : indices(stack)) lines.push_back(known_[index]);
  return lines;
}

}  // namespace fittest::heap
