#include "cli/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "history/store.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;
using history::Outcome;
using history::Store;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

Outcome outcome(std::string id, Verdict verdict, Bytes peak, Bytes retained, Seconds duration) {
  Outcome result;
  result.id = std::move(id);
  result.verdict = verdict;
  result.peak = peak;
  result.retained = retained;
  result.duration = duration;
  return result;
}

class HistoryVerb : public testing::Test {
 protected:
  HistoryVerb() {
    std::string name = (fs::temp_directory_path() / "fittest-verb-XXXXXX").string();
    if (::mkdtemp(name.data())) folder_ = name;
    options_.file = folder_ / "history.db";
  }
  ~HistoryVerb() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  HistoryVerb(const HistoryVerb&) = delete;
  HistoryVerb& operator=(const HistoryVerb&) = delete;

  void make_history() {
    auto store = Store::open(options_.file);
    auto run = store.begin_run("pytest", "1");
    store.record(run, {outcome("tests/unit/test_edges.py::test_rising", Verdict::passed, KiB(340), Bytes{0}, 0.0004)});
    store.end_run(run);
    run = store.begin_run("pytest", "2");
    Outcome killed;
    killed.id = "tests/memory/test_digital_recordings.py::test_spectrogram_of_all_channels[blackman-16]";
    killed.at_least = MiB(1300);
    store.record(
        run, {outcome("tests/unit/test_edges.py::test_rising", Verdict::passed, KiB(300), Bytes{0}, 0.0004),
              outcome("tests/memory/test_long_recordings.py::TestSpectrum::test_window[hann]", Verdict::failed,
                      MiB(612), MiB(24), 3.21),
              outcome("tests/stress/test_many.py::test_frames", Verdict::timed_out, MiB(80), MiB(96), 301), killed});
    store.end_run(run);
    options_.now = store.all("pytest").at(0).last_run + 7200;
  }
  // The output, with the code in front where it is not 0.
  std::string run() {
    out_.str("");
    err_.str("");
    const int code = run_history(options_, out_, err_);
    return (code == 0 ? "" : std::to_string(code) + "\n") + out_.str();
  }
  std::vector<std::string> ids() {
    options_.format = HistoryFormat::json;
    std::vector<std::string> found;
    const auto json = nlohmann::json::parse(run());
    for (const auto& test : json["tests"]) {
      const std::string id = test["id"];
      found.push_back(id.substr(id.rfind("::") + 2));
    }
    return found;
  }

  fs::path folder_;
  HistoryOptions options_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(HistoryVerb, TheTable) {
  make_history();
  EXPECT_EQ(run(), R"(     peak  retained  duration  runs  verdict    last run  test
> 1.3 GiB         -         -     0  not_run     2 h ago  tests/memory/test_digital_recordings.py::test_spectrogram_of_all_channels[blackman-16]
  612 MiB    24 MiB     3.2 s     1  failed      2 h ago  tests/memory/test_long_recordings.py::TestSpectrum::test_window[hann]
   80 MiB    96 MiB     5 min     1  timed_out   2 h ago  tests/stress/test_many.py::test_frames
  340 KiB       0 B    0.4 ms     2  passed      2 h ago  tests/unit/test_edges.py::test_rising

4 of 4 tests
)");
  EXPECT_EQ(err_.str(), "");
}

TEST_F(HistoryVerb, TheTableOnATerminalOf80Columns) {
  make_history();
  options_.columns = 80;
  EXPECT_EQ(run(), R"(     peak  retained  duration  runs  verdict    last run  test
> 1.3 GiB         -         -     0  not_run     2 h ago  tests/mem...ackman-16]
  612 MiB    24 MiB     3.2 s     1  failed      2 h ago  tests/mem...ndow[hann]
   80 MiB    96 MiB     5 min     1  timed_out   2 h ago  tests/str...est_frames
  340 KiB       0 B    0.4 ms     2  passed      2 h ago  tests/uni...est_rising

4 of 4 tests
)");
  std::istringstream lines(out_.str());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U);
}

TEST_F(HistoryVerb, TheTableOfTheHeap) {
  make_history();
  {
    auto store = Store::open(options_.file);
    Outcome frames = outcome("tests/stress/test_many.py::test_frames", Verdict::passed, MiB(80), MiB(96), 301);
    frames.heap = HeapFigures{MiB(70), GiB(3), 1234567, {}};
    Outcome edges = outcome("tests/unit/test_edges.py::test_rising", Verdict::passed, KiB(340), Bytes{0}, 0.0004);
    edges.heap = HeapFigures{KiB(12), KiB(40), 80, KiB(1)};
    const auto run = store.begin_run("pytest", "3");
    store.record(run, {edges, frames});
    store.end_run(run);
  }
  options_.figures = HistoryFigures::heap;
  options_.patterns = {"stress", "unit", "long"};
  EXPECT_EQ(run(), R"(heap peak  allocated  allocations  runs  verdict  last run  test
   70 MiB    3.0 GiB    1,234,567     2  passed    2 h ago  tests/stress/test_many.py::test_frames
   12 KiB     40 KiB           80     3  passed    2 h ago  tests/unit/test_edges.py::test_rising
        -          -            -     1  failed    2 h ago  tests/memory/test_long_recordings.py::TestSpectrum::test_window[hann]

3 of 3 tests found, 4 known
)");
  options_.columns = 80;
  std::istringstream lines(run());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U);
  options_.sort = HistorySort::allocations;
  options_.reverse = true;
  EXPECT_THAT(ids(), ElementsAre("test_window[hann]", "test_rising", "test_frames"));
  const auto json = nlohmann::json::parse(run())["tests"];
  EXPECT_EQ(json[2]["heap_peak_bytes"], MiB(70).value);
  EXPECT_EQ(json[2]["heap_allocated_bytes"], GiB(3).value);
  EXPECT_EQ(json[2]["heap_allocations"], 1234567);
}

