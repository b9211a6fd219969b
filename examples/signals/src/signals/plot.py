"""Figures. The caller closes what it gets."""
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from signals import spectrum  # noqa: E402


def waveform(signal, rate, title=""):
    figure, axes = plt.subplots(figsize=(10, 4))
    axes.plot(np.arange(len(signal)) / rate, signal, linewidth=0.8)
    axes.set_xlabel("time (s)")
    axes.set_title(title)
    return figure


def amplitude_spectrum(signal, rate):
    frequencies, lines = spectrum.amplitudes(signal, rate)
    figure, axes = plt.subplots(figsize=(10, 4))
    axes.semilogy(frequencies[1:], lines[1:] + 1e-12)
    axes.set_xlabel("frequency (Hz)")
    return figure


def eye_diagram(signal, samples_per_bit):
    """Two bits wide, all sweeps on top of each other."""
    width = 2 * samples_per_bit
    sweeps = signal[: len(signal) // width * width].reshape(-1, width)
    figure, axes = plt.subplots(figsize=(6, 6))
    axes.plot(np.arange(width) / samples_per_bit, sweeps.T, color="tab:blue", alpha=0.2)
    axes.set_xlabel("bits")
    return figure
