#pragma once
// `fittest doctor`: what limits memory here, what fittest will use, and what to do about each finding.
#include <filesystem>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "memory/findings.h"

namespace fittest::cli {

enum class DoctorFormat { text, json };

struct DoctorOptions {
  DoctorFormat format = DoctorFormat::text;
  std::optional<std::string> budget;           // as given to --budget
  std::vector<memory::Finding> more_findings;  // of other parts: the interpreter, the suite
  // What a test replaces: where the kernel's files are, and how a kind of domain is tried.
  std::filesystem::path root = "/";
  std::function<memory::DomainTrial(Bytes)> try_domain = memory::try_domain;
};

// Writes the report. Returns the exit code: 0, or 1 if fittest cannot run here at all (a finding is a blocker).
int run_doctor(std::ostream& out, const DoctorOptions& options);

}  // namespace fittest::cli
