#include "heap/pack/survey.h"

#include <algorithm>
#include <utility>

#include "heap/read/allowance.h"
#include "heap/read/live_table.h"
#include "heap/read/mappings.h"
#include "heap/read/moments.h"
#include "heap/read/peak_moment.h"
#include "heap/read/records.h"
#include "heap/read/sums.h"

namespace fittest::heap {
namespace {

constexpr std::uint64_t kMostMemory = std::uint64_t{2} << 30;
constexpr std::size_t kMostMoments = 100;

// The highest of each of equally long stretches.
std::vector<Moment> thinned(const std::vector<Moment>& moments) {
  if (moments.size() <= kMostMoments) return moments;
  std::vector<Moment> out;
  const std::uint64_t begin = moments.front().milliseconds;
  const std::uint64_t span = moments.back().milliseconds - begin + 1;
  std::uint64_t last = kMostMoments;
  for (const Moment& moment : moments) {
    const std::uint64_t stretch = (moment.milliseconds - begin) * kMostMoments / span;
    if (stretch != last) {
      out.push_back(moment);
      last = stretch;
    } else if (moment.live > out.back().live) {
      out.back() = moment;
    }
  }
  return out;
}

// Follows what is alive as the reader does (Replay), to find the moment of the peak.
class Surveyor : private RecordVisitor {
 public:
  explicit Surveyor(const trace::Header& header)
      : scale_(header.period), allowance_(kMostMemory), heap_(allowance_), python_(allowance_), mappings_(allowance_) {}

  bool take(const Batch& batch) {
    for (const Step& step : batch.steps) {
      ++records_;
      bool good = true;
      switch (step.what) {
        case Step::What::alloc:
          good = alloc(step);
          break;
        case Step::What::free:
          if (LiveEntry entry{}; table(step.kind).take(step.address, entry)) drop(entry);
          break;
        case Step::What::unmap:
          good = cut(step.address, step.size);
          break;
        case Step::What::other:
          visit_other(std::span(batch.bytes).subspan(step.address, step.size), *this);
          break;
      }
      if (!good) return false;
    }
    return true;
  }

  [[nodiscard]] Survey result(const trace::Header& header) const {
    const std::uint64_t most = std::max(header.counters.peak, most_);
    return {peak_.when(most), most, thinned(moments_.moments())};
  }

 private:
  template <class Visitor>
  friend bool heap::decode_other(std::uint8_t tag, Cursor& in, Visitor& visitor);

  LiveTable& table(trace::Kind kind) { return of_python(kind) ? python_ : heap_; }
  void drop(const LiveEntry& entry) { held_ -= scale_.share(entry.size, entry.size, entry.sampled).bytes; }

  bool alloc(const Step& step) {
    if (is_mapping(step.kind)) {
      const std::uint64_t size = std::min(step.size, UINT64_MAX - step.address);
      if (size == 0) return true;
      if (!cut(step.address, size) || !mappings_.add(step.address, size, kFirstCell, step.sampled)) return false;
      add(size, step.sampled);
      return true;
    }
    if (!table(step.kind).make_room()) return false;
    LiveEntry& entry = table(step.kind).put(step.address);
    if (entry.cell != kNoCell) drop(entry);
    entry.size = step.size;
    entry.sampled = step.sampled;
    entry.cell = kFirstCell;
    add(step.size, step.sampled);
    return true;
  }
  void add(std::uint64_t size, bool sampled) {
    held_ += scale_.share(size, size, sampled).bytes;
    peak_.rose(held_, records_);
  }
  bool cut(std::uint64_t address, std::uint64_t size) {
    return mappings_.cut(address, size, [&](const Mappings::Mapping& before, const Mappings::Mapping& after) {
      held_ -= scale_.share(before.size, before.held, before.sampled).bytes -
               scale_.share(before.size, after.held, before.sampled).bytes;
    });
  }

  void counted(std::uint64_t most) {
    peak_.counted(most, held_, records_);
    most_ = std::max(most_, most);
  }
  void clock(std::uint64_t milliseconds) { clock_ = milliseconds; }
  void counters(const trace::Counters& counters) {
    counted(counters.peak);
    moments_.add(clock_, counters.live);
  }
  void mark(std::string_view /*name*/, const trace::Counters& counters) { counted(counters.peak); }
  void live(std::uint64_t most, std::uint64_t /*now*/) {
    counted(most);
    moments_.add(clock_, most);
  }

  SampledScale scale_;
  Allowance allowance_;
  LiveTable heap_, python_;
  Mappings mappings_;
  Moments moments_;
  PeakMoment<double, true, std::uint64_t> peak_;
  double held_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t most_ = 0;
  std::uint64_t clock_ = 0;
};

}  // namespace

Result<Survey> survey(BatchReader reader) {
  Surveyor surveyor(reader.file().header());
  for (Batch batch; reader.next(batch);) {
    if (!surveyor.take(batch)) {
      return failure("too much is alive at once to be followed", reader.file().name(), "leave the trace as it is");
    }
  }
  if (!reader.problem().empty()) return failure(reader.problem(), reader.file().name(), "leave the trace as it is");
  return surveyor.result(reader.file().header());
}

}  // namespace fittest::heap
