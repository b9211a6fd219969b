"""Results against theory, and against other ways to get them."""
import numpy as np
import pytest
import scipy.signal

from signals import edges, filters, generate, measure, spectrum


@pytest.mark.parametrize("count", [256, 1000, 4096, 65_536])
def test_parseval(count):
    signal = generate.noise(count, seed=count)
    lines = np.fft.rfft(signal)
    weights = np.full(len(lines), 2.0)
    weights[0] = 1
    if count % 2 == 0:
        weights[-1] = 1
    assert np.sum(weights * np.abs(lines) ** 2) / count == pytest.approx(np.sum(signal**2))


@pytest.mark.parametrize("order", [1, 3, 5, 7])
def test_square_wave_has_the_odd_harmonics_of_its_series(order):
    frequencies, lines = spectrum.amplitudes(2 * generate.square(100, 1_000_000, 1_000_000) - 1, 1_000_000)
    assert lines[np.argmin(abs(frequencies - 100 * order))] == pytest.approx(4 / (np.pi * order), rel=1e-3)


def test_distortion_of_a_square_wave():
    # the harmonics 2 to 6 of a square wave: 1/3 and 1/5
    signal = 2 * generate.square(100, 1_000_000, 1_000_000) - 1
    assert spectrum.harmonic_distortion(signal, 1_000_000, 100) == pytest.approx(np.hypot(1 / 3, 1 / 5), rel=1e-3)


@pytest.mark.parametrize("order", [2, 4, 6])
def test_lowpass_halves_the_amplitude_at_its_corner(order):
    # forwards and backwards: 3 dB twice
    kept = filters.lowpass(generate.sine(500, 20_000, 100_000), 20_000, 500, order)
    assert np.sqrt(2) * measure.rms(kept[20_000:-20_000]) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("width", [3, 11, 101])
def test_moving_average_is_a_convolution(width):
    signal = generate.noise(5000, seed=width)
    assert np.allclose(filters.moving_average(signal, width), np.convolve(signal, np.ones(width) / width, "valid"))


def test_rise_time_of_a_first_order_response():
    t = generate.times(100_000, 1e6)
    signal = np.concatenate([np.zeros(100), 1 - np.exp(-t / 1e-3)])
    assert edges.rise_time(signal, 1e6) == pytest.approx(1e-3 * np.log(9), rel=1e-3)


@pytest.mark.parametrize("jitter", [1e-8, 5e-8])
def test_cycle_to_cycle_jitter_is_root_six_of_the_edges(jitter):
    rising = generate.clock_edges(1e-6, 50_000, jitter, seed=3) * 1e9
    assert edges.cycle_to_cycle_jitter(rising, 1e9) == pytest.approx(np.sqrt(6) * jitter, rel=0.02)


def test_delay_agrees_with_scipy():
    first = generate.noise(3000, seed=1)
    second = np.roll(first, 37)
    lags = scipy.signal.correlation_lags(3000, 3000)
    expected = lags[np.argmax(scipy.signal.correlate(second, first))]
    assert spectrum.delay(first, second, 1.0) == expected == 37


@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_noise_is_normal(noise):
    signal = generate.noise(1_000_000, noise, seed=11)
    assert signal.std() == pytest.approx(noise, rel=0.01)
    assert np.mean(np.abs(signal) < noise) == pytest.approx(0.6827, abs=0.002)
