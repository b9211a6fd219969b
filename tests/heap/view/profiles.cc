#include "profiles.h"

namespace fittest::heap {

Made::Made() {
  profile.file = "app.heap";
  profile.program = "/usr/bin/app";
  profile.process = 4711;
  profile.mode = trace::Mode::sample;
  profile.period = 512 << 10;
  profile.milliseconds = 3210;
  profile.ending = Ending::ended;
}

Figures& Made::stack(std::vector<Line> lines, const Amounts& amounts, trace::Kind kind) {
  Figures figures;
  figures.stack = static_cast<std::uint32_t>(lines_.size());
  figures.kind = kind;
  figures.peak = amounts[0];
  figures.total = amounts[1];
  figures.leaked = amounts[2];
  figures.temporary = amounts[3];
  figures.largest = 65536;
  profile.figures.push_back(figures);
  profile.stacks.emplace_back();
  lines_.push_back(std::move(lines));
  return profile.figures.back();
}

Made& Made::add_up() {
  Amounts sums{};
  for (const Figures& figures : profile.figures) add(sums, amounts_of(figures));
  profile.peak = sums[0];
  profile.total = sums[1];
  profile.leaked = sums[2];
  profile.temporary = sums[3];
  return *this;
}

LinesOf Made::lines_of() const {
  return [lines = lines_](std::uint32_t stack) { return lines.at(stack); };
}

Stacks Made::gathered() const {
  std::vector<Line> known;
  const auto frames = [&](std::uint32_t stack) {
    std::vector<std::uint32_t> out;
    for (const Line& line : lines_.at(stack)) {
      out.push_back(static_cast<std::uint32_t>(known.size()));
      known.push_back(line);
    }
    return out;
  };
  return gather(profile, {frames, [&](std::uint32_t number) -> const Line& { return known.at(number); }});
}

Line python(std::string function, std::string file, std::uint32_t line) {
  return {std::move(function), std::move(file), line, "", Language::python, false};
}

Line native(std::string function, std::string file, std::uint32_t line, std::string module) {
  return {std::move(function), std::move(file), line, std::move(module), Language::native, false};
}

Amounts kib(double peak, double total, double leaked, double temporary, double count) {
  Amounts out{Amount{peak, count, 0}, Amount{total, count, 0}, Amount{leaked, count, 0}, Amount{temporary, count, 0}};
  for (Amount& amount : out) {
    amount.bytes *= 1024;
    if (amount.bytes == 0) amount.count = 0;
  }
  return out;
}

Amounts sampled(Amounts amounts, double share) {
  for (Amount& amount : amounts) amount.variance = amount.bytes * share * amount.bytes * share;
  return amounts;
}

Made python_program() {
  Made made;
  made.profile.program = "/usr/bin/python3.11";
  made.stack({python("Loader.load", "/srv/app/loader.py", 14), python("main", "/srv/app/main.py", 31),
              python("<module>", "/srv/app/main.py", 40)},
             sampled(kib(262'144, 524'288, 0, 0, 2048), 0.02));
  made.stack({python("Loader.load", "/srv/app/loader.py", 14), python("main", "/srv/app/main.py", 31),
              python("<module>", "/srv/app/main.py", 40)},
             sampled(kib(65'536, 131'072, 0, 0, 512), 0.02));
  made.stack({python("Loader.parse", "/srv/app/loader.py", 22), python("Loader.load", "/srv/app/loader.py", 15),
              python("main", "/srv/app/main.py", 31), python("<module>", "/srv/app/main.py", 40)},
             sampled(kib(1024, 2'097'152, 512, 2'000'000, 4'000'000), 0.01));
  made.stack({python("remember", "/srv/app/cache.py", 7), python("main", "/srv/app/main.py", 33),
              python("<module>", "/srv/app/main.py", 40)},
             kib(20'480, 20'480, 20'480, 0, 10));
  made.profile.codes = {{"Loader.load", "/srv/app/loader.py", 11, 11, ""},
                        {"Loader.parse", "/srv/app/loader.py", 18, 11, ""},
                        {"remember", "/srv/app/cache.py", 5, 11, ""},
                        {"main", "/srv/app/main.py", 28, 11, ""},
                        {"<module>", "/srv/app/main.py", 1, 11, ""}};
  made.profile.counters = {22'000'000, 361'234'567, 2'842'000'000, 4'002'600, 4'002'000, 1'048'576, 3, 1};
  made.profile.peak_milliseconds = 2100;
  made.profile.sizes.counts = {0, 0, 0, 0, 120, 3'800'000, 200'000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2500, 0, 12};
  return std::move(made.add_up());
}

Made native_program() {
  Made made;
  Line push = native("std::vector<int, std::allocator<int>>::push_back(int const&)",
                     "/usr/include/c++/12/bits/stl_vector.h", 1280);
  push.inlined = true;
  made.stack({native("operator new(unsigned long)", "", 0, "/usr/lib/libstdc++.so.6"), push,
              native("parse(char const*)", "/srv/app/parse.cc", 40), native("main", "/srv/app/main.cc", 12),
              native("__libc_start_call_main", "", 0, "/usr/lib/libc.so.6")},
             kib(4096, 9000, 0, 1000, 12));
  made.stack({native("calloc", "", 0, "/usr/lib/libc.so.6"), native("Table::grow()", "/srv/app/table.cc", 7),
              native("main", "/srv/app/main.cc", 14), native("__libc_start_call_main", "", 0, "/usr/lib/libc.so.6")},
             kib(1024, 1024, 1024, 0, 1));
  made.stack({native("mmap", "", 0, "/usr/lib/libc.so.6"), native("0x55d0c0ffee10", "", 0, "/usr/lib/libblob.so.1"),
              native("main", "/srv/app/main.cc", 15), native("__libc_start_call_main", "", 0, "/usr/lib/libc.so.6")},
             kib(2048, 2048, 2048, 0, 1), trace::Kind::mapped);
  made.stack({}, kib(16, 16, 16, 0, 1));
  made.profile.mode = trace::Mode::exact;
  made.profile.period = 0;
  made.profile.ending = Ending::cut_off;
  made.profile.counters = {3'145'728, 7'340'032, 12'400'000, 14, 11, 2'097'152, 1, 4};
  made.profile.sizes.counts = {1, 2, 0, 4};
  made.profile.lost = 12;
  made.profile.notes = {{"unseen", "jemalloc"}};
  made.profile.problems = {
      "block 12 of app.heap is damaged: 40 KiB of records are left out, and what comes after them is not reliable"};
  return std::move(made.add_up());
}

}  // namespace fittest::heap
