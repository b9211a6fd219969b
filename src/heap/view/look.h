#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "report/style.h"

namespace fittest::heap {

// How a text for a person is to look.
struct Look {
  unsigned columns = 0;  // 0: nothing is cut or shortened, for what goes into a file or another program
  report::Style style{false};

  // Of `columns` what is left behind `used`, but at least `least`; 0 where there is no limit.
  [[nodiscard]] std::size_t room(std::size_t used, std::size_t least = 12) const {
    if (columns == 0) return 0;
    return columns > used + least ? columns - used : least;
  }
};

// Appends "  label          text", the text broken at spaces, its further lines under the first.
void put_labelled(std::string& out, std::string_view label, std::string_view text, const Look& look,
                  report::Color color = report::Color::none);

}  // namespace fittest::heap
