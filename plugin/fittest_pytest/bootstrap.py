# Executed by `python -c` in a fresh interpreter: makes the modules of the bundle importable and starts one of them.
# The bundle is a JSON object {module: source} behind the descriptor named last on the command line's -c text; nothing
# is written to disk, nothing is put on sys.path.
import importlib.abc
import importlib.machinery
import json
import linecache
import os
import sys


class BundleImporter(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, path=None, target=None):
        if name not in self.sources:
            return None
        return importlib.machinery.ModuleSpec(
            name, self, origin="<fittest>/%s.py" % name.replace(".", "/"), is_package=name == "fittest_pytest"
        )

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        spec = module.__spec__
        source = self.sources[spec.name]
        linecache.cache[spec.origin] = (len(source), None, source.splitlines(True), spec.origin)
        exec(compile(source, spec.origin, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name):
        return self.sources[name]


_AGAIN = "FITTEST_HEAP_AGAIN"


def load_tracker(environment):
    """Where a script stands between fittest and Python (pyenv's, conda's), the heap's tracker was loaded into that: once
    more, without it."""
    again = os.environ.pop(_AGAIN, None)
    if not environment or again is not None:
        return
    with open("/proc/self/maps", "rb") as file:
        maps = file.read()
    if b"libfittest_heap.so" in maps or b"ld-musl" in maps or not sys.executable:
        return
    with open("/proc/self/cmdline", "rb") as file:
        command = file.read().split(b"\0")[:-1]
    os.environ.update(line.split("=", 1) for line in environment)
    os.environ[_AGAIN] = "1"
    os.execv(sys.executable, [sys.executable] + command[1:])


def start(descriptor):
    size = os.fstat(descriptor).st_size
    content = b""
    while len(content) < size:
        part = os.pread(descriptor, size - len(content), len(content))
        if not part:
            break
        content += part
    setup = json.loads(content.decode("utf-8"))
    load_tracker(setup.get("heap", {}).get("environment"))
    os.close(descriptor)
    # `python -c` puts the current folder in front of sys.path; the command `pytest` does not.
    if sys.path and sys.path[0] == "":
        del sys.path[0]
    sys.argv = ["pytest"] + setup["arguments"]
    sys.meta_path.insert(0, BundleImporter(setup["modules"]))
    try:
        import pytest
    except ImportError as problem:
        sys.stderr.write("%s: cannot import pytest (%s)\n" % (sys.executable, problem))
        os._exit(setup["exit_without_pytest"])
    version = tuple(int(part) for part in pytest.__version__.split(".")[:2] if part.isdigit())
    if version < (7, 0):
        sys.stderr.write("%s: pytest %s is too old, fittest needs 7.0\n" % (sys.executable, pytest.__version__))
        os._exit(setup["exit_without_pytest"])
    if setup["role"] == "session":
        from fittest_pytest import session as role
    elif setup["role"] == "mark_patch":
        from fittest_pytest import mark_patch as role
    elif setup["role"] == "worker":
        from fittest_pytest import worker as role
    else:
        sys.exit("fittest_pytest: no role is called %r" % setup["role"])
    sys.exit(role.main(setup))


start(DESCRIPTOR)  # noqa: F821 - put in front of this text by fittest
