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


def start(descriptor):
    size = os.fstat(descriptor).st_size
    content = b""
    while len(content) < size:
        part = os.pread(descriptor, size - len(content), len(content))
        if not part:
            break
        content += part
    os.close(descriptor)
    setup = json.loads(content.decode("utf-8"))
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
    elif setup["role"] == "worker":
        from fittest_pytest import worker as role
    else:
        sys.exit("fittest_pytest: no role is called %r" % setup["role"])
    sys.exit(role.main(setup))


start(DESCRIPTOR)  # noqa: F821 - put in front of this text by fittest
