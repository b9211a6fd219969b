"""What frequencies a signal holds."""
import numpy as np
import scipy.signal


def amplitudes(signal, rate, window="hann"):
    """Frequencies, and the amplitude of a sine at each: a sine of amplitude 1 gives a peak of 1."""
    weights = scipy.signal.get_window(window, len(signal))
    lines = np.abs(np.fft.rfft(signal * weights)) * (2 / weights.sum())
    lines[0] /= 2
    return np.fft.rfftfreq(len(signal), 1 / rate), lines


def peak_frequency(signal, rate):
    """The frequency of the strongest line, interpolated between bins."""
    frequencies, lines = amplitudes(signal - np.mean(signal), rate)
    k = int(np.argmax(lines[1:-1])) + 1
    left, middle, right = np.log(lines[k - 1 : k + 2] + 1e-300)
    offset = (left - right) / (2 * (left - 2 * middle + right))
    return frequencies[k] + offset * (frequencies[1] - frequencies[0])


def harmonic_distortion(signal, rate, fundamental, harmonics=5):
    """Total harmonic distortion: root of the harmonics' power over the fundamental's."""
    frequencies, lines = amplitudes(signal, rate, "blackmanharris")
    step = frequencies[1]

    def strength(frequency):
        k = int(round(frequency / step))
        return lines[max(k - 3, 0) : k + 4].max(initial=0.0)

    powers = [strength(fundamental * order) ** 2 for order in range(2, harmonics + 2) if fundamental * order < rate / 2]
    return np.sqrt(sum(powers)) / strength(fundamental)


def signal_to_noise(signal, rate, fundamental):
    """In decibels: the power of the sine at `fundamental` over the power of the rest."""
    count = len(signal)
    t = 2 * np.pi * fundamental * np.arange(count) / rate
    basis = np.stack([np.sin(t), np.cos(t), np.ones(count)], axis=1)
    weights, *_ = np.linalg.lstsq(basis, signal, rcond=None)
    rest = signal - basis @ weights
    return 10 * np.log10((weights[0] ** 2 + weights[1] ** 2) / 2 / np.mean(rest**2))


def band_power(signal, rate, low, high):
    """Mean square of what lies between two frequencies (Welch)."""
    frequencies, density = scipy.signal.welch(signal, rate, nperseg=min(4096, len(signal)))
    inside = (frequencies >= low) & (frequencies <= high)
    return float(np.sum(density[inside]) * (frequencies[1] - frequencies[0]))


def delay(first, second, rate):
    """By how many seconds `second` lags behind `first`: the highest point of their cross-correlation."""
    size = len(first) + len(second)
    product = np.fft.rfft(second, size)
    product *= np.conj(np.fft.rfft(first, size))
    correlation = np.fft.irfft(product, size)
    lag = int(np.argmax(correlation))
    return (lag if lag < size // 2 else lag - size) / rate
