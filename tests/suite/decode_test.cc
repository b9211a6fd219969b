#include "suite/pytest/decode.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "suite/pytest/protocol.h"
#include "support/mutated.h"

namespace fittest::suite::pytest {
namespace {

using namespace std::string_literals;

void put_u64(std::string& out, std::uint64_t number) {
  put_u32(out, static_cast<std::uint32_t>(number));
  put_u32(out, static_cast<std::uint32_t>(number >> 32));
}

// As worker.py sends it.
std::string finished(std::uint8_t verdict, std::uint8_t flags, double seconds, std::string_view detail,
                     std::string_view left, std::string_view report) {
  std::string payload;
  put_u32(payload, 7);
  payload += static_cast<char>(verdict);
  payload += static_cast<char>(flags);
  put_u64(payload, std::bit_cast<std::uint64_t>(seconds));
  put_u64(payload, 5 << 20);
  put_u64(payload, 3ULL << 32);
  put_u32(payload, static_cast<std::uint32_t>(detail.size()));
  put_u32(payload, static_cast<std::uint32_t>(left.size()));
  if ((flags & kHeap) != 0) {
    for (const std::uint64_t figure : {11U, 12U, 13U}) put_u64(payload, figure);
    if ((flags & kBody) != 0) put_u64(payload, 14);
  }
  payload += detail;
  payload += left;
  payload += report;
  return payload;
}

std::string asks_to_stop(std::string_view text) {
  std::string payload;
  put_u32(payload, 4);
  payload += text;
  return payload;
}

TEST(DecodeTestEnd, ReadsWhatAWorkerSays) {
  const auto end =
      decode_test_end(WorkerId{3}, finished(1, kChanged | kBroken | kHeap | kBody, 1.5,
                                            "assert 1 == 2\ntest_a.py:3\n>  assert 1 == 2", "cwd", "report"));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->worker, WorkerId{3});
  EXPECT_EQ(end->test, 7U);
  EXPECT_EQ(end->verdict, Verdict::failed);
  EXPECT_EQ(end->duration, 1.5);
  EXPECT_EQ(end->peak, Bytes{5 << 20});
  EXPECT_EQ(end->held, Bytes{3ULL << 32});
  EXPECT_EQ(end->detail, "assert 1 == 2");
  EXPECT_EQ(end->message, "test_a.py:3\n>  assert 1 == 2");
  EXPECT_EQ(end->left_behind, "cwd");
  EXPECT_TRUE(end->broken);
  EXPECT_EQ(end->report, "report");
  ASSERT_TRUE(end->heap);
  EXPECT_EQ(end->heap->peak, Bytes{11});
  EXPECT_EQ(end->heap->allocated, Bytes{12});
  EXPECT_EQ(end->heap->allocations, 13U);
  EXPECT_EQ(end->heap->body_peak, Bytes{14});
}

TEST(DecodeTestEnd, HasNoFiguresOfTheHeapWhereNoneWereSent) {
  const auto end = decode_test_end(WorkerId{1}, finished(0, 0, 0.1, "", "", ""));
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->heap);
  EXPECT_FALSE(end->broken);
  EXPECT_EQ(end->message, "");
}

TEST(DecodeTestEnd, CutOffAnywhereBeforeTheReportItIsNothing) {
  const std::string whole = finished(0, kHeap, 0.1, "why", "left", "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_test_end(WorkerId{1}, std::string_view(whole).substr(0, size))) << size;
  }
  EXPECT_TRUE(decode_test_end(WorkerId{1}, whole));
}

TEST(DecodeTestEnd, ATimeThatIsNoneCountsAsNoTime) {
  for (const double seconds : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    const auto end = decode_test_end(WorkerId{1}, finished(0, 0, seconds, "", "", ""));
    ASSERT_TRUE(end);
    EXPECT_EQ(end->duration, 0) << seconds;
  }
}

TEST(DecodeTestEnd, AVerdictThatDoesNotExistIsAnError) {
  for (const std::size_t verdict : {kVerdictCount, std::size_t{255}}) {
    const auto end = decode_test_end(WorkerId{1}, finished(static_cast<std::uint8_t>(verdict), 0, 0, "", "", ""));
    ASSERT_TRUE(end);
    EXPECT_EQ(end->verdict, Verdict::error);
  }
}

