"""Whether a process that has collected may be forked. What forbids it is a living Python thread: its locks would stay
taken for ever in the copy. Native threads are named: pools of BLAS libraries make themselves anew after a fork, others
are tried."""
import ctypes
import os
import select
import signal
import sys
import threading

_POOLS = (("openblas", "OpenBLAS"), ("libmkl", "MKL"), ("libblis", "BLIS"))
# The GNU OpenMP runtime waits for ever in a forked child if its pool was used before.
_GOMP = "libgomp"
_TRIAL_SECONDS = 2


# Threads of plugins that wait in one system call and hold no lock there.
_HARMLESS = ("pytest_rerunfailures",)


def _python_threads():
    return [
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread()
        and getattr(getattr(thread, "_target", None), "__module__", None) not in _HARMLESS
    ]


def _native_threads():
    try:
        return max(len(os.listdir("/proc/self/task")) - threading.active_count(), 0)
    except OSError:
        return 0


def _loaded_libraries():
    try:
        with open("/proc/self/maps") as maps:
            return {line.split(None, 5)[5].strip() for line in maps if line.count("/")}
    except (OSError, IndexError):
        return set()


def _survives_fork(what):
    """Runs `what` in a forked child; false if it does not come back."""
    child = os.fork()
    if child == 0:
        try:
            what()
        finally:
            os._exit(0)
    try:
        handle = os.pidfd_open(child)
    except (AttributeError, OSError):
        handle = None
    if handle is None:
        os.waitpid(child, 0)
        return True
    try:
        ended = bool(select.select([handle], [], [], _TRIAL_SECONDS)[0])
    finally:
        os.close(handle)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return ended and status == 0


def _try_openmp(path):
    library = ctypes.CDLL(path)
    nothing = ctypes.CDLL(None).free  # of a null pointer: does nothing, on each thread of a new team
    library.GOMP_parallel(ctypes.cast(nothing, ctypes.c_void_p), None, 2, 0)


def decide():
    """("fork" or "spawn", why)."""
    if not hasattr(os, "fork") or sys.platform != "linux":
        return "spawn", "this system cannot fork safely"
    threads = _python_threads()
    if threads:
        names = ", ".join(repr(thread.name) for thread in threads[:3]) + (", ..." if len(threads) > 3 else "")
        return "spawn", "collecting left %d Python thread%s running: %s" % (
            len(threads), "" if len(threads) == 1 else "s", names)
    torch = sys.modules.get("torch")
    try:
        if torch is not None and torch.cuda.is_initialized():
            return "spawn", "CUDA is initialised, and does not survive a fork"
    except Exception:
        pass
    native = _native_threads()
    if not native:
        return "fork", "no thread beside the main one"
    libraries = _loaded_libraries()
    for path in sorted(libraries):
        if _GOMP in os.path.basename(path) and not _survives_fork(lambda: _try_openmp(path)):
            return "spawn", "OpenMP (%s) hangs in a forked process" % os.path.basename(path)
    pools = [title for part, title in _POOLS if any(part in os.path.basename(path) for path in libraries)]
    many = "%d native thread%s" % (native, "" if native == 1 else "s")
    if pools:
        return "fork", "%s: %s, which start%s anew after a fork" % (
            many, " and ".join(pools), "s" if len(pools) == 1 else "")
    return "fork", "%s of an unknown library; --isolation spawn if tests hang" % many
