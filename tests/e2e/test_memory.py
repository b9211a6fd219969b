"""The budget holds, whatever tests do, and every test gets its verdict."""
import re
from pathlib import Path

import pytest

from conftest import MemoryCgroup

HELPER = """
    def hold(mib):
        '''Touches every page.'''
        block = bytearray(mib << 20)
        for at in range(0, len(block), 4096): block[at] = 1
        return block
"""


@pytest.fixture
def hungry(suite):
    suite.file("pytest.ini", "[pytest]\npythonpath = .\n")
    suite.write(hungry=HELPER)
    return suite


def ran_within(result, budget_mib):
    finished = result.of("run_finished")[0]
    assert finished["peak"] <= budget_mib << 20, result.out
    return finished


DOMAINS = [["--domain", "auto"], ["--domain", "proc"]]


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain[1])
def test_a_test_that_alone_does_not_fit_is_over_budget_and_the_run_goes_on(hungry, domain):
    hungry.write(test_a="""
        from hungry import hold
        def test_before(): pass
        def test_huge(): kept = [hold(32) for _ in range(40)]
        def test_after(): pass
    """, test_b="def test_other(): pass")
    result = hungry.fittest("--budget", "300M", *domain)
    assert result.code == 1, result.out
    assert result.verdict("test_huge") == "over_budget"
    assert [result.verdict(name) for name in ("test_before", "test_after", "test_other")] == ["passed"] * 3
    assert "over_budget" in result.out and "300 MiB" in result.out
    assert result.counts() == {"failed": 1, "passed": 3}


@pytest.fixture
def container():
    """4 GiB, of which 205 MiB are the reserve; enough of them for a part to be lent."""
    available = int(re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1)) << 10
    made = MemoryCgroup(4 << 30)
    yield made if available > 5 << 30 else None
    made.remove()


def test_a_test_that_fits_with_the_reserve_alone_gets_it(hungry, container):
    if container is None or container.path is None:
        pytest.skip("needs a memory cgroup of v1 and 5 GiB")
    hungry.write(test_a="""
        import mmap
        def test_before(): pass
        def test_huge():
            size = 3880 << 20
            block = mmap.mmap(-1, size)
            block.madvise(mmap.MADV_HUGEPAGE)  # so that it takes a second, not ten
            for at in range(0, size, 4096): block[at] = 1
        def test_after(): pass
    """)
    first = hungry.finish(hungry.start(preexec_fn=container.join))
    assert first.code == 0, first.out
    assert "a reserve of 205 MiB" in first.out, first.out
    raised = [event["budget"] >> 20 for event in first.of("budget_raised")]
    assert len(raised) == 1 and 3960 <= raised[0] <= 3968, first.out
    assert "lent to" in first.out
    # Known now: lent before anything is killed for it.
    second = hungry.finish(hungry.start(preexec_fn=container.join))
    assert second.code == 0 and not second.of("batch_killed"), second.out
    # A budget that was asked for is kept.
    third = hungry.finish(hungry.start("--budget", "3850M", preexec_fn=container.join))
    assert third.verdict("test_huge") == "over_budget" and not third.of("budget_raised"), third.out


def test_tests_that_fit_one_by_one_all_pass_though_predictions_are_wrong(hungry):
    # Nothing is known of them: the prior is a fraction of what they take.
    for number in range(8):
        hungry.file("test_%d.py" % number, """
            import time
            from hungry import hold
            def test_x():
                kept = hold(250)
                time.sleep(0.05)
        """)
    result = hungry.fittest("--budget", "400M", "-n4")
    assert result.code == 0, result.out
    assert set(result.verdicts.values()) == {"passed"} and len(result.verdicts) == 8
    ran_within(result, 400)


def test_predictions_that_are_wrong_by_ten_times(hungry):
    hungry.write(test_a="""
        import os, time
        import pytest
        from hungry import hold
        SIZE = int(os.environ["SIZE"])
        @pytest.mark.parametrize("i", range(6))
        def test_x(i):
            kept = hold(SIZE)
            time.sleep(0.05)
    """)
    assert hungry.fittest("--budget", "500M", "-n3", env={"SIZE": "20"}).code == 0
    result = hungry.fittest("--budget", "500M", "-n3", env={"SIZE": "200"})
    assert result.code == 0, result.out
    assert set(result.verdicts.values()) == {"passed"}
    ran_within(result, 500)
    third = hungry.fittest("--budget", "500M", "-n3", env={"SIZE": "200"})
    assert third.code == 0 and not third.of("batch_killed"), "learned nothing:\n" + third.out


