"""fork, spawn, none: which is taken, why, and that all three give the same verdicts."""
import pytest

SUITE = """
    import pytest
    def test_good(): pass
    def test_bad(): assert False
    @pytest.mark.parametrize("name", ["a b", "ä::[x]", "🐍", "back\\\\slash"])
    def test_names(name): pass
    @pytest.mark.skip
    def test_skipped(): pass
"""


@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
def test_all_ways_give_the_same_verdicts(suite, isolation):
    suite.write(test_a=SUITE, test_b=SUITE)
    result, plain = suite.fittest("--isolation", isolation), suite.pytest()
    assert result.code == 1
    assert result.isolation == isolation
    assert result.counts() == plain.counts()
    assert sorted(result.verdicts.values()) == sorted(["passed"] * 10 + ["failed", "skipped"] * 2)


def test_forking_is_the_way_where_nothing_forbids_it(suite):
    assert suite.write(test_a="def test_x(): pass").fittest().isolation == "fork"


THREAD = """
    import threading, time
    thread = threading.Thread(target=time.sleep, args=(1000,), name="watcher of things", daemon=True)
    thread.start()
"""


def test_a_python_thread_forbids_forking_and_is_named(suite):
    suite.write(conftest=THREAD, test_a=SUITE)
    result = suite.fittest()
    assert result.isolation == "spawn"
    assert "watcher of things" in result.of("collected")[0]["isolation_reason"]
    assert "watcher of things" in result.out
    assert result.counts() == {"passed": 5, "failed": 1, "skipped": 1}


def test_a_debugger_runs_without_workers(suite):
    suite.write(test_a="def test_x(): pass")
    result = suite.fittest("--pdb")
    assert result.code == 0 and result.isolation == "none"


def test_spawned_workers_have_what_xdist_gives(suite):
    suite.write(test_a="""
        import os
        def test_x(worker_id, testrun_uid, tmp_path):
            assert worker_id == os.environ["PYTEST_XDIST_WORKER"]
            assert testrun_uid == os.environ["PYTEST_XDIST_TESTRUNUID"]
    """)
    assert suite.fittest("--isolation", "spawn").code == 0


def test_a_pool_of_native_threads_does_not_forbid_forking(suite):
    pytest.importorskip("numpy")
    suite.write(conftest="import numpy\n(numpy.ones((600, 600)) @ numpy.ones((600, 600)))", test_a="""
        import numpy
        def test_x(): assert (numpy.ones((600, 600)) @ numpy.ones((600, 600)))[0, 0] == 600
        def test_y(): assert (numpy.ones((600, 600)) @ numpy.ones((600, 600)))[0, 0] == 600
    """)
    result = suite.fittest("-n2", env={"OPENBLAS_NUM_THREADS": "2"})
    assert result.code == 0 and result.isolation == "fork", result.out
