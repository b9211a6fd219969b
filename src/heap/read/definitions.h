#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "heap/read/allowance.h"
#include "heap/read/profile.h"
#include "heap/read/records.h"

namespace fittest::heap {

// What a trace defines once and then refers to by number: modules, code objects, stacks.
class Definitions {
 public:
  explicit Definitions(Allowance& allowance) : allowance_(allowance) {}

  enum class Added { added, undefined, no_memory };  // undefined: it refers to what there is not
  Added add(const ModuleRecord& record);
  Added add(const CodeRecord& record);
  Added add(const StackRecord& record);

  [[nodiscard]] const std::vector<Module>& modules() const { return modules_; }
  [[nodiscard]] const std::vector<Code>& codes() const { return codes_; }
  [[nodiscard]] const std::vector<Stack>& stacks() const { return stacks_; }

 private:
  struct Range {
    std::uint64_t end;
    std::uint32_t module;
  };
  [[nodiscard]] std::uint32_t module_at(std::uint64_t address) const;

  Allowance& allowance_;
  std::vector<Module> modules_;
  std::vector<Code> codes_;
  std::vector<Stack> stacks_;
  std::map<std::uint64_t, Range> mapped_;  // where modules lie now, by first address; they do not overlap
};

}  // namespace fittest::heap
