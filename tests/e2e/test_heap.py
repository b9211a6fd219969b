"""fittest heap: programs of all kinds traced by the built program, and the traces read."""
import fcntl
import gzip
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import termios
import textwrap

import pytest

from conftest import PROGRAM

PYTHON = "/usr/bin/python3"  # the system's: no launcher of an environment stands before it

HUNGRY = """
    import sys
    KEPT = []

    def profile(function):
        return function

    def small():
        return [bytes(1000) for _ in range(20000)]

    @profile
    def keep():
        KEPT.append(bytearray(30 << 20))
        more = bytearray(8 << 20)
        return len(more)

    def main():
        small()
        keep()
        print("done")

    main()
    sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    """


class Heap:
    def __init__(self, folder):
        self.folder = folder

    def file(self, name, text):
        path = self.folder / name
        path.write_text(textwrap.dedent(text))
        return path

    def environment(self, more=()):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FITTEST_")}
        environment.update(NO_COLOR="1", XDG_CACHE_HOME=str(self.folder / "cache"), PYTHONDONTWRITEBYTECODE="1")
        environment.update(more)
        return environment

    def __call__(self, *arguments, env=(), **more):
        return subprocess.run([PROGRAM, "heap", *map(str, arguments)], cwd=self.folder, env=self.environment(env),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, **more)

    def start(self, *arguments, env=()):
        return subprocess.Popen([PROGRAM, "heap", *map(str, arguments)], cwd=self.folder, env=self.environment(env),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, env=()):
        """A run that must end well; its trace."""
        done = self("run", "-o", "trace.heap", *arguments, env=env)
        assert done.returncode == 0, done.stderr
        assert (self.folder / "trace.heap").exists(), done.stderr
        return self.folder / "trace.heap"

    def report(self, *arguments, **more):
        done = self("report", *arguments, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.report("--json", *arguments))


@pytest.fixture
def heap(tmp_path):
    return Heap(tmp_path)


def functions(report, stack):
    return [report["frames"][frame]["function"] for frame in stack["frames"]]


@pytest.fixture(scope="module")
def hungry(tmp_path_factory):
    """One traced run of HUNGRY, and its folder."""
    heap = Heap(tmp_path_factory.mktemp("hungry"))
    heap.file("app.py", HUNGRY)
    heap.run("--exact", "--", PYTHON, "app.py")
    return heap


def test_run_says_what_it_saw_and_is_the_program_otherwise(heap):
    heap.file("app.py", HUNGRY)
    done = heap("run", "--", PYTHON, "app.py", "7")
    assert done.returncode == 7
    assert done.stdout == "done\n"
    assert re.search(r"^fittest heap: python3[.\d]*: exit code 7 after ", done.stderr, re.M), done.stderr
    for word in ("peak", "allocated", "leaked", "resident", "trace"):
        assert re.search(r"^  %s +\S" % word, done.stderr, re.M), done.stderr
    command = re.search(r"read it with +fittest (heap report (\S+\.heap))$", done.stderr, re.M)
    assert command, done.stderr
    assert (heap.folder / command.group(2)).exists()
    read = subprocess.run([PROGRAM, *command.group(1).split()], cwd=heap.folder, env=heap.environment(),
                          capture_output=True, text=True)
    assert read.returncode == 0
    assert "largest at the peak" in read.stdout


def test_nothing_is_in_the_programs_environment(heap):
    plain = subprocess.run(["env"], env=heap.environment(), capture_output=True, text=True).stdout
    traced = heap("run", "--", "env").stdout
    assert set(traced.splitlines()) == set(plain.splitlines())


def test_peak_and_stacks_of_a_python_program(hungry):
    report = hungry.json("trace.heap")
    assert report["mode"] == "exact"
    assert report["ending"] == "ended"
    # 38 MiB at once, and what the interpreter takes.
    assert 38 << 20 < report["counters"]["peak_bytes"] < 80 << 20
    largest = report["stacks"][0]
    assert functions(report, largest)[-3:] == ["keep", "main", "<module>"]
    assert largest["amounts"]["peak"]["bytes"] >= 30 << 20
    frames = [report["frames"][frame] for frame in largest["frames"]]
    keep = next(frame for frame in frames if frame["function"] == "keep")
    assert keep["file"].endswith("app.py") and keep["line"] == 13
    assert keep["language"] == "python"


def test_sampled_figures_are_near_the_exact_ones(heap, hungry):
    exact = hungry.json("trace.heap", "--top", "total")
    heap.file("app.py", HUNGRY)
    sampled = heap.json(heap.run("--", PYTHON, "app.py"), "--top", "total")
    assert sampled["mode"] == "sample"
    total = sampled["amounts"]["total"]
    assert total["error_bytes"] > 0
    assert abs(total["bytes"] - exact["amounts"]["total"]["bytes"]) < 3 * total["error_bytes"]
    # Allocations of this size are recorded whatever the sampling says.
    assert sampled["stacks"][0]["amounts"]["total"] == exact["stacks"][0]["amounts"]["total"]


