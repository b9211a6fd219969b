"""Prints the code objects of some of the standard library, with the lines that this interpreter itself says they have.

One JSON object a line: name, first line, table (hex), size of the bytecode in bytes, and [offset, line] where the line
changes; 0 stands for no line. Usage: code_lines.py MOST_CODE_OBJECTS
"""
import dis
import glob
import json
import os
import sys

MINOR = sys.version_info[1]

# What the table has special forms for: no line, long jumps ahead and back, many columns.
ODD = "\n" * 3 + "def f(x):\n" + "\n" * 300 + "  y = [a\n" + "\n" * 700 + "    for a in x if (a\n" + " " * 300 + \
    ".b)]\n  with x as z, y as k:\n    try:\n      return (y,\n" + "\n" * 20 + " z)\n    finally:\n      del y\n" + \
    "async def g():\n  async for i in f(1):\n    yield await i\n  while True:\n    if i: break\n    else: i = i and 1\n"


def lines_of(code):
    size = len(code.co_code)
    if MINOR >= 10:
        spans = [(start, line or 0) for start, end, line in code.co_lines() if end > start]
        table = code.co_linetable
    else:
        spans = list(dis.findlinestarts(code))
        table = code.co_lnotab
    changes = []
    for offset, line in spans:
        if not changes or changes[-1][1] != line:
            changes.append((offset, line))
    return {"name": code.co_name, "first": code.co_firstlineno, "table": table.hex(), "size": size, "lines": changes}


def walk(code):
    yield code
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from walk(constant)


def sources():
    yield ODD, "odd.py"
    folder = os.path.dirname(os.__file__)
    files = sorted(glob.glob(folder + "/*.py") + glob.glob(folder + "/*/*.py"))
    # From everywhere, the same on each run.
    for file in files[::3]:
        with open(file, "rb") as source:
            yield source.read(), file


def main():
    left = int(sys.argv[1])
    for source, file in sources():
        try:
            code = compile(source, file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
        for each in walk(code):
            print(json.dumps(lines_of(each)))
            left -= 1
            if left == 0:
                return


main()
