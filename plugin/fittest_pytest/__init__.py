"""The pytest side of fittest: runs inside the user's interpreter, uses its standard library and pytest only.

bootstrap.py   gets these modules out of the descriptor fittest hands over, and starts pytest
options.py     the options of pytest-xdist, and what they come to
selection.py   the options of pytest-split and pytest-random-order; which tests are run is asked of fittest
session.py     the session: collects, splits off the zygote, replays the reports of the workers
fork_safety.py whether this process may be forked
zygote.py      the frozen copy of the session that workers are forked from
worker.py      runs batches of tests, and measures them
own.py         what a worker must not share with the others: capture, temporary folders, environment, reporters
meter.py       what a test holds
heap.py        the heap tracker in this process, and the sections it records
heap_options.py  the options of pytest-memray, and what they come to
heap_text.py   sizes, stacks and reports of them in words
demands.py     what the limits of one test come to
limits.py      holds tests to their limits, and measures them for --memray
leaked_objects.py  what limit_leaked_objects watches
find_leaks.py  runs tests again and again, and tells what grows
memray_report.py  says at the end what tests allocated
taint.py       what a test leaves behind in the interpreter
benchmarks.py  what pytest-benchmark measured in a worker
fixtures.py    the fixtures of pytest-xdist
mark_patch.py  the patch that mends marks; reads sources only
results.py     reports and warnings as bytes, and back
wire.py        frames on a socket
"""
