"""Run by an interpreter into which the probe library is preloaded: compares what the tracker reads of the frames
with what the interpreter itself says of them. Needs nothing but the standard library; prints a line for each check, ends
with 1 if one of them failed."""
import asyncio
import contextlib
import ctypes
import functools
import gc
import os
import re
import sys
import threading
import traceback

MARKED = 1_000_100  # bytes: an allocation whose frames the probe keeps
MOST = 1024


class Ref(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint64), ("offset", ctypes.c_uint32), ("entry", ctypes.c_bool)]


class Described(ctypes.Structure):
    _fields_ = [("name", ctypes.c_uint64), ("file", ctypes.c_uint64), ("table", ctypes.c_uint64),
                ("first_line", ctypes.c_int32), ("minor", ctypes.c_uint32)]


probe = ctypes.PyDLL(None)  # with the interpreter lock
unlocked = ctypes.CDLL(None)  # gives the lock up
for library in (probe, unlocked):
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    library.probe_walk.restype = library.probe_kept.restype = library.probe_kept_text.restype = ctypes.c_size_t
    library.probe_walk.argtypes = library.probe_kept.argtypes = [ctypes.POINTER(Ref), ctypes.c_size_t]
    library.probe_kept_text.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    library.probe_fingerprint.restype = ctypes.c_uint64
    library.probe_fingerprint.argtypes = [ctypes.c_uint64]
    library.probe_describe.argtypes = [ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                       ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(Described)]

seen = []  # what went wrong in the check that runs
stacks = 0  # how many were compared


def line_of(code, offset):
    if hasattr(code, "co_lines"):
        for start, end, line in code.co_lines():
            if start <= offset < end:
                return line
        return None
    found = code.co_firstlineno
    import dis
    for start, line in dis.findlinestarts(code):
        if start > offset:
            break
        found = line
    return found


def chain(frame):
    found = []
    while frame is not None and len(found) < MOST + 8:
        found.append((frame.f_code, frame.f_lasti, frame.f_lineno))
        frame = frame.f_back
    return found


def compare(refs, frame, what):
    """`refs`: what was read while `frame` ran, in a call that `frame` made on the line that it is at now."""
    global stacks
    stacks += 1
    refs = [ref for ref in refs if ref.code != 0]
    expected = chain(frame)
    if len(refs) != min(len(expected), MOST):
        seen.append("%s: %d frames, not %d" % (what, len(refs), len(expected)))
        return
    for depth, (ref, (code, offset, line)) in enumerate(zip(refs, expected)):
        if ref.code != id(code):
            seen.append("%s: frame %d is not of %s" % (what, depth, code.co_name))
            return
        if depth > 0 and ref.offset != max(offset, 0):
            seen.append("%s: %s is at %d, not %d" % (what, code.co_name, ref.offset, offset))
        if line_of(code, ref.offset) != line:
            seen.append("%s: %s is in line %s, not %s" % (what, code.co_name, line_of(code, ref.offset), line))


def take(function):
    refs = (Ref * MOST)()
    return refs[:function(refs, MOST)]


def at(frame, what):
    """To be called with sys._getframe() on the line of a marked allocation, after it."""
    compare(take(probe.probe_kept), frame, what)
    probe.probe_forget()


def here(what):
    """Marked allocation in this very function, by the interpreter and by C without the lock."""
    bytearray(MARKED); at(sys._getframe(), what)  # noqa: E702
    unlocked.free(unlocked.malloc(MARKED)); at(sys._getframe(), what + ", without the lock")  # noqa: E702
    loops(what)


def loops(what):
    native = probe.probe_native_loops()
    refs = (Ref * 100)()
    n = probe.probe_walk(refs, 100)
    entries = sum(ref.entry for ref in refs[:n])
    if native >= 0 and n < 100 and entries != native:
        seen.append("%s: %d entries for %d native loops" % (what, entries, native))


def nested():
    def outer():
        def inner(a, b=1, *c, **d):
            here("nested")
            return [a, b]
        return inner(1, x=2), (lambda: here("lambda"))()
    outer()


