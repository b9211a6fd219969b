"""What a test left behind in the interpreter, for the tests after it.

A change is `broken` where nothing can be expected to work after it, else `changed`: then the worker goes on with what it
has, but a failure in it is tried again in a fresh one before it is believed.
"""
import builtins
import locale
import os
import signal
import sys
import warnings

_builtins, _modules, _environ = builtins.__dict__, sys.modules, os.environ
_dict, _len, _sorted, _list, _set = dict, len, sorted, list, set
_getcwd, _getrecursionlimit, _setlocale, _getsignal = (
    os.getcwd,
    sys.getrecursionlimit,
    locale.setlocale,
    signal.getsignal,
)
_LC_ALL = locale.LC_ALL
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD)
_CORE = (
    "builtins sys os io re json marshal struct socket threading warnings traceback linecache inspect importlib "
    "pytest _pytest _pytest.runner _pytest.reports _pytest.capture _pytest.fixtures _pytest.python pluggy"
).split()
_IGNORED_VARIABLES = ("PYTEST_CURRENT_TEST", "COV_CORE_CONTEXT")


def _environment():
    variables = _dict(_environ._data)  # the bytes themselves: no decoding of each
    for name in _IGNORED_VARIABLES:
        variables.pop(name.encode(), None)
    return variables


class Fingerprint:
    def __init__(self):
        self.builtins = _dict(_builtins)
        self.core = {name: _modules[name] for name in _CORE if name in _modules}
        self.modules = _len(_modules)
        self.renew()

    def renew(self):
        """Takes what is now for granted."""
        self.environment = _environment()
        self.directory = self._directory()
        self.recursion_limit = _getrecursionlimit()
        self.filters = _list(warnings.filters)
        self.locale = _setlocale(_LC_ALL)
        self.signals = [_getsignal(number) for number in _SIGNALS]
        self.modules = _len(_modules)

    @staticmethod
    def _directory():
        try:
            return _getcwd()
        except OSError:
            return None

    def broken(self):
        """What makes this interpreter useless; empty if nothing does."""
        found = []
        if _builtins != self.builtins:
            for name in _sorted(_set(self.builtins) | _set(_builtins)):
                if name != "_" and _builtins.get(name) is not self.builtins.get(name):
                    found.append("builtins.%s" % name)
        if sys.modules is not _modules:
            found.append("sys.modules was replaced")
        for name, module in self.core.items():
            if _modules.get(name) is not module:
                found.append("sys.modules[%r]" % name)
        if self.environment and not _environ._data:
            found.append("os.environ was emptied")
        return found

    def changed(self):
        found = []
        environment = _environment()
        if environment != self.environment:
            names = [
                name
                for name in _set(environment) | _set(self.environment)
                if environment.get(name) != self.environment.get(name)
            ]
            names = _sorted(name.decode("utf-8", "replace") for name in names)
            found.append("os.environ: " + ", ".join(names[:5]) + (", ..." if _len(names) > 5 else ""))
        directory = self._directory()
        if directory != self.directory:
            found.append("current folder: %s" % (directory or "one that is gone"))
        if _getrecursionlimit() != self.recursion_limit:
            found.append("recursion limit: %d" % _getrecursionlimit())
        if warnings.filters != self.filters:
            found.append("warnings.filters")
        if _setlocale(_LC_ALL) != self.locale:
            found.append("locale: %s" % _setlocale(_LC_ALL))
        signals = [_getsignal(number) for number in _SIGNALS]
        if signals != self.signals:
            found.append("signal handlers")
        if _len(_modules) < self.modules:
            found.append("sys.modules: %d modules are gone" % (self.modules - _len(_modules)))
        self.modules = _len(_modules)
        return found
