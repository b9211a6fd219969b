#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "heap/read/profile.h"
#include "heap/symbols/line.h"
#include "heap/symbols/merge.h"
#include "heap/symbols/object.h"
#include "heap/symbols/python_lines.h"

namespace fittest::heap {

struct SymbolOptions {
  // CPython's own functions between Python frames are shown as well.
  bool native = false;
  // Where debug information lies that was split off.
  std::vector<std::filesystem::path> debug_folders = {"/usr/lib/debug"};
};

// Turns the stacks of one profile into names, from the files on this machine and nothing else. Each address is looked
// up once, however many stacks hold it. The profile must outlive it and stay as it is.
class Symbols {
 public:
  explicit Symbols(const Profile& profile, SymbolOptions options = {});

  // The stack as one list of frames, Python and native, innermost first. Every frame has a function; where its name is
  // not known, the address in its object ("0x1234").
  std::vector<Line> lines(const Stack& stack);
  // The same as indices into known(), for those who go through many stacks: most frames are in many of them.
  std::vector<std::uint32_t> indices(const Stack& stack);
  // Every line that was given so far, each once; it grows at its end.
  [[nodiscard]] const std::vector<Line>& known() const { return known_; }

  // What could not be used, said for the user: one text an object, in the order in which they were met.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct Key {
    std::uint64_t address;
    std::uint32_t module;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const {
      return static_cast<std::size_t>((key.address ^ (std::uint64_t{key.module} << 48)) * 0x9E3779B97F4A7C15U);
    }
  };
  struct LineHash {
    std::size_t operator()(const Line& line) const {
      const std::hash<std::string> text;
      return ((text(line.function) * 31 + text(line.file)) * 31 + text(line.module)) * 31 + line.line;
    }
  };

  const NamedFrame& named(const NativeFrame& frame);
  NamedFrame look_up(const NativeFrame& frame);
  Object* object_of(const Module& module);
  NamedPythonFrame named(const PythonFrame& frame);
  std::uint32_t index_of(Line line);

  const Profile& profile_;
  SymbolOptions options_;
  // By path and build id; empty where it could not be used.
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Object>> objects_;
  std::unordered_map<Key, NamedFrame, Hash> frames_;
  std::unordered_map<std::uint32_t, PythonLines> tables_;          // by code
  std::unordered_map<std::uint64_t, std::uint32_t> python_lines_;  // by code and offset
  std::unordered_map<Line, std::uint32_t, LineHash> indices_;
  std::vector<Line> known_;
  std::vector<std::string> problems_;
};

}  // namespace fittest::heap
