"""Fixtures of every scope, and what pytest-xdist gives to tests."""
import json

SCOPES = """
    import json, os, pytest
    from pathlib import Path
    LOG = Path(__file__).parent / "log"

    def note(what):
        with open(LOG, "a") as log:
            log.write(json.dumps([os.getpid(), what]) + "\\n")

    def of(scope):
        @pytest.fixture(scope=scope, autouse=True)
        def made():
            note(scope + " up")
            yield scope
            note(scope + " down")
        return made

    session_fixture, module_fixture, class_fixture, function_fixture = (
        of("session"), of("module"), of("class"), of("function"))
    package_fixture = of("package")
"""
TESTS = """
    class TestA:
        def test_1(self): pass
        def test_2(self): pass
    class TestB:
        def test_3(self): pass
    def test_4(): pass
"""


def log(suite):
    return [json.loads(line) for line in (suite.folder / "log").read_text().splitlines()]


def test_every_scope_is_torn_down_once_for_each_set_up_in_each_worker(suite):
    suite.write(conftest=SCOPES, test_a=TESTS, test_b=TESTS, test_c=TESTS)
    result = suite.fittest("-n2")
    assert result.code == 0, result.out
    by_worker = {}
    for pid, what in log(suite):
        by_worker.setdefault(pid, []).append(what)
    assert len(log(suite)) > 0
    for events in by_worker.values():
        assert events.count("session up") == events.count("session down") == 1
        assert events[0] == "session up" and events[-1] == "session down"
        for scope in ("package", "module", "class", "function"):
            assert events.count(scope + " up") == events.count(scope + " down") > 0
            depth = 0
            for event in events:
                depth += {scope + " up": 1, scope + " down": -1}.get(event, 0)
                assert depth in (0, 1), (scope, events)


def test_one_worker_sets_up_as_plain_pytest_does(suite):
    suite.write(conftest=SCOPES, test_a=TESTS, test_b=TESTS)
    assert suite.fittest("-n0").code == 0
    ours = [what for _, what in log(suite)]
    (suite.folder / "log").unlink()
    assert suite.pytest().code == 0
    assert ours == [what for _, what in log(suite)]


def test_a_failing_teardown_of_a_module_is_an_error_of_its_last_test(suite):
    suite.write(test_a="""
        import pytest
        @pytest.fixture(scope="module", autouse=True)
        def made():
            yield
            raise RuntimeError("cannot put away")
        def test_1(): pass
        def test_2(): pass
    """, test_b="def test_3(): pass")
    ours, plain = suite.fittest("-n1"), suite.pytest()
    assert ours.code == plain.code == 1
    assert ours.counts() == plain.counts()
    assert ours.verdict("test_1") == "passed" and ours.verdict("test_2") == "error"
    assert "cannot put away" in ours.out


def test_what_xdist_gives(suite):
    suite.write(test_a="\n".join("""
    def test_%d(worker_id, testrun_uid):
        import os
        assert worker_id == os.environ["PYTEST_XDIST_WORKER"] in ("gw0", "gw1")
        assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == "2"
        assert testrun_uid == os.environ["PYTEST_XDIST_TESTRUNUID"]
        print("uid", testrun_uid)
    """ % i for i in range(4)))
    result = suite.fittest("-n2", "-rP")
    assert result.code == 0, result.out
    uids = {line for line in result.out.splitlines() if line.startswith("uid ")}
    assert len(uids) == 1


def test_in_order_there_is_no_worker_to_see(suite):
    suite.write(test_a="""
        import os
        def test_x(worker_id):
            assert worker_id == "master"
            assert "PYTEST_XDIST_WORKER" not in os.environ
    """)
    assert suite.fittest("-n0").code == 0
    assert suite.fittest("--dist", "no").code == 0


def pids(suite):
    return dict(line.split() for line in (suite.folder / "pids").read_text().splitlines())


NOTE_PID = """
    import os
    from pathlib import Path
    def note(name):
        with open(Path(__file__).parent / "pids", "a") as file:
            file.write("%s %d\\n" % (name, os.getpid()))
"""