def generators():
    def count():
        here("generator before yield")
        yield 1
        here("generator after yield")
        yield 2

    def outer():
        yield from count()
        here("yield from")
        got = yield 3
        here("sent %s" % got)
        try:
            yield 4
        except ValueError:
            here("thrown")
        finally:
            here("finally")

    made = outer()
    for _ in range(3):
        next(made)
    made.send("this")
    with contextlib.suppress(StopIteration):
        made.throw(ValueError())
    closing = count()
    next(closing)
    list(x for x in count())
    list(map(lambda x: here("map over a generator"), count()))
    closing.close()


def recursion():
    def down(n):
        if n:
            return down(n - 1)
        return here("recursion")
    down(50)


def deep_recursion():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(6000)

    def down(n):
        if n:
            return down(n - 1)
        bytearray(MARKED); at(sys._getframe(), "deep recursion")  # noqa: E702
    try:
        # On a stack of its own: up to 3.10 each call takes some of it.
        threading.stack_size(256 << 20)
        thread = threading.Thread(target=down, args=(3000,))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(0)
        sys.setrecursionlimit(limit)


class Compared:
    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        here("__lt__")
        return self.value < other.value

    def __getattr__(self, name):
        here("__getattr__")
        raise AttributeError(name)

    def __hash__(self):
        here("__hash__")
        return 1

    def __eq__(self, other):
        here("__eq__")
        return True


def callbacks():
    sorted([3, 1, 2], key=lambda x: here("sorted key") or x)
    sorted([Compared(2), Compared(1)])
    re.sub("a", lambda match: here("re.sub") or "b", "banana")
    functools.reduce(lambda a, b: here("reduce") or a + b, [1, 2, 3])
    list(filter(lambda x: here("filter"), [1, 2]))
    functools.partial(here, "partial")()
    {Compared(1): 1, Compared(2): 2}
    with contextlib.suppress(AttributeError):
        Compared(1).missing
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: here("ctypes callback") or x)
    callback(1)
    with contextlib.ExitStack() as stack:
        stack.callback(here, "exit stack")


class Made:
    def __init__(self):
        here("__init__")

    def __del__(self):
        here("__del__")


class Shaped:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x
        bytearray(MARKED); at(sys._getframe(), "specialised __init__")  # noqa: E702


def objects():
    def holds():
        x = Made()
        y = [Made(), Made()]
        return None
    for _ in range(3):
        holds()
    list(map(lambda _: holds(), range(3)))
    ring = Made()
    ring.ring = ring
    del ring
    gc.collect()
    for i in range(100):
        Shaped(i)

    class Meta(type):
        def __new__(cls, *args):
            here("metaclass")
            return super().__new__(cls, *args)

        def __call__(cls):
            here("metaclass call")
            return super().__call__()

    class Body(metaclass=Meta):
        here("class body")
        inner = [here("comprehension in a class") for _ in range(2)]

        @property
        def value(self):
            here("property")

        @functools.lru_cache(None)
        def cached(self):
            here("lru_cache")

        __class_getitem__ = classmethod(lambda cls, item: here("class getitem"))

    Body().value
    Body().cached()
    Body[int]


def text():
    exec("def f():\n  here('exec')\n\nf()\nhere('exec module')", {"here": here})
    eval("[here('eval') for x in range(2)]", {"here": here})
    [[here("comprehension") for _ in range(2)] for _ in range(2)]
    {k: here("dict comprehension") for k in range(2)}


def cells():
    a = b = 1

    def closure():
        here("closure")
        return a + b
    closure()


def specialised():
    """Long enough for the interpreter to rewrite its instructions."""
    def leaf(x):
        if x == 4999:
            here("specialised")
        return x

    def loop():
        total = 0
        for i in range(5000):
            total += leaf(i)
        return total
    loop()


