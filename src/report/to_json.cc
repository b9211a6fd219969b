#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/utf8.h"
#include "report/json_lines.h"

namespace fittest::report {
namespace {

using nlohmann::json;

// Microseconds are enough, and short. JSON has no word for what is not finite; nobody should send it.
double seconds(Seconds value) {
  return std::isfinite(value) ? std::round(value * 1e6) / 1e6 : 0;
}

std::vector<std::string> valid_utf8(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back(fittest::valid_utf8(text));
  return out;
}

std::string without_middle(const std::string& text, std::size_t most) {
  if (text.size() <= most) return fittest::valid_utf8(text);
  const std::size_t half = most / 2;
  // The cuts may go through a character: bytes of it that stay are replaced.
  return fittest::valid_utf8(text.substr(0, half)) +
         fmt::format("\n[... {} bytes left out ...]\n", text.size() - 2 * half) +
         fittest::valid_utf8(text.substr(text.size() - half));
}

void put(json& out, const char* key, const std::optional<Bytes>& bytes) {
  if (bytes) out[key] = bytes->value;
}

void put_text(json& out, const char* key, const std::string& text, std::size_t most) {
  if (!text.empty()) out[key] = without_middle(text, most);
}

void fill(json& out, const RunStarted& e) {
  out["event"] = "run_started";
  out["run_id"] = fittest::valid_utf8(e.run_id);
  out["suite"] = fittest::valid_utf8(e.suite);
  out["command"] = valid_utf8(e.command);
  out["budget"] = e.budget.value;
  out["budget_source"] = fittest::valid_utf8(e.budget_source);
  out["domain"] = fittest::valid_utf8(e.domain);
  out["shortcomings"] = valid_utf8(e.shortcomings);
  out["started_at"] = seconds(e.started_at);
  out["host"] = fittest::valid_utf8(e.host);
}

void fill(json& out, const Collected& e) {
  out["event"] = "collected";
  out["tests"] = e.tests;
  out["isolation"] = fittest::valid_utf8(e.isolation);
  out["isolation_reason"] = fittest::valid_utf8(e.isolation_reason);
  out["max_workers"] = e.max_workers;
  out["zygote_held"] = e.zygote_held.value;
  out["took"] = seconds(e.took);
}

void fill(json& out, const WorkerStarted& e) {
  out["event"] = "worker_started";
  out["worker"] = number(e.worker);
  out["pid"] = e.pid;
}

void fill(json& out, const WorkerEnded& e) {
  out["event"] = "worker_ended";
  out["worker"] = number(e.worker);
  out["why"] = fittest::valid_utf8(e.why);
}

void fill(json& out, const TestStarted& e) {
  out["event"] = "test_started";
  out["worker"] = number(e.worker);
  out["test"] = e.test;
  out["id"] = fittest::valid_utf8(e.id);
}

void fill(json& out, const TestFinished& e) {
  out["event"] = "test_finished";
  out["worker"] = number(e.worker);
  out["test"] = e.test;
  out["id"] = fittest::valid_utf8(e.id);
  out["verdict"] = name(e.verdict);
  out["duration"] = seconds(e.duration);
  put(out, "peak", e.peak);
  put(out, "retained", e.retained);
  put(out, "at_least", e.at_least);
  if (e.heap) {
    out["heap"] = {
        {"peak", e.heap->peak.value}, {"allocated", e.heap->allocated.value}, {"allocations", e.heap->allocations}};
    put(out["heap"], "body_peak", e.heap->body_peak);
  }
  put_text(out, "detail", e.detail, kLongestDetail);
  put_text(out, "message", e.message, kLongestMessage);
}

void fill(json& out, const TestAmended& e) {
  out["event"] = "test_amended";
  out["test"] = e.test;
  out["id"] = fittest::valid_utf8(e.id);
  out["verdict"] = name(e.verdict);
  put_text(out, "detail", e.detail, kLongestDetail);
}

void fill(json& out, const BatchKilled& e) {
  out["event"] = "batch_killed";
  out["worker"] = number(e.worker);
  out["id"] = fittest::valid_utf8(e.id);
  out["held"] = e.held.value;
  out["by_kernel"] = e.by_kernel;
  out["why"] = fittest::valid_utf8(e.why);
  out["at_least"] = e.at_least.value;
}

void fill(json& out, const TestRequeued& e) {
  out["event"] = "test_requeued";
  out["test"] = e.test;
  out["id"] = fittest::valid_utf8(e.id);
  out["why"] = fittest::valid_utf8(e.why);
}

void fill(json& out, const PressureChanged& e) {
  out["event"] = "pressure_changed";
  out["what"] = fittest::valid_utf8(e.what);
}

void fill(json& out, const BudgetRaised& e) {
  out["event"] = "budget_raised";
  out["budget"] = e.budget.value;
  out["why"] = fittest::valid_utf8(e.why);
}

void fill(json& out, const Sample& e) {
  out["event"] = "sample";
  out["held"] = e.held.value;
  out["reserved"] = e.reserved.value;
  out["workers"] = e.workers;
}

void fill(json& out, const Notice& e) {
  out["event"] = "notice";
  out["text"] = fittest::valid_utf8(e.text);
}

void fill(json& out, const RunFinished& e) {
  out["event"] = "run_finished";
  out["exit_code"] = e.exit_code;
  out["interrupted"] = e.interrupted;
  out["wall"] = seconds(e.wall);
  out["peak"] = e.peak.value;
  out["kernel_kills"] = e.kernel_kills;
  out["bound"] = {{"longest", seconds(e.bound.longest)},
                  {"by_cores", seconds(e.bound.by_cores)},
                  {"by_memory", seconds(e.bound.by_memory)}};
}

}  // namespace

json to_json(const Event& event) {
  json out = {{"v", kSchemaVersion}, {"at", seconds(event.at)}};
  std::visit([&](const auto& payload) { fill(out, payload); }, event.payload);
  return out;
}

}  // namespace fittest::report
