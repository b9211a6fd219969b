"""A worker: runs the batches it is given, tells of each test when it starts and how it ended, and is thrown away.

Forked from the zygote (`forked`), or a process of its own that collects by itself (`main`)."""
import atexit
import copy
import functools
import gc
import json
import logging
import os
import signal
import socket
import struct
import sys
import time
import traceback

import pytest
from _pytest.runner import CallInfo

from fittest_pytest import benchmarks, find_leaks, heap, heap_options, limits, meter, options, own, results, selection, taint, wire

# Bound now: a test may leave any of these broken.
_pack, _unpack, _len, _copy = struct.pack, struct.unpack, len, copy.copy
_heap_fields, _body_peak = wire.heap_fields, limits.body_peak
_now, _collect, _freeze = time.perf_counter, gc.collect, gc.freeze
_VERDICT_NUMBERS = {name: number for number, name in enumerate(results.VERDICTS)}
_CHANGED, _BROKEN = 1, 2
# A full collection this slow walks survivors of earlier tests: they are set aside.
_SLOW_COLLECTION = 0.002
# With pytest-cov, what a killed worker has measured since its last save is lost.
_COVERAGE_SAVE_SECONDS = 0.25


class Recorder:
    """Hears the results of one test."""

    def __init__(self):
        self.listening = False
        self.reports = []
        self.warnings = []

    def start(self):
        self.listening = True
        self.reports = []
        self.warnings = []

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report):
        self.reports.append(report)

    @pytest.hookimpl
    def pytest_warning_recorded(self, warning_message, when, nodeid, location):
        if self.listening:
            self.warnings.append((results.serialize_warning(warning_message), when, nodeid, location))


class Asked(Exception):
    """A test asked for the end of the run."""


