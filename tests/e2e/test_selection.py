"""What fittest itself adds to the choice of tests: -E, measured labels, order, plans, run folders, and bad input."""
import json
import os

import pytest

from conftest import needs

MARKED = """\
    import pytest

    @pytest.mark.unit
    @pytest.mark.parametrize("n", range(4))
    def test_small(n): pass

    @pytest.mark.unit
    class TestLarge:
        def test_large(self):
            block = bytearray(60_000_000)
            block[::4096] = block[::4096]

    def test_fails(): assert 0
    """


@pytest.fixture
def marked(suite):
    suite.file("pytest.ini", """\
        [pytest]
        addopts = --strict-markers
        markers =
            unit: small
        """)
    suite.write(tests__test_marked=MARKED, tests__test_other="def test_other(): pass\n")
    return suite


def names(result):
    return sorted(test.split("::")[-1] for test in result.verdicts)


def order_of(result):
    return [event["id"].split("::")[-1] for event in result.of("test_started")]


def first_of_each_worker(result):
    first = {}
    for event in result.of("test_started"):
        first.setdefault(event["worker"], event["id"].split("::")[-1])
    return set(first.values())


def test_expressions_over_labels_names_and_measurements(marked):
    assert marked.fittest().code == 1
    for expression, expected in {
        "unit and not name(*[3])": ["test_large", "test_small[0]", "test_small[1]", "test_small[2]"],
        "label(un*) and class(TestLarge)": ["test_large"],
        "peak > 30MB": ["test_large"],
        "not peak > 30MB and file(tests/test_marked.py) and not unit": ["test_fails"],
        "failed(last)": ["test_fails"],
        "name(/^test_(other|fails)$/)": ["test_fails", "test_other"],
    }.items():
        result = marked.fittest("-E", expression)
        assert names(result) == expected, (expression, result.out)
        assert "%d deselected" % (7 - len(expected)) in result.out
    (marked.folder / "tests" / "test_new.py").write_text("def test_new(): pass\n")
    assert names(marked.fittest("-E", "unknown()")) == ["test_new"]


def test_with_markers_and_keywords_of_pytest(marked):
    assert names(marked.fittest("-m", "unit", "-k", "not large", "-E", "not name(*[0])")) == [
        "test_small[1]", "test_small[2]", "test_small[3]"]


@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
def test_a_measured_label_works_in_m(marked, isolation):
    marked.file("fittest.toml", """\
        [labels]
        heavy = "peak > 30MB"
        heavy_unit = "heavy and unit"
        """)
    assert marked.fittest("-m", "heavy").code == 5  # nothing is known yet
    marked.fittest()
    result = marked.fittest("-m", "heavy", "--isolation", isolation)
    assert (result.code, names(result)) == (0, ["test_large"]), result.out
    assert names(marked.fittest("-m", "unit and not heavy", "--isolation", isolation)) == [
        "test_small[%d]" % n for n in range(4)]
    assert names(marked.fittest("-E", "heavy_unit", "--isolation", isolation)) == ["test_large"]


BAD = [
    (["-E", "peak >"], "-E, column 7: expected a figure"),
    (["-E", "unti"], "-E, column 1: no label is called 'unti'"),
    (["-m", "unti"], "-m 'unti': no marker is called 'unti' (did you mean 'unit'?); pytest.ini:3"),
    (["--splits", "4", "--group", "5"], "argument `--group` must be >= 1 and <= 4, not 5"),
    (["--splits", "4"], "argument `--group` is required"),
    (["--group", "4"], "argument `--splits` is required"),
    (["--splits", "0", "--group", "1"], "argument `--splits` must be >= 1"),
    (["--plan", "nowhere.json", "--group", "1"], "nowhere.json: there is no such file"),
    (["--order", "backwards"], "--order"),
]


@pytest.mark.parametrize("arguments, message", BAD)
def test_bad_input_is_said_and_nothing_runs(marked, arguments, message):
    result = marked.fittest(*arguments)
    assert result.code == 4, result.out
    assert message in result.out
    assert not result.verdicts


@pytest.mark.parametrize("garbage, place", [
    ('{\n  "a": 1,\n', ".test_durations:3"), ("[1, 2]", ".test_durations"), ('{"a": "long"}', ".test_durations"),
    ("\x00\xff\xfe", ".test_durations:1")])
def test_durations_that_are_none(marked, garbage, place):
    path = marked.folder / ".test_durations"
    path.write_bytes(garbage.encode("latin-1"))
    result = marked.fittest("--splits", "2", "--group", "1")
    assert result.code == 4 and place in result.out, result.out
    result = marked.fittest("--store-durations")
    assert result.code == 4 and ".test_durations" in result.out and not result.verdicts, result.out
    assert path.read_bytes() == garbage.encode("latin-1")
    assert marked.fittest("--store-durations", "--clean-durations").code == 1
    assert len(json.loads(path.read_text())) == 7


def test_a_history_of_another_project(suite):
    many = "import pytest\n@pytest.mark.parametrize('n', range(25))\ndef test_%s(n): pass\n"
    suite.write(test_mine=many % "mine")
    assert suite.fittest().code == 0
    (suite.folder / "test_mine.py").unlink()
    suite.write(test_theirs=many % "theirs")
    for verb, arguments in (("split", ["--plan", "2"]), ("chunks", ["--suggest"])):
        refused = suite.fittest(*arguments, verb=verb)
        assert refused.code == 4 and "history.db: this history knows 25 tests, but none of the 25 here" in refused.out
    # All tests may be new: a run is told, and goes on.
    told = suite.fittest("-E", "not peak > 1GB")
    assert told.code == 0 and "the history knows 25 tests, but none of these" in told.out