TEST_F(HistoryVerb, TheJson) {
  make_history();
  options_.format = HistoryFormat::json;
  options_.limit = 2;
  const std::string time = std::to_string(*options_.now - 7200);
  EXPECT_EQ(run(),
            R"({"format": "fittest-history", "version": 1, "known": 4, "tests": [
{"duration_seconds":0.0,"heap_allocated_bytes":null,"heap_allocations":null,"heap_peak_bytes":null,"id":"tests/memory/test_digital_recordings.py::test_spectrogram_of_all_channels[blackman-16]","killed_at_bytes":1363148800,"last_run":)" +
                time +
                R"(,"last_verdict":"not_run","peak_bytes":1363148800,"retained_bytes":0,"runs":0,"suite":"pytest"},
{"duration_seconds":3.21,"heap_allocated_bytes":null,"heap_allocations":null,"heap_peak_bytes":null,"id":"tests/memory/test_long_recordings.py::TestSpectrum::test_window[hann]","killed_at_bytes":null,"last_run":)" +
                time +
                R"(,"last_verdict":"failed","peak_bytes":641728512,"retained_bytes":25165824,"runs":1,"suite":"pytest"}
]}
)");
}

TEST_F(HistoryVerb, Sorts) {
  make_history();
  const std::string spectrogram = "test_spectrogram_of_all_channels[blackman-16]";
  EXPECT_THAT(ids(), ElementsAre(spectrogram, "test_window[hann]", "test_frames", "test_rising"));
  options_.sort = HistorySort::retained;
  EXPECT_THAT(ids(), ElementsAre("test_frames", "test_window[hann]", spectrogram, "test_rising"));
  options_.sort = HistorySort::duration;
  EXPECT_THAT(ids(), ElementsAre("test_frames", "test_window[hann]", "test_rising", spectrogram));
  options_.sort = HistorySort::runs;
  EXPECT_THAT(ids(), ElementsAre("test_rising", "test_window[hann]", "test_frames", spectrogram));
  options_.sort = HistorySort::id;
  EXPECT_THAT(ids(), ElementsAre(spectrogram, "test_window[hann]", "test_frames", "test_rising"));
  options_.reverse = true;
  EXPECT_THAT(ids(), ElementsAre("test_rising", "test_frames", "test_window[hann]", spectrogram));
}

TEST_F(HistoryVerb, Filters) {
  make_history();
  options_.patterns = {"edges", "*::test_frames"};
  EXPECT_THAT(ids(), ElementsAre("test_frames", "test_rising"));
  options_.patterns = {"[hann]"};
  EXPECT_THAT(ids(), ElementsAre("test_window[hann]"));
  options_.patterns.clear();
  options_.verdict = Verdict::passed;
  EXPECT_THAT(ids(), ElementsAre("test_rising"));
  options_.verdict.reset();
  options_.min_peak = MiB(612);
  EXPECT_EQ(ids().size(), 2U);
  options_.format = HistoryFormat::table;
  options_.limit = 1;
  EXPECT_THAT(run(), HasSubstr("1 of 2 tests found, 4 known (--limit 0 shows all)\n"));
  options_.patterns = {"nothing like it"};
  EXPECT_EQ(run(), "No test matches; 4 are known.\n  -> Leave out a pattern, --verdict or --min-peak.\n");
  EXPECT_THAT(ids(), IsEmpty());
}

TEST_F(HistoryVerb, ATableEndsAfter50RowsJsonDoesNot) {
  {
    auto store = Store::open(options_.file);
    std::vector<Outcome> results;
    for (int i = 0; i < 1200; ++i) {
      results.push_back(outcome("a.py::test_" + std::to_string(i), Verdict::passed, MiB(1), {}, 0));
    }
    store.record(store.begin_run("pytest", "1"), results);
  }
  EXPECT_THAT(run(), HasSubstr("50 of 1,200 tests (--limit 0 shows all)"));
  options_.limit = 0;
  EXPECT_THAT(run(), HasSubstr("1,200 of 1,200 tests\n"));
  options_.limit.reset();
  EXPECT_EQ(ids().size(), 1200U);
}

