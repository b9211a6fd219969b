"""Tests that harm their process: each costs its own worker, and every other test gets its verdict."""
import pytest

HARM = {
    "os_exit": "os._exit(3)",
    "os_exit_0": "os._exit(0)",
    "segfault": "import ctypes; ctypes.string_at(0)",
    "abort": "os.abort()",
    "killed": "os.kill(os.getpid(), signal.SIGTERM)",
}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_a_worker_that_dies_is_a_normal_event(suite, harm, isolation):
    suite.write(test_a="""
        import os, signal
        def test_before(): pass
        def test_harm(): %s
        def test_after(): pass
    """ % HARM[harm], test_b="def test_other(): pass")
    result = suite.fittest("-n2", "--isolation", isolation)
    assert result.code == 1, result.out
    assert result.verdict("test_harm") == "crashed"
    assert [result.verdict(name) for name in ("test_before", "test_after", "test_other")] == ["passed"] * 3
    assert "crashed while running 'test_a.py::test_harm'" in result.out
    assert result.counts() == {"failed": 1, "passed": 3}


def test_a_test_that_kills_itself_is_no_matter_of_memory(suite):
    suite.write(test_a="""
        import os, signal
        def test_harm(): os.kill(os.getpid(), signal.SIGKILL)
        def test_after(): pass
    """)
    result = suite.fittest("-n1")
    assert result.verdict("test_harm") == "crashed" and result.verdict("test_after") == "passed", result.out
    assert "signal 9" in result.out


