"""What a test leaves behind is found; what it puts back is not."""
import builtins
import locale
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import warnings

import pytest
from conftest import in_child
from fittest_pytest import taint


def found_after(harm):
    """(broken, changed) in a process in which `harm` was done."""

    def look():
        fingerprint = taint.Fingerprint()
        assert (fingerprint.broken(), fingerprint.changed()) == ([], [])
        harm()
        return fingerprint.broken(), fingerprint.changed()

    return in_child(look)


def chdir_to_one_that_is_gone():
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)


CHANGES = {
    "variable set": (lambda: os.environ.__setitem__("LEFT", "1"), "os.environ: LEFT"),
    "variable gone": (lambda: os.environ.pop("PATH"), "os.environ: PATH"),
    "variable other": (lambda: os.environ.__setitem__("PATH", "/"), "os.environ: PATH"),
    "many variables": (lambda: os.environ.update({"LEFT%d" % i: "1" for i in range(9)}),
                       "os.environ: LEFT0, LEFT1, LEFT2, LEFT3, LEFT4, ..."),
    "variable of any bytes": (lambda: os.environb.__setitem__(b"L\xff", b"\xfe"), "os.environ: L\ufffd"),
    "folder": (lambda: os.chdir("/"), "current folder: /"),
    "folder gone": (chdir_to_one_that_is_gone, "current folder: one that is gone"),
    "recursion limit": (lambda: sys.setrecursionlimit(5000), "recursion limit: 5000"),
    "warnings filter": (lambda: warnings.simplefilter("error"), "warnings.filters"),
    "no warnings filters": (warnings.resetwarnings, "warnings.filters"),
    "signal ignored": (lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN), "signal handlers"),
    "signal handled": (lambda: signal.signal(signal.SIGALRM, lambda *_: None), "signal handlers"),
    "Ctrl-C": (lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), "signal handlers"),
    "modules gone": (lambda: [sys.modules.pop(name) for name in ("logging.handlers", "tempfile", "random")
                              if name in sys.modules], "sys.modules: "),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_and_named(name):
    harm, words = CHANGES[name]
    broken, changed = found_after(harm)
    assert broken == []
    assert len(changed) == 1 and changed[0].startswith(words), changed


@pytest.mark.skipif(sys.flags.utf8_mode, reason="in UTF-8 mode the locale is what it is")
def test_a_locale_is_found():
    def harm():
        locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C")

    broken, changed = found_after(harm)
    assert broken == [] and len(changed) == 1 and changed[0].startswith("locale: C")


class Replaced(dict):
    pass


def replace_modules():
    sys.modules = Replaced(sys.modules)


BREAKS = {
    "function of builtins replaced": (lambda: setattr(builtins, "len", lambda _: 7), "builtins.len"),
    "function of builtins gone": (lambda: delattr(builtins, "open"), "builtins.open"),
    "import": (lambda: setattr(builtins, "__import__", None), "builtins.__import__"),
    "added to builtins": (lambda: setattr(builtins, "mine", 1), "builtins.mine"),
    "module that pytest needs gone": (lambda: sys.modules.pop("_pytest.runner"), "sys.modules['_pytest.runner']"),
    "module that pytest needs replaced": (lambda: sys.modules.__setitem__("os", None), "sys.modules['os']"),
    "modules replaced": (replace_modules, "sys.modules was replaced"),
    "environment emptied": (lambda: os.environ.clear(), "os.environ was emptied"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_makes_an_interpreter_useless_is_broken(name):
    harm, words = BREAKS[name]
    assert found_after(harm)[0] == [words]


def test_everything_at_once_is_all_named():
    def harm():
        for change, _ in CHANGES.values():
            change()
        builtins.len = None

    broken, changed = found_after(harm)
    assert broken == ["builtins.len"]
    assert [words.split(":")[0] for words in changed] == [
        "os.environ", "current folder", "recursion limit", "warnings.filters", "signal handlers", "sys.modules"]


def test_what_is_taken_for_granted_is_told_no_more():
    def look():
        fingerprint = taint.Fingerprint()
        os.environ["LEFT"] = "1"
        first = fingerprint.changed()
        fingerprint.renew()
        second = fingerprint.changed()
        del os.environ["LEFT"]
        return first, second, fingerprint.changed()

    assert in_child(look) == (["os.environ: LEFT"], [], ["os.environ: LEFT"])


def test_it_is_found_though_the_names_it_uses_are_broken():
    def look():
        fingerprint = taint.Fingerprint()
        for name in ("len", "sorted", "dict", "list", "set", "getattr", "isinstance"):
            setattr(builtins, name, None)
        return fingerprint.broken()

    assert in_child(look) == ["builtins.%s" % name for name in
                              ("dict", "getattr", "isinstance", "len", "list", "set", "sorted")]

    def harm():
        os.getcwd = sys.getrecursionlimit = locale.setlocale = signal.getsignal = None
        os.environ["LEFT"] = "1"

    assert found_after(harm) == ([], ["os.environ: LEFT"])


def use_monkeypatch():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEFT", "1")
        patch.delenv("PATH")
        patch.chdir("/")
        patch.syspath_prepend("/tmp")
        patch.setattr(builtins, "len", lambda _: 7)
        patch.setattr(os, "getcwd", lambda: "/nowhere")
        patch.setitem(sys.modules, "json", None)
        patch.delitem(sys.modules, "logging")


def use_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
    with pytest.warns(UserWarning):
        warnings.warn("text")
    with pytest.raises(ValueError):
        raise ValueError


def use_signals():
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 1000)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def use_locale():
    before = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "C")
    locale.setlocale(locale.LC_ALL, before)


