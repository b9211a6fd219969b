#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "plan/scheduler.h"

namespace fittest::plan {

// What is believed of each test at this moment of the run. Known tests: their prediction. Unknown tests: their
// prediction, corrected by how the unknown tests of the same file, then of the suite, compared with theirs. After a
// kill for memory: what was learned from it.
//
// Also keeps the time that the waiting tests are believed to take, in O(1) per change.
class Beliefs {
 public:
  explicit Beliefs(const std::vector<TestSpec>& tests);

  [[nodiscard]] std::size_t size() const { return tests_.size(); }
  [[nodiscard]] bool known(TestIndex test) const { return tests_[test].known; }
  [[nodiscard]] bool shares_setup(TestIndex test) const { return tests_[test].shares_setup; }
  // Files are numbered from 0 without gaps, in the order of their first test.
  [[nodiscard]] std::uint32_t file(TestIndex test) const { return tests_[test].file; }

  [[nodiscard]] Seconds duration(TestIndex test) const {
    const Test& t = tests_[test];
    return t.known ? t.duration : t.duration * factor(files_[t.file]);
  }
  [[nodiscard]] Bytes peak(TestIndex test) const {
    const Test& t = tests_[test];
    return t.peak_known ? t.peak : corrected_peak(t);
  }
  [[nodiscard]] Bytes retained(TestIndex test) const {
    const Test& t = tests_[test];
    return t.known ? t.retained : corrected_retained(t);
  }

  // No unknown test is believed to need more than this, however large its neighbours were: what only an observation
  // of another test says is no reason to run a test alone.
  void limit_unknown(Bytes most) { most_ = most; }

  void observe(TestIndex test, Bytes peak, Bytes retained, Seconds duration);
  // The test was killed: from now on `peak` is what it is believed to need.
  void learn_peak(TestIndex test, Bytes peak);

  // Unknown tests observed.
  [[nodiscard]] std::uint32_t seen_in_file(TestIndex test) const { return files_[tests_[test].file].seen; }
  [[nodiscard]] std::uint32_t seen() const { return suite_.seen; }

  // Of the unknown tests observed, weighted by their duration: where a second of the run is spent, tests take about
  // this long. 0 before anything was seen.
  [[nodiscard]] Seconds heavy_duration() const { return suite_.seen == 0 ? 0 : squares_ / suite_.observed; }

  void now_waits(TestIndex test) { add_waiting(test, 1); }
  void waits_no_more(TestIndex test) { add_waiting(test, -1); }
  [[nodiscard]] Seconds waiting() const;

 private:
  struct Test {
    Bytes peak;
    Bytes retained;
    Seconds duration = 0;
    std::uint32_t file = 0;
    bool known = false;
    bool peak_known = false;
    bool shares_setup = false;
  };
  // What was seen of unknown tests.
  struct Seen {
    std::uint32_t seen = 0;
    Seconds predicted = 0;
    Seconds observed = 0;
    double retained = 0;
  };
  struct File : Seen {
    std::array<Bytes, 3> largest = {};  // peaks, largest first
    double factor = 1;                  // of durations; only once something was seen
    Seconds waiting = 0;                // as predicted, of its unknown tests
  };

  [[nodiscard]] double factor(const File& file) const { return file.seen > 0 ? file.factor : suite_factor_; }
  [[nodiscard]] Bytes corrected_peak(const Test& test) const;
  [[nodiscard]] Bytes corrected_retained(const Test& test) const;
  void add_waiting(TestIndex test, int sign);
  void count_peak(Bytes peak);

  std::vector<Test> tests_;
  std::vector<File> files_;
  Seen suite_;
  double suite_factor_ = 1;
  double squares_ = 0;  // of the observed durations
  Seconds doubt_ = 0;   // predicted time for which the prediction counts as much as what was observed
  Bytes most_{~std::uint64_t{0}};
  // Peaks seen in the suite, four classes to each doubling.
  std::array<std::uint32_t, 256> peak_classes_ = {};
  Bytes high_peak_;  // 95 of 100 peaks in the suite are not above
  std::uint32_t high_peak_due_ = 1;

  Seconds waiting_known_ = 0;
  Seconds waiting_unseen_ = 0;  // as predicted, in files where nothing was seen yet
  Seconds waiting_seen_ = 0;    // corrected, in the other files
};

}  // namespace fittest::plan
