"""pytest-benchmark keeps what it measured in a list of the process; a worker's list has to reach the session's.

Tests that measure run one after another, in one worker, so as not to disturb each other."""
import pickle
import types

from fittest_pytest import results


def group_of(item):
    """The group of tests that measure; nothing for the others, and where nothing is measured."""
    option = item.config.option
    if "benchmark" not in getattr(item, "fixturenames", ()) or not hasattr(item.config, "_benchmarksession"):
        return None
    if getattr(option, "benchmark_disable", False) or getattr(option, "benchmark_skip", False):
        return None
    return "@benchmark"


class Collector:
    """In a worker: what has been measured since the last look, as bytes."""

    def __init__(self, config):
        self._measured = getattr(getattr(config, "_benchmarksession", None), "benchmarks", None)
        self._taken = len(self._measured) if self._measured is not None else 0

    def take(self):
        if self._measured is None or len(self._measured) <= self._taken:
            return None
        new = self._measured[self._taken :]
        self._taken = len(self._measured)
        for one in new:
            # The fixture stands for the whole test; of it, only this is read later.
            one.fixture = types.SimpleNamespace(has_error=one.has_error)
            one.options = {name: getattr(value, "__name__", repr(value)) if callable(value) else value
                           for name, value in one.options.items()}
            for name in ("param", "params", "extra_info"):
                try:
                    pickle.dumps(getattr(one, name))
                except Exception:
                    setattr(one, name, results.plain(getattr(one, name)))
        return pickle.dumps(new)


def give(config, measured):
    """In the session."""
    session = getattr(config, "_benchmarksession", None)
    if session is not None:
        session.benchmarks.extend(pickle.loads(measured))
