"""Signals with known properties."""
import numpy as np


def times(count, rate):
    """The time of each of `count` samples, in seconds."""
    return np.arange(count) / rate


def sine(frequency, rate, count, amplitude=1.0, phase=0.0):
    return amplitude * np.sin(2 * np.pi * frequency * times(count, rate) + phase)


def square(frequency, rate, count, duty=0.5):
    """Levels 0.0 and 1.0; high for the first `duty` of each period."""
    if not 0 < duty < 1:
        raise ValueError("duty must lie between 0 and 1, not %r" % duty)
    return ((times(count, rate) * frequency) % 1.0 < duty).astype(float)


def chirp(start, stop, rate, count):
    """A sine whose frequency rises linearly from `start` to `stop`."""
    t = times(count, rate)
    slope = (stop - start) / (count / rate)
    return np.sin(2 * np.pi * (start * t + slope * t * t / 2))


def noise(count, rms=1.0, seed=0):
    return rms * np.random.default_rng(seed).standard_normal(count)


def clock_edges(period, count, jitter_rms=0.0, seed=0):
    """Times of `count` rising edges of a clock, each displaced by Gaussian jitter."""
    return period * np.arange(count) + noise(count, jitter_rms, seed)


def sampled_clock(edges, period, rate, rise_time):
    """A clock with the given rising edges, half its period high, with linear slopes of `rise_time`."""
    corners = np.empty(4 * len(edges))
    corners[0::4] = edges - rise_time / 2
    corners[1::4] = edges + rise_time / 2
    corners[2::4] = edges + period / 2 - rise_time / 2
    corners[3::4] = edges + period / 2 + rise_time / 2
    levels = np.tile([0.0, 1.0, 1.0, 0.0], len(edges))
    start = edges[0] - period / 4
    count = int((edges[-1] + 3 * period / 4 - start) * rate)
    return np.interp(start + times(count, rate), corners, levels)
