"""The session: the one pytest the user sees. Collects, splits the zygote off, and then replays what workers report, so
that pytest's output, its exit code and the plugins that report work as they always do."""
import functools
import gc
import json
import os
import random
import struct
import sys
import time
import uuid

import pytest
from _pytest.reports import TestReport

from fittest_pytest import (benchmarks, demands, fixtures, fork_safety, heap, heap_options, limits, memray_report, meter,
                            options, results, selection, wire, zygote)

# While collecting, most of what is made stays: looking for garbage after every 700 objects finds none.
_COLLECTING_THRESHOLD = 50_000
_USES_TEMPORARY_FOLDERS = {"tmp_path", "tmp_path_factory", "tmpdir", "tmpdir_factory", "pytester", "testdir"}


class RandomWatch:
    """Tells whether the suite seeded `random` while it was imported."""

    def __init__(self):
        self.seeded = False
        seed = random.seed

        def watched_seed(a=None, version=2):
            self.seeded = self.seeded or a is not None
            return seed(a, version)

        random.seed = watched_seed


class SessionPlugin:
    def __init__(self, setup):
        self.setup = setup
        self.channel = wire.Channel(setup["channel"])
        self.random = RandomWatch()
        self.stop_told = False
        self.selector = selection.Selector(self.channel, setup.get("select") or {})
        self.heap = setup.get("heap", {})
        self.limits = limits.Limits(self.heap)
        self.notices = []

    # --- set-up ---

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_parse(self, pluginmanager, args):
        options.block_xdist(pluginmanager)
        selection.block_peers(pluginmanager)
        heap_options.block_memray(pluginmanager)

    def pytest_addoption(self, parser, pluginmanager):
        options.add_options(parser)
        selection.add_options(parser)
        pluginmanager.register(self.limits, "fittest_limits")

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self, early_config):
        options.add_hooks(early_config.pluginmanager)

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config):
        config.addinivalue_line("markers", "xdist_group(name): tests of one name share a worker, in order")
        options.look_like_a_worker_less_xdist(config)
        self.distribution = options.Distribution(config, self.setup.get("workers"))
        self.selector.configure(config)
        self.selector.group_of = lambda item: options.group_name(item, self.distribution)
        self.testrun_uid = config.option.fittest_testrunuid or uuid.uuid4().hex
        os.environ["PYTEST_XDIST_TESTRUNUID"] = self.testrun_uid

    def pytest_report_header(self):
        wishes = self.selector.wishes
        if wishes.order == "random":
            return ["Using --random-order-bucket=%s" % wishes.bucket, "Using --random-order-seed=%s" % wishes.seed]
        return None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session):
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or self.isolation_asked(session.config)[0] == "none":
            return
        writer = reporter._tw
        if session.config.getoption("color", "auto") == "auto":
            writer.hasmarkup = reporter.hasmarkup = self.setup["color"]
        writer.fullwidth = reporter._screen_width = self.setup["columns"]
        if self.distribution.workers > 1 and reporter.verbosity == 0:
            # Dots of several files at once: a file's name before each change of file would fill the screen.
            reporter.showfspath = False

    @pytest.hookimpl(hookwrapper=True)
    def pytest_collection(self, session):
        threshold = gc.get_threshold()
        gc.set_threshold(max(threshold[0], _COLLECTING_THRESHOLD), *threshold[1:]) if threshold[0] else None
        started = time.perf_counter()
        yield
        gc.set_threshold(*threshold)
        self.collecting_took = time.perf_counter() - started

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config, items):
        self.selector.before(config, items)
        outcome = yield
        outcome.get_result()
        dist = self.distribution
        self.selector.after(config, items, {"dist": dist.dist, "workers": dist.workers_asked})
        if not config.option.collectonly and not self.setup.get("list"):
            self.prepare_limits(config, items)

    def prepare_limits(self, config, items):
        """Asks for the limits of the configuration, and where traces go; where no test needs them, not even that."""
        if not self.limits.wanted(items) and not self.heap.get("limits"):
            return
        if not self.limits.tracker:
            self.notices.append("what tests allocate cannot be measured, their limits are not checked: %s"
                                % self.limits.tracker.why_not)
            return
        compared = [index for index, item in enumerate(items)
                    if self.limits.options.fails_on_increase and demands.is_compared(item)]
        answer = self.selector.ask(config, items, "heap", {"compared": compared})
        configured = {}
        for limit in answer["limits"]:
            for index in limit["tests"]:
                of_test = configured.setdefault(items[index].nodeid, {})
                for what in ("memory", "leaks"):
                    if limit[what] is not None:
                        of_test.setdefault(what, [limit[what], limit["where"]])
        earlier = {items[test["test"]].nodeid: (test["peaks"], test["allowed"]) for test in answer["earlier"]}
        self.limits.prepare({"folder": answer["folder"], "configured": configured, "earlier": earlier,
                             "prefix": self.limits.options.prefix})
        if not self.limits.can_measure():
            self.notices.append("what tests allocate cannot be measured, their limits are not checked: "
                                "there is no folder for traces")
        config.pluginmanager.register(memray_report.MemrayReport(self.limits), "fittest_memray_report")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session):
        """A group without tests is no failure: there are more groups than tests, that is all."""
        if self.selector.group_is_empty and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK

    # --- the loop ---

    def isolation_asked(self, config):
        asked = self.setup["isolation"]
        for name in ("usepdb", "trace"):
            if getattr(config.option, name, False):
                return "none", "--%s talks to the terminal" % name.replace("usepdb", "pdb")
        return (asked, "--isolation %s" % asked) if asked != "auto" else ("auto", "")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        config = session.config
        if session.testsfailed and not config.option.continue_on_collection_errors or config.option.collectonly:
            return None  # pytest says what there is to say
        if self.setup.get("list"):
            self.tell_collected(session, "list", "")
            return True
        isolation, reason = self.isolation_asked(config)
        if isolation == "none":
            if self.limits.options.find_leaks:
                self.notices.append("--find-leaks has no effect without workers (%s)" % reason)
            self.tell_collected(session, isolation, reason)
            config.pluginmanager.register(Observer(self.channel, session), "fittest_observer")
            return None
        gc.collect()
        gc.freeze()
        if isolation == "auto":
            isolation, reason = fork_safety.decide()
        self.prepare_temporary_folder(session)
        if isolation == "fork":
            self.fork_zygote(session)
        self.tell_collected(session, isolation, reason)
        self.replay(session)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return True

    def prepare_temporary_folder(self, session):
        """Made here, once, if it is needed at all, so that the workers' folders have one parent."""
        factory = getattr(session.config, "_tmp_path_factory", None)
        if factory is None:
            return
        for item in session.items:
            if not _USES_TEMPORARY_FOLDERS.isdisjoint(getattr(item, "fixturenames", ())):
                factory.getbasetemp()
                return

    def fork_zygote(self, session):
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter._tw.flush()
        sys.stdout.flush()
        sys.stderr.flush()
        setup = {
            "in_order": self.distribution.in_order,
            "properties": bool(getattr(session.config.option, "xmlpath", None)),
            "random_state": random.getstate(),
            "random_seeded": self.random.seeded,
        }
        control = self.setup["control"]
        if os.fork() == 0:
            try:
                self.channel.close()
                zygote.serve(session, control, setup, self.testrun_uid)
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(70)
        os.close(control)

    def tell_collected(self, session, isolation, reason):
        previous_file, previous_setup, grouped = None, frozenset(), False

        def traits(item):
            nonlocal previous_file, previous_setup, grouped
            name = item.nodeid.split("::", 1)[0]
            group = options.group_name(item, self.distribution)
            grouped = grouped or group is not None
            setup = _shared_setup(item)
            shares = name == previous_file and not previous_setup.isdisjoint(setup)
            previous_file, previous_setup = name, setup
            return group, shares

        labels = selection.Labels() if self.setup.get("list") else None
        selection.send_tests(self.channel, session.items, labels, traits)
        option = session.config.option
        dist = self.distribution.dist
        worker_input = {}
        seed = getattr(option, "randomly_seed", None)
        if isinstance(seed, int):
            worker_input["randomly_seed"] = seed
        port = getattr(getattr(session.config, "failures_db", None), "sock_port", None)
        if isinstance(port, int):
            worker_input["sock_port"] = port
        collected = {
            "tests": len(session.items),
            "isolation": isolation,
            "reason": reason,
            "workers": self.distribution.workers,
            "dist": "loadgroup" if dist == "load" and grouped else dist,
            "in_order": self.distribution.in_order,
            "max_worker_restart": option.fittest_max_restarts,
            "testrun_uid": self.testrun_uid,
            "properties": bool(getattr(option, "xmlpath", None)),
            "worker_input": worker_input,
            "measured_labels": self.selector.measured,
            "label_sets": labels.all() if labels is not None else [],
            "in_given_order": bool(self.selector.wishes.order or getattr(option, "failedfirst", False)
                                   or getattr(option, "newfirst", False)),
            "store_durations": self.selector.wishes.store,
            "clean_durations": option.clean_durations,
            "took": self.collecting_took,
            "heap_plan": self.limits.plan() if self.limits.can_measure() else None,
            "notices": self.notices,
        }
        self.channel.send(wire.frame(wire.COLLECTED, json.dumps(collected).encode()))

    # --- replay ---

    def replay(self, session):
        """While results wait, what is printed of them is not written out one by one."""
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        writer = reporter and reporter._tw
        if writer is None:
            return self.replay_all(session, lambda: None)
        flush = writer.flush
        writer.flush = lambda: None
        try:
            self.replay_all(session, flush)
        finally:
            del writer.flush
            flush()

    def replay_all(self, session, flush):
        while True:
            if not self.channel.has_read_ahead():
                flush()
            kind, payload = self.channel.receive_ahead()
            if kind == wire.REPLAY:
                (index, starts) = struct.unpack("<IB", payload[:5])
                self.replay_test(session, session.items[index], results.unpack(payload[5:]), starts)
            elif kind == wire.VERDICT:
                self.replay_verdict(session, json.loads(payload))
            elif kind == wire.FINISH:
                self.finish(session, json.loads(payload))
                return
            if not self.stop_told and (session.shouldfail or session.shouldstop):
                self.stop_told = True
                reason = {"reason": str(session.shouldfail or session.shouldstop)}
                self.channel.send(wire.frame(wire.STOP, json.dumps(reason).encode()))

    def replay_test(self, session, item, told, starts):
        reports, warnings, measured = told
        config, hook = session.config, item.ihook
        if reports and "location" in reports[0]:
            # The worker has looked it up; with many tests, that takes longer than anything else here.
            item.__dict__.setdefault("location", tuple(reports[0]["location"]))
        if starts:
            hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for data, when, nodeid, location in warnings:
            config.hook.pytest_warning_recorded.call_historic(
                kwargs=dict(warning_message=results.restore_warning(data), when=when, nodeid=nodeid, location=location)
            )
        for data in reports:
            if "fittest_error" in data:
                self.report(item, "failed", "setup", data["fittest_error"])
                continue
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            if report is not None:
                hook.pytest_runtest_logreport(report=report)
        if measured is not None:
            benchmarks.give(config, measured)
        if starts:
            hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def report(self, item, outcome, when, text, crashed=False):
        report = TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={name: 1 for name in item.keywords},
            outcome=outcome,
            longrepr=text,
            when=when,
        )
        handle = getattr(item.config.hook, "pytest_handlecrashitem", None)
        if crashed and handle is not None:
            handle(crashitem=item.nodeid, report=report, sched=Schedule(item.config))
            report.outcome = outcome  # a plugin that wants it run again is not served: it has its verdict
        item.ihook.pytest_runtest_logreport(report=report)

    def replay_verdict(self, session, told):
        """A test whose end fittest saw, and pytest did not: it crashed, hung, or did not fit."""
        item = session.items[told["index"]]
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        if told["outcome"] == "failed":
            self.report(item, "failed", "call", told["message"], crashed=told["verdict"] == "crashed")
        else:  # taken over from an earlier run, whose reports are not there any more
            self.report(item, told["outcome"], "call", told["message"] or None)
        self.report(item, "passed", "teardown", None)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    @staticmethod
    def finish(session, how):
        if how["reason"] == "interrupted":
            raise KeyboardInterrupt(how.get("message") or "interrupted")
        if how["reason"] == "exit":
            pytest.exit(how["message"], how.get("returncode"))
        if how["reason"] == "shouldstop" and not session.shouldstop:
            session.shouldstop = how["message"]


