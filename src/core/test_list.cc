#include "core/test_list.h"

namespace fittest {

void TestList::add(std::string_view id, Traits traits) {
  text_ += id;
  ends_.push_back(text_.size());
  traits_.push_back(traits);
}

std::uint32_t TestList::add_labels(std::vector<std::string> labels) {
  const auto [found, is_new] = numbers_.try_emplace(labels, static_cast<std::uint32_t>(label_sets_.size()));
  if (is_new) label_sets_.push_back(std::move(labels));
  return found->second;
}

void TestList::drop_unknown_labels() {
  for (Traits& traits : traits_) {
    if (traits.labels >= label_sets_.size()) traits.labels = 0;
  }
}

std::string_view TestList::id(TestIndex test) const {
  const std::size_t from = test == 0 ? 0 : ends_[test - 1];
  return std::string_view(text_).substr(from, ends_[test] - from);
}

IdParts parts_of(std::string_view id) {
  IdParts parts;
  // A file's name may hold a bracket; what follows the first "::" holds none before the parameters.
  const std::size_t file_end = id.find("::");
  const std::size_t bracket = id.find('[', file_end == std::string_view::npos ? 0 : file_end);
  const std::string_view plain = id.substr(0, bracket);
  const std::size_t name_from = file_end == std::string_view::npos ? 0 : plain.rfind("::") + 2;
  parts.name = id.substr(name_from);
  parts.function = plain.substr(name_from);
  if (file_end == std::string_view::npos) return parts;
  parts.file = id.substr(0, file_end);
  if (name_from > file_end + 2) parts.class_name = id.substr(file_end + 2, name_from - file_end - 4);
  return parts;
}

}  // namespace fittest
