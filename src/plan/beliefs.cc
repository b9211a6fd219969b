#include "plan/beliefs.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace fittest::plan {

namespace {

// No test is believed to take less: handing it out and hearing back takes about as long.
constexpr Seconds kShortest = 0.0002;
// Nor to need more; keeps sums over a million tests from overflowing, whatever a damaged history says.
constexpr Bytes kLargest = GiB(8 << 10);
// So many tests' worth of the prediction stand against what was observed.
constexpr double kDoubtTests = 3;

// From `prior` towards a lower `observed` as the number of observations grows, `half` of them being half the way. A
// higher one is believed at once: too much set aside costs time, too little costs kills.
Bytes shrunk(Bytes prior, Bytes observed, std::uint32_t count, double half) {
  if (observed >= prior) return observed;
  return prior - (prior - observed).scaled(count / (count + half));
}

std::size_t peak_class(Bytes peak) {
  const double quarters = 4 * std::log2(static_cast<double>(peak.value) + 1);
  return std::min<std::size_t>(255, static_cast<std::size_t>(quarters));
}
Bytes upper_edge(std::size_t peak_class) {
  return {static_cast<std::uint64_t>(std::exp2((static_cast<double>(peak_class) + 1) / 4))};
}

}  // namespace

Beliefs::Beliefs(const std::vector<TestSpec>& tests) {
  tests_.reserve(tests.size());
  std::unordered_map<std::uint32_t, std::uint32_t> numbers;
  Seconds unknown_total = 0;
  std::size_t unknown = 0;
  for (const TestSpec& spec : tests) {
    const auto [found, added] = numbers.try_emplace(spec.file, static_cast<std::uint32_t>(numbers.size()));
    if (added) files_.emplace_back();
    const Prediction& p = spec.prediction;
    const Seconds duration = std::isfinite(p.duration) ? std::max(p.duration, kShortest) : kShortest;
    const Bytes peak = std::min(p.peak, kLargest);
    tests_.push_back({peak, std::min(p.retained, peak), duration, found->second, p.known, p.known, spec.shares_setup});
    if (p.known) continue;
    unknown_total += duration;
    ++unknown;
  }
  if (unknown > 0) doubt_ = kDoubtTests * unknown_total / static_cast<double>(unknown);
}

Bytes Beliefs::corrected_peak(const Test& test) const {
  const File& file = files_[test.file];
  Bytes believed = suite_.seen == 0 ? test.peak : shrunk(test.peak, high_peak_, suite_.seen, 10);
  if (file.seen > 0) {
    // One or two that stand out among many say nothing of the others.
    const std::size_t outliers = file.seen >= 40 ? 2 : file.seen >= 8 ? 1 : 0;
    believed = shrunk(believed, file.largest[outliers].scaled(1.25) + MiB(1), file.seen, 4);
  }
  return std::min(believed, std::max(most_, test.peak));
}

Bytes Beliefs::corrected_retained(const Test& test) const {
  const Seen& seen = files_[test.file].seen > 0 ? files_[test.file] : suite_;
  if (seen.seen == 0) return test.retained;
  return {static_cast<std::uint64_t>(seen.retained / seen.seen)};
}

void Beliefs::count_peak(Bytes peak) {
  ++peak_classes_[peak_class(peak)];
  if (suite_.seen < high_peak_due_) return;
  high_peak_due_ = suite_.seen + 1 + suite_.seen / 16;
  std::uint32_t above = suite_.seen / 20;
  std::size_t at = peak_classes_.size();
  while (at > 0) {
    --at;
    if (peak_classes_[at] > above) break;
    above -= peak_classes_[at];
  }
  high_peak_ = upper_edge(at);
}

void Beliefs::observe(TestIndex index, Bytes peak, Bytes retained, Seconds duration) {
  const Test& test = tests_[index];
  if (test.known) return;
  File& file = files_[test.file];
  if (file.seen == 0) {
    waiting_unseen_ -= file.waiting;
  } else {
    waiting_seen_ -= file.waiting * file.factor;
  }
  for (Seen* seen : {&suite_, static_cast<Seen*>(&file)}) {
    ++seen->seen;
    seen->predicted += test.duration;
    seen->observed += std::max(duration, kShortest);
    seen->retained += static_cast<double>(retained.value);
  }
  squares_ += std::max(duration, kShortest) * std::max(duration, kShortest);
  Bytes next = peak;
  for (Bytes& largest : file.largest) {
    if (next > largest) std::swap(next, largest);
  }
  count_peak(peak);
  suite_factor_ = (doubt_ + suite_.observed) / (doubt_ + suite_.predicted);
  file.factor = (doubt_ * suite_factor_ + file.observed) / (doubt_ + file.predicted);
  waiting_seen_ += file.waiting * file.factor;
}

void Beliefs::learn_peak(TestIndex test, Bytes peak) {
  tests_[test].peak = std::min(peak, kLargest);
  tests_[test].peak_known = true;
}

void Beliefs::add_waiting(TestIndex index, int sign) {
  const Test& test = tests_[index];
  const Seconds change = sign * test.duration;
  if (test.known) {
    waiting_known_ += change;
    return;
  }
  File& file = files_[test.file];
  file.waiting += change;
  if (file.seen == 0) {
    waiting_unseen_ += change;
  } else {
    waiting_seen_ += change * file.factor;
  }
}

Seconds Beliefs::waiting() const {
  // Sums and differences of many: what is left of nothing may be a little below.
  return std::max(0.0, waiting_known_ + waiting_unseen_ * suite_factor_ + waiting_seen_);
}

}  // namespace fittest::plan
