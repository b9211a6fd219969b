#pragma once
#include <elfutils/libdwfl.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "heap/symbols/debug_file.h"
#include "heap/symbols/line.h"
#include "heap/symbols/symbol_table.h"
#include "heap/symbols/units.h"

namespace fittest::heap {

// One ELF file with what is known of its code: DWARF of its own or split off, else its symbols. Owns all of it; opened
// files are closed with it. Nothing is ever downloaded.
class Object {
 public:
  // Opens `file`, whose build id must be `build_id` unless that is empty. Debug information that was split off is
  // looked for as find_debug_file says.
  static Result<std::unique_ptr<Object>> open(const std::filesystem::path& file, const std::string& build_id,
                                              const std::vector<std::filesystem::path>& debug_folders);
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object();

  // What is at `address`, which counts as the file itself counts: innermost first, all but the last are inlined.
  // Empty where nothing is known.
  std::vector<Line> lines(std::uint64_t address);
  // Whether CPython's evaluation loop is in it.
  bool embeds_python();

 private:
  Object(std::filesystem::path file, std::string build_id, std::vector<std::filesystem::path> debug_folders);
  void load();
  void load_dwarf();
  static int find_debug(Dwfl_Module* module, void** data, const char* name, Dwarf_Addr base, const char* file,
                        const char* link, GElf_Word crc, char** found);

  struct End {
    void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
    void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
  };

  std::filesystem::path file_;
  std::string build_id_;
  std::vector<std::filesystem::path> debug_folders_;
  std::filesystem::path debug_file_;  // where the DWARF was found
  Descriptor alternate_file_;
  std::unique_ptr<Dwarf, End> alternate_;  // outlives the DWARF that refers to it
  std::unique_ptr<Dwfl, End> dwfl_;
  Dwfl_Module* module_ = nullptr;
  bool loaded_ = false;
  std::optional<SymbolTable> symbols_;
  std::optional<bool> embeds_python_;  // once asked for
  std::optional<Units> units_;
  Dwarf_Addr bias_ = 0;  // of the DWARF's addresses
};

}  // namespace fittest::heap
