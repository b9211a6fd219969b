#include "heap/track/objects.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <atomic>
#include <cstring>

#include "heap/track/lock.h"

// glibc 2.35 and later; without a lock and safe in signal handlers.
extern "C" int _dl_find_object(void*, struct dl_find_object*) __attribute__((weak));

namespace fittest::heap::track {
namespace {

// Only ever appended to, so that readers need no lock. A process with more libraries than this shows the rest without
// names and ends its stacks there.
constexpr std::size_t kMost = 4096;
Object objects[kMost];
std::atomic<std::size_t> count{0};
std::atomic<std::size_t> first{0};  // those before it are forgotten
Lock appending;

const Object* append(const Object& object) {
  const Locked locked(appending);
  if (const Object* known = known_object(object.begin)) return known;
  const std::size_t at = count.load(std::memory_order_relaxed);
  if (at == kMost) return nullptr;
  objects[at] = object;
  count.store(at + 1, std::memory_order_release);
  return &objects[at];
}

struct Search {
  std::uintptr_t address;
  Object found;
};

int look_at(dl_phdr_info* info, std::size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  std::uintptr_t begin = UINTPTR_MAX, end = 0;
  const unsigned char* frames = nullptr;
  bool inside = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    const std::uintptr_t at = info->dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD) {
      begin = at < begin ? at : begin;
      end = at + part.p_memsz > end ? at + part.p_memsz : end;
      inside = inside || search.address - at < part.p_memsz;
    }
    if (part.p_type == PT_GNU_EH_FRAME) frames = reinterpret_cast<const unsigned char*>(at);
  }
  if (!inside) return 0;
  search.found = {begin & ~(kPage - 1), end, info->dlpi_addr, frames, info->dlpi_name};
  return 1;
}

}  // namespace

const Object* known_object(std::uintptr_t address) {
  const std::size_t end = count.load(std::memory_order_acquire);
  for (std::size_t i = first.load(std::memory_order_relaxed); i < end; ++i) {
    if (address - objects[i].begin < objects[i].end - objects[i].begin) return &objects[i];
  }
  return nullptr;
}

const Object* find_object(std::uintptr_t address) {
  if (const Object* known = known_object(address)) return known;
  if (_dl_find_object != nullptr) {
    dl_find_object found;
    if (_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return nullptr;
    return append({reinterpret_cast<std::uintptr_t>(found.dlfo_map_start),
                   reinterpret_cast<std::uintptr_t>(found.dlfo_map_end), found.dlfo_link_map->l_addr,
                   static_cast<const unsigned char*>(found.dlfo_eh_frame), found.dlfo_link_map->l_name});
  }
  Search search{address, {}};
  if (::dl_iterate_phdr(look_at, &search) == 0) return nullptr;
  return append(search.found);
}

void renew_objects_lock() {
  appending.make_new();
}

void forget_objects() {
  const Locked locked(appending);
  first.store(count.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

std::size_t read_build_id(const Object& object, unsigned char* into, std::size_t capacity) {
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(object.begin);
  if (std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return 0;
  const auto* parts = reinterpret_cast<const ElfW(Phdr)*>(object.begin + header->e_phoff);
  for (int i = 0; i < header->e_phnum; ++i) {
    if (parts[i].p_type != PT_NOTE) continue;
    const auto* at = reinterpret_cast<const unsigned char*>(object.bias + parts[i].p_vaddr);
    const unsigned char* const end = at + parts[i].p_memsz;
    while (end - at >= static_cast<std::ptrdiff_t>(sizeof(ElfW(Nhdr)))) {
      const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(at);
      const unsigned char* const name = at + sizeof *note;
      const unsigned char* const text = name + ((note->n_namesz + 3U) & ~3U);
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
        const std::size_t size = note->n_descsz < capacity ? note->n_descsz : capacity;
        std::memcpy(into, text, size);
        return size;
      }
      at = text + ((note->n_descsz + 3U) & ~3U);
    }
  }
  return 0;
}

}  // namespace fittest::heap::track
