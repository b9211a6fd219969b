"""The place of pytest: same selection, same exit codes, same output; and what goes wrong before anything runs."""
import re

import pytest

THREE = """
    import pytest
    def test_good(): pass
    def test_bad(): assert 1 == 2
    @pytest.mark.skip(reason="not today")
    def test_skipped(): pass
    @pytest.mark.xfail
    def test_expected(): assert False
    @pytest.mark.xfail
    def test_unexpected(): pass
    @pytest.fixture
    def broken(): raise RuntimeError("no set-up")
    def test_error(broken): pass
"""


def test_all_passed_is_exit_code_0(suite):
    result = suite.write(test_a="def test_x(): pass").fittest()
    assert result.code == 0
    assert result.verdicts == {"test_a.py::test_x": "passed"}
    assert result.counts() == {"passed": 1}


def test_every_outcome_has_its_verdict_and_is_counted_as_pytest_counts(suite):
    suite.write(test_a=THREE)
    result = suite.fittest()
    plain = suite.pytest()
    assert result.code == plain.code == 1
    assert result.counts() == plain.counts()
    assert {test.rsplit("::")[-1]: verdict for test, verdict in result.verdicts.items()} == {
        "test_good": "passed", "test_bad": "failed", "test_skipped": "skipped", "test_expected": "xfailed",
        "test_unexpected": "xpassed", "test_error": "error"}


def test_failures_and_the_short_summary_are_printed_as_by_pytest(suite):
    suite.write(test_a=THREE)
    sections = re.compile(r"(=+ ERRORS =+.*)=+ \d", re.S)
    ours, plain = suite.fittest("-n1", "-rA"), suite.pytest("-rA")
    timeless = lambda text: re.sub(r"0x[0-9a-f]+|\d+\.\d+s", "", re.sub(r"=+", "=", text))
    assert timeless(sections.search(ours.out).group(1)) == timeless(sections.search(plain.out).group(1))


def test_verbose_lines_are_those_of_pytest(suite):
    suite.write(test_a=THREE)
    lines = lambda out: sorted(re.sub(r" *\[ *\d+%\]", "", line) for line in out.splitlines() if "::test_" in line
                               and line.startswith("test_a.py"))
    assert lines(suite.fittest("-v").out) == lines(suite.pytest("-v").out)


@pytest.mark.parametrize("arguments, code", [
    (["-k", "nothing_of_that_name"], 5),
    (["--collect-only"], 0),
    (["--unknown-option"], 4),
    (["not_there.py"], 4),
    (["-n", "-3"], 4),
    (["--dist", "each"], 4),
    (["--budget", "0"], 4),
    (["--budget", "10T"], 4),
    (["--budget", "much"], 4),
    (["--isolation", "magic"], 4),
    (["--test-timeout", "-1"], 4),
    (["--python", "no-such-python"], 4),
])
def test_exit_codes(suite, arguments, code):
    suite.write(test_a="def test_x(): pass")
    result = suite.fittest(*arguments)
    assert result.code == code, result.out
    if code == 4:
        named = [word for word in arguments if word in result.out]
        assert named, "does not name what is wrong:\n" + result.out


def test_a_suite_that_does_not_collect_is_exit_code_2_as_in_pytest(suite):
    suite.write(test_a="import no_such_module_here", test_b="def test_x(): pass")
    ours, plain = suite.fittest(), suite.pytest()
    assert ours.code == plain.code == 2
    assert "no_such_module_here" in ours.out
    assert "1 error during collection" in ours.out


def test_continue_on_collection_errors(suite):
    suite.write(test_a="import no_such_module_here", test_b="def test_x(): pass")
    result = suite.fittest("--continue-on-collection-errors")
    assert result.code == 1
    assert result.verdicts == {"test_b.py::test_x": "passed"}


