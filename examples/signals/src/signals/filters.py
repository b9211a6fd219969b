"""Filters without delay: each runs forwards and backwards."""
import numpy as np
import scipy.signal


def _apply(signal, rate, kind, corner, order):
    corners = np.atleast_1d(corner)
    if np.any(corners <= 0) or np.any(corners >= rate / 2):
        raise ValueError("corner %r must lie between 0 and half the rate, %r" % (corner, rate / 2))
    return scipy.signal.sosfiltfilt(scipy.signal.butter(order, corner, kind, fs=rate, output="sos"), signal)


def lowpass(signal, rate, corner, order=4):
    return _apply(signal, rate, "lowpass", corner, order)


def highpass(signal, rate, corner, order=4):
    return _apply(signal, rate, "highpass", corner, order)


def bandpass(signal, rate, low, high, order=4):
    return _apply(signal, rate, "bandpass", [low, high], order)


def notch(signal, rate, frequency, quality=30.0):
    numerator, denominator = scipy.signal.iirnotch(frequency, quality, fs=rate)
    return scipy.signal.filtfilt(numerator, denominator, signal)


def moving_average(signal, width):
    if width < 1:
        raise ValueError("width must be at least 1")
    sums = np.cumsum(np.concatenate([[0.0], signal]))
    return (sums[width:] - sums[:-width]) / width


def despike(signal, width=5):
    """Replaces single outliers by the median of their neighbourhood."""
    return scipy.signal.medfilt(signal, width)
