"""The program on a terminal: the progress line, the colours, the keys."""
import re

import pytest
from conftest import PROGRAM, processes_of, wait_until
from screen import Model, Terminal

# "fittest  3/20  1 failed  2 workers  [##--------]  52/1024 MiB  2 s left", whatever the width has left of it.
PROGRESS = re.compile(r"^(fittest  +)?( *[\d,]+/[\d,]+|collecting)(  .*)?$")
DOTS = re.compile(r"[.FEsxX]{3,}")


class OnTerminal:
    def __init__(self, suite):
        self.suite = suite
        self.terminal = None

    def start(self, *arguments, columns=80, lines=24, env=()):
        environment = self.suite.environment({"TERM": "xterm-256color"})
        for name in ("NO_COLOR", "CI", "COLUMNS", "PY_COLORS", "FORCE_COLOR", "GITHUB_ACTIONS", "BUILD_NUMBER"):
            environment.pop(name, None)
        environment.update(env)
        self.terminal = Terminal([PROGRAM, "pytest", "--budget", "1G", *arguments], columns, lines,
                                 cwd=self.suite.folder, env=environment)
        return self.terminal

    def run(self, *arguments, **more):
        terminal = self.start(*arguments, **more)
        terminal.code = terminal.finish()
        return terminal


@pytest.fixture
def on_terminal(suite):
    made = OnTerminal(suite)
    yield made
    if made.terminal is not None and made.terminal.process.poll() is None:
        made.terminal.process.kill()
        made.terminal.process.wait()
        wait_until(lambda: processes_of(suite.mark) == [])


def progress_lines(look):
    return [row for row in look if PROGRESS.match(row)]


def seen_progress(terminal):
    return [row for look in terminal.looks for row in progress_lines(look)]


def check_looks(terminal):
    """What holds at every moment."""
    assert terminal.model.unknown == []
    for look in terminal.looks:
        shown = progress_lines(look)
        assert len(shown) <= 1, "\n".join(look)
        for row in look:
            assert not (DOTS.search(row) and ("fittest" in row or "worker" in row)), "\n".join(look)


def many(suite, files=4, tests=30, seconds=0.02):
    for number in range(files):
        suite.file("test_%d.py" % number, """
            import time, pytest
            @pytest.mark.parametrize("i", range(%d))
            def test_x(i): time.sleep(%g)
        """ % (tests, seconds))
    return files * tests


@pytest.mark.parametrize("columns", [80, 40])
def test_the_progress_line_is_there_while_it_runs_and_gone_at_the_end(suite, on_terminal, columns):
    count = many(suite)
    terminal = on_terminal.run("-n2", columns=columns)
    assert terminal.code == 0, "\n".join(terminal.model.text())
    check_looks(terminal)
    seen = seen_progress(terminal)
    assert any("/%d" % count in row for row in seen), seen
    assert all(len(row) < columns for row in seen)
    assert any("MiB" in row for row in seen)
    assert progress_lines(terminal.model.text()) == []
    rows = [row for row in terminal.model.text() if re.match(r"^\.+ *(\[ *\d+%\])?$", row)]
    assert sum(row.count(".") for row in rows) == count, "\n".join(terminal.model.text())
    assert all(len(row) <= columns for row in rows)


def test_done_grows_and_reaches_all(suite, on_terminal):
    count = many(suite)
    terminal = on_terminal.run("-n2")
    done = [int(re.search(r"(\d+)/%d" % count, row).group(1)) for row in seen_progress(terminal) if "/%d" % count in row]
    assert done == sorted(done)
    assert len(set(done)) > 3, done


def plain_text(text):
    """Without what differs from run to run, and without fittest's own lines."""
    text = re.sub(r"0x[0-9a-f]+|\d+\.\d+s", "", text)
    lines, own = [], False
    for line in text.splitlines():
        own = line.startswith("fittest: ") or own and line.startswith("  ")
        if not own:
            lines.append(re.sub("=+", "=", line.rstrip()))
    return lines


