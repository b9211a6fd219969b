"""A pseudo-terminal, and a small model of the screen that a person would have in front of it."""
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

_CSI = re.compile(rb"\x1b\[([?]?)([0-9;]*)([A-Za-z])")
_COLOURS = re.compile(rb"\x1b\[[0-9;]*m")
_MOVES = re.compile(rb"\x1b\[[0-9;]*[A-HJK]")


class Row:
    def __init__(self):
        self.cells = []
        self.goes_on = False  # its text goes on in the next row: the terminal broke the line

    def text(self):
        return "".join(self.cells).rstrip(" ")


class Model:
    """Rows from the first on, those that have scrolled away included. Understands what pytest and fittest send; what it
    does not understand is kept in `unknown`."""

    def __init__(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.rows = [Row()]
        self.row = self.column = 0
        self.unknown = []
        self.rest = b""

    def text(self):
        return [row.text() for row in self.rows]

    def visible(self):
        return self.text()[max(0, len(self.rows) - self.lines) :]

    def feed(self, data):
        data = self.rest + data
        at = 0
        while at < len(data):
            byte = data[at : at + 1]
            if byte == b"\x1b":
                found = _CSI.match(data, at)
                if found is None:
                    if len(data) - at < 20 and re.fullmatch(rb"\x1b(\[[?0-9;]*)?", data[at:]):
                        break  # the rest of it comes later
                    self.unknown.append(data[at : at + 10])
                    at += 1
                    continue
                self.control(*found.groups())
                at = found.end()
            elif byte < b" " or byte == b"\x7f":
                self.character_of_control(byte)
                at += 1
            else:
                size = 1 if byte < b"\xc0" else 2 if byte < b"\xe0" else 3 if byte < b"\xf0" else 4
                if at + size > len(data):
                    break
                self.put(data[at : at + size].decode("utf-8", "replace"))
                at += size
        self.rest = data[at:]

    def put(self, character):
        width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if unicodedata.combining(character):
            width = 0
        if self.column + width > self.columns:
            self.rows[self.row].goes_on = True
            self.down()
            self.column = 0
        cells = self.rows[self.row].cells
        cells.extend(" " * (self.column + width - len(cells)))
        if width == 0:
            if self.column:
                cells[self.column - 1] += character
            return
        cells[self.column] = character
        if width == 2:
            cells[self.column + 1] = ""
        self.column += width

    def down(self):
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append(Row())

    def character_of_control(self, byte):
        if byte == b"\r":
            self.column = 0
        elif byte == b"\n":
            self.down()
        elif byte == b"\b":
            self.column = max(0, min(self.column, self.columns - 1) - 1)
        elif byte == b"\t":
            self.column = min(self.columns - 1, self.column // 8 * 8 + 8)
        elif byte != b"\x07":
            self.unknown.append(byte)

    def control(self, private, numbers, kind):
        if private or kind == b"m":
            return
        first = int(numbers.split(b";")[0] or 0)
        count = max(first, 1)
        top = max(0, len(self.rows) - self.lines)
        self.column = min(self.column, self.columns - 1)  # of the last column that is written, terminals go from there
        if kind == b"A":
            self.row = max(top, self.row - count)
        elif kind == b"B":
            self.row = min(len(self.rows) - 1, self.row + count)
        elif kind == b"C":
            self.column = min(self.columns - 1, self.column + count)
        elif kind == b"D":
            self.column = max(0, self.column - count)
        elif kind == b"G":
            self.column = min(self.columns, count) - 1
        elif kind == b"K" and first in (0, 2):
            del self.rows[self.row].cells[self.column if first == 0 else 0 :]
            self.rows[self.row].goes_on = False
        elif kind == b"J" and first == 0:
            del self.rows[self.row].cells[self.column :]
            self.rows[self.row].goes_on = False
            del self.rows[self.row + 1 :]
        else:
            self.unknown.append(b"\x1b[" + numbers + kind)

    def resize(self, columns):
        """As terminals do that break long lines anew."""
        rows, cursor = [], None
        line, place = [], None
        for number, row in enumerate(self.rows):
            if number == self.row:
                place = len(line) + self.column
            line += row.cells
            if row.goes_on:
                line += " " * (-len(line) % self.columns)
                continue
            first = len(rows)
            for at in range(0, max(len(line), 1), columns):
                rows.append(Row())
                rows[-1].cells = line[at : at + columns]
                rows[-1].goes_on = at + columns < len(line)
            if place is not None and cursor is None:
                down = min(place // columns, len(rows) - 1 - first)
                cursor = first + down, place - down * columns
            line, place = [], place if cursor is None else None
        self.rows, self.columns = rows, columns
        self.row, self.column = cursor


class Terminal:
    """Runs a program on a pseudo-terminal of its own, as its controlling one."""

    def __init__(self, command, columns=80, lines=24, **more):
        self.model = Model(columns, lines)
        self.bytes = b""
        self.looks = []  # what was to be seen, each time after something arrived
        self.master, slave = os.openpty()
        self.lines = lines
        self._size(columns)

        def own_the_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, close_fds=True,
                                        preexec_fn=own_the_terminal, **more)
        os.close(slave)

    def _size(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", self.lines, columns, 0, 0))

    def resize(self, columns):
        """The kernel sends SIGWINCH to the processes in the foreground."""
        self.look(0)
        self.model.resize(columns)
        self._size(columns)

    def look(self, seconds):
        """Takes what arrives; false at the end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:  # EIO: nobody has the other end open any more
            return False
        if not data:
            return False
        self.bytes += data
        self.model.feed(data)
        self.looks.append(self.model.visible())
        return True

    def until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "did not happen; on the screen:\n" + "\n".join(self.model.visible())
            if not self.look(0.05):
                assert condition(), "ended before; on the screen:\n" + "\n".join(self.model.text())

    def shows(self, text):
        return any(text in row for row in self.model.visible())

    def type(self, text):
        os.write(self.master, text.encode())

    def hang_up(self):
        os.close(self.master)
        self.master = None

    def finish(self, seconds=120):
        """The exit code."""
        end = time.monotonic() + seconds
        while self.look(0.5):
            if time.monotonic() > end:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
                raise AssertionError("does not end; on the screen:\n" + "\n".join(self.model.visible()))
        self.hang_up()
        return self.process.wait(timeout=30)

    def colours(self):
        return _COLOURS.findall(self.bytes)

    def moves(self):
        return _MOVES.findall(self.bytes)
