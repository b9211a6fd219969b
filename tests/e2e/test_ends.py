"""However a run ends, nothing of it is left, and what it has is not lost."""
import os
import signal

import pytest
from conftest import cgroups_of, processes_of, wait_until

SLOW = """
    import subprocess, time
    from pathlib import Path
    import pytest
    HERE = Path(__file__).parent
    @pytest.fixture(scope="session", autouse=True)
    def service():
        child = subprocess.Popen(["sleep", "1000"])
        yield
        child.kill()
        child.wait()
        (HERE / "torn-down").write_text("")
    def test_quick(): pass
    def test_slow():
        (HERE / "started").write_text("")
        if not (HERE / "go").exists(): time.sleep(1000)
    def test_last(): pass
"""


def started(suite, *arguments):
    suite.write(test_a=SLOW)
    process = suite.start("--budget", "1G", "-n1", *arguments)
    wait_until(lambda: (suite.folder / "started").exists())
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_orderly(suite, number):
    process = started(suite)
    process.send_signal(number)
    result = suite.finish(process)
    assert result.code == 2
    assert (suite.folder / "torn-down").exists(), "session fixtures were not torn down"
    assert "KeyboardInterrupt" in result.out or "interrupted" in result.out
    assert result.verdicts == {"test_a.py::test_quick": "passed", "test_a.py::test_slow": "not_run",
                               "test_a.py::test_last": "not_run"}
    assert result.of("run_finished")[0]["interrupted"] is True


def test_two_signals_end_at_once(suite):
    suite.write(test_a="""
        import time
        from pathlib import Path
        def test_stubborn():
            (Path(__file__).parent / "started").write_text("")
            while True:
                try: time.sleep(1000)
                except KeyboardInterrupt: (Path(__file__).parent / "heard").write_text("")
    """)
    process = suite.start("--budget", "1G")
    wait_until(lambda: (suite.folder / "started").exists())
    process.send_signal(signal.SIGINT)
    wait_until(lambda: (suite.folder / "heard").exists())
    process.send_signal(signal.SIGINT)
    assert suite.finish(process, timeout=8).code == 2


def test_an_interrupt_while_collecting(suite):
    suite.write(test_a="""
        import time
        from pathlib import Path
        (Path(__file__).parent / "started").write_text("")
        time.sleep(1000)
    """)
    process = suite.start("--budget", "1G")
    wait_until(lambda: (suite.folder / "started").exists())
    process.send_signal(signal.SIGINT)
    assert suite.finish(process).code == 2


def test_an_interrupt_without_workers_gives_no_verdict_to_the_test_it_hits(suite):
    process = started(suite, "--isolation", "none")
    process.send_signal(signal.SIGINT)
    result = suite.finish(process)
    assert result.code == 2
    assert result.verdict("test_quick") == "passed"
    assert result.verdict("test_slow") == result.verdict("test_last") == "not_run"


def run_name(suite):
    return sorted((suite.folder / ".fittest" / "runs").iterdir())[-1].name


def test_kill_9_of_fittest_leaves_nothing(suite):
    process = started(suite)
    name = run_name(suite)
    assert len(processes_of(suite.mark)) >= 4
    process.kill()
    process.communicate()
    wait_until(lambda: processes_of(suite.mark) == [])
    wait_until(lambda: cgroups_of(name) == [])


def test_kill_9_of_fittest_and_of_its_guard_is_swept_at_the_next_start(suite):
    process = started(suite)
    name = run_name(suite)
    guards = [pid for pid in processes_of(suite.mark)
              if open("/proc/%d/comm" % pid).read().strip() == "fittest-guard"]
    assert len(guards) == 1
    os.kill(guards[0], signal.SIGKILL)
    process.kill()
    process.communicate()
    (suite.folder / "go").write_text("")
    result = suite.fittest("-k", "quick")
    assert result.code == 0
    assert cgroups_of(name) == []
    if cgroups_of("fittest") or "cgroup" in result.of("run_started")[0]["domain"]:
        wait_until(lambda: processes_of(suite.mark) == [])
    assert name in result.out