def test_what_pytest_prints_is_what_it_prints_into_a_pipe(suite, on_terminal, monkeypatch):
    for name in ("CI", "BUILD_NUMBER"):  # with them, pytest shows longer diffs
        monkeypatch.delenv(name, raising=False)
    suite.write(test_a="""
        import pytest, time
        @pytest.mark.parametrize("i", range(100))
        def test_many(i): time.sleep(0.005)
        def test_bad(): print("said"); assert [1, 2] == [1, 3]
        @pytest.mark.skip(reason="later")
        def test_skipped(): pass
    """)
    terminal = on_terminal.run("-n1", "-rs", "--color=no", "--no-header")
    piped = suite.fittest("-n1", "-rs", "--no-header", env={"COLUMNS": "80"})
    assert terminal.code == piped.code == 1
    assert plain_text("\n".join(terminal.model.text())) == plain_text(piped.out)


def test_verbose_lines_are_whole(suite, on_terminal):
    many(suite, 2, 20)
    terminal = on_terminal.run("-n2", "-v")
    check_looks(terminal)
    lines = [row for row in terminal.model.text() if row.startswith("test_")]
    assert len(lines) == 40
    assert all(re.fullmatch(r"test_\d\.py::test_x\[\d+\] PASSED +\[ *\d+%\]", row) for row in lines), lines


def test_half_lines_of_a_test_stay_whole(suite, on_terminal):
    suite.write(test_a="""
        import sys, time
        def test_x():
            for word in "this is written little by little".split():
                sys.stdout.write(word + " ")
                sys.stdout.flush()
                time.sleep(0.15)
            print("and ended")
    """)
    terminal = on_terminal.run("-n1", "-s")
    assert terminal.code == 0
    assert any("this is written little by little and ended" in row for row in terminal.model.text())
    assert progress_lines(terminal.model.text()) == []


def test_the_size_may_change_while_it_runs(suite, on_terminal):
    suite.write(test_a="""
        import time
        from pathlib import Path
        GO = Path(__file__).parent / "go"
        def test_before(): pass
        def test_waits():
            while not GO.exists(): time.sleep(0.01)
        def test_after(): pass
    """)
    terminal = on_terminal.start("-n1", columns=80)
    terminal.until(lambda: any("/3" in row and "MiB" in row for row in terminal.model.visible()))
    for columns in (40, 100, 30, 80):
        seen = len(terminal.looks)
        terminal.resize(columns)
        # It is drawn anew at the new width, several times a second.
        terminal.until(lambda: any(progress_lines(look) for look in terminal.looks[seen + 1 :]))
        shown = progress_lines(terminal.model.visible())
        assert len(shown) == 1 and len(shown[0]) < columns, "\n".join(terminal.model.visible())
    (suite.folder / "go").write_text("")
    assert terminal.finish() == 0
    assert progress_lines(terminal.model.text()) == [], "\n".join(terminal.model.text())
    assert any("3 passed" in row for row in terminal.model.text())


ONE = "def test_x(): assert 0"


def test_colours_are_there_on_a_terminal(suite, on_terminal):
    terminal = on_terminal.run(suite.write(test_a=ONE) and "-n1")
    assert b"\x1b[31m" in terminal.colours(), "pytest's red"
    assert terminal.bytes.startswith(b"\x1b[1mfittest:")


@pytest.mark.parametrize("arguments, env", [
    (["--color=no"], {}), (["--color", "no"], {}), ([], {"NO_COLOR": "1"}), ([], {"PY_COLORS": "0"}),
], ids=["flag", "two words", "NO_COLOR", "PY_COLORS"])
def test_colours_are_off_where_they_are_not_wanted(suite, on_terminal, arguments, env):
    terminal = on_terminal.run(suite.write(test_a=ONE) and "-n1", *arguments, env=env)
    assert terminal.colours() == []
    assert terminal.moves(), "the progress line has nothing to do with colours"