def test_count_has_counters_alone(heap):
    heap.file("app.py", HUNGRY)
    trace = heap.run("--count", "--", PYTHON, "app.py")
    assert "counters alone" in heap.report(trace)
    refused = heap("report", trace, "--tree")
    assert refused.returncode == 4
    assert "without --count" in refused.stderr


def test_lines_of_marked_functions(hungry):
    text = hungry.report("trace.heap", "--lines")
    assert "Function: keep\n" in text and "Function: main" not in text
    row = next(line for line in text.splitlines() if "KEPT.append" in line)
    assert re.match(r" +13 +30 MiB +30 MiB +\d+ +KEPT.append\(bytearray\(30 << 20\)\)$", row), text
    assert re.search(r"^ +12 + def keep\(\):$", text, re.M), text


def test_lines_of_chosen_functions(hungry):
    text = hungry.report("trace.heap", "--lines", "--function", "sm*", "--top", "total")
    row = next(line for line in text.splitlines() if "for _ in range(20000)" in line)
    assert re.match(r" +9 .* (19|20|21) MiB +2\d,\d\d\d ", row), text
    refused = hungry("report", "trace.heap", "--lines", "--function", "nobody")
    assert refused.returncode == 4
    assert "nobody" in refused.stderr


def test_tree_and_top(hungry):
    tree = hungry.report("trace.heap", "--tree")
    assert re.search(r"keep .*app.py:13", tree), tree
    assert "... " not in hungry.report("trace.heap", "--tree", "--limit", "0")
    top = hungry.report("trace.heap", "--top", "leaked", "--limit", "1")
    assert top.startswith("fittest heap: ")
    assert len(re.findall(r"^ +\d+\. ", top, re.M)) == 1


def test_exports(hungry):
    out = hungry.folder
    done = hungry("report", "trace.heap", "--flamegraph", "graph.html", "--collapsed", "stacks.txt", "--pprof", "prof.gz",
                  "--speedscope", "scope.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    collapsed = (out / "stacks.txt").read_text()
    lines = [re.fullmatch(r"(.+) (\d+)", line).groups() for line in collapsed.splitlines()]
    assert any(re.search(r"<module> \(.*app.py\);main .*;keep ", stack) and int(size) >= 30 << 20
               for stack, size in lines), collapsed
    scope = json.loads((out / "scope.json").read_text())
    assert scope["profiles"][0]["endValue"] == pytest.approx(sum(int(size) for _, size in lines), rel=1e-6)
    assert gzip.decompress((out / "prof.gz").read_bytes())
    assert "keep" in (out / "graph.html").read_text()


def test_an_export_goes_through_a_pipe(hungry):
    assert ";keep " in hungry.report("trace.heap", "--collapsed", "/dev/stdout")


@pytest.mark.skipif(not shutil.which("chromium"), reason="no browser here")
def test_the_flame_graph_is_drawn_by_a_browser(hungry, tmp_path):
    hungry.report("trace.heap", "--flamegraph", tmp_path / "graph.html")
    done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                           "--user-data-dir=%s" % (tmp_path / "browser"), "--virtual-time-budget=5000",
                           "file://%s#show=leaked" % (tmp_path / "graph.html")], capture_output=True, text=True, timeout=120)
    assert re.search(r'id="figure">leaked: held at the end: [\d.]+ MiB<', done.stdout), done.stdout[-2000:]
    assert re.search(r'<g [^>]*name="<module>"|<g [^>]*name="&lt;module&gt;"', done.stdout)


