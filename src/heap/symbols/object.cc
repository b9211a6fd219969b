#include "heap/symbols/object.h"

#include <elfutils/libdwelf.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "heap/symbols/merge.h"

namespace fittest::heap {
namespace {

int find_no_elf(Dwfl_Module* /*module*/, void** /*data*/, const char* /*name*/, Dwarf_Addr /*base*/, char** /*file*/,
                Elf** /*elf*/) {
  return -1;
}

}  // namespace

Object::Object(std::filesystem::path file, std::string build_id, std::vector<std::filesystem::path> debug_folders)
    : file_(std::move(file)), build_id_(std::move(build_id)), debug_folders_(std::move(debug_folders)) {}

Object::~Object() = default;

Result<std::unique_ptr<Object>> Object::open(const std::filesystem::path& file, const std::string& build_id,
                                             const std::vector<std::filesystem::path>& debug_folders) {
  Descriptor descriptor = open_regular(file);
  if (!descriptor) {
    return system_failure(errno, "cannot be opened, so that its functions have no names", file);
  }
  std::string present = build_id_of(descriptor);
  if (!build_id.empty() && present != build_id) {
    return failure("has changed since the trace was made (another build id), so that its functions have no names", file,
                   "make the trace anew, or put the file of that time back");
  }
  std::unique_ptr<Object> object(new Object(file, std::move(present), debug_folders));
  static const Dwfl_Callbacks callbacks{find_no_elf, &Object::find_debug, nullptr, nullptr};
  object->dwfl_.reset(dwfl_begin(&callbacks));
  if (object->dwfl_ == nullptr) return failure("libdw cannot be started", file);
  // At 0, so that addresses are the file's own. The descriptor is libdw's if that succeeds.
  dwfl_report_begin(object->dwfl_.get());
  object->module_ =
      dwfl_report_elf(object->dwfl_.get(), file.filename().c_str(), file.c_str(), descriptor.get(), 0, true);
  const char* why = object->module_ == nullptr ? dwfl_errmsg(-1) : "";
  dwfl_report_end(object->dwfl_.get(), nullptr, nullptr);
  if (object->module_ == nullptr) {
    return failure(std::string("is no object with code (") + why + "), so that its functions have no names", file);
  }
  [[maybe_unused]] const int owned = descriptor.release();
  void** data = nullptr;
  dwfl_module_info(object->module_, &data, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  *data = object.get();
  return object;
}

// libdw's own callback would ask servers on the network where the environment names some.
int Object::find_debug(Dwfl_Module* /*module*/, void** data, const char* /*name*/, Dwarf_Addr /*base*/,
                       const char* /*file*/, const char* link, GElf_Word crc, char** found) {
  auto* object = static_cast<Object*>(*data);
  // A name without a checksum is that of dwz's file: load_dwarf() does that.
  if (link != nullptr && crc == 0) return -1;
  // libdw asks again where it could not use what it got, and would lose the first name.
  if (!object->debug_file_.empty()) return -1;
  auto debug = find_debug_file(object->debug_folders_, object->file_,
                               {object->build_id_, link == nullptr ? std::string() : std::string(link), crc});
  if (!debug) return -1;
  *found = strdup(debug->path.c_str());
  if (*found == nullptr) return -1;
  object->debug_file_ = debug->path;
  return debug->descriptor.release();
}

void Object::load_dwarf() {
  Dwarf* dwarf = dwfl_module_getdwarf(module_, &bias_);
  if (dwarf == nullptr) return;
  const char* name = nullptr;
  const void* id = nullptr;
  const ssize_t size = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &id);
  if (size > 0 && name != nullptr) {
    auto found = find_alternate_file(debug_folders_, debug_file_.empty() ? file_ : debug_file_, name,
                                     std::string(static_cast<const char*>(id), static_cast<std::size_t>(size)));
    if (found) {
      alternate_file_ = std::move(found->descriptor);
      alternate_.reset(dwarf_begin(alternate_file_.get(), DWARF_C_READ));
      if (alternate_ != nullptr) dwarf_setalt(dwarf, alternate_.get());
    }
  }
  units_.emplace(dwarf, *symbols_);
}

void Object::load() {
  loaded_ = true;
  symbols_.emplace(module_);
  load_dwarf();
}

std::vector<Line> Object::lines(std::uint64_t address) {
  if (!loaded_) load();
  std::vector<Line> lines;
  if (units_) lines = units_->lines(address - bias_);
  if (lines.empty() || lines.back().function.empty()) {
    if (const auto name = symbols_->find(address); !name.empty()) {
      if (lines.empty()) lines.emplace_back();
      lines.back().function = readable_name(name);
    }
  }
  for (Line& line : lines) line.module = file_.string();
  return lines;
}

bool Object::embeds_python() {
  if (!loaded_) load();
  if (!embeds_python_) embeds_python_ = symbols_->has(kEvaluationLoop);
  return *embeds_python_;
}

}  // namespace fittest::heap
