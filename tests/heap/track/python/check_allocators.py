"""Run by an interpreter into which the probe library is preloaded: what the hooks around Python's allocators tell
of, against what was allocated. Prints a line for each check, ends with 1 if one of them failed."""
import ctypes
import gc
import sys
import threading
import time
import traceback
import tracemalloc

RAW, MEMORY, OBJECT = 0, 1, 2
GC_HEAD = 16  # bytes in front of an object that the collector knows


class Counts(ctypes.Structure):
    _fields_ = [("allocated", ctypes.c_uint64 * 3), ("bytes", ctypes.c_uint64 * 3)] + [
        (name, ctypes.c_uint64) for name in ("freed", "unknown_frees", "twice", "held", "held_bytes", "below", "outside",
                                             "with_frames")]


probe = ctypes.PyDLL(None)
unlocked = ctypes.CDLL(None)
probe.probe_counts.argtypes = [ctypes.POINTER(Counts)]
probe.probe_held.restype = ctypes.c_uint64
probe.probe_held.argtypes = [ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)]
for library in (probe, unlocked):
    for name in ("PyMem_RawMalloc", "PyMem_RawRealloc", "PyMem_RawCalloc", "PyMem_Malloc", "PyMem_Realloc",
                 "PyMem_Calloc", "PyObject_Malloc", "PyObject_Realloc", "PyObject_Calloc"):
        function = getattr(library, name)
        function.restype = ctypes.c_void_p
        function.argtypes = [ctypes.c_size_t, ctypes.c_size_t][:1 if name.endswith("Malloc") else 2]
    for name in ("PyMem_RawFree", "PyMem_Free", "PyObject_Free"):
        getattr(library, name).argtypes = [ctypes.c_void_p]

seen = []


def wrong(condition, what):
    if condition:
        seen.append("%s (line %d)" % (what, sys._getframe(1).f_lineno))


def counts():
    found = Counts()
    probe.probe_counts(ctypes.byref(found))
    return found


def held(address):
    domain = ctypes.c_int(-1)
    size = probe.probe_held(address, ctypes.byref(domain))
    return (size, domain.value) if size else None


class hooked:
    def __enter__(self):
        wrong(not probe.probe_install(), "the hooks were not put in")

    def __exit__(self, *error):
        probe.probe_remove()
        wrong(counts().twice, "%d objects were told of twice" % counts().twice)


def objects():
    with hooked():
        small = bytes(bytearray(100))
        large = bytes(bytearray(100_000))
        number = 1 << 300
        many = [object() for _ in range(1000)]
        wrong(held(id(small)) != (sys.getsizeof(small), OBJECT), "small: %s" % (held(id(small)),))
        wrong(held(id(large)) != (sys.getsizeof(large), OBJECT), "large: %s" % (held(id(large)),))
        wrong(held(id(number)) is None, "a number is missing")
        wrong(held(id(many[500])) != (sys.getsizeof(many[500]), OBJECT), "object: %s" % (held(id(many[500])),))
        instance = type("Made", (), {"__slots__": ("a", "b")})()
        wrong(held(id(instance) - GC_HEAD) is None, "an instance is missing")
        address = id(large)
        del large
        wrong(held(address), "what was freed is held")
        wrong(counts().with_frames == 0, "no object has frames")


def counted_once():
    """Objects of more than 512 bytes come from malloc: told of as objects, with malloc inside."""
    with hooked():
        before = counts()
        kept = [bytes(bytearray(5000)) for _ in range(100)]
        after = counts()
        wrong(after.below - before.below < 100, "malloc was not called inside")
        wrong(sum(after.allocated) - sum(before.allocated) > 420, "told of too often: %d" % (
            sum(after.allocated) - sum(before.allocated)))
        wrong(after.allocated[OBJECT] - before.allocated[OBJECT] < 200, "told of too rarely")
        wrong(after.outside != before.outside, "malloc called outside: %d" % (after.outside - before.outside))
        wrong(held(id(kept[50])) != (sys.getsizeof(kept[50]), OBJECT), "not held")


def domains():
    with hooked():
        for prefix, domain in (("PyMem_Raw", RAW), ("PyMem_", MEMORY), ("PyObject_", OBJECT)):
            allocate, resize, zeroed, free = (getattr(probe, prefix + name) for name in (
                "Malloc", "Realloc", "Calloc", "Free"))
            for size in (1, 100, 512, 513, 10_000, 1_000_000):
                address = allocate(size)
                wrong(held(address) != (size, domain), "%s%d: %s" % (prefix, size, held(address)))
                address = resize(address, size * 3)
                wrong(held(address) != (size * 3, domain), "%s%d: %s" % (prefix, size * 3, held(address)))
                address = resize(address, 1)
                wrong(held(address) != (1, domain), "%s1: %s" % (prefix, held(address)))
                free(address)
                wrong(held(address), "held after free")
            address = zeroed(7, 3)
            wrong(held(address) != (21, domain), "calloc: %s" % (held(address),))
            wrong(resize(address, sys.maxsize - 4096) is not None, "had so much memory")
            wrong(held(address) != (21, domain), "after a realloc that failed: %s" % (held(address),))
            free(address)
            free(None)
            address = resize(0, 5)
            wrong(held(address) != (5, domain), "realloc of nothing: %s" % (held(address),))
            free(address)


