#pragma once
#include <string_view>

namespace fittest::heap {

// web/'s page, with ">DATA<" where its data goes. Made by the build, held by the program.
std::string_view flame_page();

}  // namespace fittest::heap
