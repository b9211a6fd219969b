"""I2C: start, address and direction, bytes with an acknowledge each, stop."""
from dataclasses import dataclass

import numpy as np

from signals.protocols import FramingError


@dataclass(frozen=True)
class Transfer:
    address: int
    read: bool
    data: bytes
    acknowledged: bool = True


def encode(transfers, quarter_clock=4):
    """The levels of clock and data."""
    clock, line = [], []

    def hold(clock_level, line_level):
        clock.extend([clock_level] * quarter_clock)
        line.extend([line_level] * quarter_clock)

    def put(bit):
        for clock_level in (0, 1, 1, 0):
            hold(clock_level, bit)

    hold(1, 1)
    for transfer in transfers:
        hold(1, 1)
        hold(1, 0)
        hold(0, 0)
        for byte in bytes([transfer.address << 1 | transfer.read]) + transfer.data:
            for k in range(7, -1, -1):
                put(byte >> k & 1)
            put(0 if transfer.acknowledged else 1)
        hold(0, 0)
        hold(1, 0)
        hold(1, 1)
    hold(1, 1)
    return np.array(clock, dtype=np.uint8), np.array(line, dtype=np.uint8)


def decode(clock, line):
    clock, line = np.asarray(clock, dtype=np.int8), np.asarray(line, dtype=np.int8)
    transfers, bits, inside = [], [], False
    changed = np.flatnonzero((np.diff(clock) != 0) | (np.diff(line) != 0)) + 1
    for i in changed:
        if clock[i] and clock[i - 1] and line[i] < line[i - 1]:  # start, or start again
            bits, inside = [], True
        elif clock[i] and clock[i - 1] and line[i] > line[i - 1]:  # stop
            if not inside:
                raise FramingError("a stop without a start at sample %d" % i)
            transfers.append(_transfer(bits[:-1]))  # the rise of the clock before a stop carries no bit
            inside = False
        elif inside and clock[i] > clock[i - 1]:
            bits.append(int(line[i]))
    if inside:
        raise FramingError("no stop after the last start")
    return transfers


def _transfer(bits):
    if len(bits) < 9 or len(bits) % 9:
        raise FramingError("%d bits are no whole number of bytes with their acknowledges" % len(bits))
    rows = np.array(bits, dtype=np.uint8).reshape(-1, 9)
    values = np.packbits(rows[:, :8]).tobytes()
    return Transfer(values[0] >> 1, bool(values[0] & 1), values[1:], not rows[:, 8].any())
