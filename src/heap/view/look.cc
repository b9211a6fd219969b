#include "heap/view/look.h"

#include <fmt/format.h>

#include "report/words.h"

namespace fittest::heap {
namespace {

constexpr std::size_t kLabel = 15;  // as in the summary of a run
constexpr std::size_t kNarrowest = 20;
constexpr unsigned kWithoutLimit = 80;  // prose is broken all the same

}  // namespace

void put_labelled(std::string& out, std::string_view label, std::string_view text, const Look& look,
                  report::Color color) {
  const unsigned columns = look.columns == 0 ? kWithoutLimit : look.columns;
  const std::size_t room = columns > kLabel + kNarrowest ? columns - kLabel : kNarrowest;
  std::string start = look.style(color, fmt::format("  {:<{}}", label, kLabel - 2));
  for (const std::string& line : report::wrap(report::one_line(text), room, 0)) {
    out += start + line + '\n';
    start.assign(kLabel, ' ');
  }
}

}  // namespace fittest::heap
