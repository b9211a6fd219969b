#include "heap/view/json.h"

#include <cmath>

#include "core/utf8.h"

namespace fittest::heap {
namespace {

using nlohmann::json;

std::int64_t whole(double value) {
  return std::isfinite(value) && std::fabs(value) < 9e18 ? std::llround(value) : 0;
}

std::string_view word(trace::Mode mode) {
  switch (mode) {
    case trace::Mode::count:
      return "count";
    case trace::Mode::sample:
      return "sample";
    case trace::Mode::exact:
      return "exact";
  }
  return "unknown";
}

std::string_view word(Ending ending) {
  switch (ending) {
    case Ending::ended:
      return "ended";
    case Ending::cut_off:
      return "cut_off";
    case Ending::running:
      return "running";
  }
  return "unknown";
}

json counters_json(const trace::Counters& counters) {
  return {{"live_bytes", counters.live},         {"peak_bytes", counters.peak}, {"allocated_bytes", counters.allocated},
          {"allocations", counters.allocations}, {"frees", counters.frees},     {"mapped_bytes", counters.mapped},
          {"mappings", counters.mappings},       {"threads", counters.threads}};
}

// Of what Python's own allocators gave out, which is among the other amounts as well.
Amounts amounts_of_python(const Profile& profile) {
  Amounts sums{};
  for (const Figures& figures : profile.figures) {
    if (is_pythons(figures.kind)) add(sums, amounts_of(figures));
  }
  return sums;
}

json amounts_json(const Amounts& amounts) {
  json out = json::object();
  for (const Measure measure : kMeasures) out[std::string(heap::word(measure))] = amount_json(of(amounts, measure));
  return out;
}

}  // namespace

json frame_json(const Line& line) {
  json out = {{"function", valid_utf8(line.function)},
              {"language", line.language == Language::python ? "python" : "native"}};
  if (!line.file.empty()) out["file"] = valid_utf8(line.file);
  if (line.line > 0) out["line"] = line.line;
  if (!line.module.empty()) out["module"] = valid_utf8(line.module);
  if (line.inlined) out["inlined"] = true;
  return out;
}

json amount_json(const Amount& amount) {
  return {{"bytes", whole(amount.bytes)}, {"count", whole(amount.count)}, {"error_bytes", whole(error_of(amount))}};
}

json process_json(const Profile& profile) {
  json notes = json::array();
  for (const Note& note : profile.notes)
    notes.push_back({{"key", valid_utf8(note.key)}, {"value", valid_utf8(note.value)}});
  json problems = json::array();
  for (const std::string& problem : profile.problems) problems.push_back(valid_utf8(problem));
  return {{"file", valid_utf8(profile.file)},
          {"program", valid_utf8(profile.program)},
          {"process", profile.process},
          {"parent_process", profile.parent_process},
          {"mode", word(profile.mode)},
          {"period_bytes", profile.period},
          {"milliseconds", profile.milliseconds},
          {"ending", word(profile.ending)},
          {"lost_allocations", profile.lost},
          {"counters", counters_json(profile.counters)},
          {"at_start", counters_json(profile.at_start)},
          {"peak_milliseconds", profile.peak_milliseconds},
          {"amounts", amounts_json(amounts_of(profile))},
          {"python_allocators", amounts_json(amounts_of_python(profile))},
          {"notes", std::move(notes)},
          {"problems", std::move(problems)}};
}

json report_json(const Profile& profile, const Stacks& stacks, Measure by, std::size_t limit) {
  json out = process_json(profile);
  json sizes = json::array();
  for (std::size_t i = 0; i < profile.sizes.counts.size(); ++i) {
    if (!(profile.sizes.counts[i] > 0)) continue;
    sizes.push_back({{"from_bytes", i == 0 ? 0.0 : std::ldexp(1.0, static_cast<int>(i))},
                     {"count", whole(profile.sizes.counts[i])}});
  }
  out["sizes"] = std::move(sizes);
  json moments = json::array();
  for (const Moment& moment : profile.moments) moments.push_back({moment.milliseconds, moment.live});
  out["moments"] = std::move(moments);
  json frames = json::array();
  for (const Line& line : stacks.lines) frames.push_back(frame_json(line));
  out["frames"] = std::move(frames);
  json rows = json::array();
  // All measures of a stack are said, whichever it is ranked by; what has nothing of that one comes last.
  std::vector<const StackRow*> ranked = stacks.ranked(by);
  for (const StackRow& row : stacks.rows) {
    if (!(of(row.amounts, by).bytes > 0)) ranked.push_back(&row);
  }
  for (const StackRow* row : ranked) {
    if (limit != 0 && rows.size() == limit) break;
    rows.push_back({{"kind", heap::word(row->kind)},
                    {"frames", row->frames},
                    {"largest_bytes", row->largest},
                    {"amounts", amounts_json(row->amounts)}});
  }
  out["stacks"] = std::move(rows);
  return out;
}

}  // namespace fittest::heap
