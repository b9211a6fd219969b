#pragma once
// How many columns of a terminal a text takes. By a table of our own: wcwidth(3) knows only what the locale knows, and
// says nothing at all under LANG=C.
#include <cstddef>
#include <string>
#include <string_view>

namespace fittest::report {

// 0 for what combines with the character before it, 2 for East Asian wide characters and emoji, else 1.
unsigned width_of(char32_t code);

// Of a text without control characters; colour sequences (ESC [ ... m) take none, a byte that is no UTF-8 takes one.
std::size_t display_width(std::string_view text);

// The longest beginning that fits, colour sequences kept whole; a cut colour is ended.
std::string cut_to_width(std::string_view text, std::size_t columns);

// "tests/unit/te...::test_long[1-2]": the beginning and, where most of the meaning is, the longer end.
std::string shorten_middle(std::string_view text, std::size_t columns);
// "a sentence that was too lo...".
std::string shorten_end(std::string_view text, std::size_t columns);

}  // namespace fittest::report
