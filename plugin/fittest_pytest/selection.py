"""Which of the collected tests run, and in which order: the options of pytest-split and pytest-random-order, understood
without them, and the exchange with fittest, which decides.

Before pytest's own selection (-m, -k) fittest says which tests have the labels that are measured; they become markers.
After it, and after whatever else has a say, fittest says which of the tests left are run."""
import difflib
import hashlib
import json
import os
import random
import re
import struct
import sys

import pytest

from fittest_pytest import wire

_ALGORITHMS = ("balanced", "duration_based_chunks", "least_duration")
_BUCKETS = ("global", "package", "module", "class", "parent", "grandparent", "none")
_TESTS_A_FRAME = 1000


def block_peers(pluginmanager):
    """Their options are ours here."""
    for name in ("pytest-split", "pytest_split.plugin", "random_order", "random_order.plugin"):
        pluginmanager.set_blocked(name)


def add_options(parser):
    group = parser.getgroup("fittest-selection", "fittest: groups and order (options of pytest-split, pytest-random-order)")
    add = group.addoption
    add("--splits", dest="splits", type=int, default=None, help="Cut the suite into this many groups, and run one")
    add("--group", dest="group", type=int, default=None, help="The group to run, from 1")
    add("--splitting-algorithm", dest="splitting_algorithm", choices=_ALGORITHMS, default="balanced",
        help="How groups are cut: balanced (the default: by time and memory), or as pytest-split does")
    add("--durations-path", dest="durations_path", default=None,
        help="The file of durations; default: .test_durations in the current folder")
    add("--store-durations", dest="store_durations", action="store_true", default=False,
        help="Write what the tests took into the file of durations")
    add("--clean-durations", dest="clean_durations", action="store_true", default=False,
        help="With --store-durations: forget the tests that did not run")
    add("--random-order", dest="random_order_enabled", action="store_true", default=False,
        help="Shuffle modules, and the tests in each")
    add("--random-order-bucket", dest="random_order_bucket", choices=_BUCKETS, default=None,
        help="What stays together when shuffled; default: module")
    add("--random-order-seed", dest="random_order_seed", default=None,
        help="Repeats the order of a run; the seed is printed")


class Wishes:
    """What the options come to; raises for those that make no sense together."""

    def __init__(self, config, has_plan, order):
        option = config.option
        self.splits, self.group = option.splits, option.group
        if self.group is not None and self.splits is None and not has_plan:
            raise pytest.UsageError("argument `--splits` is required (--group says which of them to run)")
        if (self.splits is not None or has_plan) and self.group is None:
            raise pytest.UsageError("argument `--group` is required (from 1 to the number of groups)")
        if self.splits is not None and self.splits < 1:
            raise pytest.UsageError("argument `--splits` must be >= 1, not %d" % self.splits)
        if self.group is not None and (self.group < 1 or (self.splits is not None and self.group > self.splits)):
            most = "" if self.splits is None else " and <= %d" % self.splits
            raise pytest.UsageError("argument `--group` must be >= 1%s, not %d" % (most, self.group))
        self.durations = option.durations_path
        self.store = None
        if option.store_durations:
            self.store = os.path.abspath(self.durations or ".test_durations")
        shuffles = option.random_order_enabled or option.random_order_bucket or option.random_order_seed is not None
        self.order = "random" if shuffles or order == "random" else order
        self.bucket = option.random_order_bucket or "module"
        self.seed = option.random_order_seed
        if self.order == "random" and self.seed is None:
            self.seed = str(random.SystemRandom().randint(1, 1000000))

    def selects(self):
        return self.splits is not None or self.order is not None

    def as_json(self):
        return {
            "splits": self.splits,
            "group": self.group,
            "durations": self.durations,
            "order": self.order,
            "bucket": self.bucket,
            "seed": _number(self.seed) if self.order == "random" else 0,
        }


def _number(seed):
    """Words are seeds, too."""
    if re.fullmatch(r"[0-9]{1,18}", seed):
        return int(seed)
    return int.from_bytes(hashlib.sha256(seed.encode("utf-8", "surrogateescape")).digest()[:8], "little")


class Labels:
    """Sets of labels by numbers, as in the class TestList of fittest."""

    def __init__(self):
        self._numbers = {(): 0}
        self._sets = []

    def number(self, item):
        names = tuple(sorted({mark.name for mark in item.iter_markers()}))
        number = self._numbers.get(names)
        if number is None:
            number = self._numbers[names] = len(self._numbers)
            self._sets.append(names)
        return number

    def all(self):
        """From number 1 on."""
        return self._sets


