#include "heap/view/page.h"

// The file that the build has made of web/, as it is. FITTEST_FLAME_PAGE is its path.
asm(".pushsection .rodata\n"
    ".globl fittest_flame_page_begin\n"
    ".hidden fittest_flame_page_begin\n"
    "fittest_flame_page_begin:\n"
    ".incbin \"" FITTEST_FLAME_PAGE
    "\"\n"
    ".globl fittest_flame_page_end\n"
    ".hidden fittest_flame_page_end\n"
    "fittest_flame_page_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" {
[[gnu::visibility("hidden")]] extern const char fittest_flame_page_begin[];
[[gnu::visibility("hidden")]] extern const char fittest_flame_page_end[];
}

namespace fittest::heap {

std::string_view flame_page() {
  return {fittest_flame_page_begin, static_cast<std::size_t>(fittest_flame_page_end - fittest_flame_page_begin)};
}

}  // namespace fittest::heap
