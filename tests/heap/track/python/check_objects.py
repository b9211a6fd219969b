"""Run by an interpreter into which the tracker is preloaded: which of the objects that were made it says to be there.
Prints a line for each check, ends with 1 if one of them failed. "unable": that it says that it cannot."""
import ctypes
import errno
import gc
import os
import sys
import threading
import time
import traceback
import tracemalloc
import weakref

library = ctypes.PyDLL(None)
begin, end, take = (getattr(library, "fittest_heap_objects_" + name) for name in ("begin", "end", "take"))
take.restype = ctypes.py_object
other = ctypes.PyDLL(os.environ["REFERENCE_TRACER"])
other.reference_counts.restype = ctypes.POINTER(ctypes.c_uint64 * 3)

seen = []
kept = []


def wrong(condition, what):
    if condition:
        seen.append("%s (line %d)" % (what, sys._getframe(1).f_lineno))


class Custom:
    pass


def made(body, *arguments):
    """The objects that are left of a call."""
    code = begin()
    if code:
        raise OSError(code, os.strerror(code))
    try:
        body(*arguments)
    finally:
        gc.collect()
        sys._clear_internal_caches()
        code = end()
    if code:
        raise OSError(code, os.strerror(code))
    return take()


def same(found, expected):
    return [id(one) for one in found] == [id(one) for one in expected]


def untracked():
    """Of any type, in the order in which they were made."""
    number = len(kept) + 10**10

    def body():
        kept.append("text %d" % number)
        kept.append(number * 3)
        kept.append(number / 7)
        kept.append(b"%d" % number)
        kept.append(complex(number, number))
        kept.append([number])
        kept.append({number})
        kept.append(Custom())
        kept.append({"key": number})

    for _ in range(3):
        del kept[:]
        left = made(body)
        wrong(not same(left, kept), left)
        del left[:]


def freed():
    def body():
        texts = [str(i) for i in range(10_000)]
        numbers = {i: float(i) for i in range(1000)}
        circle = Custom()
        circle.circle = [circle, texts, numbers]
        try:
            raise ValueError(str(len(texts)))
        except ValueError:
            pass
        return sorted(texts, key=lambda text: text[::-1])[0]

    for _ in range(3):
        left = made(body)
        wrong(left, left)


def older():
    """What was there before, and what comes after."""
    old = [float(i) for i in range(1000)]
    kept[:] = [float(-i) for i in range(50)]

    def body():
        del kept[:]  # which leaves their memory for these
        kept.extend(i + 0.5 for i in range(30))

    left = made(body)
    wrong(not same(left, kept), left)
    wrong(begin(), "did not begin")
    code = end()
    later = [str(time.monotonic()) for _ in range(100)]
    left = take()
    wrong(code or left, left)
    wrong(take(), "given twice")
    del old, later


def interned():
    def body():
        kept.append(sys.intern("interned %d" % time.monotonic_ns()))
        exec(compile("kept.append('constant_%d')" % time.monotonic_ns(), "there", "exec"), {"kept": kept})

    del kept[:]
    left = made(body)
    texts = [one for one in left if type(one) is str]
    wrong(not all(any(one is text for one in texts) for text in kept), left)
    wrong(made(lambda: sys.intern("gone %d" % time.monotonic_ns())), "one that is gone")


def owned():
    """They live as long as the list, and no longer."""
    def body():
        kept.append(Custom())

    del kept[:]
    (one,) = made(body)
    watched = weakref.ref(one)
    del kept[:]
    wrong(watched() is None, "gone too early")
    del one
    wrong(watched() is not None, "held too long")
    wrong(begin(), "did not begin")
    body()
    wrong(end(), "did not end")
    watched = weakref.ref(kept.pop())
    wrong(watched() is None, "gone though it was not taken yet")
    wrong(made(lambda: None), "one of the time before")
    wrong(watched() is not None, "held though it was never taken")


def exceptions():
    def body():
        kept.append("before %d" % time.monotonic_ns())
        raise KeyError(kept[-1])

    try:
        made(body)
        wrong(True, "no exception")
    except KeyError:
        pass
    take()
    wrong(made(lambda: None), "what was before the exception")


def generators():
    def numbers(text):
        for number in range(10):
            yield text + str(number)

    def body():
        kept.append(numbers("%d " % time.monotonic_ns()))
        next(kept[-1])

    del kept[:]
    left = made(body)
    wrong(sorted(type(one).__name__ for one in left) != ["generator", "range_iterator", "str"], left)
    wrong(not any(one is kept[0] for one in left), left)


