#include "export/scripts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/utf8.h"
#include "export/bash_words.h"

namespace fittest::exporting {
namespace {

constexpr std::string_view kPython = "{python}";
// For what a job does beside its chunk: a container, the program, the suite's packages, collecting, uploading.
constexpr unsigned kMarginMinutes = 20;

bool consists_of(std::string_view text, std::string_view more) {
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string::npos;
  });
}

Result<void> check_versions(const Pipeline& pipeline) {
  std::set<std::string> seen;
  for (const std::string& version : pipeline.python_versions) {
    if (!consists_of(version, "."))
      return failure(fmt::format("'{}' is no version of Python", valid_utf8(version)), "--python-versions",
                     "write for example 3.9,3.12");
    if (!seen.insert(version).second) return failure(fmt::format("{} is there twice", version), "--python-versions");
  }
  return {};
}

Result<void> check_image(const Pipeline& pipeline) {
  if (!pipeline.image) return {};
  const std::size_t place = pipeline.image->find(kPython);
  std::string name = *pipeline.image;
  if (place != std::string::npos) name.replace(place, kPython.size(), "3");
  if (auto checked = check_image_name(name); !checked) return checked;
  if (place == std::string::npos && !pipeline.python_versions.empty()) {
    return failure("an image that is the same for every version of Python", "--image",
                   "write {python} where the version stands: --image 'python:{python}-bookworm'");
  }
  if (place != std::string::npos && pipeline.python_versions.empty())
    return failure("{python} stands for the versions of --python-versions, and there are none", "--image");
  return {};
}

// Where there are versions of Python, each has results of its own.
std::string results(const Pipeline& pipeline) {
  return pipeline.python_versions.empty() ? "results" : "results/$PYTHON_VERSION";
}

// A text with variables in it, which bash is to put in.
std::string quoted(const std::string& text) {
  return text.find('$') == std::string::npos ? text : "\"" + text + "\"";
}

std::string budget(const Pipeline& pipeline) {
  return pipeline.budget ? " --budget " + bash_word(*pipeline.budget) : "";
}

std::string variant(const Pipeline& pipeline) {
  return pipeline.python_versions.empty() ? "" : " --variant \"$PYTHON_VERSION\"";
}

std::string arguments(const Pipeline& pipeline) {
  return pipeline.arguments.empty() ? "" : " " + bash_words(pipeline.arguments);
}

}  // namespace

Result<void> check(const Pipeline& pipeline, std::size_t most_jobs) {
  const std::size_t versions = std::max<std::size_t>(1, pipeline.python_versions.size());
  if (pipeline.splits && *pipeline.splits == 0) return failure("there must be one group at least", "--splits");
  if (const std::size_t jobs = pipeline.splits.value_or(1) * versions; jobs > most_jobs) {
    return failure(fmt::format("{} jobs of one kind, where the service allows {}", jobs, most_jobs),
                   pipeline.splits ? "--splits" : "--python-versions");
  }
  if (pipeline.timeout_minutes == 0) return failure("a job needs a minute at least", "--timeout");
  for (const ChunkJob& chunk : pipeline.chunks) {
    if (!consists_of(chunk.name, "_.-")) {
      return failure(fmt::format("the chunk '{}' cannot be the name of a job", valid_utf8(chunk.name)), {},
                     "letters, digits, '_', '.' and '-' can be in it");
    }
  }
  if (auto checked = check_versions(pipeline); !checked) return checked;
  if (auto checked = check_image(pipeline); !checked) return checked;
  if (auto checked = check_lines(pipeline.install, "--install"); !checked) return checked;
  return check_lines(pipeline.setup, "--setup");
}

Result<void> check_image_name(const std::string& name) {
  if (consists_of(name, "._-/:@$")) return {};
  return failure(fmt::format("'{}' is no name of an image", valid_utf8(name)), "--image");
}

Result<void> check_lines(const std::vector<std::string>& lines, const std::string& option) {
  for (const std::string& line : lines) {
    const bool control =
        std::ranges::any_of(line, [](char c) { return (c >= 0 && c < ' ' && c != '\t' && c != '\n') || c == 0x7f; });
    if (control || valid_utf8(line) != line)
      return failure("commands must be text: UTF-8 without control characters", option);
  }
  return {};
}

std::string head(const std::vector<std::string>& command) {
  return fmt::format("Written by: {}\nTo change it, write it anew.", bash_words(command));
}

std::string lines_of(const std::vector<std::string>& lines) {
  std::string script;
  for (const std::string& line : lines) script += line + (line.ends_with('\n') ? "" : "\n");
  return script;
}

std::string image(const Pipeline& pipeline, std::string_view version) {
  std::string image = pipeline.image                     ? *pipeline.image
                      : pipeline.python_versions.empty() ? "python:3-bookworm"
                                                         : "python:{python}-bookworm";
  if (const std::size_t place = image.find(kPython); place != std::string::npos)
    image.replace(place, kPython.size(), version);
  return image;
}

unsigned minutes(const Pipeline& pipeline, const ChunkJob& chunk) {
  if (!chunk.timeout) return pipeline.timeout_minutes;
  return static_cast<unsigned>(std::ceil(*chunk.timeout / 60)) + kMarginMinutes;
}

std::string install_script(const Pipeline& pipeline) {
  if (!pipeline.install.empty()) return lines_of(pipeline.install);
  return R"(apt-get update
apt-get install -y --no-install-recommends ca-certificates git make
git clone --depth 1 "$FITTEST_REPOSITORY" /opt/fittest
(cd /opt/fittest && scripts/setup build && make build)
ln -s /opt/fittest/build/fittest /usr/local/bin/fittest
)";
}

std::string setup_script(const Pipeline& pipeline) {
  return pipeline.setup.empty() ? "python3 -m pip install pytest\n" : lines_of(pipeline.setup);
}

std::string plan_file(const Pipeline& pipeline, std::string_view version) {
  return pipeline.python_versions.empty() ? "plan.json" : fmt::format("plan-{}.json", version);
}

std::string plan_script(const Pipeline& pipeline) {
  // A share is one of a machine that the plan does not know.
  const bool share = pipeline.budget && pipeline.budget->ends_with('%');
  return fmt::format("fittest split --plan {} --out {}{}{}\n", pipeline.splits.value(),
                     quoted(plan_file(pipeline, "$PYTHON_VERSION")), share ? "" : budget(pipeline),
                     arguments(pipeline));
}

std::string group_script(const Pipeline& pipeline, std::string_view group) {
  return fmt::format("fittest pytest --plan {} --group \"${}\" --run-folder {}{}{}{}\n",
                     quoted(plan_file(pipeline, "$PYTHON_VERSION")), group,
                     quoted(fmt::format("{}/group-${}", results(pipeline), group)), variant(pipeline), budget(pipeline),
                     arguments(pipeline));
}

std::string chunk_script(const Pipeline& pipeline, const ChunkJob& chunk) {
  return fmt::format("fittest chunks --chunk {} --run-folder {}{}{}\n", bash_word(chunk.name),
                     quoted(results(pipeline)), variant(pipeline), budget(pipeline));
}

std::string merge_script(std::string_view more_options) {
  return fmt::format("fittest merge results --out merged{}\n", more_options);
}

}  // namespace fittest::exporting