def tracing():
    def traced():
        x = 1
        here("while traced")
        return x
    sys.settrace(lambda *event: None)
    try:
        traced()
    finally:
        sys.settrace(None)
    sys.setprofile(lambda *event: None)
    try:
        traced()
    finally:
        sys.setprofile(None)
    if hasattr(sys, "monitoring"):
        sys.monitoring.use_tool_id(3, "check")
        sys.monitoring.set_events(3, sys.monitoring.events.LINE | sys.monitoring.events.CALL)
        sys.monitoring.register_callback(3, sys.monitoring.events.LINE, lambda *event: None)
        traced()
        sys.monitoring.set_events(3, 0)
        sys.monitoring.free_tool_id(3)


def exceptions():
    def fails():
        try:
            raise ValueError
        except ValueError:
            here("except")
            raise
        finally:
            here("finally")
    with contextlib.suppress(ValueError):
        fails()


def coroutines():
    class Context:
        async def __aenter__(self):
            here("aenter")
            await asyncio.sleep(0)
            here("aenter after sleep")

        async def __aexit__(self, *error):
            here("aexit")

    async def numbers():
        for i in range(2):
            here("async generator")
            yield i
            await asyncio.sleep(0)

    async def work(n):
        async with Context():
            async for i in numbers():
                here("task %d" % n)
        return [i async for i in numbers()]

    async def main():
        tasks = [asyncio.ensure_future(work(n)) for n in range(3)]
        await asyncio.gather(*tasks)
        asyncio.get_running_loop().call_soon(here, "call_soon")
        await asyncio.get_running_loop().run_in_executor(None, here, "executor")
        await asyncio.sleep(0)
    asyncio.run(main())


def threads():
    failures = []

    def work(n):
        try:
            for i in range(60):
                bytearray(MARKED); at(sys._getframe(), "thread")  # noqa: E702
                unlocked.free(unlocked.malloc(MARKED)); at(sys._getframe(), "thread, no lock")  # noqa: E702
                sorted(range(30), key=lambda x: [x] * 100)
            recursion()
            generators()
        except Exception:
            failures.append(traceback.format_exc())
    all_threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in all_threads:
        thread.start()
    for thread in all_threads:
        thread.join()
    seen.extend(failures)


def forks():
    here("before fork")
    child = os.fork()
    if child == 0:
        try:
            del seen[:]
            here("in the child")
            thread = threading.Thread(target=here, args=("thread of the child",))
            thread.start()
            thread.join()
            os._exit(len(seen))
        except BaseException:
            os._exit(99)
    status = os.waitpid(child, 0)[1]
    if status != 0:
        seen.append("child: status %d" % status)
    here("after fork")


def subinterpreters():
    """The frames of a sub-interpreter, from 3.12 on; those of its caller afterwards, everywhere."""
    try:
        import _interpreters as interpreters
        run = interpreters.exec
    except ImportError:
        import _xxsubinterpreters as interpreters
        run = interpreters.run_string
    made = interpreters.create()
    probe.probe_forget()
    run(made, "def inside():\n  bytearray(%d)\n\ndef outside():\n  inside()\n\noutside()\n" % MARKED)
    names = kept_names()
    # 3.9 to 3.11 keep one thread state a thread where it can be found.
    wanted = ["inside", "outside", "<module>"] if sys.version_info >= (3, 12) else ["subinterpreters"]
    if names[:len(wanted)] != wanted:
        seen.append("sub-interpreter: %s" % names)
    here("after a sub-interpreter ran")
    interpreters.destroy(made)
    here("after a sub-interpreter ended")


def kept_names():
    buffer = ctypes.create_string_buffer(1 << 18)
    size = probe.probe_kept_text(buffer, 1 << 18)
    probe.probe_forget()
    return [line.split("\t")[0] for line in buffer.raw[:size].decode("utf-8", "replace").splitlines()]


def describe(code):
    name, file, table = (ctypes.create_string_buffer(200), ctypes.create_string_buffer(4096),
                         ctypes.create_string_buffer(1 << 16))
    told = Described()
    if not probe.probe_describe(id(code), name, 200, file, 4096, table, 1 << 16, ctypes.byref(told)):
        return None
    return (name.raw[:told.name], file.raw[:told.file], table.raw[:told.table], told.first_line, told.minor)


