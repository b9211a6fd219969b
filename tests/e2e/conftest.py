"""Runs the built program on small suites, and looks at what a user sees and at what is left behind."""
import json
import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

PROGRAM = os.environ["FITTEST_PROGRAM"]
PYTHON = os.environ.get("FITTEST_TEST_PYTHON", sys.executable)


class Result:
    def __init__(self, folder, process, out):
        self.code = process.returncode
        self.out = out
        self.folder = folder
        runs = sorted((folder / ".fittest" / "runs").glob("*")) if (folder / ".fittest" / "runs").is_dir() else []
        self.run_folder = runs[-1] if runs else None
        self.events = []
        if self.run_folder and (self.run_folder / "events.jsonl").exists():
            for line in (self.run_folder / "events.jsonl").read_text().splitlines():
                self.events.append(json.loads(line))

    def of(self, kind):
        return [event for event in self.events if event["event"] == kind]

    @property
    def verdicts(self):
        """Test id -> verdict; fails if a test got two."""
        found = {}
        for event in self.of("test_finished"):
            assert event["id"] not in found, "two verdicts for %s" % event["id"]
            found[event["id"]] = event["verdict"]
        for event in self.of("test_amended"):
            found[event["id"]] = event["verdict"]
        return found

    def verdict(self, name):
        """Of the one test whose id ends with `name`."""
        found = [verdict for test, verdict in self.verdicts.items() if test.endswith(name)]
        assert len(found) == 1, (name, self.verdicts)
        return found[0]

    @property
    def isolation(self):
        return self.of("collected")[0]["isolation"]

    def counts(self):
        """What pytest's last line says: {"passed": 3, ...}."""
        lines = [line for line in self.out.splitlines() if re.search(r"\d+ (passed|failed|error|skipped)", line)
                 and re.search(r" in \d+\.\d+s", line)]
        assert lines, self.out
        return {word.rstrip("s") if word == "errors" else word: int(number)
                for number, word in re.findall(r"(\d+) (\w+)", lines[-1].split(" in ")[0])}