def test_the_second_run_knows_what_tests_need(hungry):
    hungry.write(test_a="""
        from hungry import hold
        def test_small(): pass
        def test_large(): hold(150)
    """)
    assert hungry.fittest().code == 0
    known = {entry["id"]: entry for entry in __import__("json").loads(
        hungry.fittest("--json", verb="history").out)["tests"]}
    assert 150 << 20 <= known["test_a.py::test_large"]["peak_bytes"] < 200 << 20
    assert known["test_a.py::test_small"]["peak_bytes"] < 20 << 20


def test_memory_of_children_counts(hungry):
    hungry.write(test_a="""
        import subprocess, sys
        def test_child():
            subprocess.run([sys.executable, "-c",
                            "import time; b = bytearray(200 << 20); b[::4096] = b'1' * len(b[::4096]); time.sleep(0.3)"],
                           check=True)
    """)
    result = hungry.fittest()
    assert result.code == 0, result.out
    peak = result.of("test_finished")[0]["peak"]
    assert 190 << 20 < peak < 320 << 20


def test_a_child_killed_by_the_kernel_is_not_the_tests_failure(hungry):
    hungry.write(test_a="""
        import subprocess, sys, time
        CHILD = "import time; b = bytearray(150 << 20); b[::4096] = b'1' * len(b[::4096]); time.sleep(0.2)"
        def test_child(): subprocess.run([sys.executable, "-c", CHILD], check=True)
    """, test_b="""
        import subprocess, sys
        CHILD = "import time; b = bytearray(150 << 20); b[::4096] = b'1' * len(b[::4096]); time.sleep(0.2)"
        def test_child(): subprocess.run([sys.executable, "-c", CHILD], check=True)
    """)
    result = hungry.fittest("--budget", "280M", "-n2")
    assert result.code == 0, result.out


def test_page_cache_is_not_the_tests_memory(hungry):
    hungry.write(test_a="""
        import os
        def test_writes(tmp_path):
            with open(tmp_path / "file", "wb") as file:
                for _ in range(300): file.write(b"x" * (1 << 20))
                os.fsync(file.fileno())
            os.unlink(tmp_path / "file")
    """)
    result = hungry.fittest("--budget", "200M")
    assert result.code == 0, result.out
    assert result.of("test_finished")[0]["peak"] < 150 << 20


def test_a_leaking_suite_is_kept_small_by_new_workers(hungry):
    hungry.write(test_a="""
        import pytest
        from hungry import hold
        KEPT = []
        @pytest.mark.parametrize("i", range(30))
        def test_leaks(i): KEPT.append(hold(20))
    """)
    result = hungry.fittest("--budget", "300M", "-n1")
    assert result.code == 0, result.out
    ran_within(result, 300)
    assert "test_leaks" in result.out.split("retained")[1]


def test_what_a_fixture_of_function_scope_held_is_not_retained(hungry):
    hungry.write(test_a="""
        import pytest
        from hungry import hold
        @pytest.fixture
        def block(): return hold(150)
        def test_last(block): assert block
    """)
    result = hungry.fittest("-n1")
    assert result.of("test_finished")[0]["peak"] >= 150 << 20
    assert result.of("test_finished")[0]["retained"] < 20 << 20


def test_what_a_suite_holds_after_collecting_counts_and_is_told(hungry):
    hungry.write(conftest="from hungry import hold\nKEPT = hold(200)", test_a="def test_x(): pass")
    result = hungry.fittest("--budget", "400M")
    assert result.code == 0
    assert result.of("collected")[0]["zygote_held"] > 200 << 20


def test_collecting_that_does_not_fit_is_an_error_of_its_own(hungry):
    hungry.write(conftest="from hungry import hold\nKEPT = [hold(50) for _ in range(20)]", test_a="def test_x(): pass")
    result = hungry.fittest("--budget", "200M")
    assert result.code == 4, result.out
    assert "collecting alone does not fit" in result.out and "200 MiB" in result.out and "--budget" in result.out


def test_the_summary_names_the_hungriest(hungry):
    hungry.write(test_a="""
        from hungry import hold
        def test_large(): hold(120)
        def test_small(): pass
    """)
    out = hungry.fittest().out
    assert re.search(r"1[2-3]\d MiB.*test_large", out)
