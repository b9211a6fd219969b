#pragma once
#include <filesystem>
#include <memory>
#include <optional>

#include "core/error.h"
#include "report/event.h"

namespace fittest::report {

// JUnit XML, as Jenkins, GitLab and GitHub's actions read it, for the whole run. Test cases go to a file without a name
// as they come, so that the number of tests, and the length of their failures, cost no memory (16 bytes a test);
// `file` itself appears whole at RunFinished, or not at all. Of a test told of more than once the last verdict counts.
class JUnit : public Reader {
 public:
  // Makes the folders above it too. The errors are those of writing there.
  static Result<std::unique_ptr<JUnit>> create(const std::filesystem::path& file);
  ~JUnit() override;
  JUnit(const JUnit&) = delete;
  JUnit& operator=(const JUnit&) = delete;
  void on(const Event& event) override;
  // What went wrong in writing, once RunFinished was seen; the file that was there before is untouched then.
  [[nodiscard]] const std::optional<Error>& error() const;

 private:
  class Impl;
  explicit JUnit(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fittest::report
