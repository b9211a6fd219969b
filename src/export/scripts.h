#pragma once
// What the jobs of a pipeline run: text for bash, the same for every service. Private to this folder.
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "export/pipeline.h"

namespace fittest::exporting {

// Errors: what no service can be told. `most_jobs` of one kind are allowed there.
Result<void> check(const Pipeline& pipeline, std::size_t most_jobs);

// What --image and --setup may be, wherever they go.
Result<void> check_image_name(const std::string& name);
Result<void> check_lines(const std::vector<std::string>& lines, const std::string& option);

// The first lines of a file that this command wrote.
std::string head(const std::vector<std::string>& command);

// `version`: how the service writes the Python version of a job.
std::string image(const Pipeline& pipeline, std::string_view version);

// Minutes that a job gets: a chunk's own timeout and what the job does beside it.
unsigned minutes(const Pipeline& pipeline, const ChunkJob& chunk);

// The lines, each with a line feed behind it.
std::string lines_of(const std::vector<std::string>& lines);

// "plan.json", or one for each version of Python.
std::string plan_file(const Pipeline& pipeline, std::string_view version);

// What the jobs run; each ends with a line feed. Where there are versions of Python, PYTHON_VERSION must be set in all
// jobs but the one that merges. `group`: the variable that has the group's number.
std::string install_script(const Pipeline& pipeline);
std::string setup_script(const Pipeline& pipeline);
std::string plan_script(const Pipeline& pipeline);
std::string group_script(const Pipeline& pipeline, std::string_view group);
std::string chunk_script(const Pipeline& pipeline, const ChunkJob& chunk);
// Merges what is in `results`, and the history of all into the job's own.
std::string merge_script(std::string_view more_options);

}  // namespace fittest::exporting
