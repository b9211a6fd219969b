#!/usr/bin/env python3
"""The heap tracker, heaptrack and memray on the same programs, on the same machine, in the same run. Tables in Markdown.

    bench/heap_bench.py [--repeats N] [--slow-repeats N] [--others N] [--beside] [--only NAME,...] [loop] [programs]
                        [numpy] [numpy-whole]

loop      a loop that does nothing but malloc and free
programs  programs that allocate a lot: cc1plus, xmllint, jq, doxygen (Debian), Python with every object from malloc, and
          Python as it is
numpy     a part of numpy's installed suite, under pytest
numpy-whole  all of it but the few tests that need over 8 GB; not by default

Each program is run plain, with the tracker as it is by default, with the tracker recording everything, with heaptrack
and, for Python, with memray; N rounds (5), each in another order; what takes over twenty times as long as the plain
program only in --slow-repeats of them (1). Figures are medians: seconds of wall clock and of processors, ratios to the
plain program, "in pairs" to the plain run of the same round (a machine that is now faster, now slower changes those
least), bytes of trace.
--beside runs the plain program and the default mode, and nothing else, at the same time, each on a processor of its own,
and exchanges the processors each round: for programs that take minutes, in which the speed of a machine changes.
Each tool is run by its own command, its start and whatever it does at the end included. Standard library only; heaptrack
from Debian, memray from PyPI (`pip install memray` for the interpreter that MEMRAY_PYTHON names)."""
import argparse
import concurrent.futures
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FITTEST = ROOT / "build" / "fittest"
PYTHON = "/usr/bin/python3"

LOOP = r"""
#include <stdlib.h>
int main(int count, char** arguments) {
  long n = atol(arguments[1]);
  for (long i = 0; i < n; i++) {
    void* at = malloc(64);
    __asm__ volatile("" : : "r"(at) : "memory");
    free(at);
  }
  return 0;
}
"""

HEADERS = """algorithm array atomic chrono deque filesystem fstream functional future iostream map memory numeric optional
random regex set sstream string thread tuple unordered_map variant vector""".split()

# Instantiations of the standard library, for a compiler to work at.
INSTANCES = 35
INSTANCE = """
struct T{i} {{ int x; std::string s; auto operator<=>(const T{i}&) const = default; }};
int f{i}(std::map<T{i}, std::vector<T{i}>>& m, std::unordered_map<std::string, std::unique_ptr<T{i}>>& u) {{
  std::set<T{i}> s; std::deque<T{i}> d; std::vector<std::variant<int, T{i}>> v;
  for (auto& [k, w] : m) {{ std::sort(w.begin(), w.end()); s.insert(k); d.push_back(k); v.emplace_back(k); }}
  std::function<int(T{i})> g = [&](const T{i}& t) {{ return t.x + static_cast<int>(u.size() + v.size() + d.size()); }};
  return std::accumulate(s.begin(), s.end(), 0, [&](int a, const T{i}& b) {{ return a + g(b); }});
}}
"""

JSON_WORK = "import json\nfor _ in range(3): x = json.load(open('big.json'))\n"
PURE_WORK = """
import collections, re
class Node:
    def __init__(self, key): self.key, self.next = key, []
nodes = [Node('n%d' % i) for i in range(300000)]
for i, node in enumerate(nodes): node.next.append(nodes[i * 7919 % len(nodes)])
words = collections.Counter(re.findall(r'[a-z]+', open('big.json').read()))
text = ''.join(sorted(k * v for k, v in words.items()))
lines = [(' '.join(str(i + j) for j in range(120))).split() for i in range(40000)]
"""


def make_inputs(folder):
    """What the programs work at."""
    with open(folder / "big.xml", "w") as out:
        out.write("<r>")
        for i in range(1100000):
            out.write('<e id="%d" name="n%d"><v>%d</v><w>text %d</w></e>\n' % (i, i, i * 7, i))
        out.write("</r>")
    import json
    with open(folder / "big.json", "w") as out:
        json.dump([{"id": i, "name": "n%d" % i, "v": [i, i + 1, str(i)]} for i in range(400000)], out)
    with open(folder / "jq.json", "w") as out:
        json.dump([{"id": i, "name": "n%d" % i, "v": [i, i + 1, str(i)]} for i in range(1600000)], out)
    with open(folder / "big.cc", "w") as out:
        out.writelines("#include <%s>\n" % header for header in HEADERS)
        out.writelines(INSTANCE.format(i=i) for i in range(INSTANCES))
    subprocess.run(["g++", "-std=c++20", "-E", "big.cc", "-o", "big.ii"], cwd=folder, check=True)
    (folder / "loop.c").write_text(LOOP)
    subprocess.run(["gcc", "-O2", "loop.c", "-o", "loop"], cwd=folder, check=True)
    (folder / "json_work.py").write_text(JSON_WORK)
    (folder / "pure_work.py").write_text(PURE_WORK)
    (folder / "Doxyfile").write_text(
        "INPUT=%s\nRECURSIVE=YES\nGENERATE_LATEX=NO\nGENERATE_HTML=YES\nEXTRACT_ALL=YES\nQUIET=YES\nWARNINGS=NO\n"
        "SOURCE_BROWSER=YES\nHAVE_DOT=NO\nNUM_PROC_THREADS=1\nOUTPUT_DIRECTORY=$(OUTPUT)\n" % (ROOT / "src"))


