"""What a test holds, against memory of a known size."""
import mmap
import os
import subprocess
import sys

import pytest
from conftest import in_child
from fittest_pytest import meter

MIB = 1 << 20
SIZE = 100 * MIB
TOLERANCE = 6 * MIB


def own_cgroup():
    """The folder of this process in the memory hierarchy of cgroup v1, or of v2."""
    for line in open("/proc/self/cgroup"):
        _, controllers, path = line.rstrip("\n").split(":", 2)
        if "memory" in controllers.split(","):
            return "/sys/fs/cgroup/memory" + path
    return "/sys/fs/cgroup" + path


class Cgroup:
    """One for a test; the files that fittest names to a worker."""

    def __init__(self):
        self.folder = os.path.join(own_cgroup(), "fittest-meter-test-%d" % os.getpid())
        os.mkdir(self.folder)
        v1 = os.path.exists(os.path.join(self.folder, "memory.usage_in_bytes"))
        self.settings = {"stat_file": self.file("memory.stat")}
        if v1:
            self.settings.update(peak_file=self.file("memory.max_usage_in_bytes"),
                                 held_file=self.file("memory.usage_in_bytes"))
        else:
            self.settings.update(peak_file=self.file("memory.peak"), held_file=self.file("memory.current"))

    def file(self, name):
        return os.path.join(self.folder, name)

    def usable(self):
        """A peak that starts anew: v2 has none before Linux 6.12."""
        try:
            with open(self.settings["peak_file"], "r+") as file:
                file.write("0\n")
        except OSError:
            return False
        return True

    def join(self):
        with open(self.file("cgroup.procs"), "w") as file:
            file.write("0\n")


@pytest.fixture
def cgroup():
    try:
        made = Cgroup()
    except OSError:
        pytest.skip("no memory cgroup can be made here")
    try:
        if not made.usable():
            pytest.skip("the kernel keeps no peak that can be started anew")
        yield made
    finally:
        os.rmdir(made.folder)


def measured(what, cgroup=None):
    """(peak of `what` in bytes, what is held more after it), in a process of its own."""

    def look():
        if cgroup is not None:
            cgroup.join()
        one = meter.make(cgroup.settings if cgroup else {})
        assert isinstance(one, meter.CgroupMeter if cgroup else meter.ProcessMeter)
        for _ in range(2):  # once to warm up: what the meter itself takes
            one.start()
            one.peak()
        before = one.held()
        one.start()
        kept = what()
        peak = one.peak()
        held = one.held()
        del kept
        return peak, held - before

    return in_child(look)


def hold():
    return bytearray(b"x") * SIZE


def hold_and_let_go():
    hold()


def nothing():
    pass


def hold_in_a_child():
    subprocess.run([sys.executable, "-c", "x = bytearray(b'x') * %d" % SIZE], check=True)


def write_and_read_a_file(folder):
    path = os.path.join(folder, "large")
    with open(path, "wb") as file:
        for _ in range(200):
            file.write(b"x" * MIB)
    with open(path, "rb") as file:
        while file.read(MIB):
            pass
    os.unlink(path)


@pytest.fixture(params=["process", "cgroup"])
def place(request):
    return request.getfixturevalue("cgroup") if request.param == "cgroup" else None


def test_what_is_kept_is_peak_and_held(place):
    peak, held = measured(hold, place)
    assert SIZE - TOLERANCE < peak < SIZE + TOLERANCE
    assert SIZE - TOLERANCE < held < SIZE + TOLERANCE


def test_what_is_let_go_is_peak_only(place):
    peak, held = measured(hold_and_let_go, place)
    assert SIZE - TOLERANCE < peak < SIZE + TOLERANCE
    assert held < TOLERANCE


def test_nothing_is_nearly_nothing(place):
    peak, held = measured(nothing, place)
    assert peak < TOLERANCE and held < TOLERANCE


def test_a_peak_before_the_start_does_not_count(place):
    def look():
        if place is not None:
            place.join()
        one = meter.make(place.settings if place else {})
        one.start()
        hold()
        first = one.peak()
        one.start()
        return first, one.peak()

    first, second = in_child(look)
    assert first > SIZE - TOLERANCE
    assert second < TOLERANCE


def test_mapped_memory_counts_once_it_is_touched(place):
    def touch_half():
        area = mmap.mmap(-1, SIZE)
        for at in range(0, SIZE // 2, mmap.PAGESIZE):
            area[at] = 1
        return area

    peak, _ = measured(touch_half, place)
    assert SIZE // 2 - TOLERANCE < peak < SIZE // 2 + TOLERANCE


def test_memory_of_children_counts_in_a_cgroup(cgroup):
    peak, held = measured(hold_in_a_child, cgroup)
    assert SIZE - TOLERANCE < peak < SIZE + 4 * TOLERANCE
    assert held < 2 * TOLERANCE


def test_page_cache_does_not_count(place, tmp_path):
    peak, held = measured(lambda: write_and_read_a_file(tmp_path), place)
    assert peak < 3 * TOLERANCE
    assert held < 3 * TOLERANCE


def test_memory_beside_page_cache_counts(place, tmp_path):
    def both():
        kept = hold()
        write_and_read_a_file(tmp_path)
        return kept

    peak, held = measured(both, place)
    assert SIZE - TOLERANCE < peak < SIZE + 4 * TOLERANCE
    assert SIZE - TOLERANCE < held < SIZE + 4 * TOLERANCE


def test_pages_shared_with_the_parent_do_not_count_until_they_are_written(place):
    kept = hold()  # in this process, before the fork
    peak, held = measured(nothing, place)
    assert peak < TOLERANCE and held < TOLERANCE
    assert len(kept) == SIZE


def test_files_that_cannot_be_opened_leave_the_process_meter():
    made = meter.make({"peak_file": "/no/such/file", "held_file": "/no/such/file", "stat_file": "/no/such/file"})
    assert isinstance(made, meter.ProcessMeter)


def test_descriptors_are_high_and_not_inherited():
    def look():
        before = {int(name) for name in os.listdir("/proc/self/fd")}
        one = meter.make({})
        new = {int(name) for name in os.listdir("/proc/self/fd")} - before
        good = bool(new) and min(new) >= 200 and not any(map(os.get_inheritable, new))
        os.closerange(3, 200)  # as a test may do
        one.start()
        return good, one.peak() >= 0

    assert in_child(look) == (True, True)
