#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "heap/read/allowance.h"
#include "heap/read/live_table.h"

namespace fittest::heap {

// Memory that the program mapped by itself. Unlike an allocation, a mapping can be given back in parts, and a new one
// can lie over old ones.
class Mappings {
 public:
  struct Mapping {
    std::uint64_t size = 0;  // when it was made
    std::uint64_t held = 0;  // of it still mapped
    std::uint32_t pieces = 0;
    Cell cell = kNoCell;
    bool sampled = false;
  };

  explicit Mappings(Allowance& allowance) : allowance_(allowance) {}

  // The range must be free: cut() it before. Of size 0: nothing happens. False: more memory would be needed than is
  // allowed.
  bool add(std::uint64_t address, std::uint64_t size, Cell cell, bool sampled);

  // Takes a range out of whatever was mapped there. Calls changed(before, after) for each mapping that lost something;
  // after.held is 0 for one that is gone. False: as above; nothing was changed.
  template <typename Changed>
  bool cut(std::uint64_t address, std::uint64_t size, Changed changed) {
    const std::uint64_t end = end_of(address, size);
    if (!split(address) || !split(end)) return false;
    auto piece = pieces_.lower_bound(address);
    while (piece != pieces_.end() && piece->first < end) {
      Mapping& mapping = mappings_[piece->second.mapping];
      const Mapping before = mapping;
      mapping.held -= piece->second.end - piece->first;
      --mapping.pieces;
      const Mapping after = mapping;
      if (mapping.pieces == 0) unused_.push_back(piece->second.mapping);
      piece = pieces_.erase(piece);
      allowance_.give_back(kBytesPerPiece);
      changed(before, after);
    }
    return true;
  }

  // Calls use(address, size, mapping) for each piece, in order.
  template <typename Use>
  void for_each(Use use) const {
    for (const auto& [address, piece] : pieces_) use(address, piece.end - address, mappings_[piece.mapping]);
  }

 private:
  struct Piece {
    std::uint64_t end;
    std::uint32_t mapping;
  };
  // With the nodes of the map and what belongs to each in the vectors.
  static constexpr std::uint64_t kBytesPerPiece = 160;

  static std::uint64_t end_of(std::uint64_t address, std::uint64_t size) {
    return size > UINT64_MAX - address ? UINT64_MAX : address + size;
  }
  // Makes `address` a border between pieces, if it lies within one.
  bool split(std::uint64_t address);

  Allowance& allowance_;
  std::map<std::uint64_t, Piece> pieces_;  // by first address; they do not overlap
  std::vector<Mapping> mappings_;
  std::vector<std::uint32_t> unused_;  // of mappings_
};

}  // namespace fittest::heap
