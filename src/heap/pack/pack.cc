#include "heap/pack/pack.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/atomic_file.h"
#include "heap/pack/grouping.h"
#include "heap/pack/packed_file.h"
#include "heap/pack/survey.h"
#include "heap/read/batch_reader.h"
#include "heap/symbols/python_lines.h"

namespace fittest::heap {
namespace {

// Steps whose order is given up at once, at most: they are held in memory.
constexpr std::size_t kMostPending = std::size_t{1} << 20;

class Packer : private RecordVisitor {
 public:
  Packer(const trace::Header& header, Survey survey) : survey_(std::move(survey)), out_(header), grouping_(out_) {}

  std::string pack(BatchReader reader) {
    at_record();
    for (Batch batch; reader.next(batch);) {
      for (const Step& step : batch.steps) {
        if (step.what == Step::What::other) {
          other(std::span(batch.bytes).subspan(step.address, step.size));
        } else {
          grouping_.add(step, thread_);
          if (grouping_.pending() >= kMostPending) grouping_.flush();
        }
        ++records_;
        at_record();
      }
    }
    grouping_.flush();
    put_moments(UINT64_MAX);
    return out_.finish();
  }

 private:
  template <class Visitor>
  friend bool heap::decode_other(std::uint8_t tag, Cursor& in, Visitor& visitor);

  // Readers take the moment between two `live` records of which the second says the highest peak.
  void at_record() {
    if (records_ != survey_.peak_after) return;
    grouping_.flush();
    put_moments(clock_);
    out_.clock(clock_);
    out_.live(most_);
    out_.live(survey_.most);
    past_peak_ = true;
  }

  void other(std::span<const std::byte> record) {
    record_ = record;
    visit_other(record, *this);
  }

  // Definitions are wanted by what is still to be written, and order nothing.
  void stack(const StackRecord& /*record*/) { out_.other(record_); }
  // Reports show no columns. A table that is not all there stays as it is: it was cut between two bytes.
  void code(const CodeRecord& record) {
    CodeRecord packed = record;
    Code code;
    code.first_line = static_cast<std::uint32_t>(record.first_line);
    code.python_minor = static_cast<std::uint32_t>(record.python_minor);
    code.line_table = record.line_table;
    const std::string lines = line_table_without_columns(code);
    if (record.line_table_left_out == 0) packed.line_table = lines;
    out_.code(packed);
  }
  void module(const ModuleRecord& /*record*/) { out_.other(record_); }
  void lost(std::uint64_t /*count*/, std::string_view /*why*/) { out_.other(record_); }
  void note(std::string_view /*key*/, std::string_view /*value*/) { out_.other(record_); }
  void clock(std::uint64_t milliseconds) { clock_ = milliseconds; }
  void thread(std::uint64_t id) { thread_ = id; }
  void live(std::uint64_t most, std::uint64_t /*now*/) { most_ = std::min(most, survey_.most - 1); }
  // What was held here is told.
  void counters(const trace::Counters& /*counters*/) { put_moment_of_order(); }
  void mark(std::string_view /*name*/, const trace::Counters& /*counters*/) { put_moment_of_order(); }
  void end() { put_moment_of_order(); }
  void put_moment_of_order() {
    grouping_.flush();
    put_moments(clock_);
    out_.clock(clock_);
    out_.other(record_);
  }

  // Memory over time, up to `milliseconds`. Before the peak has been told, nothing may say that it is there.
  void put_moments(std::uint64_t milliseconds) {
    for (; moment_ < survey_.moments.size() && survey_.moments[moment_].milliseconds <= milliseconds; ++moment_) {
      const Moment& moment = survey_.moments[moment_];
      out_.clock(moment.milliseconds);
      out_.live(past_peak_ ? moment.live : std::min(moment.live, survey_.most - 1));
    }
  }

  Survey survey_;
  PackedFile out_;
  Grouping grouping_;
  std::span<const std::byte> record_;  // the one that is being looked at
  std::uint64_t records_ = 0;
  std::uint64_t thread_ = 0;
  std::uint64_t clock_ = 0;
  std::uint64_t most_ = 0;
  std::size_t moment_ = 0;  // of the survey, the next
  bool past_peak_ = false;
};

}  // namespace

Result<std::optional<std::string>> packed_form(const std::filesystem::path& file) {
  auto first = TraceFile::open(file);
  if (!first) return tl::unexpected(std::move(first.error()));
  const trace::Header header = first->header();
  // A child's trace refers to places and addresses in its parent's.
  if (header.version != trace::kVersion || header.mode != static_cast<std::uint32_t>(trace::Mode::sample) ||
      header.period == 0 || header.parent_process != 0) {
    return std::nullopt;
  }
  auto found = survey(BatchReader(std::move(*first)));
  if (!found) return std::nullopt;
  auto again = TraceFile::open(file);
  if (!again) return tl::unexpected(std::move(again.error()));
  return Packer(header, std::move(*found)).pack(BatchReader(std::move(*again)));
}

Result<Packed> pack_trace(const std::filesystem::path& file) {
  auto packed = packed_form(file);
  if (!packed) return tl::unexpected(std::move(packed.error()));
  std::error_code unknown;
  if (!*packed || (*packed)->size() >= std::filesystem::file_size(file, unknown)) return Packed::as_it_is;
  if (auto written = write_file(file, **packed); !written) return tl::unexpected(std::move(written.error()));
  return Packed::packed;
}

}  // namespace fittest::heap
