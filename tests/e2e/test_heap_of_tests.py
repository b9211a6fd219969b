"""What each test allocates, among the events and in traces."""
import pytest
from limited_suite import MB, WAYS


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_what_tests_allocate_is_among_the_events(suite, way):
    suite.write(test_a="""
        def test_much():
            for _ in range(10):
                bytearray(10 << 20)
        def test_little(): pass
    """)
    result = suite.fittest(*WAYS[way])
    heap = {event["id"].split("::")[1]: event["heap"] for event in result.of("test_finished")}
    assert 10 * MB <= heap["test_much"]["peak"] < 12 * MB
    assert 100 * MB <= heap["test_much"]["allocated"] < 102 * MB and heap["test_much"]["allocations"] >= 10
    assert heap["test_little"]["peak"] < 2 * MB
    off = suite.fittest("--heap=off", *WAYS[way])
    assert all("heap" not in event for event in off.of("test_finished"))


@pytest.mark.parametrize("way", ["fork", "spawn"])
@pytest.mark.parametrize("mode", ["sample", "exact"])
def test_traces_of_processes(suite, mode, way):
    suite.write(test_a="""
        kept = []
        def test_it(): kept.append(bytearray(20 << 20))
    """)
    result = suite.fittest("--heap=" + mode, *WAYS[way])
    assert result.code == 0, result.out
    traces = sorted(result.run_folder.glob("heap/process.*.heap"))
    assert traces
    marked = [path for path in traces if b"test_a.py::test_it" in path.read_bytes()
              or "test_it" in suite.fittest("report", str(path), verb="heap").out]
    assert marked, traces


def test_without_it_no_process_is_traced(suite):
    suite.write(test_a="def test_it(): pass")
    assert not list(suite.fittest().run_folder.glob("heap/*"))