def test_the_flag_is_stronger_than_the_variable(suite, on_terminal):
    terminal = on_terminal.run(suite.write(test_a=ONE) and "-n1", "--color=yes", env={"NO_COLOR": "1"})
    assert b"\x1b[31m" in terminal.colours()


@pytest.mark.parametrize("env", [{"CI": "true"}, {"TERM": "dumb"}], ids=["CI", "dumb"])
def test_without_a_person_or_a_capable_terminal_nothing_is_drawn_over(suite, on_terminal, env):
    many(suite, 2, 10)
    terminal = on_terminal.run("-n2", env=env)
    assert terminal.code == 0
    assert terminal.moves() == []
    assert seen_progress(terminal) == []


def test_into_a_pipe_colours_come_when_asked_for_and_nothing_is_drawn_over(suite):
    out = suite.write(test_a=ONE).fittest("-n1", "--color=yes").out
    assert "\x1b[31m" in out
    assert not re.search(r"\x1b\[[0-9;]*[A-HJK]", out)
    assert "\x1b" not in suite.fittest("-n1").out


WAITS = """
    import time
    from pathlib import Path
    def test_quick(): pass
    def test_waits():
        (Path(__file__).parent / "started").write_text("")
        time.sleep(1000)
"""


def test_ctrl_c_ends_orderly_with_a_clean_screen(suite, on_terminal):
    suite.write(test_a=WAITS)
    terminal = on_terminal.start("-n1")
    terminal.until(lambda: (suite.folder / "started").exists())
    terminal.type("\x03")
    assert terminal.finish() == 2
    check_looks(terminal)
    text = terminal.model.text()
    assert progress_lines(text) == []
    assert any("1 passed" in row for row in text), "\n".join(text)
    assert not any("Traceback" in row for row in text), "\n".join(text)


def test_a_terminal_that_hangs_up_leaves_nothing(suite, on_terminal):
    suite.write(test_a=WAITS)
    terminal = on_terminal.start("-n1")
    terminal.until(lambda: (suite.folder / "started").exists())
    terminal.hang_up()
    terminal.process.wait(timeout=60)
    wait_until(lambda: processes_of(suite.mark) == [])


def test_a_debugger_has_the_terminal(suite, on_terminal):
    suite.write(test_a="def test_x():\n        x = 41 + 1\n        assert x == 0")
    terminal = on_terminal.start("--pdb")
    terminal.until(lambda: terminal.shows("(Pdb)"))
    terminal.type("print('value', x * 2)\n")
    terminal.until(lambda: terminal.shows("value 84"))
    terminal.type("q\n")
    assert terminal.finish() != 0
    assert seen_progress(terminal) == []


# --- the model itself ---


def screen_of(data, columns=10, lines=5):
    model = Model(columns, lines)
    for at in range(len(data)):
        model.feed(data[at : at + 1])  # whatever the pieces
    return model


@pytest.mark.parametrize("data, rows", [
    (b"one\r\ntwo", ["one", "two"]),
    (b"0123456789ab", ["0123456789", "ab"]),
    (b"0123456789\r\nab", ["0123456789", "ab"]),
    (b"abc\rx", ["xbc"]),
    (b"abc\x1b[Kd\r\x1b[Ke", ["e"]),
    (b"a\r\nb\r\nc\x1b[2A\x1b[Jx", ["ax"]),
    (b"abc\x1b[1Gx", ["xbc"]),
    (b"\x1b[31mred\x1b[0m", ["red"]),
    ("\u4e2d\u6587x".encode(), ["\u4e2d\u6587x"]),
])
def test_the_model(data, rows):
    model = screen_of(data)
    assert model.text() == rows and model.unknown == []


def test_the_model_breaks_lines_anew():
    model = screen_of(b"0123456789abc\r\nxy")
    model.resize(5)
    assert model.text() == ["01234", "56789", "abc", "xy"]
    assert (model.row, model.column) == (3, 2)
    model.resize(20)
    assert model.text() == ["0123456789abc", "xy"]
