"""The Python part of the tracker in each interpreter that can be had here: what it reads against what the interpreter
says of itself, from inside of allocations too."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
PROBE = os.environ["FITTEST_TRACK_PROBE"]  # the library made of probe.cc
EMBEDDING = os.environ["FITTEST_TRACK_EMBEDDING"]  # the program made of embedding.cc
LIBRARY = os.environ["FITTEST_TRACK_LIBRARY"]  # libfittest_heap.so
REFERENCE_TRACER = os.environ["FITTEST_TRACK_REFERENCE_TRACER"]  # the library made of reference_tracer.cc
# Freed memory is filled with a pattern that is no address: who follows a pointer from there does not get far.
NO_MERCY = "glibc.malloc.perturb=8"


def interpreters():
    """Name -> (program, folder of its libraries or None)."""
    found = {}
    script = subprocess.run([str(ROOT / "scripts" / "interpreters")], stdout=subprocess.PIPE, text=True)
    for line in script.stdout.splitlines():
        version, folder, program = line.split(" ", 2)
        found[version] = (program, folder)
    for program in (sys.executable, "/usr/bin/python3"):
        if not os.access(program, os.X_OK):
            continue
        version = subprocess.run([program, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                                 stdout=subprocess.PIPE, text=True).stdout.strip()
        if version in ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14"):
            found.setdefault("%s of %s" % (version, os.path.dirname(program)), (program, None))
    return found


INTERPRETERS = interpreters()
each = pytest.mark.parametrize("name", sorted(INTERPRETERS))


def run(name, *arguments, **environment):
    program, folder = INTERPRETERS[name]
    whole = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LD_"))}
    whole.update({"LD_PRELOAD": PROBE, "GLIBC_TUNABLES": NO_MERCY, "PYTHONDONTWRITEBYTECODE": "1"}, **environment)
    if folder:
        whole["LD_LIBRARY_PATH"] = folder
    ran = subprocess.run([program, *map(str, arguments)], env=whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def counts(path):
    words = path.read_text().split()
    return {key: int(value) for key, value in zip(words[::2], words[1::2])}


@each
def test_frames_are_those_that_the_interpreter_tells(name):
    run(name, HERE / "check_frames.py")


@each
def test_frames_can_be_read_from_inside_of_any_allocation(name, tmp_path):
    run(name, HERE / "check_frames.py", PROBE_EVERY="7", PROBE_REPORT=str(tmp_path / "report"))
    read = counts(tmp_path / "report")
    assert read["with_frames"] > 100 and read["nameless"] == 0


@each
def test_an_interpreter_starts_and_ends_while_its_frames_are_read(name, tmp_path):
    run(name, "-c", "import json, ctypes", PROBE_EVERY="1", PROBE_REPORT=str(tmp_path / "report"))
    assert counts(tmp_path / "report")["with_frames"] > 100
    for _ in range(3):
        run(name, HERE / "finalizing.py", PROBE_EVERY="1")


@each
@pytest.mark.parametrize("allocator", ["", "debug", "malloc"])
def test_allocators_tell_of_each_object_once(name, allocator):
    run(name, HERE / "check_allocators.py", PYTHONMALLOC=allocator)


@each
@pytest.mark.parametrize("allocator", ["", "debug", "malloc"])
def test_objects_that_are_left(name, allocator):
    can = run(name, "-c", "import sys; print(sys.version_info >= (3, 13, 3))").strip() == "True"
    run(name, HERE / "check_objects.py", *([] if can else ["unable"]), PYTHONMALLOC=allocator, LD_PRELOAD=LIBRARY,
        REFERENCE_TRACER=REFERENCE_TRACER)


@pytest.mark.parametrize("name", [name for name in sorted(INTERPRETERS) if INTERPRETERS[name][1]])
def test_an_interpreter_that_is_loaded_late_is_found(name):
    folder = Path(INTERPRETERS[name][1])
    environment = dict(os.environ, LD_PRELOAD=PROBE, GLIBC_TUNABLES=NO_MERCY, PYTHONHOME=str(folder), PROBE_EVERY="1")
    ran = subprocess.run([EMBEDDING, str(folder / ("libpython%s.so.1.0" % name))], env=environment,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, "ok\n")


def test_a_program_that_is_no_python_has_no_frames(tmp_path):
    report = tmp_path / "report"
    subprocess.run(["cat", "/dev/null"], check=True, env=dict(os.environ, LD_PRELOAD=PROBE, PROBE_EVERY="1",
                                                              PROBE_REPORT=str(report)))
    read = counts(report)
    assert read["walks"] > 0 and read["frames"] == 0