def resurrected():
    class Phoenix:
        def __del__(self):
            kept.append(self)

    del kept[:]
    made(lambda: Phoenix() and None)
    wrong(len(kept) != 1 or type(kept[0]) is not Phoenix, kept)
    del kept[:]


def deep():
    """What is destroyed later, because it lies too deep in others, may end without a word."""
    def body():
        inside = None
        for number in range(300_000):
            inside = [inside, (number, inside), Custom()]
        del inside
        kept.append([bytes(bytearray(n % 300)) for n in range(50_000)])
        kept.pop()

    for _ in range(2):
        left = made(body)
        wrong(left, left[:3])


def of_threads():
    def work():
        kept.append("of a thread %d" % time.monotonic_ns())
        [str(i) for i in range(1000)]

    def body():
        threads = [threading.Thread(target=work) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    del kept[:]
    left = made(body)
    wrong(sorted(map(id, left)) != sorted(map(id, kept)), left)


def among_threads():
    """While others make and drop objects, watches come and go."""
    stop = threading.Event()
    failures = []

    def work():
        try:
            while not stop.is_set():
                things = {str(i): [i] * i for i in range(50)}
                sorted(things, key=lambda n: [n] * 10)
        except Exception:
            failures.append(traceback.format_exc())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(50):
        wrong(begin(), "did not begin")
        mine = ["mine %d" % number]
        wrong(end(), "did not end")
        left = take()
        wrong(not any(one is mine for one in left), "one's own is missing")
        for one in left:  # those of other threads, wherever they were
            type(one), sys.getrefcount(one)
        del left[:]
    stop.set()
    for thread in threads:
        thread.join()
    seen.extend(failures)


def nested():
    wrong(end() != errno.ENODATA, "ended what was not begun")
    wrong(begin(), "did not begin")
    wrong(begin() != errno.EALREADY, "begun twice")
    wrong(end(), "did not end")
    wrong(end() != errno.ENODATA, "ended twice")
    take()


def forked():
    def child():
        wrong(end() != errno.ENODATA, "the parent's watch")
        wrong(take(), "the parent's objects")
        del kept[:]
        left = made(lambda: kept.append("of the child %d" % time.monotonic_ns()))
        wrong(not same(left, kept), left)
        for text in seen:
            print("    in the child: " + text)
        sys.stdout.flush()
        os._exit(1 if seen else 0)

    def body():
        kept.append("of the parent %d" % time.monotonic_ns())
        process = os.fork()
        if process == 0:
            child()
        wrong(os.waitpid(process, 0)[1], "the child failed")

    del kept[:]
    left = made(body)
    wrong(not same(left, kept), left)


def of_other_interpreters():
    try:
        import _interpreters
    except ImportError:
        return
    interpreter = _interpreters.create()
    _interpreters.exec(interpreter, "before = ['older %d' % i for i in range(1000)]")

    def body():
        _interpreters.exec(interpreter, "del before; kept = ['foreign %d' % i for i in range(1000)]")
        kept.append("native %d" % time.monotonic_ns())

    del kept[:]
    left = made(body)
    texts = [one for one in left if type(one) is str]
    wrong(any("foreign" in text for text in texts), texts[:5])
    wrong(not any(one is kept[0] for one in texts), texts[:5])
    del left, texts
    _interpreters.destroy(interpreter)


def tracer_now():
    get = ctypes.pythonapi.PyRefTracer_GetTracer
    get.restype = ctypes.c_void_p
    data = ctypes.c_void_p()
    return get(ctypes.byref(data)), data.value


def set_tracer(function, data):
    ctypes.pythonapi.PyRefTracer_SetTracer(ctypes.c_void_p(function), ctypes.c_void_p(data))


OTHER = ctypes.cast(other.count_reference, ctypes.c_void_p).value
OTHERS_COUNTS = other.reference_counts().contents
OTHERS_DATA = ctypes.addressof(OTHERS_COUNTS)


def another_tracer_before():
    """It goes on being told, and is set again at the end."""
    set_tracer(OTHER, OTHERS_DATA)
    wrong(tracer_now() != (OTHER, OTHERS_DATA), "not set")
    before = list(OTHERS_COUNTS)

    def body():
        kept.append(["x%d" % i for i in range(1000)])
        kept.append(["y%d" % i for i in range(1000)])
        kept.pop()

    del kept[:]
    left = made(body)
    wrong(len(left) != 1001, len(left))
    wrong(OTHERS_COUNTS[0] - before[0] < 2000, "told of %d" % (OTHERS_COUNTS[0] - before[0]))
    wrong(OTHERS_COUNTS[1] - before[1] < 1000, "told of %d ends" % (OTHERS_COUNTS[1] - before[1]))
    wrong(OTHERS_COUNTS[2], "told that it was removed by its own return")
    wrong(tracer_now() != (OTHER, OTHERS_DATA), "not put back")
    set_tracer(None, None)
    wrong(made(lambda: None), "something is left")
    wrong(tracer_now() != (None, None), "not taken out")


def another_tracer_within():
    """Nothing is known then. It is left alone."""
    def impolite():
        set_tracer(OTHER, OTHERS_DATA)

    for body, expected in ((impolite, (OTHER, OTHERS_DATA)), (lambda: set_tracer(None, None), (None, None))):
        try:
            made(body)
            wrong(True, "as if nothing had been")
        except OSError as problem:
            wrong(problem.errno != errno.ECANCELED, problem)
        wrong(tracer_now() != expected, "not left alone")
        wrong(take(), "objects, none of which is known")
        set_tracer(None, None)
    wrong(made(lambda: None), "something is left")


def another_tracer_around():
    """Set within and handing on, it stays, and both call each other."""
    def polite():
        mine, data = tracer_now()
        other.hand_references_on_to(ctypes.c_void_p(mine), ctypes.c_void_p(data))
        set_tracer(OTHER, OTHERS_DATA)

    try:
        made(polite)
    except OSError as problem:
        wrong(problem.errno != errno.ECANCELED, problem)
    for _ in range(2):
        del kept[:]
        left = made(lambda: kept.append("once %d" % time.monotonic_ns()))
        wrong(not same(left, kept), left)
        wrong(tracer_now() != (OTHER, OTHERS_DATA), "not put back")
    set_tracer(None, None)
    other.hand_references_on_to(None, None)


def out_of_sight():
    """While a tracer that hands nothing on was in the place, objects end without a word."""
    def body():
        for size in (1, 100, 10_000):
            lost = [bytes(bytearray(size)) for _ in range(2000)] + [Custom() for _ in range(2000)]
            mine, data = tracer_now()
            set_tracer(None, None)
            del lost
            gc.collect()
            set_tracer(mine, data)
        kept.append("seen %d" % time.monotonic_ns())

    del kept[:]
    try:
        left = made(body)
    except OSError as problem:  # from 3.15 on, it is told
        wrong(problem.errno != errno.ECANCELED, problem)
        return
    wrong(not any(one is kept[0] for one in left), "what was seen is missing")
    for one in left:
        repr(one)


def tracemallocs():
    tracemalloc.start()
    before = tracer_now()
    del kept[:]
    left = made(lambda: kept.append("traced %d" % time.monotonic_ns()))
    wrong(not same(left, kept), left)
    wrong(tracer_now() != before or before[0] is None, "not put back")
    kept.append([float(i) for i in range(100)])
    wrong(tracemalloc.get_object_traceback(kept[-1]) is None, "tracemalloc does not know")
    for body in (tracemalloc.stop, tracemalloc.start):
        try:
            made(body)
            wrong(True, "as if nothing had been")
        except OSError as problem:
            wrong(problem.errno != errno.ECANCELED, problem)
        wrong(take(), "objects, none of which is known")
    tracemalloc.stop()
    wrong(made(lambda: None), "something is left")


CHECKS = [untracked, freed, older, interned, owned, exceptions, generators, resurrected, deep, of_threads, among_threads,
          nested, forked, of_other_interpreters, another_tracer_before, another_tracer_within, another_tracer_around,
          out_of_sight, tracemallocs]


def main():
    if "unable" in sys.argv:
        return int(begin() != errno.ENOTSUP or end() != errno.ENODATA)
    failed = 0
    for check in CHECKS:
        if len(sys.argv) > 1 and check.__name__ not in sys.argv[1:]:
            continue
        del seen[:], kept[:]
        try:
            check()
        except Exception:
            end()
            seen.append(traceback.format_exc())
        failed += bool(seen)
        print("%s %s" % ("FAILED" if seen else "ok", check.__name__))
        for text in seen[:8]:
            print("    %s" % (text,))
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
