"""Figures of a whole signal."""
from dataclasses import dataclass

import numpy as np


def rms(signal):
    return float(np.sqrt(np.mean(np.square(signal))))


def crest_factor(signal):
    return float(np.max(np.abs(signal)) / rms(signal))


def levels(signal, bins=100):
    """The low and the high level of a digital signal: the fullest bins of the lower and of the upper half."""
    counts, borders = np.histogram(signal, bins)
    centres = (borders[:-1] + borders[1:]) / 2
    half = bins // 2
    return float(centres[np.argmax(counts[:half])]), float(centres[half + np.argmax(counts[half:])])


def allan_deviation(frequencies, width):
    """Of fractional frequencies, for an averaging time of `width` samples."""
    count = len(frequencies) // width
    if count < 2:
        raise ValueError("%d samples hold fewer than two averages over %d" % (len(frequencies), width))
    means = np.reshape(frequencies[: count * width], (count, width)).mean(axis=1)
    return float(np.sqrt(np.mean(np.diff(means) ** 2) / 2))


@dataclass
class Moments:
    """Count, mean and sum of squared deviations; can be joined, so that a recording may be read in pieces."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, signal):
        mean = float(np.mean(signal))
        return cls(len(signal), mean, float(np.sum(np.square(signal - mean))))

    def join(self, other):
        count = self.count + other.count
        if count == 0:
            return Moments()
        gap = other.mean - self.mean
        return Moments(
            count,
            self.mean + gap * other.count / count,
            self.squares + other.squares + gap**2 * self.count * other.count / count,
        )

    @property
    def variance(self):
        return self.squares / self.count