TEST(DecodeAmendment, ReadsWhatAWorkerSaysAndNothingThatIsCutOff) {
  std::string whole;
  put_u32(whole, 9);
  whole += '\x02';
  put_u32(whole, 3);
  whole += "why";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_amendment(WorkerId{2}, std::string_view(whole).substr(0, size))) << size;
  }
  const auto amendment = decode_amendment(WorkerId{2}, whole + "report");
  ASSERT_TRUE(amendment);
  EXPECT_EQ(amendment->worker, WorkerId{2});
  EXPECT_EQ(amendment->test, 9U);
  EXPECT_EQ(amendment->verdict, Verdict::error);
  EXPECT_EQ(amendment->detail, "why");
  EXPECT_EQ(amendment->report, "report");
}

TEST(DecodeStopRequest, ReadsAllThreeKinds) {
  const auto exit = decode_stop_request(asks_to_stop(R"({"kind": "exit", "message": "no disk", "returncode": 9})"));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->kind, StopRequest::Kind::exit);
  EXPECT_EQ(exit->message, "no disk");
  EXPECT_EQ(exit->exit_code, 9);
  EXPECT_EQ(exit->by, 4U);
  EXPECT_EQ(decode_stop_request(asks_to_stop(R"({"kind": "interrupt"})"))->kind, StopRequest::Kind::interrupt);
  EXPECT_EQ(decode_stop_request(asks_to_stop(R"({"kind": "shouldstop"})"))->kind, StopRequest::Kind::maxfail);
}

TEST(DecodeStopRequest, ValuesOfAnotherTypeAreAsIfTheyWereNotThere) {
  const auto request = decode_stop_request(asks_to_stop(R"({"kind": "exit", "message": ["x"], "returncode": "9"})"));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->message, "");
  EXPECT_FALSE(request->exit_code);
  EXPECT_EQ(decode_session_stop(R"({"reason": {"x": 1}})")->message, "");
}

TEST(DecodeStopRequest, WhatIsNoObjectIsNothing) {
  for (const char* text : {"", "{", "3", "[]", "null", "\xff"}) {
    EXPECT_FALSE(decode_stop_request(asks_to_stop(text))) << text;
    EXPECT_FALSE(decode_session_stop(text)) << text;
  }
  for (const char* text : {"{}", R"({"kind": 3})", R"({"kind": "halt"})"}) {
    EXPECT_FALSE(decode_stop_request(asks_to_stop(text))) << text;
  }
  EXPECT_EQ(decode_session_stop(R"({"reason": "stopping after 1 failures"})")->message, "stopping after 1 failures");
}

TEST(DecodeTests, AddsThoseThatAreThereWhole) {
  std::string payload;
  for (const std::string id : {"a.py::test_a", "a.py::test_b[\n]"}) {
    put_u32(payload, 1);
    put_u32(payload, 2);
    payload += '\x01';
    put_u32(payload, 0);
    put_u32(payload, static_cast<std::uint32_t>(id.size()));
    payload += id;
  }
  TestList whole;
  decode_tests(payload, whole);
  ASSERT_EQ(whole.size(), 2U);
  EXPECT_EQ(whole.id(1), "a.py::test_b[\n]");
  EXPECT_TRUE(whole.traits(1).shares_setup);
  EXPECT_EQ(whole.traits(1).group, 2U);
  TestList cut;
  decode_tests(std::string_view(payload).substr(0, payload.size() - 1), cut);
  EXPECT_EQ(cut.size(), 1U);
}

TEST(Decode, GarbageIsReadWithoutHarm) {
  std::mt19937_64 random(4);
  const std::string end = finished(1, kHeap | kBody, 0.5, "detail\nmore", "left", "report");
  const std::string stop = asks_to_stop(R"({"kind": "exit", "message": "no disk", "returncode": 9})");
  for (int round = 0; round < 20'000; ++round) {
    const std::string payload = mutated(round % 2 == 0 ? end : stop, random, "{}[]\",:0e\x00\xff"s);
    if (const auto read = decode_test_end(WorkerId{1}, payload)) {
      EXPECT_LE(read->detail.size() + read->message.size() + read->left_behind.size() + read->report.size(),
                payload.size());
      EXPECT_GE(read->duration, 0);
    }
    if (const auto read = decode_amendment(WorkerId{1}, payload)) {
      EXPECT_LE(read->detail.size(), payload.size());
    }
    (void)decode_stop_request(payload);
    (void)decode_session_stop(payload);
    TestList tests;
    decode_tests(payload, tests);
    EXPECT_LE(tests.size(), payload.size() / 17);
  }
}

}  // namespace
}  // namespace fittest::suite::pytest
