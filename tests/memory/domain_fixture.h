#pragma once
// The same tests for each kind of domain that this machine has.
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "child.h"
#include "memory/domain.h"

namespace fittest::memory {

// Found by trying. Kinds that this machine lacks have no tests here: the tests that boot a virtual machine have them.
std::vector<DomainKind> kinds_here();
std::string test_name(DomainKind kind);  // "v2", "v1", "proc"
void PrintTo(DomainKind kind, std::ostream* out);

// Asks `done` again and again until it says yes; false if that takes longer than `kSoon`.
bool soon(const std::function<bool()>& done);

class DomainTest : public ::testing::TestWithParam<DomainKind> {
 protected:
  std::unique_ptr<RunDomain> open(Bytes budget = MiB(256), const std::string& run_id = "test");
  static std::unique_ptr<WorkerDomain> worker(RunDomain& run, const std::string& name = "w0");

 public:
  // A number that forked children share with the test.
  class Counter {
   public:
    Counter();
    Counter(const Counter&) = delete;
    Counter& operator=(const Counter&) = delete;
    ~Counter();
    [[nodiscard]] std::uint64_t read() const { return __atomic_load_n(number_, __ATOMIC_SEQ_CST); }
    void add() const { __atomic_fetch_add(number_, 1, __ATOMIC_SEQ_CST); }

   private:
    std::uint64_t* number_;
  };
};

}  // namespace fittest::memory