def test_an_order_can_be_repeated(marked):
    first = marked.fittest("-n", "0", "--random-order")
    seed = next(line.split("=")[1] for line in first.out.splitlines() if "--random-order-seed=" in line)
    again = marked.fittest("-n", "0", "--random-order-seed", seed)
    assert order_of(again) == order_of(first)
    orders = {tuple(order_of(marked.fittest("-n", "0", "--order", "random", "--random-order-bucket", "global")))
              for _ in range(4)}
    assert len(orders) > 1 and {tuple(sorted(order)) for order in orders} == {tuple(sorted(order_of(first)))}


def test_modules_that_are_not_to_be_shuffled_are_not(marked):
    (marked.folder / "tests" / "test_fixed.py").write_text(
        "import pytest\npytestmark = pytest.mark.random_order(disabled=True)\n"
        "@pytest.mark.parametrize('n', range(9))\ndef test_in_order(n): pass\n")
    for seed in "123":
        started = [name for name in order_of(marked.fittest("-n", "0", "--random-order-seed", seed))
                   if name.startswith("test_in_order")]
        assert started == ["test_in_order[%d]" % n for n in range(9)]


def test_failed_first_and_slow_first(marked):
    marked.write(tests__test_slow="import time\ndef test_slow(): time.sleep(0.3)\n")
    marked.fittest()
    assert order_of(marked.fittest("-n", "0", "--order", "failed-first"))[0] == "test_fails"
    assert order_of(marked.fittest("-n", "0", "--order", "slow-first"))[0] == "test_slow"
    assert order_of(marked.fittest("-n", "0", "--order", "collected"))[0] == "test_small[0]"
    # Two workers start at once, and one may have run two tests before the other is there: but its worker's first it is.
    assert "test_fails" in first_of_each_worker(marked.fittest("-n", "2", "--order", "failed-first"))
    assert "test_fails" in first_of_each_worker(marked.fittest("-n", "2", "--ff"))  # pytest's own


def test_a_folder_for_the_files_of_a_run(marked):
    (marked.folder / "out").mkdir()
    (marked.folder / "out" / "mine").write_text("stays")
    marked.fittest("--run-folder", "out", "-m", "unit")
    result = marked.fittest("--run-folder", "out", "--splits", "2", "--group", "2", "--variant", "py3")
    files = sorted(path.name for path in (marked.folder / "out").iterdir())
    assert files == ["events.jsonl", "junit.xml", "mine", "reports.bin", "selection.json"], result.out
    selection = json.loads((marked.folder / "out" / "selection.json").read_text())
    assert len(selection["candidates"]) == 7 and selection["variant"] == "py3"
    assert (selection["split"]["splits"], selection["split"]["group"]) == (2, 2)
    events = [json.loads(line) for line in (marked.folder / "out" / "events.jsonl").read_text().splitlines()]
    run = {event["id"] for event in events if event["event"] == "test_finished"}
    assert run == {selection["candidates"][index] for index in selection["selected"]}
    assert marked.fittest("--resume", "--run-folder", "out").code == 4


def test_groups_agree_where_histories_do_not(marked):
    """Two jobs whose histories differ run the same plan, and a test that is newer than it once."""
    marked.fittest()
    planned = marked.fittest("--plan", "2", "--out", "plan.json", verb="split")
    assert planned.code == 0, planned.out
    (marked.folder / "tests" / "test_newer.py").write_text("def test_newer(): pass\n")
    seen = []
    for group in ("1", "2"):
        result = marked.fittest("--plan", "plan.json", "--group", group)
        assert result.code in (0, 1), result.out
        seen += names(result)
        for path in (marked.folder / ".fittest").glob("history.db*"):
            path.unlink()
    assert sorted(seen) == sorted(["test_fails", "test_large", "test_newer", "test_other"] +
                                  ["test_small[%d]" % n for n in range(4)])
    refused = marked.fittest("--plan", "plan.json", "--group", "3")
    assert refused.code == 4 and "the plan has 2 groups" in refused.out
    refused = marked.fittest("--plan", "plan.json", "--group", "1", "--splits", "4")
    assert refused.code == 4 and "the plan has 2 groups" in refused.out
    (marked.folder / "plan.json").write_text('{"groups": [}')
    refused = marked.fittest("--plan", "plan.json", "--group", "1")
    assert refused.code == 4 and "plan.json" in refused.out


def test_order_with_a_crash_and_resume(marked):
    """Orders and selections hold when a run is gone on with."""
    marked.write(tests__test_crash="import os, pathlib\n"
                                   "def test_crash():\n"
                                   "    if not pathlib.Path('here').exists():\n"
                                   "        pathlib.Path('here').touch(); os._exit(3)\n")
    first = marked.fittest("-n", "0", "-E", "name(test_crash) or unit", "--order", "random")
    assert first.verdict("test_crash") == "crashed" and len(first.verdicts) == 6


@needs("xdist")
def test_the_peers_need_not_be_blocked_by_the_user(marked):
    assert marked.fittest("-p", "xdist", "--splits", "2", "--group", "1").code in (0, 1)
    assert os.path.exists(marked.folder / ".fittest")
