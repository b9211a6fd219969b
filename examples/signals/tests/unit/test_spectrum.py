import numpy as np
import pytest

from signals import generate, spectrum


@pytest.mark.parametrize("frequency", [97.3, 1000.0, 1234.5, 9876.5, 20_000.1])
def test_peak_frequency_is_found_between_bins(frequency):
    assert spectrum.peak_frequency(generate.sine(frequency, 48_000, 4800), 48_000) == pytest.approx(frequency, abs=0.5)


def test_peak_frequency_ignores_an_offset():
    assert spectrum.peak_frequency(5 + generate.sine(440, 8000, 8000), 8000) == pytest.approx(440, abs=0.05)


@pytest.mark.parametrize("window", ["boxcar", "hann", "hamming", "blackmanharris", "flattop"])
def test_amplitude_of_a_line_does_not_depend_on_the_window(window):
    frequencies, lines = spectrum.amplitudes(generate.sine(100, 1000, 1000, 3.0), 1000, window)
    assert lines[np.argmin(abs(frequencies - 100))] == pytest.approx(3.0, rel=1e-3)


def test_constant_signal_has_one_line():
    _, lines = spectrum.amplitudes(np.full(256, 2.0), 256, "boxcar")
    assert lines[0] == pytest.approx(2.0)
    assert np.all(lines[1:] < 1e-12)


@pytest.mark.parametrize("ratio", [0.001, 0.01, 0.1])
def test_distortion_of_a_known_second_harmonic(ratio):
    signal = generate.sine(1000, 48_000, 48_000) + generate.sine(2000, 48_000, 48_000, ratio)
    assert spectrum.harmonic_distortion(signal, 48_000, 1000) == pytest.approx(ratio, rel=0.01)


@pytest.mark.parametrize("decibels", [0, 10, 20, 40])
def test_signal_to_noise(decibels):
    signal = generate.sine(1000, 48_000, 96_000) + generate.noise(96_000, 10 ** (-decibels / 20) / np.sqrt(2), seed=1)
    assert spectrum.signal_to_noise(signal, 48_000, 1000) == pytest.approx(decibels, abs=0.2)


def test_band_power_sees_only_its_band():
    signal = generate.sine(1000, 48_000, 48_000, 2.0)
    assert spectrum.band_power(signal, 48_000, 900, 1100) == pytest.approx(2.0, rel=0.02)
    assert spectrum.band_power(signal, 48_000, 5000, 9000) < 1e-6


@pytest.mark.parametrize("lag", [-40, -1, 0, 1, 250])
def test_delay(lag):
    source = generate.noise(4000, seed=2)
    first, second = source[1000:3000], source[1000 - lag : 3000 - lag]
    assert spectrum.delay(first, second, 1000.0) == pytest.approx(lag / 1000)
