#include "heap/read/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <span>
#include <utility>

#include "heap/read/allowance.h"
#include "heap/read/definitions.h"
#include "heap/read/live_table.h"
#include "heap/read/mappings.h"
#include "heap/read/moments.h"
#include "heap/read/records.h"
#include "heap/read/sections.h"
#include "heap/read/sums.h"

namespace fittest::heap {
namespace {

constexpr std::size_t kKinds = static_cast<std::size_t>(trace::Kind::python_object) + 1;
constexpr std::size_t kMostNotes = 1000;
// How many steps ahead a place in the table is asked for, and then the cell that it leads to: a miss takes some hundred
// nanoseconds, a step ten to thirty.
constexpr std::size_t kAhead = 16;
constexpr std::size_t kCellAhead = 6;

// The latest allocation of each thread, for finding temporary ones. A place for each of some hundred threads: when two
// share one, temporary allocations of theirs are overlooked.
class LatestOfThreads {
 public:
  struct Latest {
    std::uint64_t thread = 0;
    std::array<std::uint64_t, 2> address{};  // of heap memory, of Python's; 0: none
  };
  Latest& of(std::uint64_t thread) {
    Latest& latest = places_[thread % places_.size()];
    if (latest.thread != thread) latest = {thread, {}};
    return latest;
  }

 private:
  std::array<Latest, 512> places_{};
};

template <class Scale>
class ReplayOf final : public Replay, private RecordVisitor {
 public:
  ReplayOf(const trace::Header& header, ReplayOptions options)
      : exact_(header.mode == static_cast<std::uint32_t>(trace::Mode::exact)),
        at_start_(header.at_start.live),
        thread_only_(options.thread_only),
        allowance_(options.memory),
        definitions_(allowance_),
        heap_(allowance_),
        python_(allowance_),
        mappings_(allowance_),
        sums_(header.period),
        sections_(allowance_, std::move(options.on_test)),
        on_alive_(std::move(options.on_alive)),
        latest_(&threads_.of(0)),
        ignoring_(thread_only_ != 0) {
    keys_.resize(kFirstCell);
    sums_.resize(kFirstCell);
  }

  bool inherit(const Alive& alive) override {
    for (LiveTable* table : {&heap_, &python_}) {
      for (const Alive::Range& range : table == &heap_ ? alive.heap : alive.python) {
        if (!table->make_room()) return no_memory();
        LiveEntry& entry = table->put(range.address);
        entry.size = range.size;
        entry.cell = kInheritedCell;
        entry.sampled = false;
      }
    }
    for (const Alive::Range& range : alive.mapped) {
      if (!mappings_.add(range.address, range.size, kInheritedCell, false)) return no_memory();
    }
    return true;
  }

  bool consume(const Batch& batch) override {
    if (!problem_.empty()) return false;
    const std::size_t count = batch.steps.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (i + kAhead < count) {
        prefetch(batch.steps[i + kAhead]);
        prefetch_cell(batch.steps[i + kCellAhead]);
      }
      const Step& step = batch.steps[i];
      bool good = true;
      switch (step.what) {
        case Step::What::alloc:
          good = alloc(step);
          break;
        case Step::What::free:
          free(step);
          break;
        case Step::What::unmap:
          good = unmap(step.address, step.size);
          break;
        case Step::What::other:
          other(std::span(batch.bytes).subspan(step.address, step.size));
          good = problem_.empty();
          break;
      }
      if (!good) {
        records_ += i;
        return false;
      }
    }
    records_ += count;
    return true;
  }

  [[nodiscard]] const std::string& problem() const override { return problem_; }

