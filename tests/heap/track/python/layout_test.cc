#include <dlfcn.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <utility>

#include "heap/track/python_layout.h"

namespace fittest::heap::track {
namespace {

// An interpreter that says of itself what a test makes it say.
class FakePython {
 public:
  FakePython() : handle_(dlopen(FITTEST_FAKE_PYTHON, RTLD_NOW | RTLD_LOCAL)) {
    if (!handle_) ADD_FAILURE() << dlerror();
  }
  FakePython(const FakePython&) = delete;
  FakePython& operator=(const FakePython&) = delete;

  bool found(const char* version, std::int64_t code_size, std::int64_t frame_size) {
    function<void(const char*, std::int64_t, std::int64_t)>("fake_set")(version, code_size, frame_size);
    return find_python(handle_);
  }
  void publish(std::size_t index, std::uint64_t number) {
    function<void(std::size_t, std::uint64_t)>("fake_publish")(index, number);
  }
  void cookie(const char* text) { function<void(const char*)>("fake_cookie")(text); }

 private:
  template <typename Signature>
  Signature* function(const char* name) {
    return std::bit_cast<Signature*>(dlsym(handle_, name));
  }

  void* handle_;
};

// One after the other in one test: what was found stays.
TEST(PythonLayout, OnlyBuildsThatAreKnownAreTaken) {
  EXPECT_FALSE(find_python(RTLD_DEFAULT)) << "this program has no interpreter";
  EXPECT_EQ(dlerror(), nullptr);

  FakePython fake;
  EXPECT_FALSE(fake.found("3.8.18 (main)", 176, 368)) << "too old";
  EXPECT_FALSE(fake.found("3.15.0a1 (main)", 208, 152)) << "not known yet";
  EXPECT_FALSE(fake.found("2.7.18 (main)", 176, 368));
  EXPECT_FALSE(fake.found("31.1", 184, 120));
  EXPECT_FALSE(fake.found("", 184, 120));
  EXPECT_FALSE(fake.found("3.11.2 (main)", 192, 120)) << "code objects of another size";
  EXPECT_FALSE(fake.found("3.11.2 (main)", 184, 136)) << "frames of another size";

  // 3.13, with the numbers of a release build.
  const auto publish_all = [&] {
    fake.cookie("xdebugpy");
    fake.publish(1, 0x030D00F0);
    fake.publish(2, 0);
    constexpr std::pair<std::size_t, std::uint64_t> kNumbers[] = {{4, 608}, {22, 16},  {23, 72},  {29, 8},   {30, 0},
                                                                  {31, 56}, {33, 70},  {35, 112}, {37, 128}, {38, 136},
                                                                  {39, 68}, {43, 200}, {45, 8},   {70, 40}};
    for (const auto& [index, number] : kNumbers) fake.publish(index, number);
  };
  EXPECT_FALSE(fake.found("3.13.0 (main)", 200, 136)) << "publishes nothing";
  publish_all();
  fake.cookie("ydebugpy");
  EXPECT_FALSE(fake.found("3.13.0 (main)", 200, 136)) << "another cookie";
  publish_all();
  fake.publish(2, 1);
  EXPECT_FALSE(fake.found("3.13.0 experimental free-threading build (main)", 200, 136)) << "free-threaded";
  publish_all();
  fake.publish(1, 0x030E00F0);
  EXPECT_FALSE(fake.found("3.13.0 (main)", 200, 136)) << "numbers of another version";
  publish_all();
  fake.publish(23, 1 << 20);
  EXPECT_FALSE(fake.found("3.13.0 (main)", 200, 136)) << "an offset that cannot be";
  publish_all();
  fake.publish(43, 216);
  EXPECT_FALSE(fake.found("3.13.0 (main)", 200, 136)) << "bytecode in another place";
  publish_all();
  fake.publish(45, 24);
  EXPECT_FALSE(fake.found("3.13.0 (main)", 200, 136)) << "objects with another head";

  EXPECT_EQ(python(), nullptr);
  publish_all();
  fake.publish(23, 80);
  ASSERT_TRUE(fake.found("3.13.0 (main)", 200, 136));
  EXPECT_EQ(python()->layout.minor, 13U);
  EXPECT_EQ(python()->layout.state_frame, 80) << "what is published counts";
  EXPECT_EQ(python()->references.set_tracer, nullptr) << "a release that does not tell of all ends";
  EXPECT_TRUE(find_python(RTLD_DEFAULT)) << "what was found stays";
}

}  // namespace
}  // namespace fittest::heap::track
