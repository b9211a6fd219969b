"""The command line of pytest-xdist, understood without it: users have `-n` and `--dist` in their ini files.

pytest-xdist itself is kept out of the session (other plugins would set up for its kind of workers), its hooks stay
known, so that a conftest that implements one of them is no error."""
import os

import pytest

from fittest_pytest import benchmarks

DISTS = ("each", "load", "loadscope", "loadfile", "loadgroup", "worksteal", "no")


def _worker_count(text):
    return text if text in ("auto", "logical") else int(text)


def block_xdist(pluginmanager):
    for name in ("xdist", "xdist.plugin", "xdist.looponfail"):
        pluginmanager.set_blocked(name)


def add_options(parser):
    group = parser.getgroup("fittest", "fittest: workers (options of pytest-xdist)")
    add = group._addoption  # the public way refuses "-n"
    add("-n", "--numprocesses", dest="fittest_workers", metavar="numprocesses", type=_worker_count,
        help="Workers at once: a number, 'auto' (the default: one for each core) or 'logical'; 0: one, in order")
    add("--maxprocesses", dest="fittest_most_workers", metavar="maxprocesses", type=int,
        help="Most workers with -n auto")
    add("--dist", dest="fittest_dist", metavar="distmode", choices=DISTS, default=None,
        help="How tests are put together: load (the default), loadscope, loadfile, loadgroup, worksteal, no")
    add("-d", dest="fittest_distload", action="store_true", default=False, help="The same as --dist=load")
    add("--max-worker-restart", dest="fittest_max_restarts", type=int, default=None,
        help="Stop once more than this many workers have crashed")
    add("--testrunuid", dest="fittest_testrunuid", default=None, help="What the fixture testrun_uid gives")
    # Understood, and without effect here: these say how xdist reaches and feeds its workers.
    add("--tx", dest="fittest_tx", action="append", default=[], help="No effect: workers are local")
    add("--px", dest="fittest_px", action="append", default=[], help="No effect: workers are local")
    add("--rsyncdir", dest="fittest_rsyncdir", action="append", default=[], help="No effect: workers are local")
    add("--rsyncignore", dest="fittest_rsyncignore", action="append", default=[], help="No effect: workers are local")
    add("--maxschedchunk", dest="fittest_maxschedchunk", type=int, default=None,
        help="No effect: batches are cut by measured time and memory")
    add("--loadscope-reorder", dest="fittest_reorder", action="store_true", default=True, help="No effect")
    add("--no-loadscope-reorder", dest="fittest_reorder", action="store_false", default=True, help="No effect")
    for name in ("rsyncdirs", "rsyncignore", "looponfailroots"):
        parser.addini(name, "of pytest-xdist, no effect here", type="args" if name == "looponfailroots" else "args")


def add_hooks(pluginmanager):
    """Before the first conftest is loaded; not earlier, or pytest would warn that xdist cannot be rewritten."""
    try:
        from xdist import newhooks
    except ImportError:
        return
    pluginmanager.add_hookspecs(newhooks)


def look_like_a_worker_less_xdist(config):
    """What conftests and plugins read from the options of xdist, as its own workers see them."""
    for name, value in (("numprocesses", None), ("maxprocesses", None), ("dist", "no"), ("distload", False),
                        ("tx", []), ("looponfail", False), ("loadgroup", False)):
        if not hasattr(config.option, name):
            setattr(config.option, name, value)


def core_count():
    try:
        return len(os.sched_getaffinity(0)) or 1
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def auto_workers(config):
    """As `-n auto` of xdist: the environment, a conftest's hook, the cores."""
    text = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    if text:
        try:
            return max(int(text), 1)
        except ValueError:
            pass
    hook = getattr(config.hook, "pytest_xdist_auto_num_workers", None)
    if hook is not None:
        count = hook(config=config)
        if isinstance(count, int) and count > 0:
            return count
    return core_count()


class Distribution:
    """What the options come to."""

    def __init__(self, config, most_workers=None):
        option = config.option
        dist = option.fittest_dist or ("load" if option.fittest_distload else None)
        if dist == "each":
            raise pytest.UsageError(
                "--dist each: runs every test in every environment, which fittest does not do; "
                "leave it out, or use pytest-xdist for that"
            )
        count = option.fittest_workers
        if count is not None and not isinstance(count, str) and count < 0:
            raise pytest.UsageError("-n %d: the number of workers cannot be negative" % count)
        if option.fittest_most_workers is not None and option.fittest_most_workers < 1:
            raise pytest.UsageError("--maxprocesses %d: must be at least 1" % option.fittest_most_workers)
        # `-n 4 --dist no` is load in xdist, `--dist no` alone runs in order.
        self.in_order = count == 0 or (dist == "no" and count is None)
        if self.in_order:
            self.workers, self.dist, self.workers_asked = 1, "no", 1
            return
        if count in (None, "auto", "logical"):
            self.workers = most_workers if count is None and most_workers else auto_workers(config)
            if option.fittest_most_workers:
                self.workers = min(self.workers, option.fittest_most_workers)
        else:
            self.workers = count
        # What two machines agree on: a number that was asked for, not one that was found.
        self.workers_asked = count if isinstance(count, int) else None
        self.dist = "load" if dist in (None, "no") else dist
        # Without --dist, the marks of xdist_group hold: nobody sets them to have them ignored.
        self.honours_groups = dist is None or dist == "loadgroup"


def group_name(item, distribution):
    """What tests that must share a worker have in common; nothing where a test is free."""
    nodeid = item.nodeid
    if distribution.dist == "loadscope":
        return nodeid.rsplit("::", 1)[0]
    if distribution.dist == "loadfile":
        return nodeid.split("::", 1)[0]
    if getattr(distribution, "honours_groups", False) and item.own_markers is not None:
        names = set()
        for mark in item.iter_markers("xdist_group"):
            names.add(str(mark.args[0] if mark.args else mark.kwargs.get("name", "default")))
        if names:
            return "@" + "_".join(sorted(names))
        return benchmarks.group_of(item)
    return None