  void fill(Profile& profile) const override {
    if (ended_) profile.ending = Ending::ended;
    profile.records = records_;
    profile.unknown_frees = unknown_frees_;
    profile.inherited_frees = inherited_frees_;
    profile.counters.peak = std::max(profile.counters.peak, counted_peak_);
    const std::uint64_t peak = profile.counters.peak;
    profile.modules = definitions_.modules();
    profile.codes = definitions_.codes();
    profile.stacks = definitions_.stacks();
    for (Cell cell = kFirstCell; cell < sums_.size(); ++cell) {
      Figures figures = sums_.figures(cell, peak);
      figures.stack = keys_[cell].stack;
      figures.kind = keys_[cell].kind;
      profile.figures.push_back(figures);
    }
    std::ranges::sort(profile.figures, {}, [](const Figures& one) { return std::pair(one.stack, one.kind); });
    add_up(profile);
    profile.peak_milliseconds = sums_.peak_clock(peak);
    std::size_t buckets = sizes_.size();
    while (buckets > 0 && !(sizes_[buckets - 1] > 0)) --buckets;
    for (std::size_t i = 0; i < buckets; ++i) profile.sizes.counts.push_back(static_cast<double>(sizes_[i]));
    profile.moments = moments_.moments();
    profile.notes = notes_;
    profile.lost = std::max(profile.lost, lost_);
    profile.problems.insert(profile.problems.end(), losses_.begin(), losses_.end());
    profile.tests = sections_.tests(keys_, profile.counters);
  }

  [[nodiscard]] Alive alive() const override {
    Alive alive;
    heap_.for_each([&](const LiveEntry& entry) { alive.heap.push_back({entry.address, entry.size}); });
    python_.for_each([&](const LiveEntry& entry) { alive.python.push_back({entry.address, entry.size}); });
    mappings_.for_each([&](std::uint64_t address, std::uint64_t size, const Mappings::Mapping&) {
      alive.mapped.push_back({address, size});
    });
    return alive;
  }

 private:
  using Share = typename Scale::Share;
  template <class Visitor>
  friend bool heap::decode_other(std::uint8_t tag, Cursor& in, Visitor& visitor);

  bool no_memory() {
    problem_ = "reading on would take more memory than is allowed; the rest was not read";
    return false;
  }
  bool undefined() {
    problem_ = "a record refers to a stack or code object that was not defined; what follows was not read";
    return false;
  }

  void prefetch(const Step& step) const {
    if (step.what > Step::What::free) return;
    (of_python(step.kind) ? python_ : heap_).prefetch(step.address);
  }

  void prefetch_cell(const Step& step) const {
    if (step.what > Step::What::free) return;
    Cell cell = kNoCell;
    if (step.what == Step::What::alloc) {
      if (step.stack < cells_[0].size()) cell = cells_[static_cast<std::size_t>(step.kind)][step.stack];
    } else {
      cell = (of_python(step.kind) ? python_ : heap_).probable_cell(step.address);
    }
    if (cell < kTestCell) sums_.prefetch(cell);
  }

  // The cell of a stack and kind. kNoCell: no memory.
  Cell cell_of(std::uint32_t stack, trace::Kind kind) {
    Cell& cell = cells_[static_cast<std::size_t>(kind)][stack];
    if (cell == kNoCell) {
      if (!allowance_.take(2 * Sums<Scale>::kBytesPerCell)) return kNoCell;
      cell = static_cast<Cell>(keys_.size());
      keys_.push_back({stack, kind});
      sums_.resize(keys_.size());
    }
    return cell;
  }

  // Counts an allocation, and returns what is to be remembered with it. kNoCell: no memory, or no such stack.
  Cell made(const Step& step, std::uint64_t size) {
    if (step.stack >= definitions_.stacks().size()) {
      undefined();
      return kNoCell;
    }
    if (ignoring_) return kIgnoredCell;
    Cell cell = cell_of(step.stack, step.kind);
    if (cell == kNoCell) {
      no_memory();
      return kNoCell;
    }
    const Share share = sums_.scale().share(size, size, step.sampled);
    sums_.add(cell, share, size);
    sizes_[static_cast<std::size_t>(std::bit_width(size | 1)) - 1] += share.count;
    if (sections_.inside()) {
      cell = sections_.of(cell);
      if (cell == kNoCell) {
        no_memory();
        return kNoCell;
      }
      auto& of_test = sections_.cell(cell);
      ++of_test.alive;
      of_test.live += share;
      of_test.total += share;
    }
    return cell;
  }