def use_modules():
    for name in ("wave", "colorsys", "chunk", "netrc"):  # whatever is not imported yet
        try:
            __import__(name)
        except ImportError:
            pass


def use_the_rest():
    subprocess.run([sys.executable, "-c", ""], check=True)
    logging.getLogger("x").warning("y")
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "x"), "w") as file:
        file.write("x")
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    os.environ["PYTEST_CURRENT_TEST"] = "a.py::test_x (call)"
    builtins._ = "what an interactive interpreter sets"
    exec(compile("global x\nx = [i for i in range(10)]", "x", "exec"), {})


@pytest.mark.parametrize("harmless", [use_monkeypatch, use_warnings, use_signals, use_locale, use_modules, use_the_rest],
                         ids=lambda what: what.__name__)
def test_a_test_that_cleans_up_raises_no_alarm(harmless):
    assert found_after(harmless) == ([], [])


def test_a_real_session_of_ordinary_tests_raises_no_alarm(pytester, monkeypatch):
    """Under pytest itself, with its fixtures, its capture and its assertion rewriting."""
    pytester.makeconftest("""
        import pytest
        from fittest_pytest import taint
        @pytest.fixture(scope="session", autouse=True)
        def fingerprint():
            return taint.Fingerprint()
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_protocol(item, nextitem):
            yield
            made = item.session._fingerprint = getattr(item.session, "_fingerprint", None) or taint.Fingerprint()
            found = made.broken() + made.changed()
            print("FOUND", item.name, found) if found else None
    """)
    pytester.makepyfile("""
        import logging, os, sys, warnings, unittest, pytest
        def test_first(): pass
        def test_tmp_path(tmp_path, monkeypatch): monkeypatch.chdir(tmp_path); monkeypatch.setenv("A", "b")
        def test_output(capsys): print("x"); assert capsys.readouterr().out == "x\\n"
        def test_descriptors(capfd): os.write(1, b"x"); assert capfd.readouterr().out == "x"
        def test_log(caplog): logging.warning("x"); assert caplog.records
        def test_warns(recwarn): warnings.warn("x"); assert len(recwarn) == 1
        def test_fails(): assert [1] == [2]
        def test_skipped(): pytest.skip("x")
        @pytest.mark.filterwarnings("error")
        def test_filter(): pass
        @pytest.mark.parametrize("i", range(3))
        def test_many(i): pass
        class TestU(unittest.TestCase):
            def setUp(self): self.addCleanup(os.chdir, os.getcwd()); os.chdir("/")
            def test_u(self): pass
    """)
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(os.path.dirname(taint.__file__)))
    result = pytester.runpytest_subprocess("-s", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=11, failed=1, skipped=1)
    assert "FOUND" not in result.stdout.str(), result.stdout.str()
