"""SPI in its four modes, highest bit first; one byte on each line per eight clocks, while chip select is low."""
import numpy as np

from signals.protocols import FramingError


def _polarity_and_phase(mode):
    if mode not in (0, 1, 2, 3):
        raise ValueError("SPI has the modes 0 to 3, not %r" % mode)
    return mode >> 1, mode & 1


def encode(data, mode=0, half_clock=4):
    """The levels of chip select, clock and data."""
    polarity, phase = _polarity_and_phase(mode)
    select, clock, line = [1] * half_clock, [polarity] * half_clock, [0] * half_clock

    def hold(clock_level, bit, chip=0):
        select.extend([chip] * half_clock)
        clock.extend([clock_level] * half_clock)
        line.extend([bit] * half_clock)

    hold(polarity, 0)
    for byte in data:
        for k in range(7, -1, -1):
            bit = byte >> k & 1
            hold(polarity ^ phase, bit)
            hold(polarity ^ phase ^ 1, bit)
    hold(polarity, 0)
    hold(polarity, 0, chip=1)
    return tuple(np.array(levels, dtype=np.uint8) for levels in (select, clock, line))


def decode(select, clock, line, mode=0):
    polarity, phase = _polarity_and_phase(mode)
    active = np.asarray(clock) ^ polarity
    step = np.diff(active.astype(np.int8))
    wanted = -1 if phase else 1
    sampled = np.flatnonzero(step == wanted) + 1
    sampled = sampled[np.asarray(select)[sampled] == 0]
    bits = np.asarray(line)[sampled]
    if len(bits) % 8:
        raise FramingError("%d bits are no whole number of bytes" % len(bits))
    return np.packbits(bits).tobytes()