def test_xdist_groups_share_a_worker_in_order(suite):
    suite.write(helper=NOTE_PID)
    for module in "ab":
        suite.file("test_%s.py" % module, """
            import pytest, sys, time
            sys.path.insert(0, __import__("os").path.dirname(__file__))
            from helper import note
            @pytest.mark.xdist_group("shared")
            def test_grouped(): note("%s"); time.sleep(0.05)
            def test_free(): time.sleep(0.05)
        """ % module)
    for arguments in (["-n2", "--dist", "loadgroup"], ["-n2"]):
        assert suite.fittest(*arguments).code == 0
        assert len(set(pids(suite).values())) == 1
        (suite.folder / "pids").unlink()


def test_loadfile_and_loadscope_keep_together(suite):
    suite.write(helper=NOTE_PID)
    suite.file("test_a.py", """
        import sys
        sys.path.insert(0, __import__("os").path.dirname(__file__))
        from helper import note
        class TestA:
            def test_1(self): note("A1")
            def test_2(self): note("A2")
        class TestB:
            def test_3(self): note("B3")
            def test_4(self): note("B4")
    """)
    assert suite.fittest("-n2", "--dist", "loadfile").code == 0
    assert len(set(pids(suite).values())) == 1
    (suite.folder / "pids").unlink()
    assert suite.fittest("-n2", "--dist", "loadscope").code == 0
    seen = pids(suite)
    assert seen["A1"] == seen["A2"] and seen["B3"] == seen["B4"]


def test_temporary_folders_are_apart_and_have_one_parent(suite):
    suite.write(test_a="\n".join("""
    def test_%d(tmp_path):
        (tmp_path / "x").write_text("x")
        print("base", tmp_path.parent.parent)
    """ % i for i in range(6)))
    result = suite.fittest("-n2", "-rP")
    assert result.code == 0, result.out
    assert len({line for line in result.out.splitlines() if line.startswith("base ")}) == 1


def test_output_is_captured_for_each_test_on_its_own(suite):
    suite.write(test_a="""
        import os, sys, subprocess
        def test_1(capfd): print("one"); assert capfd.readouterr().out == "one\\n"
        def test_2(): print("two"); os.write(1, b"raw two\\n"); subprocess.run(["echo", "child two"]); assert 0
        def test_3(capsys): print("three", file=sys.stderr); assert capsys.readouterr().err == "three\\n"
        def test_4(): print("four"); assert 0
    """)
    result = suite.fittest("-n1")
    assert result.counts() == {"passed": 2, "failed": 2}
    two, four = result.out.split("test_4 __")[0], result.out.split("test_4 __")[1]
    for text in ("two\n", "raw two", "child two"):
        assert text in two and text not in four
    assert "four\n" in four


def test_seeds_set_while_importing_hold(suite):
    suite.write(conftest="import random\nrandom.seed(1234)",
                test_a="import random\ndef test_x(): print('drawn', random.random())")
    drawn = lambda result: [line for line in result.out.splitlines() if line.startswith("drawn")]
    ours = drawn(suite.fittest("-rP"))
    assert ours and ours == drawn(suite.pytest("-rP"))


def test_warnings_reach_the_summary(suite):
    suite.write(test_a="import warnings\ndef test_x(): warnings.warn('mind the gap', DeprecationWarning)")
    result = suite.fittest()
    assert "mind the gap" in result.out and "1 warning" in result.out


def test_a_call_for_the_end_by_a_test(suite):
    suite.write(test_a="import pytest\ndef test_1(): pass\ndef test_2(): pytest.exit('enough', 9)\ndef test_3(): pass")
    ours, plain = suite.fittest("-n0"), suite.pytest()
    assert ours.code == plain.code == 9
    assert "enough" in ours.out
    assert ours.verdict("test_1") == "passed" and ours.verdict("test_3") == "not_run"


def test_unittest_classes(suite):
    suite.write(test_a="""
        import unittest
        class T(unittest.TestCase):
            @classmethod
            def setUpClass(cls): cls.made = 1
            def test_1(self): self.assertEqual(self.made, 1)
            def test_2(self): self.fail("no")
            @unittest.skip("later")
            def test_3(self): pass
            @unittest.expectedFailure
            def test_4(self): self.fail()
    """)
    ours, plain = suite.fittest(), suite.pytest()
    assert ours.counts() == plain.counts()