def across():
    """What is older than the hooks, and what outlives them."""
    old = [bytes(bytearray(n)) for n in range(2000)]
    address = probe.PyMem_Malloc(10)
    table = list(range(1000))
    with hooked():
        unknown = counts().unknown_frees
        del old[:]
        wrong(counts().unknown_frees - unknown < 1900, "old objects were not freed")
        address = probe.PyMem_Realloc(address, 1000)
        wrong(held(address) != (1000, MEMORY), "an old block that grew: %s" % (held(address),))
        table.extend(range(5000))
        young = [bytes(bytearray(n)) for n in range(2000)]
    del young[:]
    probe.PyMem_Free(address)
    with hooked():
        young = [bytes(bytearray(n)) for n in range(2000)]
    del young


def balance():
    with hooked():
        def work():
            for n in range(200):
                made = {str(i): [i] * i for i in range(50)}
                made.clear()
        work()
        gc.collect()
        before = counts().held
        work()
        gc.collect()
        after = counts().held
        # Free lists may fill a little.
        wrong(after - before > 200 if after > before else False, "%d objects stay" % (after - before))


def again_and_again():
    with hooked():
        pass
    begin = time.perf_counter()
    for _ in range(10_000):
        probe.probe_install()
        probe.probe_remove()
    print("    install and remove: %.0f ns" % ((time.perf_counter() - begin) * 1e5))
    for _ in range(5):
        wrong(not probe.probe_install(), "not put in twice")
    value = bytes(bytearray(77))
    wrong(held(id(value)) != (sys.getsizeof(value), OBJECT), "not held")
    wrong(counts().twice, "told of twice")
    probe.probe_remove()
    probe.probe_remove()
    value = bytes(bytearray(77))
    objects()


def traced():
    """tracemalloc has hooks of its own, which come and go on either side."""
    def recorded(size):
        value = bytes(bytearray(size))
        return held(id(value)) == (sys.getsizeof(value), OBJECT)

    tracemalloc.start()
    with hooked():
        wrong(not recorded(50), "not told of with tracemalloc below")
    tracemalloc.stop()
    with hooked():
        wrong(not recorded(60), "not told of after tracemalloc")
        tracemalloc.start()
        wrong(not recorded(70), "not told of with tracemalloc above")
        tracemalloc.stop()
        wrong(not recorded(80), "not told of after tracemalloc above")
    tracemalloc.start()
    probe.probe_install()
    tracemalloc.stop()  # takes the hooks out with its own
    probe.probe_remove()
    with hooked():
        wrong(not recorded(90), "not told of after the hooks were lost")
    probe.probe_install()
    tracemalloc.start()
    probe.probe_remove()  # cannot be taken out now
    total = sum(counts().allocated)
    value = bytes(bytearray(100))  # noqa: F841
    wrong(sum(counts().allocated) != total, "told of after the end")
    with hooked():
        wrong(not recorded(110), "not told of with hooks that stayed")
    tracemalloc.stop()
    for _ in range(50):
        tracemalloc.start()
        probe.probe_install()
        tracemalloc.stop()
        tracemalloc.start()
        probe.probe_remove()
        tracemalloc.stop()
    objects()


def threads():
    """The raw domain, in threads without the interpreter lock, while hooks come and go."""
    stop = threading.Event()
    failures = []

    def raw():
        while not stop.is_set():
            addresses = [unlocked.PyMem_RawMalloc(n) for n in range(1, 50)]
            addresses = [unlocked.PyMem_RawRealloc(address, 600) for address in addresses]
            for address in addresses:
                unlocked.PyMem_RawFree(address)

    def locked():
        try:
            while not stop.is_set():
                made = {i: bytes(bytearray(i * 10)) for i in range(100)}
                sorted(made, key=lambda n: [n] * 10)
        except Exception:
            failures.append(traceback.format_exc())

    workers = [threading.Thread(target=function) for function in (raw, raw, raw, locked, locked)]
    for worker in workers:
        worker.start()
    end = time.monotonic() + 2
    while time.monotonic() < end:
        probe.probe_install()
        [bytes(bytearray(n)) for n in range(200)]
        probe.probe_remove()
    stop.set()
    for worker in workers:
        worker.join()
    seen.extend(failures)


CHECKS = [objects, counted_once, domains, across, balance, again_and_again, traced, threads]


def main():
    failed = 0
    for check in CHECKS:
        if len(sys.argv) > 1 and check.__name__ not in sys.argv[1:]:
            continue
        del seen[:]
        try:
            check()
        except Exception:
            probe.probe_remove()
            seen.append(traceback.format_exc())
        failed += bool(seen)
        print("%s %s" % ("FAILED" if seen else "ok", check.__name__))
        for text in seen[:8]:
            print("    " + text)
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
