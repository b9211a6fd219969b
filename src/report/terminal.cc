#include "report/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "report/progress_line.h"
#include "report/rate_limit.h"
#include "report/style.h"
#include "report/summary.h"
#include "report/tally.h"
#include "report/width.h"
#include "report/words.h"

namespace fittest::report {
namespace {

constexpr Seconds kRedraw = 0.1;
constexpr Seconds kPlainInterval = 30;
constexpr Seconds kPlainSilence = 300;  // CI systems kill jobs that say nothing for ten minutes
constexpr std::size_t kIndent = 9;      // of "fittest: "
constexpr unsigned kBurst = 5;
constexpr unsigned kNoticeBurst = 30;
constexpr Seconds kBetween = 10;
constexpr std::size_t kShortcomingsShown = 2;

}  // namespace

class Terminal::Impl {
 public:
  explicit Impl(Screen& screen) : screen_(screen), style_(screen.options().color) {}

  void on(const Event& event) {
    now_ = event.at;
    tally_.on(event);
    std::visit([this](const auto& payload) { show(payload); }, event.payload);
  }
  void set_time_left(Seconds seconds) { left_ = seconds; }

 private:
  void show(const RunStarted& run);
  void show(const Collected& collected);
  void show(const WorkerStarted& /*unused*/) {}
  void show(const WorkerEnded& /*unused*/) {}
  void show(const TestStarted& /*unused*/) {}
  void show(const TestFinished& /*unused*/) { update_progress(); }
  void show(const TestAmended& /*unused*/) { update_progress(); }
  void show(const BatchKilled& kill);
  void show(const TestRequeued& requeued);
  void show(const PressureChanged& pressure);
  void show(const BudgetRaised& raised);
  void show(const Sample& /*unused*/) {
    screen_.tick();
    update_progress();
  }
  void show(const Notice& notice);
  void show(const RunFinished& end);

  void say(Color color, std::string_view text);
  void say_limited(RateLimit& limit, Color color, const std::string& text);
  void aside(std::string_view text);
  void update_progress();
  [[nodiscard]] std::string runs_again(std::string_view id) const;
  [[nodiscard]] Progress progress() const;

