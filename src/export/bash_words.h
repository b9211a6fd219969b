#pragma once
// Text for bash. What is quoted here is never run by fittest itself.
#include <string>
#include <string_view>
#include <vector>

namespace fittest::exporting {

// One word of a bash command line that means exactly these bytes. It is one line of printable UTF-8, whatever the bytes
// are, and holds no "${{", which GitHub would replace before bash sees it.
std::string bash_word(std::string_view word);

// The words, quoted, with spaces between them.
std::string bash_words(const std::vector<std::string>& words);

}  // namespace fittest::exporting
