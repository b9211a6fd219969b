#pragma once
// One `testcase` element, and how texts and ids are spelled in JUnit XML.
#include <string>
#include <string_view>

#include "report/event.h"

namespace fittest::report {

// As pytest splits them: "tests/a.py::TestX::test_y[1]" is {"tests.a.TestX", "test_y[1]"}.
struct TestAddress {
  std::string classname;
  std::string name;
};
TestAddress junit_address(std::string_view id);

// Characters XML 1.0 forbids are spelled as pytest does: ESC becomes "#x1B". What is no UTF-8 becomes U+FFFD.
std::string xml_text(std::string_view text);

// What a testcase counts as in the attributes of its testsuite.
enum class JUnitCount { passed, failure, error, skipped };
JUnitCount junit_count(Verdict verdict);

// The element as text.
std::string testcase_xml(const TestFinished& test);
// The same element of a test whose verdict changed; figures and texts it had stay. Nothing that was not written by
// `testcase_xml` may be given.
std::string amended_testcase_xml(const std::string& testcase, const TestAmended& amended);

}  // namespace fittest::report
