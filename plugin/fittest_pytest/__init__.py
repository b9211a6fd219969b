"""The pytest side of fittest: runs inside the user's interpreter, uses its standard library and pytest only.

bootstrap.py   gets these modules out of the descriptor fittest hands over, and starts pytest
options.py     the options of pytest-xdist, and what they come to
session.py     the session: collects, splits off the zygote, replays the reports of the workers
fork_safety.py whether this process may be forked
zygote.py      the frozen copy of the session that workers are forked from
worker.py      runs batches of tests, and measures them
own.py         what a worker must not share with the others: capture, temporary folders, environment, reporters
meter.py       what a test holds
taint.py       what a test leaves behind in the interpreter
benchmarks.py  what pytest-benchmark measured in a worker
fixtures.py    the fixtures of pytest-xdist
results.py     reports and warnings as bytes, and back
wire.py        frames on a socket
"""
