// The words for algorithms, orders and buckets.
#include <array>
#include <utility>

#include "select/order.h"
#include "select/split.h"

namespace fittest::select {
namespace {

template <typename Value, std::size_t count>
std::optional<Value> find_word(const std::array<std::pair<std::string_view, Value>, count>& words,
                               std::string_view word) {
  for (const auto& [text, value] : words) {
    if (text == word) return value;
  }
  return std::nullopt;
}

template <typename Value, std::size_t count>
std::string_view word_of(const std::array<std::pair<std::string_view, Value>, count>& words, Value wanted) {
  for (const auto& [text, value] : words) {
    if (value == wanted) return text;
  }
  return {};
}

constexpr std::array<std::pair<std::string_view, Algorithm>, 3> kAlgorithms = {
    {{"balanced", Algorithm::balanced},
     {"duration_based_chunks", Algorithm::duration_based_chunks},
     {"least_duration", Algorithm::least_duration}}};
constexpr std::array<std::pair<std::string_view, KeepWhole>, 4> kKeepWhole = {{{"nothing", KeepWhole::nothing},
                                                                               {"file", KeepWhole::file},
                                                                               {"scope", KeepWhole::scope},
                                                                               {"group", KeepWhole::group}}};
constexpr std::array<std::pair<std::string_view, Order>, 4> kOrders = {{{"collected", Order::collected},
                                                                        {"random", Order::random},
                                                                        {"failed-first", Order::failed_first},
                                                                        {"slow-first", Order::slow_first}}};
constexpr std::array<std::pair<std::string_view, Bucket>, 7> kBuckets = {{{"global", Bucket::global},
                                                                          {"package", Bucket::package},
                                                                          {"module", Bucket::module},
                                                                          {"class", Bucket::class_},
                                                                          {"parent", Bucket::parent},
                                                                          {"grandparent", Bucket::grandparent},
                                                                          {"none", Bucket::none}}};

}  // namespace

std::optional<Algorithm> algorithm_from(std::string_view word) {
  return find_word(kAlgorithms, word);
}
std::string_view name(Algorithm algorithm) {
  return word_of(kAlgorithms, algorithm);
}

std::optional<KeepWhole> keep_whole_from(std::string_view word) {
  return find_word(kKeepWhole, word);
}
std::string_view name(KeepWhole keep_whole) {
  return word_of(kKeepWhole, keep_whole);
}

std::optional<Order> order_from(std::string_view word) {
  return find_word(kOrders, word);
}
std::optional<Bucket> bucket_from(std::string_view word) {
  return find_word(kBuckets, word);
}

}  // namespace fittest::select