class Schedule:
    """What the hook pytest_handlecrashitem of xdist expects of a scheduler."""

    def __init__(self, config):
        self.config = config

    def mark_test_pending(self, item):
        pass


class Observer:
    """--isolation none: tests run in the session itself; fittest is told what they take."""

    def __init__(self, channel, session):
        self.channel = channel
        self.indices = {item: index for index, item in enumerate(session.items)}
        self.meter = meter.make({})
        the_limits = session.config.pluginmanager.getplugin("fittest_limits")
        the_limits.apart = functools.partial(meter.paused, self.meter)
        self.heap = heap.TestCounters(the_limits.tracker) if the_limits.tracker else None
        self.reports = []

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        index = self.indices.get(item, 0)
        self.channel.send(wire.frame(wire.STARTED, struct.pack("<I", index)))
        self.reports = []
        held = self.meter.held()
        self.meter.start()
        if self.heap is not None:
            self.heap.start(item.nodeid)
        started = time.perf_counter()
        outcome = yield
        figures = self.heap.stop() if self.heap is not None else None
        if outcome.excinfo is not None:  # interrupted, or pytest itself fell over it: no verdict
            return
        duration = time.perf_counter() - started
        peak = self.meter.peak()
        verdict, detail = results.verdict_of(self.reports)
        if verdict == "over_limit":
            detail += "\n" + results.failure_text(self.reports)
        detail = detail.encode("utf-8", "replace")
        flags, heap_fields = wire.heap_fields(figures, limits.body_peak(self.reports))
        head = struct.pack("<IBBdQQII", index, results.VERDICTS.index(verdict), flags, duration, peak,
                           self.meter.held(), len(detail), 0)
        self.channel.send(wire.frame(wire.FINISHED, head + heap_fields + detail))

    def pytest_runtest_logreport(self, report):
        self.reports.append(report)


_setup_cache = {}


def _shared_setup(item):
    """The class, module and package fixtures a test uses, by identity."""
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return frozenset()
    key = tuple(info.names_closure), id(item.parent)
    found = _setup_cache.get(key)
    if found is None:
        found = set()
        for name in info.names_closure:
            definitions = info.name2fixturedefs.get(name)
            if definitions and definitions[-1].scope in ("class", "module", "package"):
                of_class = definitions[-1].scope == "class"
                found.add((id(definitions[-1]), id(item.parent) if of_class else 0))
        found = _setup_cache[key] = frozenset(found)
    return found


def main(setup):
    plugin = SessionPlugin(setup)
    return int(pytest.main(sys.argv[1:], plugins=[plugin, fixtures]))
