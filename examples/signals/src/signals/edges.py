"""Edges of a signal, and what their times say about a clock."""
import numpy as np


def crossings(signal, low, high):
    """Positions, in samples, of rising and of falling edges. An edge counts when the signal has gone from one threshold
    to the other (hysteresis); its position is where it crossed the middle, interpolated between samples."""
    if not low < high:
        raise ValueError("the low threshold must lie below the high one")
    state = np.zeros(len(signal), dtype=np.int8)
    state[signal >= high] = 1
    state[signal <= low] = -1
    known = np.flatnonzero(state)
    changes = np.flatnonzero(np.diff(state[known]))
    before, after = known[changes], known[changes + 1]
    middle = (low + high) / 2
    positions = np.empty(len(before))
    for i, (first, last) in enumerate(zip(before, after)):
        part = signal[first : last + 1]
        above = part >= middle
        k = int(np.flatnonzero(above[1:] != above[:-1])[-1])
        positions[i] = first + k + (middle - part[k]) / (part[k + 1] - part[k])
    rising = state[after] == 1
    return positions[rising], positions[~rising]


def periods(edges, rate):
    return np.diff(edges) / rate


def frequency(edges, rate):
    return (len(edges) - 1) * rate / (edges[-1] - edges[0])


def duty_cycle(rising, falling):
    """The share of time the signal is high, over whole periods."""
    following = falling[np.searchsorted(falling, rising[:-1])]
    return float(np.mean((following - rising[:-1]) / np.diff(rising)))


def time_interval_error(edges, rate):
    """How far each edge lies from the best steady clock, in seconds."""
    index = np.arange(len(edges))
    slope, start = np.polyfit(index, edges, 1)
    return (edges - (start + slope * index)) / rate


def period_jitter(edges, rate):
    return float(np.std(periods(edges, rate)))


def cycle_to_cycle_jitter(edges, rate):
    return float(np.sqrt(np.mean(np.diff(periods(edges, rate)) ** 2)))


def rise_time(signal, rate):
    """Time of the first edge from 10 % to 90 % of the signal's span."""
    bottom, top = np.min(signal), np.max(signal)
    if top == bottom:
        raise ValueError("a constant signal has no edge")
    scaled = (signal - bottom) / (top - bottom)
    end = int(np.argmax(scaled >= 0.9))
    start = int(np.flatnonzero(scaled[: end + 1] <= 0.1)[-1])
    begin = start + (0.1 - scaled[start]) / (scaled[start + 1] - scaled[start])
    finish = end - (scaled[end] - 0.9) / (scaled[end] - scaled[end - 1])
    return (finish - begin) / rate