TEST_F(HistoryVerb, SeveralSuitesAreToldApart) {
  make_history();
  {
    auto store = Store::open(options_.file);
    store.record(store.begin_run("gtest", "1"), {outcome("core_test::Parser.Empty", Verdict::passed, GiB(2), {}, 1)});
  }
  EXPECT_THAT(run(), HasSubstr("  gtest: core_test::Parser.Empty\n"));
}

TEST_F(HistoryVerb, NoHistoryYetIsNoError) {
  const std::string words = "No history yet: there are no results in " + options_.file.string() +
                            ".\n  -> Run the tests with fittest, for example: fittest pytest\n";
  EXPECT_EQ(run(), words);
  EXPECT_TRUE(fs::is_empty(folder_)) << "and makes none";
  options_.format = HistoryFormat::json;
  EXPECT_EQ(nlohmann::json::parse(run())["tests"].size(), 0U);
  EXPECT_EQ(err_.str(), words);
  options_.format = HistoryFormat::table;
  (void)Store::open(options_.file);
  EXPECT_EQ(run(), words) << "a file without results";
}

TEST_F(HistoryVerb, AFileThatIsNoHistoryIsNamedAndLeft) {
  std::ofstream(options_.file) << "garbage";
  EXPECT_EQ(run(), "4\n");
  EXPECT_EQ(err_.str(), "fittest: " + options_.file.string() +
                            ": it is damaged: file is not a database\n"
                            "  -> the next run sets it aside and begins a new one\n");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
  options_.file = folder_;
  EXPECT_EQ(run(), "4\n");
  options_.file = folder_ / "x" / "y.db";
  EXPECT_THAT(run(), StartsWith("No history yet"));
}

TEST_F(HistoryVerb, IdsCannotSpoilTheTerminalNorTheJson) {
  {
    auto store = Store::open(options_.file);
    store.record(store.begin_run("pytest", "1"), {outcome("a\x1b[2J\n::ä\xff", Verdict::passed, MiB(1), {}, 0)});
  }
  EXPECT_THAT(run(), HasSubstr("  a\\x1b[2J\\x0a::ä\xff\n"));
  EXPECT_THAT(ids(), ElementsAre("ä\xef\xbf\xbd"));
}

class HistoryArguments : public testing::Test {
 protected:
  void parse(const std::string& arguments) {
    CLI::App app("fittest");
    options_ = {};
    app.require_subcommand(1);
    add_history_verb(app, options_);
    app.parse(arguments);
  }
  HistoryOptions options_;
};

TEST_F(HistoryArguments, FillTheOptions) {
  parse("history");
  EXPECT_EQ(options_.file, ".fittest/history.db");
  EXPECT_EQ(options_.figures, HistoryFigures::memory);
  EXPECT_FALSE(options_.sort);
  EXPECT_FALSE(options_.limit || options_.verdict || options_.min_peak || options_.reverse);
  parse("history a b --sort retained --reverse --verdict timed_out --min-peak 100M --limit 7 --json --history x.db");
  EXPECT_THAT(options_.patterns, ElementsAre("a", "b"));
  EXPECT_EQ(options_.sort, HistorySort::retained);
  EXPECT_TRUE(options_.reverse);
  EXPECT_EQ(options_.verdict, Verdict::timed_out);
  EXPECT_EQ(options_.min_peak, MiB(100));
  EXPECT_EQ(options_.limit, 7U);
  EXPECT_EQ(options_.format, HistoryFormat::json);
  EXPECT_EQ(options_.file, "x.db");
  parse("history --heap --sort heap_peak");
  EXPECT_EQ(options_.figures, HistoryFigures::heap);
  EXPECT_EQ(options_.sort, HistorySort::heap_peak);
}

TEST_F(HistoryArguments, WrongOnesAreRefused) {
  for (const char* arguments : {"history --sort size", "history --verdict fine", "history --min-peak much",
                                "history --limit -1", "history --limit few", "history --unknown"}) {
    EXPECT_THROW(parse(arguments), CLI::ParseError) << arguments;
  }
  try {
    parse("history --verdict fine");
  } catch (const CLI::ParseError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'fine' is no verdict; there are passed, failed,"));
  }
}

TEST(Matches, PartsWithoutAndWholeIdsWithWildcards) {
  EXPECT_TRUE(matches("", "anything"));
  EXPECT_TRUE(matches("b[1]", "a::b[1]"));
  EXPECT_FALSE(matches("b[2]", "a::b[1]"));
  EXPECT_TRUE(matches("a*", "abc"));
  EXPECT_FALSE(matches("b*", "abc"));
  EXPECT_TRUE(matches("a?c", "abc"));
  EXPECT_FALSE(matches("a?", "abc"));
  EXPECT_TRUE(matches("*a*b*", "xxaxxabxx"));
  EXPECT_TRUE(matches("*ab", "aab"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_FALSE(matches("?", ""));
}

TEST(Matches, ManyStarsDoNotTakeForEver) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(matches(pattern + "b", std::string(20'000, 'a')));
}

}  // namespace
}  // namespace fittest::cli
