#pragma once
// A process for a test: forked, put into a domain, then led step by step through pipes.
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/descriptor.h"
#include "memory/domain.h"

namespace fittest::memory {

// Spare time for what must happen but has no bound of its own; a test that waits this long has failed.
inline constexpr std::chrono::seconds kSoon{30};

// The child's end of the talk. Nothing here returns in a child whose test is gone: it ends.
class Talk {
 public:
  Talk(Descriptor in, Descriptor out) : in_(std::move(in)), out_(std::move(out)) {}
  // Tells the test "this far".
  void tell();
  // The same with a number.
  void tell(std::int64_t number);
  // Waits until the test says "go on".
  void wait();

 private:
  Descriptor in_;
  Descriptor out_;
};

// Killed and waited for at the latest when destroyed. Its own children are the domain's business.
class Child {
 public:
  using Body = std::function<void(Talk&)>;

  // Starts a process in `domain`, as its root: it joins, is adopted, then runs `body` and ends with exit code 0.
  Child(WorkerDomain& domain, Body body);
  // Starts one outside of any domain.
  explicit Child(Body body);
  // Starts this test program again (`main.cc`) with `role` as its argument and the domain's marks in its environment.
  static Child role(WorkerDomain& domain, const std::string& role);
  Child(Child&&) = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // What the child told with `tell(number)`, 0 for the plain one. Fails the test, and returns -1, if it ended instead.
  std::int64_t hear();
  // Lets it go on from `wait`.
  void go();
  // `go`, then `hear`.
  std::int64_t next();
  // Waits for its end: the status as of wait(2).
  int end();

 private:
  Child(WorkerDomain* domain, const Body& body, const std::string* role);

  pid_t pid_ = 0;
  bool waited_ = false;
  Descriptor in_;
  Descriptor out_;
};

// Memory that is held, because written to, until destroyed.
class Block {
 public:
  explicit Block(Bytes size);
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block();
  void touch(char value, Bytes from, Bytes size);

 private:
  char* start_;
  std::size_t size_;
};

// True while there is a process of this pid that has not ended (a zombie has).
// A killed process leaves its cgroup a moment before it is gone: ask `soon`.
bool lives(pid_t pid);

// What a process started by `Child::role` does; see main.cc.
int play_role(const std::string& role);

}  // namespace fittest::memory
