"""Whether a process may be forked, decided in processes of every kind."""
import os
import sys
import threading
import time
import types

import pytest
from conftest import in_child
from fittest_pytest import fork_safety

pytestmark = pytest.mark.usefixtures("patience")


def start(name=None, target=time.sleep, arguments=(1000,)):
    thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
    thread.start()
    return thread


def test_one_thread_may_fork():
    assert in_child(fork_safety.decide) == ("fork", "no thread beside the main one")


def test_a_python_thread_forbids_it_and_is_named():
    def look():
        start("watcher of things")
        return fork_safety.decide()

    decision, why = in_child(look)
    assert decision == "spawn"
    assert "1 Python thread running" in why and "'watcher of things'" in why


def test_of_many_threads_three_are_named():
    def look():
        for i in range(5):
            start("thread %d" % i)
        return fork_safety.decide()

    decision, why = in_child(look)
    assert decision == "spawn"
    assert "5 Python threads running: 'thread 0', 'thread 1', 'thread 2', ..." in why


def test_a_thread_that_has_ended_is_no_reason():
    def look():
        start("short", int, ()).join()
        return fork_safety.decide()

    assert in_child(look)[0] == "fork"


def wait_in_a_plugin():
    time.sleep(1000)


wait_in_a_plugin.__module__ = "pytest_rerunfailures"


def test_a_thread_known_to_be_harmless_is_no_reason():
    def look():
        start("server", wait_in_a_plugin, ())
        return fork_safety.decide()

    assert in_child(look)[0] == "fork"


@pytest.mark.parametrize("initialised, decision", [(True, "spawn"), (False, "fork")])
def test_cuda(initialised, decision):
    def look():
        sys.modules["torch"] = types.SimpleNamespace(cuda=types.SimpleNamespace(is_initialized=lambda: initialised))
        return fork_safety.decide()

    made, why = in_child(look)
    assert made == decision
    assert ("CUDA" in why) == initialised


def test_a_torch_that_cannot_be_asked_is_no_reason():
    def look():
        sys.modules["torch"] = types.SimpleNamespace()
        return fork_safety.decide()

    assert in_child(look)[0] == "fork"


def native_threads(monkeypatch, count, libraries=()):
    monkeypatch.setattr(fork_safety, "_native_threads", lambda: count)
    monkeypatch.setattr(fork_safety, "_loaded_libraries", lambda: set(libraries))


def test_a_pool_that_starts_anew_is_named(monkeypatch):
    native_threads(monkeypatch, 3, ["/usr/lib/libopenblas64_p-r0.so", "/usr/lib/libc.so.6"])
    assert fork_safety.decide() == ("fork", "3 native threads: OpenBLAS, which starts anew after a fork")
    native_threads(monkeypatch, 1, ["/a/libmkl_rt.so.2", "/a/libblis.so"])
    assert fork_safety.decide() == ("fork", "1 native thread: MKL and BLIS, which start anew after a fork")


def test_a_pool_that_is_unknown_is_tried_and_the_way_out_is_named(monkeypatch):
    native_threads(monkeypatch, 2, ["/usr/lib/libsomething.so"])
    decision, why = fork_safety.decide()
    assert decision == "fork" and "2 native threads of an unknown library" in why and "--isolation spawn" in why


@pytest.mark.parametrize("survives", [True, False])
def test_openmp_is_tried(monkeypatch, survives):
    native_threads(monkeypatch, 2, ["/usr/lib/libgomp.so.1"])
    monkeypatch.setattr(fork_safety, "_try_openmp", (lambda path: None) if survives else (lambda path: time.sleep(1000)))
    monkeypatch.setattr(fork_safety, "_TRIAL_SECONDS", 30 if survives else 0.05)
    decision, why = in_child(fork_safety.decide)
    assert decision == ("fork" if survives else "spawn")
    assert survives or "libgomp.so.1" in why



@pytest.mark.parametrize("what, survives", [(int, True), (lambda: os._exit(1), False), (os.abort, False),
                                            (lambda: time.sleep(1000), False)],
                         ids=["returns", "exits", "aborts", "hangs"])
def test_a_trial_leaves_no_process(monkeypatch, what, survives):
    monkeypatch.setattr(fork_safety, "_TRIAL_SECONDS", 30 if survives else 0.5)

    def look():
        answer = fork_safety._survives_fork(what)
        try:
            os.waitpid(-1, os.WNOHANG)
            left = True
        except ChildProcessError:
            left = False
        return answer, left

    assert in_child(look) == (survives, False)
