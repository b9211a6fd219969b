#pragma once
// The objects (program, libraries, vdso) that are mapped into the process, as far as stacks were seen to pass them.
#include <cstddef>
#include <cstdint>

namespace fittest::heap::track {

struct Object {
  std::uintptr_t begin = 0, end = 0;            // of its mapping
  std::uintptr_t bias = 0;                      // what the loader added to the file's addresses
  const unsigned char* eh_frame_hdr = nullptr;  // PT_GNU_EH_FRAME; null: nothing is known of its frames
  const char* path = nullptr;                   // the loader's; "" for the program itself
};

// The object that holds `address`, or null. Takes no lock once the object is known; may take the loader's before
// glibc 2.35. Never to be called with a lock of the tracker's held.
const Object* find_object(std::uintptr_t address);

// The same, of those already known.
const Object* known_object(std::uintptr_t address);

// In a forked child, where another thread may have been at work.
void renew_objects_lock();

// After dlclose: what was known may be wrong.
void forget_objects();

// The build id of a mapped object (NT_GNU_BUILD_ID), up to `capacity` bytes; 0 where it has none.
std::size_t read_build_id(const Object& object, unsigned char* into, std::size_t capacity);

}  // namespace fittest::heap::track