  // The cell of Sums for a remembered one, whose allocation is gone. kNoCell: it is in none.
  Cell gone(Cell cell, const Share& share) {
    if (cell >= kTestCell) {
      auto& of_test = sections_.cell(cell);
      of_test.live -= share;
      if (--of_test.alive == 0) sections_.emptied(cell);
      return of_test.parent;
    }
    if (cell == kInheritedCell) ++inherited_frees_;
    return cell < kFirstCell ? kNoCell : cell;
  }

  bool alloc(const Step& step) {
    if (is_mapping(step.kind)) return map(step);
    const bool python = of_python(step.kind);
    LiveTable& table = python ? python_ : heap_;
    if (!table.make_room()) return no_memory();
    LiveEntry& entry = table.put(step.address);
    // Its free was not seen.
    if (entry.cell != kNoCell) remove(entry);
    entry.size = step.size;
    entry.sampled = step.sampled;
    entry.cell = kIgnoredCell;  // never empty, also if what follows fails
    entry.cell = made(step, step.size);
    latest_->address[python] = step.address;
    if (entry.cell != kNoCell) return true;
    entry.cell = kIgnoredCell;
    return false;
  }

  // Returns the allocation's cell in Sums.
  Cell remove(const LiveEntry& entry) {
    const Share share = sums_.scale().share(entry.size, entry.size, entry.sampled);
    const Cell cell = gone(entry.cell, share);
    if (cell != kNoCell) sums_.remove(cell, share);
    return cell;
  }

  void free(const Step& step) {
    const bool python = of_python(step.kind);
    LiveEntry entry;
    if (!(python ? python_ : heap_).take(step.address, entry)) {
      ++unknown_frees_;
      return;
    }
    const Cell cell = remove(entry);
    // An exact trace shows it; in a sampled one the tracker says it.
    const bool temporary = step.sampled || (exact_ && latest_->address[python] == step.address);
    if (temporary) {
      latest_->address[python] = 0;
      if (cell != kNoCell) sums_.add_temporary(cell, sums_.scale().share(entry.size, entry.size, entry.sampled));
    }
  }

  bool map(const Step& step) {
    const std::uint64_t size = std::min(step.size, UINT64_MAX - step.address);
    latest_->address[0] = 0;
    if (size == 0) return true;
    if (!cut(step.address, size)) return false;
    const Cell cell = made(step, size);
    if (cell == kNoCell) return false;
    return mappings_.add(step.address, size, cell, step.sampled) || no_memory();
  }

  bool unmap(std::uint64_t address, std::uint64_t size) {
    const std::uint64_t changes = changes_;
    if (!cut(address, size)) return false;
    if (changes_ == changes) ++unknown_frees_;
    return true;
  }

  bool cut(std::uint64_t address, std::uint64_t size) {
    const auto changed = [&](const Mappings::Mapping& before, const Mappings::Mapping& after) {
      ++changes_;
      const Share was = sums_.scale().share(before.size, before.held, before.sampled);
      if (after.held == 0) {
        const Cell cell = gone(before.cell, was);
        if (cell != kNoCell) sums_.remove(cell, was);
        return;
      }
      if (before.cell < kFirstCell) return;
      const Share is = sums_.scale().share(before.size, after.held, before.sampled);
      Cell cell = before.cell;
      if (cell >= kTestCell) {
        auto& of_test = sections_.cell(cell);
        of_test.live -= was;
        of_test.live += is;
        cell = of_test.parent;
      }
      sums_.shrink(cell, was, is);
    };
    return mappings_.cut(address, size, changed) || no_memory();
  }

