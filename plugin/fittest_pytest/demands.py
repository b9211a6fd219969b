"""What the limits of one test come to: its marks, else what the configuration says of it."""
from fittest_pytest import heap, heap_text

MARKS = {
    "limit_memory": "limit_memory(limit, *, current_thread_only=False): the test fails if its body holds so much at "
                    "its peak",
    "limit_leaks": "limit_leaks(location_limit, *, filter_fn=None, current_thread_only=False, warmups=0): the test "
                   "fails if its body leaves so much behind from one stack",
    "limit_leaked_objects": "limit_leaked_objects(*, filter_fn=None): the test fails if its body leaves Python objects "
                            "behind",
}


class Demand:
    """`memory`, `leaks`: pairs of bytes and what to say of where that was asked for; of `leaks` with its filter_fn
    between. `objects`: filter functions."""

    def __init__(self):
        self.memory, self.leaks, self.objects = [], [], []
        self.of_one_thread = []
        self.warmups = 0
        self.remembers = False  # its figure goes into the history, for --fail-on-increase

    def limit_memory(self, limit, *, current_thread_only=False):
        self.memory.append((heap_text.parse_size(limit), ""))
        self.of_one_thread.append(bool(current_thread_only))
        self.remembers = True

    def limit_leaks(self, location_limit, *, filter_fn=None, current_thread_only=False, warmups=0):
        if isinstance(warmups, bool) or not isinstance(warmups, int) or warmups < 0:
            raise ValueError("limit_leaks: warmups=%r: must be a whole number from 0 on" % (warmups,))
        self.leaks.append((heap_text.parse_size(location_limit), filter_fn, ""))
        self.of_one_thread.append(bool(current_thread_only))
        self.warmups = max(self.warmups, warmups)

    def limit_leaked_objects(self, *, filter_fn=None):
        self.objects.append(filter_fn)

    def configured(self, limits):
        """`limits`: from fittest.toml: {"memory": [bytes, "fittest.toml:3"], "leaks": ...}, either may be missing."""
        if "memory" in limits:
            bytes_allowed, where = limits["memory"]
            self.memory.append((bytes_allowed, " (limit of %s)" % where))
        if "leaks" in limits:
            bytes_allowed, where = limits["leaks"]
            self.leaks.append((bytes_allowed, None, " (limit of %s)" % where))

    def needs_section(self):
        return bool(self.memory or self.leaks)

    def flags(self, python_allocators):
        flags = heap.EXACT
        if self.leaks or python_allocators:
            flags |= heap.PYTHON_ALLOCATORS
        if self.of_one_thread and all(self.of_one_thread):
            flags |= heap.CURRENT_THREAD
        return flags


def is_marked(item):
    return any(mark.name in MARKS for mark in item.iter_markers())


def is_compared(item):
    """Whether --fail-on-increase compares it with earlier runs."""
    return item.get_closest_marker("limit_memory") is not None


def demand_of(item, configured):
    """Nothing for a test without limits. Raises ValueError for marks that make no sense, or not together."""
    marks = [mark for mark in item.iter_markers() if mark.name in MARKS]
    if len({mark.name for mark in marks}) > 1:
        raise ValueError("Only one Memray marker can be applied to each test")
    demand = Demand()
    if marks:
        for mark in marks:
            getattr(demand, mark.name)(*mark.args, **mark.kwargs)
    elif configured:
        demand.configured(configured)
    else:
        return None
    return demand