class Selector:
    def __init__(self, channel, setup):
        self.channel = channel
        self.measures, self.selects = setup.get("labels", False), setup.get("selects", False)
        self.has_plan, self.order = setup.get("plan", False), setup.get("order")
        self.wishes = None
        self.measured = {}
        self.group_is_empty = False

    def configure(self, config):
        config.addinivalue_line(
            "markers", "random_order(disabled=True): the tests of this module or class are not shuffled"
        )
        self.wishes = Wishes(config, self.has_plan, self.order)
        if self.wishes.store and not config.option.clean_durations:
            check_durations(self.wishes.store)

    def before(self, config, items):
        """Ahead of all that selects."""
        if self.measures:
            answer = self.ask(config, items, "label", {})
            for name, indices in answer["labels"].items():
                config.addinivalue_line("markers", "%s: measured" % name)
                mark = getattr(pytest.mark, name)
                for index in indices:
                    items[index].add_marker(mark)
                self.measured[name] = [items[index].nodeid.encode("utf-8", "replace").decode() for index in indices]
        check_labels(config)

    def after(self, config, items, more):
        """Behind all that selects."""
        if not self.selects and not self.wishes.selects():
            return
        wishes = dict(self.wishes.as_json(), algorithm=config.option.splitting_algorithm,
                      compensated_sums=sys.version_info >= (3, 12),
                      strict=is_strict(config), known=sorted(registered(config)), **more)
        answer = self.ask(config, items, "select", wishes)
        chosen = [items[index] for index in answer["selected"]]
        if self.wishes.order == "random":
            chosen = with_fixed_in_place(items, chosen)
        kept = set(answer["selected"])
        self.group_is_empty = bool(items) and not kept and self.wishes.group is not None
        deselected = [item for index, item in enumerate(items) if index not in kept]
        if deselected:
            config.hook.pytest_deselected(items=deselected)
        items[:] = chosen

    def ask(self, config, items, stage, wishes):
        labels = Labels()
        send_tests(self.channel, items, labels, lambda item: (self.group_of(item), False))
        text = dict(wishes, stage=stage, label_sets=labels.all())
        self.channel.send(wire.frame(wire.ASK, json.dumps(text).encode()))
        kind, payload = self.channel.receive()
        answer = json.loads(payload)
        if kind != wire.ANSWER or "error" in answer:
            raise pytest.UsageError(answer.get("error", "fittest did not answer"))
        return answer

    group_of = staticmethod(lambda item: None)


def check_durations(path):
    """What cannot be read could not be added to at the end either; better said before the tests have run."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        pairs = content.items() if isinstance(content, dict) else [(name, seconds) for name, seconds in content]
        if not all(isinstance(name, str) and isinstance(seconds, (int, float)) for name, seconds in pairs):
            raise ValueError("it holds something that is no test id with its seconds")
    except FileNotFoundError:
        pass
    except (OSError, TypeError, ValueError) as problem:
        line = ":%d" % problem.lineno if isinstance(problem, json.JSONDecodeError) else ""
        raise pytest.UsageError("%s%s: %s; mend it, or write it anew: --store-durations --clean-durations" % (
            os.path.relpath(path), line, problem))


def send_tests(channel, items, labels, traits):
    """`traits`: of an item the group (nothing: its own) and whether it shares set-up with the one before it. Without
    `labels` none are sent."""
    groups, files = {}, {}
    frame = []
    for index, item in enumerate(items):
        nodeid = item.nodeid
        name = nodeid.split("::", 1)[0]
        group, shares = traits(item)
        group_number = groups.setdefault(("free", index) if group is None else ("group", group), len(groups))
        text = nodeid.encode("utf-8", "surrogateescape")
        number = labels.number(item) if labels is not None else 0
        file_number = files.setdefault(name, len(files))
        frame.append(struct.pack("<IIBII", file_number, group_number, shares, number, len(text)) + text)
        if len(frame) == _TESTS_A_FRAME:
            channel.send(wire.frame(wire.TESTS, b"".join(frame)))
            frame = []
    if frame:
        channel.send(wire.frame(wire.TESTS, b"".join(frame)))


def with_fixed_in_place(collected, shuffled):
    """Tests of a module or class marked random_order(disabled=True) keep the order among themselves."""
    fixed = {}
    for item in collected:
        mark = item.get_closest_marker("random_order")
        if mark is not None and mark.kwargs.get("disabled"):
            fixed.setdefault(item.nodeid.split("::", 1)[0], []).append(item)
    if not fixed:
        return shuffled
    chosen = set(map(id, shuffled))
    queues = {name: iter([item for item in group if id(item) in chosen]) for name, group in fixed.items()}
    belongs = {id(item): name for name, group in fixed.items() for item in group}
    return [next(queues[belongs[id(item)]]) if id(item) in belongs else item for item in shuffled]


# --- labels that nobody has registered ---


def registered(config):
    return {line.split(":", 1)[0].split("(", 1)[0].strip() for line in config.getini("markers")}


def is_strict(config):
    option = config.option
    if getattr(option, "strict_markers", False) or getattr(option, "strict", False):
        return True
    for name in ("strict_markers", "strict"):
        try:
            if config.getini(name):
                return True
        except (KeyError, ValueError):
            pass
    return False


def check_labels(config):
    """pytest selects nothing for a marker that is misspelt in -m; where markers are strict, that is a mistake."""
    expression = getattr(config.option, "markexpr", "")
    if not expression or not is_strict(config):
        return
    known = registered(config)
    plain = re.sub(r"\([^()]*=[^()]*\)", "", expression)  # the arguments in "device(serial='x')"
    for word in re.findall(r"[^\s()]+", plain):
        if word in ("and", "or", "not", "True", "False", "None") or word in known:
            continue
        near = difflib.get_close_matches(word, known, 1)
        raise pytest.UsageError("-m %r: no marker is called %r%s; %s lists those there are" % (
            expression, word, " (did you mean %r?)" % near[0] if near else "", _where_markers_are(config)))


def _where_markers_are(config):
    path = getattr(config, "inipath", None)
    if path is None:
        return "pytest --markers"
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if re.match(r"\s*markers\s*=", line):
                    return "%s:%d" % (os.path.relpath(str(path)), number)
    except OSError:
        pass
    return os.path.relpath(str(path))