def processes_of(marker):
    """Living processes whose environment carries the text."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if marker.encode() in environment and state not in "ZX":
            found.append(int(entry.name))
    return found


def cgroups_of(marker):
    found = []
    for root in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup/freezer", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        for folder, names, _ in os.walk(root):
            found += [os.path.join(folder, name) for name in names if name.startswith("fittest-") and marker in name]
    return sorted(set(found))


def wait_until(condition, seconds=30):
    """For things that happen at their own time: asks until it is so; never for longer than `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.01)


class Suite:
    def __init__(self, folder):
        self.folder = folder
        self.mark = "e2e-%s-%d" % (os.urandom(4).hex(), os.getpid())

    def write(self, **files):
        for name, text in files.items():
            self.file(name.replace("__", "/") + ".py", text)
        return self

    def file(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def environment(self, more=()):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("PYTEST_", "FITTEST_", "COV_"))}
        environment.update(PYTHON=PYTHON, E2E_MARK=self.mark, PYTHONDONTWRITEBYTECODE="1", COLUMNS="100", NO_COLOR="1",
                           PYTEST_ADDOPTS="-p no:randomly")  # where it is installed, it shuffles; asked for by name
        environment.update(more)
        return environment

    def start(self, *arguments, env=(), verb="pytest", stdout=subprocess.PIPE, preexec_fn=None):
        return subprocess.Popen([PROGRAM, verb, *arguments], cwd=self.folder, env=self.environment(env),
                                stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.STDOUT,
                                preexec_fn=preexec_fn)

    def finish(self, process, timeout=120):
        out, _ = process.communicate(timeout=timeout)
        result = Result(self.folder, process, out.decode("utf-8", "replace"))
        self.nothing_left(result)
        return result

    def nothing_left(self, result=None):
        assert processes_of(self.mark) == [], result and result.out
        if result is not None and result.run_folder:
            assert cgroups_of(result.run_folder.name) == [], result.out

    def fittest(self, *arguments, env=(), timeout=120, verb="pytest"):
        if verb == "pytest" and not any(argument.startswith("--budget") for argument in arguments):
            arguments = ("--budget", "1G", *arguments)
        return self.finish(self.start(*arguments, env=env, verb=verb), timeout)

    def pytest(self, *arguments, env=(), python=PYTHON):
        """Plain pytest on the same suite."""
        process = subprocess.Popen([python, "-m", "pytest", "-p", "no:cacheprovider", *arguments], cwd=self.folder,
                                   env=self.environment(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        out, _ = process.communicate(timeout=120)
        return Result(self.folder, process, out.decode("utf-8", "replace"))


class MemoryCgroup:
    """A hard limit of memory around a program, of cgroup v1; its path is None where that cannot be had."""

    def __init__(self, limit):
        own = next((line.rstrip("\n").split(":", 2)[2] for line in open("/proc/self/cgroup")
                    if "memory" in line.split(":")[1].split(",")), "")
        base = Path("/sys/fs/cgroup/memory")
        self.path = (base / own.lstrip("/") if (base / own.lstrip("/")).is_dir() else base) / (
            "e2e-%s-%d" % (os.urandom(4).hex(), os.getpid()))
        try:
            self.path.mkdir()
            (self.path / "memory.limit_in_bytes").write_text(str(limit))
        except OSError:
            self.path = None

    def join(self):
        (self.path / "cgroup.procs").write_text("0")

    def remove(self):
        if self.path:
            self.path.rmdir()


@pytest.fixture(scope="session")
def peers():
    """A Python that has the tools which fittest promises to behave like."""
    made = subprocess.run([str(Path(__file__).parents[2] / "scripts" / "venv")], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(made.stderr.strip().splitlines()[-1])
    return made.stdout.strip()


def borrowed_pytest(version, folder):
    """The environment in which CPython `version` of scripts/interpreters has this Python's pytest, linked into `folder`;
    the test is skipped where that cannot be."""
    script = str(Path(__file__).parents[2] / "scripts" / "interpreters")
    found = subprocess.run([script, "--present", version], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if found.returncode != 0:
        pytest.skip(found.stderr.strip())
    _, libraries, python = found.stdout.strip().split(" ", 2)
    listed = subprocess.run([PYTHON, "-c", _FILES_OF_PYTEST], stdout=subprocess.PIPE, text=True, check=True)
    for path in map(Path, listed.stdout.splitlines()):
        (folder / path.name).symlink_to(path)
    environment = {"PYTHON": python, "PYTHONPATH": str(folder), "LD_LIBRARY_PATH": libraries}
    (folder / "test_probe.py").write_text("def test_it(): assert [1]\n")
    tried = subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_probe.py"], cwd=folder,
                           env=dict(os.environ, **environment, PYTHONDONTWRITEBYTECODE="1"), capture_output=True, text=True)
    (folder / "test_probe.py").unlink()
    if tried.returncode != 0:
        pytest.skip("pytest of %s does not run with CPython %s: %s" % (
            PYTHON, version, ((tried.stderr or tried.stdout).strip().splitlines() or ["?"])[-1]))
    return environment


# What pytest consists of where it is installed: pure Python all of it.
_FILES_OF_PYTEST = """
import glob, importlib.util, os
for name in ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "attr", "attrs", "exceptiongroup",
             "tomli"):
    spec = importlib.util.find_spec(name)
    if spec is not None:
        path = os.path.dirname(spec.origin) if spec.submodule_search_locations else spec.origin
        print(path, *glob.glob(os.path.join(os.path.dirname(path), name + "-*.dist-info")), sep="\\n")
"""


@pytest.fixture
def suite(tmp_path):
    folder = tmp_path / "suite"
    folder.mkdir()
    # A root of its own: no configuration of the folders above.
    (folder / "pytest.ini").write_text("[pytest]\n")
    made = Suite(folder)
    yield made
    made.nothing_left()


def has_plugin(name):
    return subprocess.run([PYTHON, "-c", "import %s" % name], capture_output=True).returncode == 0


def needs(*modules):
    missing = [name for name in modules if not has_plugin(name)]
    return pytest.mark.skipif(bool(missing), reason="not installed: %s" % ", ".join(missing))
