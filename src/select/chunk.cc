#include "select/chunk.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include "core/nearest.h"

namespace fittest::select {
namespace {

// Puts chunks into the order they run in, one `visit` for each.
class Orderer {
 public:
  explicit Orderer(std::vector<Chunk>& chunks) : chunks_(chunks), states_(chunks.size(), State::waits) {
    for (std::size_t i = 0; i < chunks.size(); ++i) names_.emplace(chunks[i].name, i);
  }

  // After those that it waits for. Without recursion: nobody's file decides how deep the stack gets.
  Result<void> visit(std::size_t first) {
    if (states_[first] == State::placed) return {};
    std::vector<Step> path = {{first}};
    states_[first] = State::waits_for_others;
    while (!path.empty()) {
      Step& step = path.back();
      const Chunk& chunk = chunks_[step.chunk];
      if (step.next == chunk.after.size()) {
        states_[step.chunk] = State::placed;
        order_.push_back(step.chunk);
        path.pop_back();
        continue;
      }
      const std::string& name = chunk.after[step.next++];
      const auto found = names_.find(name);
      if (found == names_.end()) return unknown(chunk, name);
      State& state = states_[found->second];
      if (state == State::waits_for_others) return cycle(path, found->second);
      if (state == State::placed) continue;
      state = State::waits_for_others;
      path.push_back({found->second});
    }
    return {};
  }

  [[nodiscard]] const std::vector<std::size_t>& order() const { return order_; }

 private:
  enum class State { waits, waits_for_others, placed };
  struct Step {
    std::size_t chunk;
    std::size_t next = 0;  // of its `after`
  };

  [[nodiscard]] tl::unexpected<Error> unknown(const Chunk& chunk, const std::string& name) const {
    std::vector<std::string_view> known;
    for (const Chunk& other : chunks_) known.push_back(other.name);
    const auto meant = nearest(name, known);
    return failure(fmt::format("chunk '{}' is to run after '{}', which there is not", chunk.name, name), chunk.where,
                   meant ? fmt::format("did you mean '{}'?", *meant) : "name another [[chunk]], or leave it out");
  }

  [[nodiscard]] tl::unexpected<Error> cycle(const std::vector<Step>& path, std::size_t again) const {
    const auto begin = std::ranges::find(path, again, &Step::chunk);
    std::string names;
    for (auto step = begin; step != path.end(); ++step) names += chunks_[step->chunk].name + " -> ";
    return failure(fmt::format("each of these chunks is to run after the next: {}{}", names, chunks_[again].name),
                   chunks_[again].where, "take one of them out of an 'after'");
  }

  const std::vector<Chunk>& chunks_;
  std::map<std::string_view, std::size_t> names_;
  std::vector<State> states_;
  std::vector<std::size_t> order_;
};

// A path as the ids of its tests begin.
std::string_view beginning(std::string_view path) {
  while (path.starts_with("./")) {
    path.remove_prefix(2);
    while (path.starts_with('/')) path.remove_prefix(1);
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  return path == "." ? std::string_view() : path;
}

bool is_below(std::string_view id, std::string_view path) {
  if (path.empty()) return true;
  if (!id.starts_with(path)) return false;
  id.remove_prefix(path.size());
  return id.empty() || id.front() == '/' || id.front() == '[' || id.starts_with("::");
}

}  // namespace

Result<std::vector<Chunk>> in_order(std::vector<Chunk> chunks) {
  std::map<std::string_view, const Chunk*> names;
  for (const Chunk& chunk : chunks) {
    const auto [other, is_new] = names.emplace(chunk.name, &chunk);
    if (is_new) continue;
    return failure(fmt::format("there is a chunk '{}' already, at {}", chunk.name, other->second->where), chunk.where,
                   "give it a name of its own");
  }
  Orderer orderer(chunks);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (const auto done = orderer.visit(i); !done) return tl::unexpected(done.error());
  }
  std::vector<Chunk> ordered;
  for (const std::size_t i : orderer.order()) ordered.push_back(std::move(chunks[i]));
  return ordered;
}

Result<std::vector<Chunk>> named(std::vector<Chunk> chunks, std::span<const std::string> names) {
  std::vector<std::string_view> known;
  for (const Chunk& chunk : chunks) known.push_back(chunk.name);
  for (const std::string& name : names) {
    if (std::ranges::find(known, name) != known.end()) continue;
    const auto meant = nearest(name, known);
    return failure(
        fmt::format("there is no chunk '{}'", name), "--chunk",
        meant ? fmt::format("did you mean '{}'?", *meant) : fmt::format("the chunks are {}", fmt::join(known, ", ")));
  }
  std::erase_if(chunks, [&](const Chunk& chunk) { return std::ranges::find(names, chunk.name) == names.end(); });
  return chunks;
}

ChunkCover cover(const TestList& tests, std::span<const Facts> facts, std::span<const Chunk> chunks) {
  ChunkCover out;
  out.tests.resize(chunks.size());
  std::vector<std::vector<bool>> meant;
  std::vector<std::vector<std::string_view>> paths;
  for (const Chunk& chunk : chunks) {
    meant.push_back(chunk.expression ? chunk.expression->match(tests, facts) : std::vector<bool>());
    auto& beginnings = paths.emplace_back();
    for (const std::string& path : chunk.paths) beginnings.push_back(beginning(path));
  }
  std::vector<std::uint32_t> takers;
  for (std::size_t i = 0; i < tests.size(); ++i) {
    const auto test = static_cast<TestIndex>(i);
    const std::string_view id = tests.id(test);
    takers.clear();
    for (std::size_t chunk = 0; chunk < chunks.size(); ++chunk) {
      if (!meant[chunk].empty() && !meant[chunk][i]) continue;
      const auto& below = paths[chunk];
      if (!below.empty() && std::ranges::none_of(below, [&](std::string_view path) { return is_below(id, path); }))
        continue;
      out.tests[chunk].push_back(test);
      takers.push_back(static_cast<std::uint32_t>(chunk));
    }
    if (takers.empty()) out.left_out.push_back(test);
    if (takers.size() > 1) out.overlaps.push_back({test, takers});
  }
  return out;
}

ChunkForecast forecast(std::span<const TestIndex> tests, std::span<const plan::Prediction> predictions,
                       unsigned workers) {
  ChunkForecast out;
  out.tests = static_cast<std::uint32_t>(tests.size());
  std::vector<Bytes> peaks;
  for (const TestIndex test : tests) {
    const plan::Prediction& prediction = predictions[test];
    if (!prediction.known) ++out.unknown;
    out.work += prediction.duration;
    peaks.push_back(prediction.peak);
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min<std::size_t>(workers, peaks.size()));
  std::ranges::partial_sort(peaks, peaks.begin() + count, std::greater<>());
  for (auto peak = peaks.begin(); peak != peaks.begin() + count; ++peak) out.together += *peak;
  if (count > 0) out.largest = peaks.front();
  return out;
}

}  // namespace fittest::select
