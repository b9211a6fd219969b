"""A hard limit of memory for the processes of a command, enforced by the kernel: a memory cgroup of v1 or of v2."""
import os
import signal
import time
from pathlib import Path


class NoLimit(Exception):
    """Why no limit can be set here."""


def _read(file):
    try:
        return Path(file).read_text()
    except OSError:
        return ""


def _write(file, text):
    with open(file, "w") as target:
        target.write(str(text))


def _figure(text, key):
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return 0


def _places(kind, controller=None):
    """The own cgroup's directory and those above it, innermost first, as far as they are mounted here."""
    own = None
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if (controller in controllers.split(",")) if controller else controllers == "":
            own = path
    for line in _read("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        root, point = before.split()[3:5]
        file_system, _, options = after.split(" ", 2)
        if own is None or file_system != kind or (controller and controller not in options.split(",")):
            continue
        point = Path(point)
        inside = own == root or own.startswith(root.rstrip("/") + "/")
        directory = point / os.path.relpath(own, root) if inside else point
        if not directory.is_dir():
            directory = point
        return [directory, *[above for above in directory.parents if point in (above, *above.parents)]]
    return []


class _Limit:
    """The cgroup; use it in a `with`. Leaving kills whatever is in it, and removes it."""

    counts_kills_below = True

    def __init__(self, parent, limit):
        self.directory = parent / ("demo-%d" % os.getpid())
        self.limit = limit

    def __enter__(self):
        try:
            self.directory.mkdir()
            self.set()
            self.try_to_join()
        except OSError as problem:
            self.remove()
            raise NoLimit("%s: %s" % (problem.filename or self.directory, problem.strerror)) from problem
        return self

    def __exit__(self, *_):
        self.remove()

    def join(self):
        """In a child, before it becomes the command."""
        _write(self.directory / "cgroup.procs", "0")

    def try_to_join(self):
        child = os.fork()
        if child == 0:
            try:
                self.join()
                os._exit(0)
            except BaseException:
                os._exit(1)
        if os.waitpid(child, 0)[1] != 0:
            raise PermissionError(13, "no process can be put there", str(self.directory))

    def remove(self):
        for _ in range(200):
            if not self.directory.exists():
                return
            folders = [Path(folder) for folder, _, _ in os.walk(self.directory, topdown=False)]
            for pid in [int(word) for folder in folders for word in _read(folder / "cgroup.procs").split()]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            try:
                for folder in folders:
                    folder.rmdir()
            except OSError:
                time.sleep(0.05)
        print("demo: could not remove %s" % self.directory)


class _V1(_Limit):
    kind = "cgroup v1"
    counts_kills_below = False

    def set(self):
        _write(self.directory / "memory.limit_in_bytes", self.limit)
        if (self.directory / "memory.memsw.limit_in_bytes").exists():
            _write(self.directory / "memory.memsw.limit_in_bytes", self.limit)

    def peak(self):
        return int(_read(self.directory / "memory.max_usage_in_bytes") or 0)

    def kills(self):
        return _figure(_read(self.directory / "memory.oom_control"), "oom_kill")


class _V2(_Limit):
    kind = "cgroup v2"

    def set(self):
        _write(self.directory / "memory.max", self.limit)
        if (self.directory / "memory.swap.max").exists():
            _write(self.directory / "memory.swap.max", 0)

    def peak(self):
        return int(_read(self.directory / "memory.peak") or 0)  # Linux 5.19

    def kills(self):
        return _figure(_read(self.directory / "memory.events"), "oom_kill")


class _V2Inside(_V2):
    """Below the own cgroup. v2 lets a cgroup hold processes or hand out controllers, not both: those that stand there
    wait in a leaf meanwhile."""

    def __init__(self, parent, limit):
        super().__init__(parent, limit)
        self.parent = parent
        self.leaf = parent / ("demo-%d-waits" % os.getpid())

    def __enter__(self):
        try:
            try:
                _write(self.parent / "cgroup.subtree_control", "+memory")
            except OSError:  # busy
                self.leaf.mkdir()
                self._move(self.parent, self.leaf)
                _write(self.parent / "cgroup.subtree_control", "+memory")
        except OSError as problem:
            self.remove()
            raise NoLimit("%s: %s" % (problem.filename or self.parent, problem.strerror)) from problem
        return super().__enter__()

    @staticmethod
    def _move(source, target):
        for pid in _read(source / "cgroup.procs").split():
            try:
                _write(target / "cgroup.procs", pid)
            except ProcessLookupError:
                pass

    def remove(self):
        super().remove()
        try:
            _write(self.parent / "cgroup.subtree_control", "-memory")
            if self.leaf.exists():
                self._move(self.leaf, self.parent)
                self.leaf.rmdir()
        except OSError as problem:
            if self.leaf.exists():
                print("demo: could not remove %s: %s" % (self.leaf, problem.strerror))


def make(limit):
    """The limit, to be entered. Raises NoLimit where there is no way to set one."""
    ways = [_V1(place, limit) for place in _places("cgroup", "memory")[:1]]
    places = _places("cgroup2")
    if places and "memory" in _read(places[0] / "cgroup.controllers").split():
        hands_out = [place for place in places if "memory" in _read(place / "cgroup.subtree_control").split()]
        ways += [_V2(place, limit) for place in hands_out] + [_V2Inside(places[0], limit)]
    reasons = []
    for way in ways:
        try:
            with way:
                pass
            return way
        except NoLimit as problem:
            reasons.append(str(problem))
    raise NoLimit(reasons[-1] if reasons else "no memory cgroup is mounted")
