"""The zygote: a copy of the session made right after collection, frozen, with one thread, which does nothing but make
copies of itself. It is apart from the session, which goes on to print and to count."""
import atexit
import gc
import json
import os
import signal
import struct

from fittest_pytest import own, wire, worker


def serve(session, control_descriptor, setup, testrun_uid):
    """Never returns."""
    control = wire.Channel(control_descriptor)
    atexit._clear()  # the session's to run
    own.stop_capture(session.config)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()
    while True:
        try:
            kind, payload, descriptor = control.receive_with_descriptor()
        except wire.Closed:
            os._exit(0)
        if kind == wire.FORK:
            order = json.loads(payload)
            pid = os.fork()
            if pid == 0:
                control.close()
                worker.forked(session, descriptor, order, setup, testrun_uid)
                os._exit(0)
            os.close(descriptor)
            control.send(wire.frame(wire.FORKED, struct.pack("<II", order["worker"], pid)))
        elif kind == wire.WAIT:
            (pid,) = struct.unpack("<I", payload)
            try:
                _, status = os.waitpid(pid, 0)
            except ChildProcessError:
                status = 0
            control.send(wire.frame(wire.ENDED, struct.pack("<Ii", pid, status)))
