#pragma once
#include <random>
#include <string>
#include <vector>

namespace fittest::exporting {

// Words that mean something to bash, YAML, GitHub, GitLab or Kubernetes, and should not.
inline const std::vector<std::string>& nasty_words() {
  static const std::vector<std::string> kWords = {"",
                                                  " ",
                                                  "a b",
                                                  "it's",
                                                  "\"",
                                                  "\\",
                                                  "\\'",
                                                  "$HOME",
                                                  "$(touch x)",
                                                  "`id`",
                                                  "${{ github.token }}",
                                                  "${{",
                                                  "$${{",
                                                  "}}",
                                                  "$$",
                                                  "$(JOB_COMPLETION_INDEX)",
                                                  "$$(X)",
                                                  "$[[ inputs.x ]]",
                                                  "a\nb",
                                                  "a\n",
                                                  "\n",
                                                  "\n\n",
                                                  "a\tb",
                                                  "\x01",
                                                  "\x7f",
                                                  "\r\n",
                                                  "# no comment",
                                                  "a # b",
                                                  "a: b",
                                                  "- a",
                                                  "* a",
                                                  "&a",
                                                  "!a",
                                                  "!!str",
                                                  "[a",
                                                  "{a}",
                                                  "? a",
                                                  "| a",
                                                  "> a",
                                                  "%a",
                                                  "@a",
                                                  "~",
                                                  "null",
                                                  "NULL",
                                                  "yes",
                                                  "No",
                                                  "on",
                                                  "off",
                                                  "true",
                                                  "3.10",
                                                  "3",
                                                  "0x1f",
                                                  "0o17",
                                                  "1e3",
                                                  "1_000",
                                                  ".5",
                                                  ".inf",
                                                  ".NaN",
                                                  "2001-12-14",
                                                  "12:30:45",
                                                  "=",
                                                  "<<",
                                                  "---",
                                                  "...",
                                                  "-",
                                                  "--",
                                                  "-m",
                                                  "--group=5",
                                                  ";",
                                                  "&&",
                                                  "|",
                                                  ">",
                                                  "<",
                                                  "*",
                                                  "tests/a.py::test_b[x-'y' \"z\"]",
                                                  "\xc3\xa9",
                                                  "\xe6\xb5\x8b\xe8\xaf\x95",
                                                  "\xf0\x9f\x98\x80",
                                                  "\xff",
                                                  "a\xc3",
                                                  "\xc2\x85",
                                                  "\xe2\x80\xa8",
                                                  "\xef\xbb\xbf",
                                                  "\xef\xbf\xbe",
                                                  "\xe2\x80\xae",
                                                  "\xed\xa0\x80",
                                                  std::string(300, 'x'),
                                                  "a  b",
                                                  " a",
                                                  "a ",
                                                  "'a'",
                                                  "$'a'",
                                                  "!x",
                                                  "a\\\nb",
                                                  "~root",
                                                  "x=y",
                                                  "a\n b",
                                                  " a\nb\n",
                                                  "a \nb\n",
                                                  "a\n\nb\n"};
  return kWords;
}

// Random words of the pieces above and of random bytes, never with a NUL, which no argument can hold.
class NastyWords {
 public:
  std::string next() {
    std::string word;
    for (auto pieces = random_() % 4 + 1; pieces > 0; --pieces) {
      if (random_() % 3 != 0) {
        word += nasty_words()[random_() % nasty_words().size()];
      } else {
        word += static_cast<char>(random_() % 255 + 1);
      }
    }
    return word;
  }

 private:
  std::mt19937 random_{20260101};  // NOLINT: the same words in every run
};

}  // namespace fittest::exporting
