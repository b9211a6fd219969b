// What `fittest doctor` says of machines that are trees of kernel files.
#include "cli/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "kernel_files.h"
#include "memory/cgroup_files.h"
#include "memory/findings.h"
#include "memory/kernel_log.h"
#include "mutate.h"

namespace fittest::memory {
namespace {

using cli::DoctorFormat;
using cli::DoctorOptions;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kLog =
    "6,1,100000,-;Command line: quiet\n SUBSYSTEM=none\n"
    "6,2,3500000000,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
    "oom_memcg=/docker/abc,task_memcg=/docker/abc/w0,task=python3,pid=138,uid=0\n"
    "3,3,3500000100,-;Memory cgroup out of memory: Killed process 138 (python3) total-vm:2211484kB, "
    "anon-rss:1572864kB, file-rss:1024kB, shmem-rss:0kB, UID:0 pgtables:244kB oom_score_adj:0\n"
    "3,4,3500000900,-;Memory cgroup out of memory: Killed process 138 (python3) total-vm:2211484kB, "
    "anon-rss:1572864kB, file-rss:1024kB, shmem-rss:0kB, UID:0 pgtables:244kB oom_score_adj:0\n"
    "6,5,3600000000,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
    "task_memcg=/user.slice,task=cc1 (plus),pid=200,uid=1000\n"
    "3,6,3600000100,-;Out of memory: Killed process 200 (cc1 (plus)) total-vm:9000000kB, anon-rss:8388608kB, "
    "file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:99kB oom_score_adj:0\n";

// A process's line of /proc/<pid>/stat with so many pages resident.
std::string stat_line(pid_t pid, const std::string& name, std::uint64_t mib) {
  const auto pages = mib * (1 << 20) / static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return std::to_string(pid) + " (" + name + ") S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 77 1000 " +
         std::to_string(pages) + " 0\n";
}

DomainTrial enforcing() {
  return {DomainKind::cgroup_v2, true, {}, {}};
}

DomainTrial sampling() {
  return {DomainKind::proc,
          false,
          {"cgroup v2: /sys/fs/cgroup: cannot hand out the memory controller: Permission denied; 7 processes stand in "
           "this cgroup (give fittest a cgroup of its own: systemd-run --user --scope -p Delegate=yes fittest ...)",
           "cgroup v1: the memory controller of cgroup v1 is not mounted"},
          {"a peak between two samples is not seen"}};
}

struct Said {
  std::string text;
  int code = 0;
};

Said doctor(const KernelFiles& files, const DomainTrial& trial, DoctorOptions options = {}) {
  options.root = files.root();
  options.try_domain = [&](Bytes) { return trial; };
  std::ostringstream out;
  const int code = cli::run_doctor(out, options);
  // Only the fixture's own path may differ between runs.
  std::string text = out.str();
  for (std::size_t at; (at = text.find(files.root().string())) != std::string::npos;) {
    text.erase(at, files.root().string().size());
  }
  return {text, code};
}

KernelFiles& make_sound(KernelFiles& files) {
  return files.mount_v2("/user.slice/run.scope")
      .file("sys/fs/cgroup/user.slice/run.scope/memory.stat", "inactive_file 1048576\n")
      .file("sys/fs/cgroup/user.slice/run.scope/memory.current", "11534336\n")
      .file("sys/fs/cgroup/user.slice/run.scope/memory.max", "max\n")
      .file("sys/fs/cgroup/user.slice/run.scope/memory.high", "max\n")
      .file("sys/fs/cgroup/user.slice/run.scope/memory.swap.max", "max\n")
      .file("sys/fs/cgroup/user.slice/run.scope/memory.events", "oom 0\noom_kill 0\n")
      .file("sys/fs/cgroup/memory.stat", "")
      .file("proc/vmstat", "oom_kill 0\n")
      .file("proc/uptime", "3660.12 7000.00\n")
      .file("dev/kmsg", "6,1,100000,-;Command line: quiet\n");
}

TEST(Doctor, OfASoundMachine) {
  KernelFiles files;
  const Said said = doctor(make_sound(files), enforcing());
  EXPECT_EQ(said.code, 0);
  EXPECT_EQ(said.text, R"(Memory here
  machine       16 GiB
  available     12 GiB
  swap          1.0 GiB, 512 MiB free
  overcommit    0 (the kernel refuses only what is absurd)
  address space no limit
  container     none seen
  cgroup v2 /user.slice/run.scope
                no limit, 10 MiB held, 0 kernel kills
  cgroup v2 /
                no limit

fittest will use
  budget        11 GiB (MemAvailable, less a reserve of 614 MiB)
  domain        cgroup v2: the kernel holds the run to its budget

Kernel kills for memory
  since boot    0
  in the log    0

Findings
  none: nothing here stands in the way
)");
}

KernelFiles& make_ill(KernelFiles& files) {
  return files.mount_v1("/docker/abc")
      .file("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "2147483648\n")
      .file("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "1073741824\n")
      .file("sys/fs/cgroup/memory/docker/abc/memory.stat", "total_inactive_file 536870912\n")
      .file("sys/fs/cgroup/memory/docker/abc/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
      .file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
      .file("sys/fs/cgroup/memory/memory.usage_in_bytes", "8589934592\n")
      .file("sys/fs/cgroup/memory/memory.oom_control", "oom_kill 0\n")
      .file(".dockerenv", "")
      .file("proc/self/mountinfo",
            read_text(files.root() / "proc/self/mountinfo").value() + "50 1 0:50 / /tmp rw - tmpfs tmpfs rw\n")
      .file("proc/self/limits", "Max address space         1073741824           unlimited            bytes     \n")
      .file("proc/sys/vm/overcommit_memory", "2\n")
      .meminfo("MemAvailable", 3 << 20)
      .file("proc/vmstat", "nr_free_pages 1\noom_kill 2\n")
      .file("proc/uptime", "7200.00 1\n")
      .file("proc/301/stat", stat_line(301, "java", 6000))
      .file("proc/302/stat", stat_line(302, "Web (Content)", 3000))
      .file("proc/303/stat", stat_line(303, "sh", 1))
      .file("proc/304/stat", "garbage")
      .file("dev/kmsg", kLog);
}

TEST(Doctor, OfAMachineWithEveryFault) {
  KernelFiles files;
  const Said said = doctor(make_ill(files), sampling());
  EXPECT_EQ(said.code, 0);
  EXPECT_EQ(said.text, R"(Memory here
  machine       16 GiB
  available     3.0 GiB
  swap          1.0 GiB, 512 MiB free
  overcommit    2 (the kernel refuses what it could not keep)
  address space 1.0 GiB
  container     docker
  cgroup v1 /docker/abc
                limit 2.0 GiB, 512 MiB held, 1 kernel kill
  cgroup v1 /docker
                no limit
  cgroup v1 /
                no limit, 8.0 GiB held, 0 kernel kills

fittest will use
  budget        1.4 GiB (cgroup v1 /docker/abc memory.limit_in_bytes, less a
                reserve of 128 MiB)
  domain        /proc sampling: memory is sampled, the kernel does not hold the
                run to it
  not           cgroup v2: /sys/fs/cgroup: cannot hand out the memory
                controller: Permission denied; 7 processes stand in this cgroup
                (give fittest a cgroup of its own: systemd-run --user --scope -p
                Delegate=yes fittest ...)
  not           cgroup v1: the memory controller of cgroup v1 is not mounted
  it cannot     a peak between two samples is not seen

Kernel kills for memory
  since boot    2
  in the log    2
  62 min ago    python3 (pid 138), 1.5 GiB, by the limit of cgroup /docker/abc
  60 min ago    cc1 (plus) (pid 200), 8.0 GiB, as the machine was out of memory

Findings
  warning  The machine has 16 GiB, but cgroup v1 /docker/abc
           memory.limit_in_bytes leaves 1.5 GiB: it allows 2.0 GiB, of which 512
           MiB are held already.
           -> start the container with a larger limit (--memory)
  warning  Only 3.0 GiB of 16 GiB are available: others hold the rest. Most is
           held by java (pid 301) 5.9 GiB, Web (Content) (pid 302) 2.9 GiB.
           -> end what is not needed, or run when the machine is idle
  warning  The kernel promises no more memory than it has (vm.overcommit_memory
           is 2; 4.0 GiB are left to promise). A fork of a large process needs
           all that it could write promised again, so workers cost far more than
           they hold.
           -> sysctl vm.overcommit_memory=0, or add swap, which raises what can
              be promised
  warning  Each process may map 1.0 GiB at most (ulimit -v). A test that needs
           more fails to allocate, whatever the budget; threads and libraries
           map much that they never hold.
           -> ulimit -v unlimited: the budget limits what is truly held
  warning  There is swap, but cgroups cannot limit it: a run can hold more there
           than its budget.
           -> boot with swapaccount=1, or swapoff -a
  warning  The kernel cannot hold a run to its budget here: fittest samples
           memory, and kills what passes the budget. A test that allocates fast
           overshoots between two samples.
           -> give fittest a cgroup of its own: systemd-run --user --scope -p
              Delegate=yes fittest ..., or run it as root
  warning  The kernel has killed 1 process in cgroup v1 /docker/abc, for memory:
           exit code 137.
           -> if it was a test run, give it to fittest: it stays below the limit
  warning  The whole machine has run out of memory, not just a cgroup: then the
           kernel may kill anything, fittest and your shell included.
           -> leave a larger reserve: --budget 75%
  note     /tmp is memory (tmpfs): files that tests write there are held like
           any other memory.
           -> set TMPDIR to a directory on a disk
)");
}

TEST(Doctor, OfAMachineWithoutRoom) {
  KernelFiles files;
  make_sound(files).file("sys/fs/cgroup/user.slice/run.scope/memory.max", "104857600\n").remove("dev/kmsg");
  const Said said = doctor(files, {std::nullopt, false, {"cgroup v2: no", "/proc sampling: no"}, {}});
  EXPECT_EQ(said.code, 1);
  EXPECT_EQ(said.text, R"(Memory here
  machine       16 GiB
  available     12 GiB
  swap          1.0 GiB, 512 MiB free
  overcommit    0 (the kernel refuses only what is absurd)
  address space no limit
  container     none seen
  cgroup v2 /user.slice/run.scope
                limit 100 MiB, 10 MiB held, 0 kernel kills
  cgroup v2 /
                no limit

fittest will use
  budget        none: see the findings
  domain        none
  not           cgroup v2: no
  not           /proc sampling: no

Kernel kills for memory
  since boot    0
  log           /dev/kmsg: cannot read the kernel's log: No such file or
                directory

Findings
  blocker  cgroup v2 /user.slice/run.scope memory.max leaves 90 MiB, less a
           reserve of 128 MiB: a budget of 0 B is too small: the smallest is 64
           MiB
           -> free some memory, raise that limit, or name a budget with --budget
  blocker  No way to account for memory works here.
           -> mount /proc; see the reasons above
)");
}

TEST(Doctor, OfAMachineWithoutProc) {
  KernelFiles files;
  files.remove("proc");
  const Said said = doctor(files, enforcing());
  EXPECT_EQ(said.code, 1);
  EXPECT_EQ(said.text, R"(Findings
  blocker  /proc/meminfo: cannot read how much memory there is
           -> mount /proc
)");
  DoctorOptions options;
  options.format = DoctorFormat::json;
  const Said json = doctor(files, enforcing(), options);
  EXPECT_EQ(json.code, 1);
  EXPECT_EQ(nlohmann::json::parse(json.text)["findings"][0]["severity"], "blocker");
}

TEST(Doctor, StaysWithin80Columns) {
  KernelFiles sound;
  KernelFiles ill;
  for (const Said& said : {doctor(make_sound(sound), enforcing()), doctor(make_ill(ill), sampling())}) {
    for (const std::string_view line : split(said.text, '\n')) {
      EXPECT_LE(line.size(), 80u) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
  }
}

TEST(Doctor, TakesFindingsOfOthersAndABudget) {
  KernelFiles files;
  make_sound(files);
  DoctorOptions options;
  options.more_findings = {{Severity::note, "all is well with python3", {}},
                           {Severity::blocker, "python3 has no pytest", "install python3-pytest"}};
  Said said = doctor(files, enforcing(), options);
  EXPECT_EQ(said.code, 1);
  EXPECT_LT(said.text.find("python3 has no pytest"), said.text.find("all is well")) << "the worst first";
  EXPECT_THAT(said.text, HasSubstr("-> install python3-pytest"));

  options = {};
  options.budget = "4G";
  EXPECT_THAT(doctor(files, enforcing(), options).text, HasSubstr("4.0 GiB (--budget 4G)"));
  options.budget = "4X";
  said = doctor(files, enforcing(), options);
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.text, HasSubstr("'4X' is no size"));
}

TEST(Doctor, SaysTheSameAsJson) {
  KernelFiles files;
  DoctorOptions options;
  options.format = DoctorFormat::json;
  const Said said = doctor(make_ill(files), sampling(), options);
  EXPECT_EQ(said.code, 0);
  const auto json = nlohmann::json::parse(said.text);
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["memory"]["machine"], GiB(16).value);
  EXPECT_EQ(json["memory"]["container"], "docker");
  EXPECT_EQ(json["memory"]["address_space"], GiB(1).value);
  ASSERT_EQ(json["cgroups"].size(), 3u);
  EXPECT_EQ(json["cgroups"][0]["name"], "/docker/abc");
  EXPECT_EQ(json["cgroups"][0]["limit"], GiB(2).value);
  EXPECT_EQ(json["cgroups"][0]["held"], MiB(512).value);
  EXPECT_EQ(json["cgroups"][0]["kernel_kills"], 1);
  EXPECT_TRUE(json["cgroups"][2]["limit"].is_null());
  EXPECT_EQ(json["budget"]["source"], "cgroup v1 /docker/abc memory.limit_in_bytes");
  EXPECT_EQ(json["domain"]["kind"], "/proc sampling");
  EXPECT_EQ(json["domain"]["enforces"], false);
  EXPECT_EQ(json["domain"]["reasons"].size(), 2u);
  EXPECT_EQ(json["kernel_kills"]["since_boot"], 2);
  ASSERT_EQ(json["kernel_kills"]["log"].size(), 2u);
  EXPECT_EQ(json["kernel_kills"]["log"][0]["limited_by"], "/docker/abc");
  EXPECT_TRUE(json["kernel_kills"]["log"][1]["limited_by"].is_null());
  EXPECT_EQ(json["hungriest_processes"][1]["name"], "Web (Content)");
  KernelFiles same;
  const std::string text = doctor(make_ill(same), sampling()).text;
  for (const auto& finding : json["findings"]) {
    const std::string what = finding["what"];
    EXPECT_THAT(text, HasSubstr(what.substr(0, what.find(' ', 20))));
  }
}

TEST(Doctor, OfThisMachine) {
  std::ostringstream out;
  const int code = cli::run_doctor(out, {});
  EXPECT_EQ(code, 0) << out.str();
  EXPECT_THAT(out.str(), HasSubstr("domain"));
}

TEST(KernelLog, NamesTheVictimsOnce) {
  const auto kills = parse_kernel_kills(kLog);
  ASSERT_EQ(kills.size(), 2u);
  EXPECT_EQ(kills[0].pid, 138);
  EXPECT_EQ(kills[0].program, "python3");
  EXPECT_EQ(kills[0].resident, MiB(1537));
  EXPECT_EQ(kills[0].limited_by, "/docker/abc");
  EXPECT_DOUBLE_EQ(kills[0].seconds, 3500.0001);
  EXPECT_EQ(kills[1].program, "cc1 (plus)");
  EXPECT_EQ(kills[1].limited_by, "");
}

TEST(KernelLog, IsNotHarmedByGarbage) {
  std::mt19937_64 random(13);
  for (int i = 0; i < 20'000; ++i) {
    for (const KernelKill& kill : parse_kernel_kills(mutate(std::string(kLog), random))) EXPECT_GT(kill.pid, 0);
  }
}

Machine machine_of(Bytes total, Bytes available) {
  Machine machine;
  machine.limits.mem_total = total;
  machine.limits.mem_available = available;
  return machine;
}

std::string all_of(const Machine& machine, const DomainTrial& trial = enforcing()) {
  std::string text;
  for (const Finding& finding : find_faults(machine, choose_budget(machine.limits, {}), trial)) {
    text += std::string(name(finding.severity)) + ": " + finding.what + " -> " + finding.remedy + "\n";
  }
  return text;
}

TEST(Findings, NoneForASoundMachine) {
  EXPECT_EQ(all_of(machine_of(GiB(16), GiB(12))), "");
}

TEST(Findings, TheWayOutFitsWhoSetTheLimit) {
  Machine machine = machine_of(GiB(16), GiB(12));
  machine.limits.cgroups = {{GiB(4), "cgroup v2 /system.slice/ci.service memory.max", GiB(1)}};
  EXPECT_THAT(all_of(machine), HasSubstr("systemctl set-property"));
  machine.container = "kubernetes";
  EXPECT_THAT(all_of(machine), HasSubstr("resources.limits.memory"));
  machine.container = "docker";
  EXPECT_THAT(all_of(machine), HasSubstr("--memory"));
  machine.container.reset();
  machine.limits.cgroups[0].source = "cgroup v1 /jobs/17 memory.limit_in_bytes";
  EXPECT_THAT(all_of(machine), HasSubstr("raise that limit, or run where there is none"));
  machine.limits.cgroups[0] = {GiB(15), "cgroup v1 /jobs/17 memory.limit_in_bytes", GiB(1)};
  EXPECT_EQ(all_of(machine), "") << "a limit that hardly limits is nobody's trouble";
}

TEST(Findings, OnControllersSwapAndHigh) {
  Machine machine = machine_of(GiB(16), GiB(12));
  machine.memory_controller_off = true;
  machine.swap_accounting_off = true;
  machine.cgroups = {{"v2", "/a", GiB(8), GiB(4), GiB(1), 0}, {"v2", "/", GiB(8), GiB(9), GiB(1), 0}};
  const std::string text = all_of(machine);
  EXPECT_THAT(text, HasSubstr("cgroup_enable=memory"));
  EXPECT_THAT(text, HasSubstr("swapaccount=1"));
  EXPECT_THAT(text, HasSubstr("Above 4.0 GiB (memory.high of cgroup v2 /a)"));
  EXPECT_THAT(text, Not(HasSubstr("memory.high of cgroup v2 /)")));
}

TEST(Findings, AnUnreadableLogMattersOnlyWhereThereWereKills) {
  Machine machine = machine_of(GiB(16), GiB(12));
  machine.kernel_kills = failure("cannot read the kernel's log", "/dev/kmsg", "be root");
  machine.kills_since_boot = 0;
  EXPECT_EQ(all_of(machine), "");
  machine.kills_since_boot = 1;
  EXPECT_THAT(all_of(machine), HasSubstr("has killed 1 process on this machine"));
  EXPECT_THAT(all_of(machine), HasSubstr("may not be read. -> be root"));
}

}  // namespace
}  // namespace fittest::memory
