"""What a forked worker must have for itself: memory domain, capture files, temporary folder, environment; and what it
must leave to the session: reporters, the cache, exit handlers."""
import os
import random
import sys
from pathlib import Path

# Hooks by which results are told: only the session's plugins hear them, once for each test.
_TELLING = ("pytest_runtest_logstart", "pytest_runtest_logreport", "pytest_runtest_logfinish", "pytest_warning_recorded")


def join_domain(order):
    """First of all: what is written from here on is charged to the worker."""
    for path in order.get("join_files", ()):
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, b"0\n")
        finally:
            os.close(descriptor)
    be_first_to_die()


def be_first_to_die():
    """The kernel shall choose a worker, never the session."""
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, b"1000")
        finally:
            os.close(descriptor)
    except OSError:
        pass


def _capture_manager(config):
    return config.pluginmanager.getplugin("capturemanager")


def stop_capture(config):
    """Lets go of the session's capture files, whose one offset all copies would share."""
    manager = _capture_manager(config)
    if manager is not None:
        manager.stop_global_capturing()


def start_capture(config):
    manager = _capture_manager(config)
    if manager is not None:
        manager.start_global_capturing()
        manager.suspend_global_capture()


def set_environment(order, in_order, testrun_uid):
    for line in order.get("environment", ()):
        name, _, value = line.partition("=")
        os.environ[name] = value
    os.environ["PYTEST_XDIST_TESTRUNUID"] = testrun_uid
    if not in_order:
        os.environ["PYTEST_XDIST_WORKER"] = "gw%d" % order["slot"]
        os.environ["PYTEST_XDIST_WORKER_COUNT"] = str(order["workers"])


def worker_input(order, testrun_uid):
    return {
        "workerid": "gw%d" % order["slot"],
        "workercount": order["workers"],
        "testrunuid": testrun_uid,
        "mainargv": sys.argv,
    }


def use_own_temporary_folder(config, order):
    """As xdist's workers: a folder popen-gw<N> below the session's."""
    factory = getattr(config, "_tmp_path_factory", None)
    base = getattr(factory, "_basetemp", None)
    if base is None:
        return
    own_base = Path(str(base)) / ("popen-gw%d" % order["slot"])
    own_base.mkdir(mode=0o700, exist_ok=True)
    factory._basetemp = own_base


def tell_nobody(config):
    """Takes the session's plugins off the hooks by which results are told; the worker adds its own."""
    for name in _TELLING:
        caller = getattr(config.hook, name, None)
        if caller is None:
            continue
        for implementation in list(caller.get_hookimpls()):
            if implementation.plugin_name != "fittest_recorder":
                caller._remove_plugin(implementation.plugin)


def failed_subtests(config):
    """How many subtests of each test have failed in this process, in pytest 9: by them pytest_report_teststatus lets
    the test as a whole fail. Nothing before."""
    try:
        from _pytest.subtests import failed_subtests_key
    except ImportError:
        return None
    return config.stash.get(failed_subtests_key, None)


def keep_random(session_state, seeded):
    """Python seeds `random` anew in a forked child. Where the suite seeded it while it was imported, tests count on
    what follows from that seed: put it back."""
    if seeded:
        random.setstate(session_state)


class Coverage:
    """pytest-cov's measurement, which goes on in the worker under a data file of its own."""

    def __init__(self, config):
        self._plugin = config.pluginmanager.getplugin("_cov")
        controller = getattr(self._plugin, "cov_controller", None)
        self._cov = getattr(controller, "cov", None)
        if self._plugin is not None and hasattr(self._plugin, "pid"):
            self._plugin.pid = os.getpid()  # or it would start a second measurement, as in a stranger's child

    def __bool__(self):
        return self._cov is not None

    def save(self):
        self._cov.save()

    def finish(self):
        self._cov.stop()
        self._cov.save()
