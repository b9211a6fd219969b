#pragma once
#include <optional>
#include <span>
#include <string_view>

namespace fittest {

// The known word that was probably meant by one that is not known, or nothing where none is near. Case and the
// difference between '-' and '_' count for nothing.
std::optional<std::string_view> nearest(std::string_view written, std::span<const std::string_view> known);

}  // namespace fittest