def test_a_python_without_pytest(suite, tmp_path):
    program = tmp_path / "python-without"
    program.write_text("#!/bin/sh\nexec '%s' -S \"$@\"\n" % __import__("sys").executable)
    program.chmod(0o755)
    # -S takes site-packages away, where pytest is.
    result = suite.fittest("--python", str(program))
    assert result.code == 4
    assert "no pytest" in result.out and "--python" in result.out


def test_selection(suite):
    suite.file("pytest.ini", "[pytest]\nmarkers = slow: slow ones\n")
    suite.write(test_a="""
        import pytest
        @pytest.mark.slow
        def test_one(): pass
        def test_two(): pass
        class TestC:
            def test_three(self): pass
    """)
    names = lambda *arguments: sorted(test.rsplit("::")[-1] for test in suite.fittest(*arguments).verdicts)
    assert names("-m", "slow") == ["test_one"]
    assert names("-m", "not slow") == ["test_three", "test_two"]
    assert names("-k", "two or three") == ["test_three", "test_two"]
    assert names("test_a.py::TestC") == ["test_three"]
    assert names("--deselect", "test_a.py::test_one") == ["test_three", "test_two"]


def test_maxfail_and_x(suite):
    suite.write(test_a="\n".join("def test_%d(): assert False" % i for i in range(40)))
    for arguments in (["-x"], ["--maxfail=1"]):
        result = suite.fittest("-n1", *arguments)
        assert result.code == 1
        assert "stopping after 1 failures" in result.out
        assert sum(verdict == "failed" for verdict in result.verdicts.values()) < 40
        assert "not_run" in result.verdicts.values()


def test_last_failed_and_failed_first(suite):
    suite.write(test_a="def test_good(): pass", test_b="def test_bad(): assert False")
    assert suite.fittest().code == 1
    again = suite.fittest("--lf")
    assert again.code == 1
    assert list(again.verdicts) == ["test_b.py::test_bad"]
    first = suite.fittest("--ff", "-n0")
    assert list(first.verdicts) == ["test_b.py::test_bad", "test_a.py::test_good"]


def test_durations(suite):
    suite.write(test_a="import time\ndef test_slow(): time.sleep(0.05)")
    result = suite.fittest("--durations=3", "-vv")
    assert re.search(r"0\.0\ds call +test_a.py::test_slow", result.out)


def test_options_in_the_ini_file_and_in_the_environment(suite):
    suite.file("pytest.ini", "[pytest]\naddopts = -n 2 --dist loadfile -q\n")
    suite.write(test_a="def test_x(worker_id): assert worker_id.startswith('gw')")
    assert suite.fittest(env={"PYTEST_ADDOPTS": "--maxfail=3"}).code == 0


@pytest.mark.parametrize("option", ["--version", "--markers", "--fixtures"])
def test_questions_to_pytest_are_answered_by_pytest(suite, option):
    ours, plain = suite.fittest(option), suite.pytest(option)
    assert ours.code == plain.code == 0
    assert ours.out.splitlines()[0] == plain.out.splitlines()[0]


def test_the_first_line_names_budget_source_and_domain(suite):
    result = suite.write(test_a="def test_x(): pass").fittest("--budget", "700M")
    first = result.out.splitlines()[0]
    assert "700 MiB" in first and "--budget 700M" in first
    assert re.search(r"cgroup v1|cgroup v2|/proc sampling", first)


def test_configuration_file(suite):
    suite.file("fittest.toml", 'budget = "800M"\nisolation = "spawn"\n')
    result = suite.write(test_a="def test_x(): pass").finish(suite.start())
    assert "800 MiB" in result.out.splitlines()[0]
    assert result.isolation == "spawn"


@pytest.mark.parametrize("text, named", [
    ("budget = 3\n", "fittest.toml:1"),
    ("\nbudgte = '1G'\n", "budget"),
    ("budget = ", "fittest.toml:1"),
])
def test_a_wrong_configuration_file_is_named_with_its_line(suite, text, named):
    suite.file("fittest.toml", text)
    result = suite.write(test_a="def test_x(): pass").fittest()
    assert result.code == 4
    assert named in result.out