def descriptions():
    def expected(code):
        table = code.co_linetable if hasattr(code, "co_linetable") else code.co_lnotab
        name = getattr(code, "co_qualname", code.co_name)
        return (utf8(name), utf8(code.co_filename), table, code.co_firstlineno, sys.version_info[1])

    def utf8(text):
        return text.encode("utf-8", "replace")  # surrogates become "?"

    texts = {"f", "größe", "имя", "变量", "𝒇unction"}
    for name in sorted(texts):
        for file in ("plain.py", "ordner/größe.py", "папка.py", "目录.py", "\U0001F40D.py", "lone\udc80.py"):
            scope = {}
            exec(compile("def %s():\n  return 1\n\nclass C:\n  def %s(self): pass\n" % (name, name), file, "exec"), scope)
            import unicodedata
            function = scope[unicodedata.normalize("NFKC", name)]
            for code in (function.__code__, scope["C"].__dict__[function.__name__].__code__):
                if describe(code) != expected(code):
                    seen.append("described as %r, not %r" % (describe(code)[:2], expected(code)[:2]))
    for module in list(sys.modules.values()):
        for value in list(vars(module).values()):
            code = getattr(value, "__code__", None)
            if isinstance(code, type(descriptions.__code__)) and describe(code) != expected(code):
                seen.append("described wrongly: %s of %s" % (code.co_name, code.co_filename))
    long_name = "ä" * 300
    exec(compile("def %s(): pass" % long_name, "x", "exec"), scope)
    cut = describe(scope[long_name].__code__)
    if cut[0] != ("ä" * 100).encode():
        seen.append("a long name was cut wrongly: %r" % cut[0])
    if describe(type("No", (), {})) or describe(None):
        seen.append("what is no code was described")


def fingerprints():
    """Code objects that come to lie at the address of one that is gone."""
    by_address = {}
    reused = 0
    for i in range(3000):
        scope = {}
        exec(compile("def f%04d():\n  x = %d\n  return x + %d\n" % (i % 1000, i, i), "file%d.py" % (i % 10), "exec"), scope)
        code = scope["f%04d" % (i % 1000)].__code__
        found = probe.probe_fingerprint(id(code))
        what = (code.co_name, code.co_filename)
        if id(code) in by_address:
            reused += 1
            old, was = by_address[id(code)]
            if old == found and was != what:
                seen.append("one fingerprint for %s and %s" % (was, what))
        by_address[id(code)] = (found, what)
        if probe.probe_fingerprint(id(code)) != found:
            seen.append("two fingerprints for one code object")
        scope.clear()
    if not reused:
        seen.append("no address came up twice")


def release_in_c():
    import hashlib
    import zlib
    data = bytearray(3_000_000)
    zlib.compress(data, 1)
    hashlib.sha256(data).digest()
    here("after zlib and hashlib")


def capacity():
    refs = (Ref * 4)()
    if probe.probe_walk(refs, 0) != 0:
        seen.append("frames where there was no room")

    def down(n):
        return down(n - 1) if n else probe.probe_walk(refs, 2)
    if down(5) != 2 or refs[2].code != 0 or refs[0].code != refs[1].code or refs[0].code != id(down.__code__):
        seen.append("not the two innermost frames")


CHECKS = [nested, generators, recursion, deep_recursion, callbacks, objects, text, cells, specialised, tracing, exceptions,
          coroutines, threads, forks, subinterpreters, descriptions, fingerprints, release_in_c, capacity]


def main():
    if probe.probe_minor() != sys.version_info[1]:
        print("the interpreter was not found: %d" % probe.probe_minor())
        return 1
    failed = 0
    for check in CHECKS:
        if len(sys.argv) > 1 and check.__name__ not in sys.argv[1:]:
            continue
        global stacks
        stacks = 0
        del seen[:]
        try:
            check()
        except Exception:
            seen.append(traceback.format_exc())
        failed += bool(seen)
        print("%s %s (%d stacks)" % ("FAILED" if seen else "ok", check.__name__, stacks))
        for text_of in seen[:8]:
            print("    " + text_of)
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
