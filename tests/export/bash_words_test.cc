#include "export/bash_words.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "core/utf8.h"
#include "nasty.h"
#include "support/folder.h"

namespace fittest::exporting {
namespace {

// What bash makes of the words: each, with a NUL behind it.
std::string read_by_bash(const std::string& words) {
  const Folder folder;
  const std::string script = folder.write("script", "printf '%s\\0' " + words + "\n").string();
  // The name of the folder is this test's own, of plain characters.
  const int status = std::system(("LC_ALL=C.UTF-8 bash --norc " + script + " > " + (folder / "out").string()).c_str());
  return status == 0 ? folder.read("out") : "bash failed on: " + words;
}

std::vector<std::string> words() {
  std::vector<std::string> all = nasty_words();
  for (NastyWords more; all.size() < 3000;) all.push_back(more.next());
  return all;
}

TEST(BashWord, LeavesWhatMeansItself) {
  EXPECT_EQ(bash_word("tests/unit/test_a.py::test_b"), "tests/unit/test_a.py::test_b");
  EXPECT_EQ(bash_word("--maxfail=5"), "--maxfail=5");
}

TEST(BashWord, IsReadable) {
  EXPECT_EQ(bash_word(""), "''");
  EXPECT_EQ(bash_word("unit and not slow"), "'unit and not slow'");
  EXPECT_EQ(bash_word("it's"), "$'it\\'s'");
  EXPECT_EQ(bash_word("a\nb"), "$'a\\012b'");
  EXPECT_EQ(bash_word("\xc3\xa9t\xc3\xa9"), "'\xc3\xa9t\xc3\xa9'");
  EXPECT_EQ(bash_word("\xff"), "$'\\377'");
}

TEST(BashWord, IsReadBackByBashAsTheSameBytes) {
  const std::vector<std::string> all = words();
  std::string expected;
  for (const std::string& word : all) expected += word + '\0';
  EXPECT_EQ(read_by_bash(bash_words(all)), expected);
}

TEST(BashWord, IsOneLineOfTextThatGitHubLeavesAlone) {
  for (const std::string& word : words()) {
    const std::string quoted = bash_word(word);
    EXPECT_EQ(quoted.find("${{"), std::string::npos) << quoted;
    EXPECT_EQ(valid_utf8(quoted), quoted) << quoted;
    EXPECT_EQ(quoted.find_first_of(std::string("\n\r\t\x01\x7f", 5)), std::string::npos) << quoted;
  }
}

}  // namespace
}  // namespace fittest::exporting