class Program:
    def __init__(self, name, command, environment=None, python=False, with_and_without=False, codes=(0,)):
        self.codes = codes  # to end with
        self.with_and_without = with_and_without  # no others beside the tracker as it is by default
        self.name, self.command, self.python = name, command, python
        self.environment = dict(environment or {})


def programs():
    cc1plus = subprocess.run(["g++", "-print-prog-name=cc1plus"], capture_output=True, text=True).stdout.strip()
    return [
        Program("xmllint", ["xmllint", "--noout", "big.xml"]),
        Program("jq", ["jq", "length", "jq.json"]),
        Program("python, PYTHONMALLOC=malloc", [PYTHON, "json_work.py"], {"PYTHONMALLOC": "malloc"}, True),
        Program("python, json", [PYTHON, "json_work.py"], None, True),
        Program("python, objects", [PYTHON, "pure_work.py"], None, True),
        Program("doxygen", ["doxygen", "Doxyfile"]),
        Program("cc1plus", [cc1plus, "-quiet", "-O1", "-std=c++20", "-fpreprocessed", "big.ii", "-o", os.devnull]),
    ]


class Result:
    def __init__(self):
        self.wall, self.cpu, self.trace, self.allocations = [], [], [], 0

    def add(self, figures, traces):
        self.wall.append(figures[0])
        self.cpu.append(figures[1])
        self.trace.append(size_of(traces.iterdir()))
        self.allocations = max(self.allocations, allocations_of(traces))


def size_of(files):
    return sum(file.stat().st_size for file in files if file.is_file())


class Failed(Exception):
    pass


class Run:
    """A command at work, on one `processor` if that is given."""
    def __init__(self, command, environment, folder, processor=None):
        everywhere = os.sched_getaffinity(0)
        if processor is not None:
            os.sched_setaffinity(0, {processor})  # is inherited
        self.command, self.started = command, time.monotonic()
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.sched_setaffinity(0, everywhere)

    def end(self, codes):
        """Seconds of wall clock and of processors."""
        _, status, usage = os.wait4(self.process.pid, 0)
        wall = time.monotonic() - self.started
        if (code := os.waitstatus_to_exitcode(status)) not in codes:
            raise Failed("%s ended with %d" % (self.command, code))
        return wall, usage.ru_utime + usage.ru_stime


def variants(program):
    """Name, and the command that runs the program so."""
    def plain(_):
        return program.command

    def tracked(*options):
        def make(traces):
            return [str(FITTEST), "heap", "run", *options, "-o", str(traces / "t.heap"), "--", *program.command]
        return make

    def heaptrack(traces):
        return ["heaptrack", "-o", str(traces / "t"), *program.command]

    def memray(traces):
        return [memray_python(), "-m", "memray", "run", "-q", "--native", "-o", str(traces / "t.bin"),
                *program.command[1:]]

    yield "plain", plain
    yield "fittest", tracked()
    if program.with_and_without:
        return
    yield "fittest --exact", tracked("--exact")
    if shutil.which("heaptrack"):
        yield "heaptrack", heaptrack
    if program.python and memray_python():
        yield "memray --native", memray


def memray_python():
    return os.environ.get("MEMRAY_PYTHON")


def allocations_of(traces):
    """From the counters in the header of the tracker's traces; docs/heap-trace.md."""
    total = 0
    for file in traces.glob("*.heap"):
        with open(file, "rb") as trace:
            total = max(total, struct.unpack_from("<8Q", trace.read(256), 72)[3])
    return total


def begin(program, make, folder, processor=None):
    """Where its traces go, and the run of the program as `make` says."""
    traces = Path(tempfile.mkdtemp(dir=folder))
    environment = {**os.environ, **program.environment, "OUTPUT": str(traces)}  # the last for doxygen
    return traces, Run(make(traces), environment, folder, processor)


