#pragma once
// What a terminal would show of a stream of bytes: as much of it as Screen and the frameworks it carries make use of.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fittest::report {

struct Cell {
  std::string text = " ";
  std::string colours;  // the sequences in force when it was written
  bool operator==(const Cell&) const = default;
};
using Row = std::vector<Cell>;

class ScreenModel {
 public:
  enum class Newline { returns_too, moves_down_only };
  ScreenModel(std::size_t columns, std::size_t height, Newline newline)
      : columns_(columns), height_(height), newline_(newline) {}

  void feed(std::string_view bytes);

  // Everything from the first line on, what scrolled away included; without blanks at the ends of rows.
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
  [[nodiscard]] std::vector<std::string> text() const;
  [[nodiscard]] std::size_t cursor_row() const { return row_; }
  [[nodiscard]] std::size_t cursor_column() const { return column_; }
  // What it did not understand; a test should find nothing here.
  [[nodiscard]] const std::string& unknown() const { return unknown_; }

 private:
  std::size_t escape(std::string_view bytes);
  void put(std::string_view character, std::size_t width);
  void down();
  [[nodiscard]] std::size_t top() const { return rows_.size() > height_ ? rows_.size() - height_ : 0; }

  std::size_t columns_;
  std::size_t height_;
  Newline newline_;
  std::vector<Row> rows_ = {Row{}};
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  bool wraps_ = false;  // the last column is written, the next character goes to the next row
  std::string colours_;
  std::string unknown_;
};

// A row as text, blanks at its end taken off.
std::string text_of(const Row& row);

}  // namespace fittest::report
