#include "domain_fixture.h"

#include <sys/mman.h>

#include <cstdlib>
#include <stdexcept>

#include "memory/cgroup_files.h"

namespace fittest::memory {

std::vector<DomainKind> kinds_here() {
  std::vector<DomainKind> kinds;
  for (const DomainKind kind : {DomainKind::cgroup_v2, DomainKind::cgroup_v1, DomainKind::proc}) {
    if (open_domain({"probe", MiB(64), kind})) kinds.push_back(kind);
  }
  return kinds;
}

std::string test_name(DomainKind kind) {
  if (kind == DomainKind::proc) return "proc";
  return kind == DomainKind::cgroup_v2 ? "v2" : "v1";
}

void PrintTo(DomainKind kind, std::ostream* out) {
  *out << name(kind);
}

bool soon(const std::function<bool()>& done) {
  return poll_until(kSoon, done);
}

std::unique_ptr<RunDomain> DomainTest::open(Bytes budget, const std::string& run_id) {
  auto opened = open_domain({run_id, budget, GetParam()});
  if (!opened) throw std::runtime_error(opened.error().text());
  return std::move(opened->domain);
}

std::unique_ptr<WorkerDomain> DomainTest::worker(RunDomain& run, const std::string& name) {
  auto made = run.make_worker(name);
  if (!made) throw std::runtime_error(made.error().text());
  return std::move(*made);
}

DomainTest::Counter::Counter() {
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::runtime_error("mmap fails");
  number_ = static_cast<std::uint64_t*>(page);
}

DomainTest::Counter::~Counter() {
  ::munmap(number_, 4096);
}

namespace {

// The virtual machine's script says which kind it was set up for.
TEST(Kinds, TheKindThatThisMachineWasMadeForIsToBeHad) {
  const char* wanted = std::getenv("FITTEST_TEST_EXPECTS");
  if (wanted == nullptr) GTEST_SKIP() << "only where FITTEST_TEST_EXPECTS names a kind (v2, v1)";
  std::vector<std::string> names;
  for (const DomainKind kind : kinds_here()) names.push_back(test_name(kind));
  const auto opened = open_domain({"expects", MiB(64), std::nullopt});
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ(test_name(opened->domain->kind()), wanted) << ::testing::PrintToString(opened->reasons);
}

}  // namespace
}  // namespace fittest::memory