def compare(program, folder, repeats, slow_repeats, others):
    ways = [way for way in variants(program) if others != 0 or way[0] in ("plain", "fittest")]
    results = {name: Result() for name, _ in ways}
    order = random.Random(1)
    for round_ in range(repeats):
        # What a program leaves of the machine (memory that goes back to a host, caches) is not always for the same next.
        for name, make in order.sample(ways, len(ways)):
            result = results[name]
            slow = result.cpu and result.cpu[0] > 20 * results["plain"].cpu[0]
            if round_ >= (slow_repeats if slow else repeats if name in ("plain", "fittest") else others):
                continue
            traces, run = begin(program, make, folder)
            try:
                figures = run.end(program.codes)
            except Failed as problem:
                if name in ("plain", "fittest"):
                    raise SystemExit("bench: %s" % problem) from None
                print("bench: %s" % problem, file=sys.stderr)
                continue
            result.add(figures, traces)
            shutil.rmtree(traces)
    print_table(program.name, results)


def compare_beside(program, folder, repeats):
    """As compare(), of the plain program and the default mode, both at once."""
    results = {"plain": Result(), "fittest": Result()}
    processors = sorted(os.sched_getaffinity(0))[:2]
    if len(processors) < 2:
        raise SystemExit("bench: --beside needs two processors")
    for _ in range(repeats):
        processors.reverse()
        runs = []
        for (name, make), processor in zip(variants(program), processors):
            runs.append((name, *begin(program, make, folder, processor)))
        with concurrent.futures.ThreadPoolExecutor() as waiting:
            ends = [waiting.submit(run.end, program.codes) for _, _, run in runs]
        for (name, traces, _), end in zip(runs, ends):
            try:
                results[name].add(end.result(), traces)
            except Failed as problem:
                raise SystemExit("bench: %s" % problem) from None
            shutil.rmtree(traces)
    print_table(program.name, results)


def print_table(name, results):
    plain = results["plain"]
    base = statistics.median(plain.wall)
    print("\n%s: %s allocations\n" % (name, "{:,}".format(results["fittest"].allocations)))
    print("| | runs | wall s | ratio | in pairs | cpu s | cpu ratio | added s | trace KiB |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: | --: |")
    for variant, result in results.items():
        if not result.wall:
            print("| %s | 0 | failed |" % variant)
            continue
        wall, cpu = statistics.median(result.wall), statistics.median(result.cpu)
        pairs = statistics.median(map(lambda traced, alone: traced / alone, result.wall, plain.wall))
        print("| %s | %d | %.2f | %.3f | %.3f | %.2f | %.3f | %.2f | %s |" % (
            variant, len(result.wall), wall, wall / base, pairs, cpu, cpu / statistics.median(plain.cpu), wall - base,
            "" if variant == "plain" else "{:,}".format(statistics.median(result.trace) // 1024)))
    sys.stdout.flush()


NUMPY = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs"]


def numpy_suite():
    return Program("numpy's suite (numpy.linalg, numpy.lib.tests.test_function_base)",
                   [*NUMPY, "numpy.linalg", "numpy.lib.tests.test_function_base"], with_and_without=True)


def whole_numpy_suite():
    # numpy.typing's tests need packages that Debian does not install with it; some others fail without the tracker, too.
    # Two runs beside each other fit into memory without what asks for over 8 GB of it.
    return Program("numpy's suite, but for numpy.typing and tests that need over 8 GB",
                   [*NUMPY, "numpy", "--continue-on-collection-errors", "-k", "not test_big_arrays and not typing"],
                   {"NPY_AVAILABLE_MEM": "8GB"}, with_and_without=True, codes=(0, 1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=["loop", "programs", "numpy"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--slow-repeats", type=int, default=1)
    parser.add_argument("--others", type=int, help="times for all but the plain program and the default mode")
    parser.add_argument("--beside", action="store_true", help="the plain program and the default mode at the same time")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    if not FITTEST.exists():
        raise SystemExit("bench: no %s: build first" % FITTEST)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_inputs(folder)
        wanted = []
        if "loop" in arguments.parts:
            wanted.append(Program("malloc and free, nothing else", ["./loop", "100000000"]))
        if "programs" in arguments.parts:
            wanted += programs()
        if "numpy" in arguments.parts:
            wanted.insert(1, numpy_suite())
        if "numpy-whole" in arguments.parts:
            wanted.append(whole_numpy_suite())
        for program in wanted:
            if arguments.only and program.name.split(",")[0] not in arguments.only.split(","):
                continue
            if not shutil.which(program.command[0]) and not (folder / program.command[0]).exists():
                print("\n%s: not here" % program.name)
                continue
            if arguments.beside:
                compare_beside(program, folder, arguments.repeats)
            else:
                compare(program, folder, arguments.repeats, arguments.slow_repeats,
                        arguments.repeats if arguments.others is None else arguments.others)


if __name__ == "__main__":
    main()
