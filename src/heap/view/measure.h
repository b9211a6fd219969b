#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "heap/read/profile.h"

namespace fittest::heap {

// What a report ranks by: the word behind --top.
enum class Measure { peak, total, leaked, temporary };
inline constexpr std::array kMeasures{Measure::peak, Measure::total, Measure::leaked, Measure::temporary};

// Four sums, in the order of kMeasures.
using Amounts = std::array<Amount, kMeasures.size()>;

std::string_view word(Measure measure);   // "peak"
std::string_view title(Measure measure);  // "held at the peak"
std::optional<Measure> measure_from(std::string_view word);

inline const Amount& of(const Amounts& amounts, Measure measure) {
  return amounts[static_cast<std::size_t>(measure)];
}
inline Amounts amounts_of(const Figures& figures) {
  return {figures.peak, figures.total, figures.leaked, figures.temporary};
}
inline Amounts amounts_of(const Profile& profile) {
  return {profile.peak, profile.total, profile.leaked, profile.temporary};
}
void add(Amounts& to, const Amounts& more);

// An estimate's standard deviation times this is what the reports call its error: 19 of 20 lie within.
inline constexpr double kErrorInDeviations = 2;

// In bytes; 0 for an exact figure.
double error_of(const Amount& amount);

// "412 MiB"; of an estimate, rounded to whole bytes.
std::string bytes_text(double bytes);
// " ± 3.1 %", of the bytes; "" for an exact figure.
std::string error_text(const Amount& amount);
// "67.3 %"; "-" where there is no whole.
std::string share_text(double part, double whole);
// "1,234,567", rounded.
std::string count_text(double count);

}  // namespace fittest::heap
