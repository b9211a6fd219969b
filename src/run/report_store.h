#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/descriptor.h"
#include "core/error.h"

namespace fittest::run {

// The framework's own reports of a run, kept so that --resume can have them reported again.
// File: for each report u32 size of the id, u32 size of the report (little endian), id, report.
class ReportWriter {
 public:
  static Result<ReportWriter> create(const std::filesystem::path& file);
  // One write(2): kill -9 leaves whole records, and at most the last one torn. What cannot be written is left out.
  void add(std::string_view id, std::string_view report);

 private:
  explicit ReportWriter(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

class ReportReader {
 public:
  // A file that is not there, or torn, has the reports that can be read.
  explicit ReportReader(const std::filesystem::path& file);
  // The last report of this id.
  [[nodiscard]] std::optional<std::string> find(const std::string& id) const;

 private:
  struct Place {
    std::uint64_t offset;
    std::uint32_t size;
  };
  Descriptor file_;
  std::unordered_map<std::string, Place> places_;
};

}  // namespace fittest::run