# What is done, and whether the tests after it need another worker at once.
BROKEN = {
    "import_raises": "def no(*a, **k): raise ImportError('broken')\n    builtins.__import__ = no",
    "modules_gone": "sys.modules.clear()",
    "open_gone": "del builtins.open",
    "environ_gone": "os.environ.clear()",
    "len_replaced": "builtins.len = lambda thing: 7",
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_interpreter_costs_its_own_worker(suite, what):
    suite.write(test_a="""
        import builtins, os, sys
        def test_before(): pass
        def test_harm():
            %s
        def test_after():
            import json
            assert len([1]) == 1 and os.environ and open and "json" in sys.modules
    """ % BROKEN[what].replace("\n    ", "\n            "), test_b="def test_other(): pass")
    result = suite.fittest("-n1")
    assert [result.verdict(name) for name in ("test_before", "test_after", "test_other")] == ["passed"] * 3, result.out
    assert "INTERNALERROR" not in result.out


CHANGED = {
    "environment": ("os.environ['LEFT'] = '1'", "'LEFT' not in os.environ"),
    "directory": ("os.chdir('/')", "os.getcwd() != '/'"),
    "directory_gone": ("d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)", "os.path.isdir('.') and os.getcwd()"),
    "recursion": ("sys.setrecursionlimit(200)", "sys.getrecursionlimit() > 900"),
    "locale": ("locale.setlocale(locale.LC_ALL, 'C.UTF-8')", "locale.setlocale(locale.LC_ALL) != 'C.UTF-8'"),
    "signals": ("signal.signal(signal.SIGTERM, lambda *a: None)", "signal.getsignal(signal.SIGTERM) is signal.SIG_DFL"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_a_failure_after_something_left_behind_is_tried_again_before_it_is_believed(suite, what):
    change, check = CHANGED[what]
    suite.write(test_a="""
        import os, sys, locale, signal, tempfile
        def test_harm(): %s
        def test_after(): assert %s
        def test_really_bad(): assert False
    """ % (change, check))
    plain = suite.pytest()
    assert plain.counts()["failed"] == 2
    result = suite.fittest("-n1", env={"LC_ALL": "C"})
    assert result.verdict("test_after") == "passed", result.out
    assert result.verdict("test_really_bad") == "failed"
    requeued = {event["id"] for event in result.of("test_requeued")}
    assert requeued == {"test_a.py::test_after", "test_a.py::test_really_bad"}
    detail = [event for event in result.of("test_finished") if event["id"].endswith("test_after")][0]["detail"]
    assert "test_harm" in detail


def test_tests_that_count_on_each_other_still_can(suite):
    suite.write(test_a="""
        import os
        def test_1(): os.environ["STEP"] = "1"
        def test_2(): assert os.environ["STEP"] == "1"
    """)
    assert suite.fittest("-n1").code == 0


def test_closed_standard_streams(suite):
    suite.write(test_a="""
        import os
        def test_harm(): [os.close(fd) for fd in (0, 1, 2)]
        def test_after(): print("still here")
    """, test_b="def test_other(): pass")
    result = suite.fittest("-n1")
    assert result.verdict("test_after") == result.verdict("test_other") == "passed", result.out


def test_all_descriptors_closed(suite):
    suite.write(test_a="""
        import os
        def test_harm(): os.closerange(3, 4096)
        def test_after(): pass
    """)
    result = suite.fittest("-n1")
    assert result.verdict("test_after") == "passed", result.out


# What a test writes to every socket it finds, its worker's connection among them: bytes that are no frame, a frame of no
# known type, and one that is a worker's request to stop but for what its words are.
GARBAGE = {
    "no_frame": r"b'\xff' * 64",
    "no_type": r"struct.pack('<IB', 5, 0xfe) + b'xxxx'",
    "no_words": r"""struct.pack('<IBI', 5 + 11, ord('p'), 0) + b'{"kind": 3}'""",
    "cut_off": r"struct.pack('<IB', 3, ord('e')) + b'xx'",
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_on_the_connection_of_a_worker(suite, what):
    suite.write(test_a="""
        import os, stat, struct
        def test_harm():
            written = 0
            for name in os.listdir("/proc/self/fd"):
                try:
                    if stat.S_ISSOCK(os.fstat(int(name)).st_mode): written += os.write(int(name), %s)
                except OSError:
                    pass
            assert written
        def test_after(): pass
    """ % GARBAGE[what], test_b="def test_other(): pass")
    result = suite.fittest("-n2")
    assert result.verdict("test_harm") == ("crashed" if what == "no_frame" else "passed"), result.out
    assert result.verdict("test_after") == result.verdict("test_other") == "passed", result.out
    assert "bug in fittest" not in result.out


def test_a_flood_of_output(suite):
    suite.write(test_a="""
        def test_quiet(): pass
        def test_flood():
            for _ in range(100): print("x" * 1_000_000)
        def test_flood_and_fail():
            for _ in range(100): print("y" * 1_000_000)
            assert False
    """)
    result = suite.fittest("--show-capture=no")
    assert result.verdict("test_flood") == "passed" and result.verdict("test_flood_and_fail") == "failed"


def test_output_of_c(suite):
    suite.write(test_a="""
        import ctypes
        libc = ctypes.CDLL(None)
        def test_c(): libc.puts(b"from c"); libc.fflush(None); assert False
    """)
    assert "from c" in suite.fittest().out


def test_processes_left_in_the_background_are_ended(suite):
    suite.write(test_a="""
        import os, subprocess, sys, time
        def test_child():
            subprocess.Popen(["sleep", "1000"])
        def test_daemon():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.closerange(0, 3)
                    os.execvp("sleep", ["sleep", "1000"])
                os._exit(0)
            os.wait()
        def test_forked_and_forgotten():
            if os.fork() == 0:
                time.sleep(1000)
    """)
    result = suite.fittest()  # the fixture looks for what is left
    assert result.code == 0, result.out


def test_a_hang_is_ended_by_the_test_timeout(suite):
    suite.write(test_a="""
        import time
        def test_hangs(): time.sleep(1000)
        def test_after(): pass
    """)
    result = suite.fittest("--test-timeout", "1")
    assert result.code == 1
    assert result.verdict("test_hangs") == "timed_out" and result.verdict("test_after") == "passed"
    assert "--test-timeout" in result.out
    assert "test_hangs" in result.out and "time.sleep(1000)" not in result.out.split("FAILURES")[0]


def test_a_hang_that_hears_no_signal(suite):
    suite.write(test_a="""
        import signal, time
        def test_hangs():
            signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
            time.sleep(1000)
        def test_after(): pass
    """)
    result = suite.fittest("--test-timeout", "1")
    assert result.verdict("test_hangs") == "timed_out" and result.verdict("test_after") == "passed"


def test_a_teardown_that_hangs_between_batches(suite):
    suite.file("pytest.ini", "[pytest]\n")
    suite.write(test_a="""
        import pytest, time
        @pytest.fixture(scope="module", autouse=True)
        def made():
            yield
            time.sleep(1000)
        def test_1(): pass
    """, test_b="def test_2(): pass")
    result = suite.fittest("-n1", "--test-timeout", "1")
    assert result.verdict("test_1") == result.verdict("test_2") == "passed", result.out


def test_exit_handlers_run_once_in_the_right_process(suite):
    suite.write(conftest="""
        import atexit, os
        from pathlib import Path
        LOG = Path(__file__).parent / "log"
        def note(what):
            with open(LOG, "a") as log: log.write(what + "\\n")
        atexit.register(note, "session")
    """, test_a="""
        import atexit
        from conftest import note
        def test_x(): atexit.register(note, "worker")
    """)
    suite.file("pytest.ini", "[pytest]\npythonpath = .\n")
    assert suite.fittest("-n1").code == 0
    assert sorted((suite.folder / "log").read_text().split()) == ["session", "worker"]


def test_a_worker_that_crashes_in_every_test_ends_all_the_same(suite):
    suite.write(test_a="import os, pytest\n@pytest.mark.parametrize('i', range(30))\ndef test_x(i): os._exit(1)")
    result = suite.fittest("-n2")
    assert set(result.verdicts.values()) == {"crashed"} and len(result.verdicts) == 30


def test_max_worker_restart(suite):
    suite.write(test_a="import os, pytest\n@pytest.mark.parametrize('i', range(30))\ndef test_x(i): os._exit(1)")
    result = suite.fittest("-n1", "--max-worker-restart", "3")
    assert list(result.verdicts.values()).count("crashed") == 4
    assert result.code != 0