  Screen& screen_;
  Style style_;
  Tally tally_;
  Seconds now_ = 0;
  std::optional<Seconds> left_;
  std::optional<Seconds> last_drawn_;
  Seconds last_plain_ = 0;
  std::uint32_t last_plain_done_ = 0;
  bool over_ = false;
  RateLimit kills_{kBurst, kBetween};
  RateLimit requeues_{kBurst, kBetween};
  RateLimit pressures_{kBurst, kBetween};
  RateLimit notices_{kNoticeBurst, kBetween};
};

void Terminal::Impl::show(const RunStarted& run) {
  say(Color::none,
      fmt::format("budget {} ({}), {}", format_bytes(run.budget), one_line(run.budget_source), one_line(run.domain)));
  const std::size_t all = run.shortcomings.size();
  const std::size_t shown = all <= kShortcomingsShown ? all : 1;
  for (std::size_t i = 0; i < shown; ++i) aside(one_line(run.shortcomings[i]));
  if (all > shown) aside(fmt::format("and {} more: see fittest doctor", all - shown));
}

void Terminal::Impl::show(const Collected& collected) {
  std::string text =
      fmt::format("{} collected in {}, holding {}; {}", counted(collected.tests, "test"), format_span(collected.took),
                  format_bytes(collected.zygote_held), one_line(collected.isolation));
  if (!collected.isolation_reason.empty()) text += fmt::format(" ({})", one_line(collected.isolation_reason));
  if (collected.max_workers > 0) text += fmt::format(", up to {}", counted(collected.max_workers, "worker"));
  say(Color::none, text);
  last_plain_ = now_;
}

void Terminal::Impl::show(const BatchKilled& kill) {
  const std::string who = kill.by_kernel ? "the kernel killed" : "killed";
  std::string text = fmt::format("{} worker {}, which held {}", who, number(kill.worker), format_bytes(kill.held));
  if (!kill.why.empty()) text += fmt::format(": {}", one_line(kill.why));
  if (!kill.id.empty()) text += "\n" + runs_again(kill.id);
  say_limited(kills_, Color::yellow, text);
}

void Terminal::Impl::show(const TestRequeued& requeued) {
  if (tally_.requeued_by_kill()) return;  // said with the kill
  std::string text = runs_again(requeued.id);
  if (!requeued.why.empty()) text += "\n" + one_line(requeued.why);
  say_limited(requeues_, Color::yellow, text);
}

void Terminal::Impl::show(const PressureChanged& pressure) {
  const Sample& sample = tally_.last_sample();
  say_limited(pressures_, Color::yellow,
              fmt::format("{} held: {}", format_share(sample.held, tally_.budget(), " of "), one_line(pressure.what)));
}

void Terminal::Impl::show(const BudgetRaised& raised) {
  say(Color::yellow, fmt::format("budget {} from here on: {}", format_bytes(raised.budget), one_line(raised.why)));
}

// An Error's text has its remedy on a line of its own.
void Terminal::Impl::show(const Notice& notice) {
  std::string text;
  std::string_view rest = notice.text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (const std::string line = one_line(rest.substr(0, end)); !line.empty())
      text += (text.empty() ? "" : "\n") + line;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  say_limited(notices_, Color::none, text);
}

void Terminal::Impl::show(const RunFinished& end) {
  over_ = true;
  screen_.clear_progress();
  const std::size_t untold = kills_.held_back() + requeues_.held_back() + pressures_.held_back() + notices_.held_back();
  if (untold > 0) aside(fmt::format("({} like those above not shown)", counted(untold, "line")));
  for (const std::string& line : summary(tally_, end, screen_.options().columns, style_)) screen_.line(line);
}

// `text` may have several lines; all but the first are indented below it.
void Terminal::Impl::say(Color color, std::string_view text) {
  static constexpr std::string_view kName = "fittest:";
  const std::string indent(kIndent, ' ');
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string start = out.empty() ? std::string(kName) + " " : indent;
    for (const std::string& line : wrap(start + std::string(text.substr(0, end)), screen_.options().columns, kIndent)) {
      if (out.empty()) {
        out = style_(Color::bold, kName) + style_(color, std::string_view(line).substr(kName.size()));
      } else {
        out += "\n" + style_(color, line);
      }
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  screen_.line(out);
}

void Terminal::Impl::say_limited(RateLimit& limit, Color color, const std::string& text) {
  const auto held_back = limit.admit(now_);
  if (!held_back) return;
  say(color, *held_back == 0 ? text : fmt::format("{} (and {} more like it)", text, format_count(*held_back)));
}

void Terminal::Impl::aside(std::string_view text) {
  const std::string indent(kIndent, ' ');
  std::string out;
  for (const std::string& line : wrap(indent + std::string(text), screen_.options().columns, kIndent)) {
    out += (out.empty() ? "" : "\n") + style_(Color::dim, line);
  }
  screen_.line(out);
}

// In one row, whatever the length of the id.
std::string Terminal::Impl::runs_again(std::string_view id) const {
  static constexpr std::string_view kStart = "runs again: ";
  const std::size_t used = kIndent + kStart.size();
  const std::size_t columns = screen_.options().columns;
  return std::string(kStart) + shorten_middle(one_line(id), columns > 2 * used ? columns - used : used);
}

Progress Terminal::Impl::progress() const {
  const Sample& sample = tally_.last_sample();
  Progress now;
  if (tally_.tests() > 0) now.tests = tally_.tests();
  now.done = tally_.done();
  now.failures = tally_.failures();
  now.workers = sample.workers;
  now.held = sample.held;
  now.budget = tally_.budget();
  now.left = left_;
  now.elapsed = now_;
  return now;
}

void Terminal::Impl::update_progress() {
  if (over_) return;
  if (screen_.options().terminal) {
    if (last_drawn_ && now_ - *last_drawn_ < kRedraw) return;
    last_drawn_ = now_;
    const unsigned columns = screen_.options().columns;
    screen_.progress(progress_line(progress(), columns > 1 ? columns - 1 : 1, style_));
    return;
  }
  if (tally_.tests() == 0 || tally_.done() == tally_.tests()) return;
  const Seconds since = now_ - last_plain_;
  const bool tenth = tally_.done() >= last_plain_done_ + (tally_.tests() + 9) / 10;
  if ((tenth && since >= kPlainInterval) || since >= kPlainSilence) {
    last_plain_ = now_;
    last_plain_done_ = tally_.done();
    say(Color::none, progress_sentence(progress()));
  }
}

Terminal::Terminal(Screen& screen) : impl_(std::make_unique<Impl>(screen)) {}
Terminal::~Terminal() = default;
void Terminal::on(const Event& event) {
  impl_->on(event);
}
void Terminal::set_time_left(Seconds seconds) {
  impl_->set_time_left(seconds);
}

}  // namespace fittest::report
