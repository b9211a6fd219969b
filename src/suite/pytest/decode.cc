#include "suite/pytest/decode.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "suite/pytest/protocol.h"

namespace fittest::suite::pytest {
namespace {

using nlohmann::json;

Verdict verdict_from_number(std::uint8_t value) {
  return value < kVerdictCount ? static_cast<Verdict>(value) : Verdict::error;
}

// A duration is added up and divided by later: garbage counts as no time.
Seconds seconds_from(double value) {
  return std::isfinite(value) && value > 0 ? value : 0;
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<json> object_from(std::string_view text) {
  json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  return object;
}

HeapFigures heap_figures_from(FieldReader& fields, bool with_body) {
  HeapFigures heap;
  heap.peak = Bytes{fields.u64()};
  heap.allocated = Bytes{fields.u64()};
  heap.allocations = fields.u64();
  if (with_body) heap.body_peak = Bytes{fields.u64()};
  return heap;
}

}  // namespace

void decode_tests(std::string_view payload, TestList& tests) {
  FieldReader fields(payload);
  while (!fields.rest().empty()) {
    TestList::Traits traits;
    traits.file = fields.u32();
    traits.group = fields.u32();
    traits.shares_setup = fields.u8() != 0;
    traits.labels = fields.u32();
    const std::uint32_t size = fields.u32();
    const std::string_view id = fields.bytes(size);
    if (fields.ok()) tests.add(id, traits);
  }
}

std::optional<TestIndex> decode_test(std::string_view payload) {
  FieldReader fields(payload);
  const TestIndex test = fields.u32();
  if (!fields.ok()) return std::nullopt;
  return test;
}

std::optional<TestEnd> decode_test_end(WorkerId worker, std::string_view payload) {
  FieldReader fields(payload);
  TestEnd end;
  end.worker = worker;
  end.test = fields.u32();
  end.verdict = verdict_from_number(fields.u8());
  const std::uint8_t flags = fields.u8();
  end.broken = (flags & kBroken) != 0;
  end.duration = seconds_from(fields.f64());
  end.peak = Bytes{fields.u64()};
  end.held = Bytes{fields.u64()};
  const std::uint32_t detail = fields.u32();
  const std::uint32_t left = fields.u32();
  if ((flags & kHeap) != 0) end.heap = heap_figures_from(fields, (flags & kBody) != 0);
  end.detail = fields.bytes(detail);
  if (const std::size_t line = end.detail.find('\n'); line != std::string::npos) {
    end.message = end.detail.substr(line + 1);
    end.detail.resize(line);
  }
  end.left_behind = fields.bytes(left);
  end.report = fields.rest();
  if (!fields.ok()) return std::nullopt;
  return end;
}

std::optional<TestAmendment> decode_amendment(WorkerId worker, std::string_view payload) {
  FieldReader fields(payload);
  TestAmendment amendment;
  amendment.worker = worker;
  amendment.test = fields.u32();
  amendment.verdict = verdict_from_number(fields.u8());
  const std::uint32_t size = fields.u32();
  amendment.detail = fields.bytes(size);
  amendment.report = fields.rest();
  if (!fields.ok()) return std::nullopt;
  return amendment;
}

std::optional<StopRequest> decode_stop_request(std::string_view payload) {
  FieldReader fields(payload);
  StopRequest request;
  request.by = fields.u32();
  const auto text = object_from(fields.rest());
  if (!text) return std::nullopt;
  const std::string kind = text_of(*text, "kind");
  if (kind == "exit") {
    request.kind = StopRequest::Kind::exit;
  } else if (kind == "interrupt") {
    request.kind = StopRequest::Kind::interrupt;
  } else if (kind == "shouldstop") {
    request.kind = StopRequest::Kind::maxfail;
  } else {
    return std::nullopt;
  }
  request.message = text_of(*text, "message");
  if (const auto code = text->find("returncode"); code != text->end() && code->is_number_integer()) {
    request.exit_code = code->get<int>();
  }
  return request;
}

std::optional<StopRequest> decode_session_stop(std::string_view payload) {
  const auto text = object_from(payload);
  if (!text) return std::nullopt;
  StopRequest request;
  request.message = text_of(*text, "reason");
  return request;
}

}  // namespace fittest::suite::pytest
