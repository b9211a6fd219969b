#include "heap/read/mappings.h"

#include <iterator>

namespace fittest::heap {

bool Mappings::add(std::uint64_t address, std::uint64_t size, Cell cell, bool sampled) {
  const std::uint64_t end = end_of(address, size);
  if (end == address) return true;
  if (!allowance_.take(kBytesPerPiece)) return false;
  if (unused_.empty()) {
    unused_.push_back(static_cast<std::uint32_t>(mappings_.size()));
    mappings_.emplace_back();
  }
  const std::uint32_t mapping = unused_.back();
  unused_.pop_back();
  mappings_[mapping] = {end - address, end - address, 1, cell, sampled};
  pieces_.emplace(address, Piece{end, mapping});
  return true;
}

bool Mappings::split(std::uint64_t address) {
  auto after = pieces_.upper_bound(address);
  if (after == pieces_.begin()) return true;
  auto piece = std::prev(after);
  if (piece->first == address || piece->second.end <= address) return true;
  if (!allowance_.take(kBytesPerPiece)) return false;
  const Piece second{piece->second.end, piece->second.mapping};
  piece->second.end = address;
  ++mappings_[second.mapping].pieces;
  pieces_.emplace_hint(after, address, second);
  return true;
}

}  // namespace fittest::heap
