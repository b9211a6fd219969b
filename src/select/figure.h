#pragma once
// The figures that facts are compared with: sizes, spans of time, numbers.
#include <cstdint>
#include <string_view>

#include "core/bytes.h"
#include "core/error.h"
#include "core/ids.h"

namespace fittest::select {

// True for digits with at most a point among them: what still needs, or may still have, a unit.
bool is_bare_number(std::string_view text);

// As parse_bytes, but without a unit only 0 is a size: "100" is as often meant as megabytes as it is as bytes.
Result<Bytes> parse_size(std::string_view text);
// "1.5s", "200ms", "3m" or "3min", "2h"; without a unit, seconds.
Result<Seconds> parse_duration(std::string_view text);
Result<std::uint32_t> parse_count(std::string_view text);

}  // namespace fittest::select