  // --- records that are no allocations
  void other(std::span<const std::byte> record) { visit_other(record, *this); }
  void added(Definitions::Added added) {
    if (added == Definitions::Added::undefined) undefined();
    if (added == Definitions::Added::no_memory) no_memory();
  }
  void stack(const StackRecord& record) {
    added(definitions_.add(record));
    for (std::vector<Cell>& cells : cells_) cells.resize(definitions_.stacks().size(), kNoCell);
  }
  void code(const CodeRecord& record) { added(definitions_.add(record)); }
  void module(const ModuleRecord& record) { added(definitions_.add(record)); }
  void clock(std::uint64_t milliseconds) {
    sums_.clock(milliseconds);
    if (exact_ && !counted_) moments_.add(milliseconds, at_start_ + static_cast<std::uint64_t>(sums_.held()));
  }
  void counted(std::uint64_t most) {
    sums_.counted(most);
    counted_peak_ = std::max(counted_peak_, most);
  }
  void counters(const trace::Counters& counters) {
    counted(counters.peak);
    moments_.add(sums_.clock(), counters.live);
  }
  void mark(std::string_view name, const trace::Counters& counters) {
    counted(counters.peak);
    if (name.empty() && on_alive_) on_alive_(alive_by_stack());
    if (!sections_.mark(name, counters, keys_)) no_memory();
  }
  [[nodiscard]] std::vector<AliveFigures> alive_by_stack() const {
    std::vector<AliveFigures> alive;
    for (Cell cell = kFirstCell; cell < sums_.size(); ++cell) {
      const Amount amount = sums_.alive(cell);
      if (amount.count > 0) alive.push_back({keys_[cell].stack, keys_[cell].kind, amount});
    }
    return alive;
  }
  void thread(std::uint64_t id) {
    latest_ = &threads_.of(id);
    ignoring_ = thread_only_ != 0 && id != thread_only_;
  }
  void live(std::uint64_t most, std::uint64_t /*now*/) {
    counted_ = true;
    counted(most);
    moments_.add(sums_.clock(), most);
  }
  void lost(std::uint64_t count, std::string_view why) {
    lost_ += count;
    if (count > 0 && keeps_text(losses_.size(), why.size())) {
      losses_.push_back(fmt::format("{} allocations were not recorded: {}", count, why));
    }
  }
  void note(std::string_view key, std::string_view value) {
    if (keeps_text(notes_.size(), key.size() + value.size())) {
      notes_.push_back({std::string(key), std::string(value)});
    }
  }
  // Texts for the user are few and short, unless the trace is garbage.
  bool keeps_text(std::size_t already, std::size_t bytes) { return already < kMostNotes && allowance_.take(bytes); }
  void end() { ended_ = true; }

  static void add_up(Profile& profile) {
    for (const Figures& figures : profile.figures) {
      profile.total += figures.total;
      profile.peak += figures.peak;
      profile.leaked += figures.leaked;
      profile.temporary += figures.temporary;
    }
  }

  bool exact_;
  std::uint64_t at_start_;
  std::uint64_t thread_only_;
  Allowance allowance_;
  Definitions definitions_;
  LiveTable heap_, python_;
  Mappings mappings_;
  std::array<std::vector<Cell>, kKinds> cells_;      // by kind and stack
  std::vector<typename Sections<Scale>::Key> keys_;  // by cell
  Sums<Scale> sums_;
  Sections<Scale> sections_;
  std::function<void(std::vector<AliveFigures>)> on_alive_;
  std::array<decltype(Share::count), 64> sizes_{};
  LatestOfThreads threads_;
  LatestOfThreads::Latest* latest_;
  bool ignoring_;
  bool counted_ = false;  // there are `live` records
  bool ended_ = false;
  std::uint64_t records_ = 0;
  std::uint64_t unknown_frees_ = 0;
  std::uint64_t inherited_frees_ = 0;
  std::uint64_t changes_ = 0;  // of mappings
  std::uint64_t counted_peak_ = 0;
  std::uint64_t lost_ = 0;
  Moments moments_;
  std::vector<Note> notes_;
  std::vector<std::string> losses_;
  std::string problem_;
};

}  // namespace

std::unique_ptr<Replay> make_replay(const trace::Header& header, ReplayOptions options) {
  if (header.period == 0) return std::make_unique<ReplayOf<ExactScale>>(header, std::move(options));
  return std::make_unique<ReplayOf<SampledScale>>(header, std::move(options));
}

}  // namespace fittest::heap
