"""Reports and warnings as bytes, and back. The bytes are marshal's: plain values, tuples kept, the same interpreter at
both ends."""
import importlib
import marshal
import warnings

_dumps, _len, _isinstance, _repr, _str, _id, _tuple = marshal.dumps, len, isinstance, repr, str, id, tuple
_PLAIN = (str, int, float, bytes, bool, type(None))
_DEEPEST = 50
# What pytest-timeout fails a test with: before and since its version 2.4.
_TIMEOUTS = ("Failed: Timeout >", "Failed: Timeout (>")
# Of one captured section; more is cut in the middle: it would stand in the memory of every reader.
_MOST_OUTPUT = 4 << 20
_MOST_FAILURE_TEXT = 64 << 10


def plain(value, inside=()):
    """The value with whatever marshal does not know replaced by something near to it. What stands in itself, or deeper
    than anybody would look, is cut off there. `inside`: the ids of what it stands in."""
    if type(value) in _PLAIN:
        return value
    try:
        if _isinstance(value, (dict, tuple, list, set, frozenset)):
            if _id(value) in inside or _len(inside) >= _DEEPEST:
                return "..."
            inside += (_id(value),)
            if _isinstance(value, dict):
                return {plain(key, inside): plain(inner, inside) for key, inner in value.items()}
            made = [plain(inner, inside) for inner in value]
            return made if _isinstance(value, (list, set)) else _tuple(made)
        for kind in (bool, int, float, str, bytes):
            if _isinstance(value, kind):
                return kind(value)
        if hasattr(value, "__fspath__"):
            return _str(value)
        return _repr(value)
    except Exception:  # of its own methods: no reason for the test to have no result
        return "<%s that cannot be shown>" % type(value).__name__


def pack(value):
    try:
        return _dumps(value, 4)
    except ValueError:
        return _dumps(plain(value), 4)


def unpack(blob):
    return marshal.loads(blob)


def shorten(text):
    if _len(text) <= _MOST_OUTPUT:
        return text
    half = _MOST_OUTPUT // 2
    left_out = _len(text) - 2 * half
    return "%s\n[fittest: %d characters left out here]\n%s" % (text[:half], left_out, text[-half:])


def serialize_warning(message):
    """As pytest-xdist does it: the class by name, its arguments where they are plain."""
    warning = message.message
    data = {"text": _str(warning), "filename": message.filename, "lineno": message.lineno, "line": message.line}
    if _isinstance(warning, Warning):
        data["class"] = (type(warning).__module__, type(warning).__name__)
        if all(type(argument) in _PLAIN for argument in warning.args):
            data["arguments"] = warning.args
    if message.category:
        data["category"] = (message.category.__module__, message.category.__name__)
    return data


def _named_class(name):
    if name is None:
        return None
    try:
        found = getattr(importlib.import_module(name[0]), name[1])
    except Exception:
        return None
    return found if isinstance(found, type) and issubclass(found, Warning) else None


def restore_warning(data):
    warning = data["text"]
    kind = _named_class(data.get("class"))
    if kind is not None and data.get("arguments") is not None:
        try:
            warning = kind(*data["arguments"])
        except Exception:
            pass
    category = _named_class(data.get("category")) or Warning
    return warnings.WarningMessage(
        warning, category, data["filename"], data["lineno"], line=data["line"]
    )


# The names of core/verdict.h, in its order.
VERDICTS = (
    "passed failed error skipped xfailed xpassed timed_out crashed over_limit over_budget not_run".split()
)


def is_of_subtest(report):
    """Of pytest 9, or of the plugin pytest-subtests before it."""
    return type(report).__name__ in ("SubtestReport", "SubTestReport")


def verdict_of(reports):
    """The verdict of a test from the reports of its phases, and one line that says why if it is not "passed"."""
    verdict, detail = "passed", ""
    for report in reports:
        if report.outcome == "rerun":
            verdict, detail = "passed", ""
            continue
        if report.outcome != "failed" and is_of_subtest(report):
            continue  # the test as a whole has a report of its own
        expected = hasattr(report, "wasxfail")
        if report.outcome == "failed":
            if verdict in ("failed", "timed_out", "over_limit"):
                continue
            detail = _first_line(report)
            if hasattr(report, "fittest_verdict"):
                verdict = report.fittest_verdict
            elif report.when != "call":
                verdict = "error"
            else:
                verdict = "failed"
            if detail.startswith(_TIMEOUTS):
                verdict = "timed_out"
        elif report.outcome == "skipped" and verdict == "passed":
            verdict = "xfailed" if expected else "skipped"
            detail = report.wasxfail if expected else _skip_reason(report)
        elif expected and report.when == "call" and verdict == "passed":
            verdict, detail = "xpassed", report.wasxfail
    return verdict, detail


def failure_text(reports):
    """What pytest prints of the failures among the reports, cut to what a JUnit file is read for."""
    texts = []
    for report in reports:
        if report.outcome != "failed":
            continue
        texts.append(_str(report.longrepr))
        if hasattr(report, "fittest_verdict"):  # what the limit was broken by
            texts += [text for title, text in report.sections if title.startswith(("memray", "fittest"))]
    return "\n\n".join(texts)[:_MOST_FAILURE_TEXT]


def _skip_reason(report):
    reason = report.longrepr
    if _isinstance(reason, tuple) and _len(reason) == 3:
        reason = reason[2]
    return _str(reason).split("\n", 1)[0][:300]


def _first_line(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else _str(report.longrepr)
    return text.strip().split("\n", 1)[0][:300]