class Worker:
    def __init__(self, session, channel, the_meter, number, properties, in_order):
        self.session = session
        self.config = session.config
        self.channel = channel
        self.meter = the_meter
        self.properties = properties  # whether peak and retained are written into the reports
        self.recorder = Recorder()
        self.config.pluginmanager.register(self.recorder, "fittest_recorder")
        own.tell_nobody(self.config)
        self.coverage = own.Coverage(self.config)
        self.benchmarks = benchmarks.Collector(self.config)
        self.failed_subtests = own.failed_subtests(self.config)
        self.saved = _now()
        the_limits = self.config.pluginmanager.getplugin("fittest_limits")
        the_limits.apart, the_limits.traced_by = functools.partial(meter.paused, self.meter), "w%d" % number
        searches = the_limits.options.find_leaks and the_limits.can_measure()
        self.leak_search = find_leaks.LeakSearch(the_limits) if searches else None
        self.heap = heap.TestCounters(the_limits.tracker) if the_limits.tracker else None
        self.heap_figures = None
        self.last = None  # the test that ran last, whose class, module and package fixtures still stand
        self.last_index = 0
        self.held = 0
        self.usable = True
        # One worker alone stops where pytest does; of several, each goes on until the session has counted.
        self.failures_left = session.config.option.maxfail if in_order else 0

    # --- commands ---

    def serve(self, item_of):
        """Until told to retire, or until fittest is gone. `item_of`: from what a batch names to the tests."""
        self.print = taint.Fingerprint()
        self.held = self.meter.held()
        self.channel.send(wire.frame(wire.READY, _pack("<Q", self.held)))
        try:
            while True:
                kind, payload = self.channel.receive()
                if kind != wire.BATCH:
                    break
                self.run_batch(item_of(payload))
        except (wire.Closed, KeyboardInterrupt):
            pass
        self.finish()

    def run_batch(self, batch):
        """`batch`: pairs of a test's index and the test; nothing for a test that this worker did not collect."""
        tests = [(index, item) for index, item in batch if item is not None]
        for index, item in batch:
            if item is None:
                self.channel.send(self.not_collected(index))
        send = self.channel.send
        if tests:
            self.settle(tests[0][1])
            send(wire.frame(wire.STARTED, _pack("<I", tests[0][0])))
        for place, (index, item) in enumerate(tests):
            if place + 1 < _len(tests):
                next_index, nextitem = tests[place + 1]
            else:
                # What comes next is not known yet. A copy has the same parents, so that only the test itself is torn
                # down now, and the rest when the next batch is here.
                next_index, nextitem = None, _sibling(item)
            finished = self.run_test(index, item, nextitem)
            if next_index is not None and self.usable:
                finished += wire.frame(wire.STARTED, _pack("<I", next_index))
            send(finished)
            if not self.usable:
                return
        if self.coverage:
            self.coverage.save()
        send(wire.frame(wire.BATCH_DONE, _pack("<Q", self.held)))

    # --- one test ---

    def run_test(self, index, item, nextitem):
        """The frames that tell how it ended."""
        recorder, held_before = self.recorder, self.held
        self.last, self.last_index = item, index  # now: an interrupted test leaves its fixtures standing, too
        recorder.start()
        self.meter.start()
        asked = b""
        crash = None
        if self.heap is not None:
            self.heap.start(item.nodeid)
        started, times = _now(), 1
        try:
            if self.leak_search is None:
                self.run_protocol(item, nextitem)
            else:
                times = self.leak_search.run(self.run_protocol, item, _sibling(item), nextitem, recorder)
        except pytest.exit.Exception as problem:
            asked = self.asks_to_stop(index, "exit", str(problem.msg), problem.returncode)
        except KeyboardInterrupt:
            asked = self.asks_to_stop(index, "interrupt", "KeyboardInterrupt in %s" % item.nodeid, None)
        except BaseException as problem:
            crash = _describe(problem)
        duration = (_now() - started) / times
        if self.heap is not None:
            self.heap_figures = self.heap.stop()
        if asked:
            self.usable = False
            return asked
        peak = self.meter.peak()
        before = _now()
        _collect()
        if _now() - before > _SLOW_COLLECTION:
            _freeze()
        self.held = held = self.meter.held()
        if self.session.shouldstop:
            asked = self.asks_to_stop(index, "shouldstop", str(self.session.shouldstop), None)
            self.usable = False
        return self.finished(index, duration, peak, held, held_before, crash) + asked

    @staticmethod
    def run_protocol(item, nextitem):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)

    def finished(self, index, duration, peak, held, held_before, crash):
        recorder = self.recorder
        changes, flags = [], 0
        if self.print.broken():
            changes, flags = self.print.broken(), _BROKEN
        else:
            changes = self.print.changed()
            flags = _CHANGED if changes else 0
            if changes:
                self.print.renew()
        verdict, detail = results.verdict_of(recorder.reports)
        if self.failures_left and verdict in ("failed", "error", "over_limit"):
            self.failures_left -= 1
            self.usable = self.usable and self.failures_left > 0
        serialised = self.serialised(peak, held - held_before)
        if crash is not None:
            # pytest itself fell over this test. What it has told so far is kept, the rest is one error.
            flags = _BROKEN
            verdict, detail = "error", "pytest could not go on: %s" % crash.strip().rsplit("\n", 1)[-1]
            serialised.append({"fittest_error": crash})
        if flags & _BROKEN:
            self.usable = False
        elif self.coverage and _now() - self.saved > _COVERAGE_SAVE_SECONDS:
            self.coverage.save()
            self.saved = _now()
        if verdict in ("failed", "error", "timed_out", "over_limit"):
            detail += "\n" + (crash or results.failure_text(recorder.reports))
        detail = detail.encode("utf-8", "replace")
        left = "; ".join(changes).encode("utf-8", "replace")
        heap_flags, heap_fields = _heap_fields(self.heap_figures, _body_peak(recorder.reports))
        head = _pack(
            "<IBBdQQII", index, _VERDICT_NUMBERS[verdict], flags | heap_flags, duration, peak, held, _len(detail), _len(left)
        )
        blob = results.pack((serialised, recorder.warnings, self.benchmarks.take()))
        return wire.frame(wire.FINISHED, head + heap_fields + detail + left + blob)

    def serialised(self, peak, retained):
        reports = self.recorder.reports
        to_serializable = self.config.hook.pytest_report_to_serializable
        if self.failed_subtests:
            for report in reports:
                self.config.hook.pytest_report_teststatus(report=report, config=self.config)
        if self.properties and reports:
            reports[-1].user_properties = list(reports[-1].user_properties) + [
                ("fittest.peak_bytes", peak),
                ("fittest.retained_bytes", max(retained, 0)),
            ]
        out = []
        for report in reports:
            for section, (title, text) in enumerate(report.sections):
                if _len(text) > (1 << 20):
                    report.sections[section] = (title, results.shorten(text))
            out.append(to_serializable(config=self.config, report=report))
        return out

    @staticmethod
    def asks_to_stop(index, kind, message, returncode):
        text = json.dumps({"kind": kind, "message": message, "returncode": returncode}).encode()
        return wire.frame(wire.ASKS_TO_STOP, _pack("<I", index) + text)

    @staticmethod
    def not_collected(index):
        detail = b"this worker did not collect the test: collecting twice gives different tests"
        blob = results.pack(([{"fittest_error": detail.decode()}], [], None))
        head = _pack("<IBBdQQII", index, _VERDICT_NUMBERS["error"], 0, 0.0, 0, 0, _len(detail), 0)
        return wire.frame(wire.STARTED, _pack("<I", index)) + wire.frame(wire.FINISHED, head + detail + blob)

    # --- between batches ---

    def settle(self, nextitem):
        """Tears down what the last batch left standing and `nextitem` does not share. A failure of that is the last
        test's, whose verdict is amended."""
        last, stack = self.last, self.session._setupstate.stack
        if last is None or not stack:
            return
        needed = nextitem.listchain() if nextitem is not None else []
        if all(node in needed for node in stack):
            return
        self.recorder.start()
        capture = self.config.pluginmanager.getplugin("capturemanager")

        def tear_down():
            if capture is None:
                self.session._setupstate.teardown_exact(nextitem)
            else:
                with capture.item_capture("teardown", last):
                    self.session._setupstate.teardown_exact(nextitem)

        call = CallInfo.from_call(tear_down, when="teardown", reraise=(KeyboardInterrupt,))
        if call.excinfo is not None:
            last.funcargs = {}
            report = last.ihook.pytest_runtest_makereport(item=last, call=call)
            detail = results.verdict_of([report])[1].encode("utf-8", "replace")
            self.recorder.reports = [report]
            blob = results.pack((self.serialised(0, 0), self.recorder.warnings, None))
            head = _pack("<IBI", self.last_index, _VERDICT_NUMBERS["error"], _len(detail))
            self.channel.send(wire.frame(wire.AMENDED, head + detail + blob))

    def finish(self):
        """Session fixtures, exit handlers of what was imported here, buffers: once, in this process."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # being told twice must not cut the teardown short
        for step in (lambda: self.settle(None), self.finish_coverage, atexit._run_exitfuncs, _flush):
            try:
                step()
            except wire.Closed:
                pass
            except BaseException as problem:
                sys.stderr.write("fittest: a worker on its way out: %s" % _describe(problem))

    def finish_coverage(self):
        if self.coverage:
            self.coverage.finish()


def _sibling(item):
    """Stands for a test after `item` that has all its parents; holds nothing that `item` lets go of."""
    sibling = _copy(item)
    sibling.__dict__.pop("funcargs", None)
    sibling.__dict__.pop("_request", None)
    return sibling


def _describe(problem):
    try:
        return "".join(traceback.format_exception(type(problem), problem, problem.__traceback__))
    except BaseException:
        return "%s\n" % type(problem).__name__


def _flush():
    for handler in list(logging.root.handlers):
        handler.flush()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    ctypes = sys.modules.get("ctypes")
    if ctypes is not None:
        ctypes.CDLL(None).fflush(None)


def forked(session, descriptor, order, setup, testrun_uid):
    """In the forked child; ends with it."""
    own.join_domain(order)
    os.setsid()
    channel = wire.Channel(descriptor)
    own.keep_random(setup["random_state"], setup["random_seeded"])
    config = session.config
    own.set_environment(order, setup["in_order"], testrun_uid)
    if not setup["in_order"]:
        config.workerinput = own.worker_input(order, testrun_uid)
        config.workeroutput = {}
    own.use_own_temporary_folder(config, order)
    own.start_capture(config)
    worker = Worker(session, channel, meter.make(order), order["worker"], setup["properties"], setup["in_order"])
    items = session.items

    def item_of(payload):
        indices = _unpack("<%dI" % (_len(payload) // 4), payload)
        return [(index, items[index]) for index in indices]

    worker.serve(item_of)


class SpawnedPlugin:
    """In a worker that collects by itself."""

    def __init__(self, setup):
        self.setup = setup
        self.order = setup["order"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_parse(self, pluginmanager, args):
        options.block_xdist(pluginmanager)
        selection.block_peers(pluginmanager)
        heap_options.block_memray(pluginmanager)

    def pytest_addoption(self, parser, pluginmanager):
        options.add_options(parser)
        selection.add_options(parser)
        self.limits = limits.Limits(self.setup["heap"])
        pluginmanager.register(self.limits, "fittest_limits")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self, early_config):
        options.add_hooks(early_config.pluginmanager)
        # Or pytest-cov would erase what workers before this one have saved.
        early_config.known_args_namespace.cov_append = True
        if not self.setup["in_order"]:
            early_config.workerinput = own.worker_input(self.order, self.setup["testrun_uid"])
            early_config.workerinput.update(self.setup["worker_input"])
            early_config.workerinput.update(
                cov_master_host=socket.gethostname(), cov_master_topdir=os.getcwd(), cov_master_rsync_roots=[]
            )
            early_config.workeroutput = {}
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config):
        config.addinivalue_line("markers", "xdist_group(name): tests of one name share a worker, in order")
        config.addinivalue_line("markers", "random_order(disabled=True): no effect in a worker")
        options.look_like_a_worker_less_xdist(config)
        if config.option.basetemp:
            config.option.basetemp = os.path.join(config.option.basetemp, "popen-gw%d" % self.order["slot"])
            os.makedirs(os.path.dirname(config.option.basetemp), mode=0o700, exist_ok=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config, items):
        """The measured labels that the session gave, so that -m selects here what it selected there; and its limits."""
        self.limits.prepare(self.setup["heap_plan"])
        for name, ids in self.setup["measured_labels"].items():
            config.addinivalue_line("markers", "%s: measured" % name)
            labelled = set(ids)
            for item in items:
                if item.nodeid in labelled:
                    item.add_marker(getattr(pytest.mark, name))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        by_id = {item.nodeid: item for item in session.items}
        gc.collect()
        gc.freeze()
        worker = Worker(session, self.channel, meter.make(self.order), self.order["worker"], self.setup["properties"],
                        self.setup["in_order"])

        def item_of(payload):
            batch, place = [], 0
            while place < _len(payload):
                index, size = _unpack("<II", payload[place : place + 8])
                nodeid = payload[place + 8 : place + 8 + size].decode("utf-8", "surrogateescape")
                batch.append((index, by_id.get(nodeid)))
                place += 8 + size
            return batch

        worker.serve(item_of)
        for plugin in session.config.pluginmanager.get_plugins():
            finish = getattr(plugin, "pytest_sessionfinish", None)
            if finish is not None and str(getattr(plugin, "__file__", "")).endswith("conftest.py"):
                caller = session.config.pluginmanager.subset_hook_caller(
                    "pytest_sessionfinish",
                    [other for other in session.config.pluginmanager.get_plugins() if other is not plugin],
                )
                caller(session=session, exitstatus=0)
        _flush()
        os._exit(0)


def main(setup):
    """A spawned worker."""
    from fittest_pytest import fixtures

    order = setup["order"]
    own.be_first_to_die()
    own.set_environment(order, setup["in_order"], setup["testrun_uid"])
    plugin = SpawnedPlugin(setup)
    plugin.channel = wire.Channel(setup["channel"])
    # What the session prints of collecting has been printed once.
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.close(silent)
    return int(pytest.main(sys.argv[1:], plugins=[plugin, fixtures]))
