#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

namespace fittest::heap {

struct Output {
  std::string text;
  bool succeeded = false;
};

// What a shell command prints.
inline Output output_of(const std::string& command) {
  Output output;
  FILE* pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return output;
  std::array<char, 65536> buffer{};
  for (std::size_t got = 0; (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.text.append(buffer.data(), got);
  }
  const int status = pclose(pipe);
  output.succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return output;
}

// Bytes from hexadecimal digits.
inline std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

// A CPython that scripts/interpreters put into the build folder.
struct Interpreter {
  std::string folder;
  std::string program;
};

// Empty where it is not there; `why` then says so.
inline Interpreter interpreter_of(int minor, std::string& why) {
  const std::string version = "3." + std::to_string(minor);
  const Output output = output_of(FITTEST_SOURCE_FOLDER "/scripts/interpreters --present " + version + " 2>&1");
  why = output.text;
  if (!output.succeeded) return {};
  // `3.x FOLDER PROGRAM`
  const auto program = output.text.rfind(' ');
  const auto folder = output.text.find(' ') + 1;
  return {output.text.substr(folder, program - folder),
          output.text.substr(program + 1, output.text.find_last_not_of('\n') - program)};
}

}  // namespace fittest::heap
