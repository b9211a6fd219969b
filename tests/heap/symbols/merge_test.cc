#include "heap/symbols/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

namespace fittest::heap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Stacks as they are written here: "function@object" for native frames, "function" or "function!" (with `entry`) for
// Python ones.
class Merged : public testing::Test {
 protected:
  std::vector<std::string> merged(const std::vector<std::string>& native, const std::vector<std::string>& python,
                                  bool native_too = false) {
    std::vector<std::string> names;
    std::vector<const NamedFrame*> frames;
    for (const std::string& text : native) {
      const auto at = text.find('@');
      Line line;
      line.function = text.substr(0, at);
      line.module = text.substr(at + 1);
      frames_.push_back(kind_of(line, line.module == "/opt/app"));
      frames_.back().lines.push_back(static_cast<std::uint32_t>(names.size()));
      names.push_back(line.function);
      frames.push_back(&frames_.back());
    }
    std::vector<NamedPythonFrame> lines;
    for (std::string text : python) {
      const bool entry = text.back() == '!';
      if (entry) text.pop_back();
      lines.push_back({static_cast<std::uint32_t>(names.size()), entry});
      names.push_back(text);
    }
    std::vector<std::string> functions;
    for (const std::uint32_t line : merge(frames, lines, native_too)) functions.push_back(names[line]);
    return functions;
  }

  std::deque<NamedFrame> frames_;
};

const std::string kPython = "@/usr/lib/libpython3.12.so.1.0";
const std::string kLoop = "_PyEval_EvalFrameDefault" + kPython;
const std::string kArray = "array_empty@/x/numpy/_core/_multiarray_umath.cpython-312-x86_64-linux-gnu.so";

TEST_F(Merged, begins_with_who_asked) {
  EXPECT_THAT(merged({"malloc@/x/libfittest_heap.so", "operator new(unsigned long)@/lib/libstdc++.so.6", "f@/x/a"}, {}),
              ElementsAre("f"));
  EXPECT_THAT(merged({"operator new[](unsigned long)@/x/a", "f@/x/a", "malloc@/lib/libc.so.6", "g@/x/a"}, {}),
              ElementsAre("f", "malloc", "g"));
  EXPECT_THAT(merged({"anything@/x/libfittest_heap.so.1", "mmap@/lib/x86_64-linux-gnu/libc.so.6", "g@/x/a"}, {}, true),
              ElementsAre("g"));
  EXPECT_THAT(merged({"malloc@/lib/libc.so.6", "operator new(unsigned long)@/x/a"}, {}),
              ElementsAre("operator new(unsigned long)"));
  EXPECT_THAT(merged({}, {}), IsEmpty());
}

TEST_F(Merged, puts_python_frames_where_the_loop_was) {
  const std::vector<std::string> native{"malloc@/lib/libc.so.6",
                                        kArray,
                                        "_PyObject_Vectorcall" + kPython,
                                        kLoop,
                                        "PyObject_Call" + kPython,
                                        "call@/x/ext.so",
                                        kLoop,
                                        "Py_RunMain" + kPython,
                                        "main@/usr/bin/python3.12",
                                        "__libc_start_main@/lib/x86_64-linux-gnu/libc.so.6",
                                        "_start@/usr/bin/python3.12"};
  EXPECT_THAT(merged(native, {"inner", "outer!", "module!"}),
              ElementsAre("array_empty", "inner", "outer", "call", "module"));
  EXPECT_THAT(merged(native, {"inner", "outer!", "module!"}, true),
              ElementsAre("array_empty", "_PyObject_Vectorcall", "inner", "outer", "PyObject_Call", "call", "module",
                          "Py_RunMain", "main", "__libc_start_main", "_start"));
}

TEST_F(Merged, keeps_what_embeds_python) {
  const std::vector<std::string> native{"list_resize@/opt/app",   "_PyEval_EvalFrameDefault@/opt/app",
                                        "PyObject_Call@/opt/app", "run_script@/opt/app",
                                        "main@/opt/app",          "__libc_start_main@/lib/libc.so.6"};
  EXPECT_THAT(merged(native, {"f!"}), ElementsAre("list_resize", "f", "run_script", "main"));
  // The C API of numpy has names like CPython's.
  EXPECT_THAT(merged({"PyArray_Zeros@/x/_multiarray_umath.so", kLoop}, {"f!"}), ElementsAre("PyArray_Zeros", "f"));
}

TEST_F(Merged, keeps_native_stacks_of_an_interpreter_as_they_are) {
  EXPECT_THAT(merged({"_PyObject_Malloc" + kPython, "Py_InitializeFromConfig" + kPython, "main@/usr/bin/python3"}, {}),
              ElementsAre("_PyObject_Malloc", "Py_InitializeFromConfig", "main"));
  // Python frames could not be had.
  EXPECT_THAT(merged({"f@/x/ext.so", kLoop, "main@/usr/bin/python3"}, {}),
              ElementsAre("f", "_PyEval_EvalFrameDefault", "main"));
}

TEST_F(Merged, degrades_where_the_numbers_do_not_fit) {
  // More of Python than of the loop: the rest goes to the outer end.
  EXPECT_THAT(merged({"f@/x/ext.so", kLoop, "g@/x/ext.so"}, {"a!", "b!", "c"}), ElementsAre("f", "a", "g", "b", "c"));
  EXPECT_THAT(merged({}, {"a", "b!"}), ElementsAre("a", "b"));
  EXPECT_THAT(merged({"f@/x/ext.so"}, {"a!"}), ElementsAre("f", "a"));
  // More of the loop than of Python.
  EXPECT_THAT(merged({"f@/x/ext.so", kLoop, "g@/x/ext.so", kLoop, "h@/x/ext.so"}, {"a!"}),
              ElementsAre("f", "a", "g", "h"));
  EXPECT_THAT(merged({"f@/x/ext.so", kLoop, "g@/x/ext.so", kLoop}, {"a!"}, true),
              ElementsAre("f", "a", "g", "_PyEval_EvalFrameDefault"));
  // No frame ever had `entry` set.
  EXPECT_THAT(merged({kLoop, "g@/x/ext.so", kLoop}, {"a", "b"}), ElementsAre("a", "b", "g"));
}

}  // namespace
}  // namespace fittest::heap
