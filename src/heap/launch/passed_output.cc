#include "heap/launch/passed_output.h"

#include <algorithm>

namespace fittest::heap {

void PassedOutput::pass(std::string_view bytes, Seconds now) {
  if (half_line_.empty()) half_since_ = now;
  half_line_ += bytes;
  const std::size_t end = half_line_.rfind('\n');
  if (end == std::string::npos) return;
  const std::string whole = half_line_.substr(0, end + 1);
  half_line_.erase(0, end + 1);
  half_since_ = now;
  draw(whole);
}

void PassedOutput::show(std::string block, Seconds now) {
  block_ = std::move(block);
  std::string above;
  if (!half_line_.empty() && now - half_since_ >= kLongestHold) above = std::move(half_line_) + "\n";
  if (!above.empty()) half_line_.clear();
  draw(above);
}

void PassedOutput::finish(Seconds now) {
  if (drawn_lines_ == 0 && half_line_.empty()) return;
  block_.clear();
  std::string above = std::move(half_line_);
  half_line_.clear();
  if (!above.empty()) above += '\n';
  half_since_ = now;
  draw(above);
  output_.flush();
}

void PassedOutput::draw(std::string_view above) {
  std::string frame;
  if (drawn_lines_ > 0) frame += "\x1b[" + std::to_string(drawn_lines_) + "A";
  if (drawn_lines_ > 0) frame += "\r\x1b[J";
  frame += above;
  frame += block_;
  drawn_lines_ = static_cast<std::size_t>(std::ranges::count(block_, '\n'));
  output_.write(frame);
}

}  // namespace fittest::heap
