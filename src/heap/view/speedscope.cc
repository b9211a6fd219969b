#include "heap/view/speedscope.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/utf8.h"

namespace fittest::heap {
namespace {

using nlohmann::json;

json frame_of(const Line& line) {
  json frame = {{"name", valid_utf8(line.function)}};
  const std::string& file = line.file.empty() ? line.module : line.file;
  if (!file.empty()) frame["file"] = valid_utf8(file);
  if (line.line > 0) frame["line"] = line.line;
  return frame;
}

json profile_of(const Stacks& stacks, Measure measure) {
  json samples = json::array();
  json weights = json::array();
  double sum = 0;
  for (const StackRow* row : stacks.ranked(measure)) {
    const double bytes = std::round(of(row->amounts, measure).bytes);
    samples.push_back(std::vector<std::uint32_t>(row->frames.rbegin(), row->frames.rend()));
    weights.push_back(bytes);
    sum += bytes;
  }
  return {{"type", "sampled"}, {"name", title(measure)}, {"unit", "bytes"},   {"startValue", 0},
          {"endValue", sum},   {"samples", samples},     {"weights", weights}};
}

}  // namespace

std::string speedscope_json(const Stacks& stacks, const std::string& name, Measure first) {
  json frames = json::array();
  for (const Line& line : stacks.lines) frames.push_back(frame_of(line));
  json profiles = json::array();
  for (const Measure measure : kMeasures) profiles.push_back(profile_of(stacks, measure));
  const json out = {{"$schema", "https://www.speedscope.app/file-format-schema.json"},
                    {"name", valid_utf8(name)},
                    {"exporter", "fittest heap"},
                    {"activeProfileIndex", static_cast<std::size_t>(first)},
                    {"shared", {{"frames", std::move(frames)}}},
                    {"profiles", std::move(profiles)}};
  return out.dump() + "\n";
}

}  // namespace fittest::heap