def test_kill_9_of_a_worker_is_run_again(suite):
    suite.write(test_a=SLOW)
    process = suite.start("--budget", "1G", "-n1")
    wait_until(lambda: (suite.folder / "started").exists())
    (suite.folder / "go").write_text("")
    events = sorted((suite.folder / ".fittest/runs").iterdir())[-1] / "events.jsonl"
    pid = [__import__("json").loads(line) for line in events.read_text().splitlines()
           if '"worker_started"' in line][0]["pid"]
    os.kill(pid, signal.SIGKILL)
    result = suite.finish(process)
    assert result.code == 0, result.out
    assert set(result.verdicts.values()) == {"passed"}


def test_resume_keeps_the_verdicts_there_are(suite):
    process = started(suite)
    process.send_signal(signal.SIGINT)
    assert suite.finish(process).code == 2
    (suite.folder / "go").write_text("")
    result = suite.fittest("--resume", "-n1")
    assert result.code == 0, result.out
    assert result.verdicts == {"test_a.py::test_%s" % name: "passed" for name in ("quick", "slow", "last")}
    assert result.counts() == {"passed": 3}
    ran = {event["id"] for event in result.of("test_started")}
    assert "test_a.py::test_quick" not in ran and len(ran) == 2


def test_resume_after_kill_9_reports_old_failures_again(suite):
    suite.write(test_0="def test_bad(): assert 'old' == 'failure'")
    process = started(suite)
    process.kill()
    process.communicate()
    wait_until(lambda: processes_of(suite.mark) == [])
    (suite.folder / "go").write_text("")
    result = suite.fittest("--resume", "-n1")
    assert result.code == 1
    assert "assert 'old' == 'failure'" in result.out
    assert result.counts() == {"failed": 1, "passed": 3}


def test_resume_without_a_run_to_resume(suite):
    result = suite.write(test_a="def test_x(): pass").fittest("--resume")
    assert result.code == 0
    assert "no run to resume" in result.out
    again = suite.fittest("--resume")
    assert "not interrupted" in again.out and again.verdicts == {"test_a.py::test_x": "passed"}


def test_two_runs_at_once(suite):
    suite.write(test_a="\n".join("def test_%d(tmp_path): pass" % i for i in range(30)))
    both = [suite.start("--budget", "300M") for _ in range(2)]
    for process in both:
        out, _ = process.communicate(timeout=100)
        assert process.returncode == 0, out.decode()
        assert b"30 passed" in out


def test_a_damaged_history_is_set_aside(suite):
    suite.write(test_a="def test_x(): pass")
    assert suite.fittest().code == 0
    history = suite.folder / ".fittest" / "history.db"
    for leftover in suite.folder.glob(".fittest/history.db-*"):
        leftover.unlink()
    history.write_bytes(b"this is no database" * 100)
    result = suite.fittest()
    assert result.code == 0
    assert "history.db" in result.out
    assert list((suite.folder / ".fittest").glob("history.db.corrupt-*"))
    assert suite.fittest().code == 0


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(suite):
    suite.write(test_a="def test_x(): pass")
    suite.folder.chmod(0o555)
    try:
        assert suite.fittest("-p", "no:cacheprovider").code == 0
    finally:
        suite.folder.chmod(0o755)


def test_a_state_folder_that_is_a_file(suite):
    suite.write(test_a="def test_x(): pass").file(".fittest", "")
    process = suite.start("--budget", "1G")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out.decode()
    assert b".fittest" in out and b"1 passed" in out


def test_a_reader_that_goes_away(suite):
    suite.write(test_a="\n".join("def test_%d(): pass" % i for i in range(50)))
    process = suite.start("--budget", "1G", "-v")
    process.stdout.read(10)
    process.stdout.close()
    process.wait(timeout=60)