def test_diff(heap):
    heap.file("app.py", """
        import sys
        def grow(): return bytearray(int(sys.argv[1]) << 20)
        def same(): return bytearray(5 << 20)
        kept = grow(), same()
        """)
    for name, size in ("a", 10), ("b", 30):
        assert heap("run", "-o", name, "--", PYTHON, "app.py", size).returncode == 0
    done = heap("diff", "a", "b")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^  1\. \+20 MiB  10 MiB to 30 MiB$", done.stdout, re.M), done.stdout
    assert "same" not in done.stdout
    back = json.loads(heap("diff", "b", "a", "--json").stdout)
    assert back["shrunk"][0]["before"]["bytes"] - back["shrunk"][0]["after"]["bytes"] == 20 << 20
    assert back["grown"] == [] or back["grown"][0]["after"]["bytes"] < 2 << 20


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Compiles a C program: compiled(name, source, *flags)."""
    folder = tmp_path_factory.mktemp("compiled")

    def compile(name, source, *flags):
        file = folder / (name + ".c")
        file.write_text(textwrap.dedent(source))
        subprocess.run(["gcc", "-g", "-O1", "-o", folder / name, file, *flags], check=True)
        return folder / name

    return compile


LEAK = """
    #include <stdlib.h>
    #include <string.h>
    __attribute__((noinline)) void* lose(size_t n) { void* p = malloc(n); memset(p, 1, n); return p; }
    int main(void) {
      for (int i = 0; i < 7; ++i) *(volatile char*)lose(1 << 20) = 2;
      return 3;
    }
    """


def test_a_native_program(heap, compiled):
    program = compiled("leak", LEAK)
    done = heap("run", "-o", "t", "--", program)
    assert done.returncode == 3
    report = heap.json("t", "--top", "leaked")
    assert functions(report, report["stacks"][0])[:2] == ["lose", "main"]
    assert report["stacks"][0]["amounts"]["leaked"]["bytes"] == 7 << 20
    assert "lose(size_t n)" in heap.report("t", "--lines", "--function", "lose")


def test_a_static_program_runs_on_with_resident_memory_alone(heap, compiled):
    done = heap("run", "--", compiled("still", LEAK.replace("7;", "30;"), "-static"))
    assert done.returncode == 3
    assert done.stderr.startswith("fittest heap: still is statically linked: it cannot be traced, "
                                  "only its resident memory is measured\n")
    assert re.search(r"^  resident +\S+ MiB at most$", done.stderr, re.M), done.stderr
    assert not list(heap.folder.glob("*.heap"))


def test_a_program_that_does_not_load_the_library(heap, compiled):
    """It takes rights that its caller does not have, so the loader drops what is to be preloaded."""
    if os.getuid() != 0:
        pytest.skip("only root can make a file of others")
    program = compiled("other", LEAK)
    os.chown(program, 65534, 65534)
    program.chmod(0o4755)
    done = heap("run", "--", program)
    assert done.returncode == 3
    assert "other is setuid" in done.stderr
    assert "resident" in done.stderr


def test_the_library_is_not_loaded_after_all(heap, compiled):
    program = compiled("plain", LEAK)
    nothing = heap.folder / "libfittest_heap.so"
    nothing.write_text("no library")
    done = heap("run", "--", program, env={"FITTEST_HEAP_LIBRARY": str(nothing)})
    assert done.returncode == 3
    assert "none was begun" in done.stderr
    assert "resident" in done.stderr


def test_a_script(heap):
    script = heap.file("tool", "#!%s\nkept = bytearray(20 << 20)\n" % PYTHON)
    script.chmod(0o755)
    report = heap.json(heap.run("--", "./tool"))
    assert report["counters"]["peak_bytes"] > 20 << 20


def test_a_program_that_executes_another_in_its_place(heap):
    report = heap.json(heap.run("--", "sh", "-c", "exec %s -c 'kept = bytearray(20 << 20)'" % PYTHON))
    assert "python" in report["program"]
    assert report["counters"]["peak_bytes"] > 20 << 20
    assert [path.name for path in heap.folder.glob("*heap*")] == ["trace.heap"]


FORKS = """
    import os, subprocess
    parent = bytearray(5 << 20)
    child = os.fork()
    if child == 0:
        mine = bytearray(40 << 20)
        os._exit(0)
    os.waitpid(child, 0)
    subprocess.run(["/usr/bin/python3", "-c", "kept = bytearray(80 << 20)"], check=True)
    """


@pytest.mark.parametrize("option, peaks", [(None, [5]), ("--follow-fork", [5, 40]), ("--follow-exec", [5, 40, 80])])
def test_processes_that_it_starts(heap, option, peaks):
    heap.file("app.py", FORKS)
    done = heap("run", *([option] if option else []), "-o", "many", "--", PYTHON, "app.py")
    assert done.returncode == 0, done.stderr
    files = sorted(heap.folder.glob("many*"))
    found = [heap.json(file) for file in files]
    largest = {max(stack["largest_bytes"] for stack in report["stacks"]) >> 20 for report in found if report["stacks"]}
    assert set(peaks) <= largest, done.stderr
    assert not {5, 40, 80} - set(peaks) & largest
    if option:
        together = heap.json(*files)
        total = sum(report["amounts"]["total"]["bytes"] for report in found)
        assert together["amounts"]["total"]["bytes"] == pytest.approx(total, abs=len(found))  # of rounded sums
    else:
        assert [file.name for file in files] == ["many"]


def test_signals_reach_the_program(heap):
    heap.file("app.py", """
        import signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
        print("ready", flush=True)
        while True: signal.pause()
        """)
    process = heap.start("run", "-o", "t", "--", PYTHON, "app.py")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 9, err
    assert heap.json("t")["ending"] == "ended"


def test_a_program_that_is_killed_leaves_a_trace(heap):
    heap.file("app.py", """
        import os, signal
        kept = bytearray(25 << 20)
        os.kill(os.getpid(), signal.SIGKILL)
        """)
    done = heap("run", "-o", "t", "--", PYTHON, "app.py")
    assert done.returncode == 128 + signal.SIGKILL
    assert "signal 9 (Killed)" in done.stderr
    report = heap.json("t")
    assert report["ending"] == "cut_off"
    assert report["stacks"][0]["amounts"]["peak"]["bytes"] >= 25 << 20
    assert "cut off" in " ".join(heap.report("t").split())


def test_live_figures_come_while_it_runs(heap):
    heap.file("app.py", """
        import sys
        def hold(): return bytearray(50 << 20)
        kept = hold()
        sys.stdin.readline()
        """)
    process = subprocess.Popen([PROGRAM, "heap", "run", "--live", "--interval", "0.2", "-o", "t", "--", PYTHON, "app.py"],
                               cwd=heap.folder, env=heap.environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "most by hold" in line:
            break
        assert len(lines) < 300, lines[-3:]
    assert re.match(r"fittest heap: .*: live \d+ MiB, peak \d+ MiB, .* allocations/s; most by hold \(.*app.py:3\), 50 MiB",
                    lines[-1])
    process.stdin.write("\n")
    process.stdin.close()
    assert process.wait(timeout=60) == 0
    process.stderr.close()


def test_a_trace_is_read_while_it_is_written(heap):
    heap.file("app.py", """
        import sys
        def hold(): return bytearray(50 << 20)
        kept = hold()
        print("ready", flush=True)
        sys.stdin.readline()
        """)
    process = subprocess.Popen([PROGRAM, "heap", "run", "-o", "t", "--", PYTHON, "app.py"], cwd=heap.folder,
                               env=heap.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    assert process.stdout.readline() == "ready\n"
    found = list(heap.folder.glob("t.*.heap"))
    assert len(found) == 1
    report = heap.json(found[0])
    assert report["ending"] == "running"
    assert report["stacks"][0]["amounts"]["peak"]["bytes"] >= 50 << 20
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize("arguments, why", [
    (["run"], "CMD"),
    (["run", "--", "no-such-program-anywhere"], "on the PATH"),
    (["run", "--", "./none"], "no such program"),
    (["run", "--exact", "--count", "--", "true"], "excludes"),
    (["run", "--period", "much", "--", "true"], "--period"),
    (["run", "-o", "no/such/folder/t", "--", "true"], "a trace cannot be written there"),
    (["run", "-o", "notes.txt", "--", "true"], "left as it is"),
    (["run", "-o", ".", "--", "true"], "is a folder"),
    (["report", "none.heap"], "none.heap"),
    (["report", "notes.txt"], "notes.txt"),
    (["report"], "FILE"),
    (["report", "notes.txt", "--top", "most"], "none of peak"),
    (["report", "notes.txt", "--function", "f"], "--lines"),
    (["diff", "notes.txt", "notes.txt"], "notes.txt"),
    (["nothing"], ""),
])
def test_what_cannot_be_done_is_said(heap, arguments, why):
    heap.file("notes.txt", "important\n")
    done = heap(*arguments)
    assert done.returncode == 4, done.stderr
    assert why in done.stderr
    assert (heap.folder / "notes.txt").read_text() == "important\n"


def test_an_older_trace_is_written_over(heap):
    heap.file("app.py", "kept = bytearray(9 << 20)\n")
    heap.run("--", "true")
    assert heap.json(heap.run("--", PYTHON, "app.py"))["counters"]["peak_bytes"] > 9 << 20


def test_where_there_is_no_home(heap):
    """The library then lies in a folder that is gone with the run."""
    environment = heap.environment({"TMPDIR": str(heap.folder)})
    for name in ("HOME", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    done = subprocess.run([PROGRAM, "heap", "run", "-o", "t", "--", "true"], cwd=heap.folder, env=environment,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in heap.folder.iterdir()] == ["t"]


def test_everything_fits_eighty_columns_in_a_terminal(hungry):
    """As a person sees it: through a terminal of 80 columns."""
    for arguments in (["report"], ["report", "--tree"], ["report", "--lines"], ["report", "--top", "total"]):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        process = subprocess.Popen([PROGRAM, "heap", *arguments, "trace.heap"], cwd=hungry.folder, stdout=slave,
                                   stdin=slave, env=hungry.environment({"TERM": "xterm"}))
        os.close(slave)
        out = b""
        while True:
            try:
                got = os.read(master, 65536)
            except OSError:
                break
            if not got:
                break
            out += got
        os.close(master)
        assert process.wait(timeout=60) == 0
        for line in out.decode().splitlines():
            assert len(line) <= 80, line
