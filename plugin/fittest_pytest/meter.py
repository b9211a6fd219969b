"""What this worker holds, and the most it has held since `start`. Bytes.

With a memory cgroup whose peak can be started anew, the kernel's figures for the cgroup are taken: they count the pages
a worker has written since it was forked, processes it starts, and nothing it shares with the zygote. Otherwise VmHWM,
which the kernel starts anew when 5 is written to clear_refs (proc(5)); pages shared with the zygote count from the
start there, so that only differences say something.
"""
import contextlib
import os

_pread, _pwrite, _int, _max, _OSError = os.pread, os.pwrite, int, max, OSError
_PAGE = os.sysconf("SC_PAGESIZE")
# Below this, page cache among the figure is not worth a look.
_CACHE_MATTERS = 8 << 20


def _open(path, flags):
    """At a high descriptor: tests like to close the low ones."""
    import fcntl

    low = os.open(path, flags | os.O_CLOEXEC)
    try:
        return fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 200)
    except OSError:
        return os.dup(low)
    finally:
        os.close(low)


class _Process:
    """VmHWM and resident size of this process."""

    def __init__(self):
        self._clear = _open("/proc/self/clear_refs", os.O_WRONLY)
        self._status = _open("/proc/self/status", os.O_RDONLY)
        self._statm = _open("/proc/self/statm", os.O_RDONLY)
        self._before = 0

    def resident(self):
        return _int(_pread(self._statm, 200, 0).split(None, 2)[1]) * _PAGE

    def start(self):
        self.go_on()
        self._before = self.resident()

    def go_on(self):
        """The highest starts anew, what it is compared with does not."""
        _pwrite(self._clear, b"5\n", 0)

    def grown(self):
        status = _pread(self._status, 4096, 0)
        at = status.find(b"VmHWM:")
        return _max(_int(status[at + 6 : status.find(b"kB", at)]) * 1024 - self._before, 0) if at >= 0 else 0


class ProcessMeter:
    def __init__(self):
        self._process = _Process()
        self._first = self._process.resident()
        self._most = 0

    def held(self):
        return _max(self._process.resident() - self._first, 0)

    def start(self):
        self._most = 0
        self._process.start()

    def pause(self):
        """Until `go_on`, what is held does not count."""
        self._most = self.peak()

    def go_on(self):
        self._process.go_on()

    def peak(self):
        return _max(self._most, self._process.grown())


class CgroupMeter:
    """Page cache is not the test's memory, but the kernel's peak counts it: where the peak has grown, what was read and
    written bounds how much of it can be page cache. (fittest's own samples know better, where there are some.)"""

    def __init__(self, peak_file, held_file, stat_file):
        self._process = _Process()
        self._peak = _open(peak_file, os.O_RDWR)
        self._held = _open(held_file, os.O_RDONLY)
        self._stat = _open(stat_file, os.O_RDONLY)
        self._io = _open("/proc/self/io", os.O_RDONLY)
        self._before = 0
        self._copied_before = 0
        self._most = 0
        self._copied_at_pause = 0

    def _unmapped_cache(self):
        """Page cache of files that nothing has mapped; memory of tmpfs is none: it cannot be dropped."""
        cache = mapped = 0
        for line in _pread(self._stat, 8192, 0).split(b"\n"):
            name, _, value = line.partition(b" ")
            if name in (b"inactive_file", b"active_file"):
                cache += _int(value)
            elif name in (b"mapped_file", b"file_mapped"):
                mapped = _int(value)
        return _max(cache - mapped, 0)

    def _copied(self):
        """Bytes read and written so far, by children that have ended too (proc(5): rchar, wchar)."""
        first, second = _pread(self._io, 256, 0).split(b"\n", 2)[:2]
        return _int(first[7:]) + _int(second[7:])

    def held(self):
        held = _int(_pread(self._held, 32, 0))
        return _max(held - self._unmapped_cache(), 0) if held > _CACHE_MATTERS else held

    def start(self):
        self._most = 0
        _pwrite(self._peak, b"0\n", 0)
        self._process.start()
        self._copied_before = self._copied()
        self._before = _int(_pread(self._held, 32, 0))

    def pause(self):
        """Until `go_on`, what is held and copied does not count."""
        self._most = self.peak()
        self._copied_at_pause = self._copied()

    def go_on(self):
        self._copied_before += self._copied() - self._copied_at_pause
        _pwrite(self._peak, b"0\n", 0)
        self._process.go_on()

    def peak(self):
        return _max(self._most, self._now())

    def _now(self):
        grown = _max(_int(_pread(self._peak, 32, 0)) - self._before, 0)
        if grown <= _CACHE_MATTERS:
            return grown
        return _max(grown - (self._copied() - self._copied_before), self._process.grown(), 0)


@contextlib.contextmanager
def paused(meter):
    """Around what fittest itself does in the middle of a test, and its helpers hold."""
    meter.pause()
    try:
        yield
    finally:
        meter.go_on()


def make(settings):
    """`settings`: the files fittest names, or nothing where it has none."""
    if settings.get("peak_file"):
        try:
            return CgroupMeter(settings["peak_file"], settings["held_file"], settings["stat_file"])
        except OSError:
            pass
    return ProcessMeter()
