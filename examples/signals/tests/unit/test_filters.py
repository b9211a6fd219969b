import numpy as np
import pytest

from signals import filters, generate, measure

RATE = 10_000


def level(signal):
    return measure.rms(signal[1000:-1000]) * np.sqrt(2)


@pytest.mark.parametrize("frequency, kept", [(10, True), (50, True), (2000, False), (4000, False)])
def test_lowpass(frequency, kept):
    assert (level(filters.lowpass(generate.sine(frequency, RATE, 10_000), RATE, 300)) > 0.99) == kept


@pytest.mark.parametrize("frequency, kept", [(10, False), (50, False), (2000, True), (4000, True)])
def test_highpass(frequency, kept):
    assert (level(filters.highpass(generate.sine(frequency, RATE, 10_000), RATE, 300)) > 0.99) == kept


@pytest.mark.parametrize("frequency, kept", [(20, False), (500, True), (4000, False)])
def test_bandpass(frequency, kept):
    assert (level(filters.bandpass(generate.sine(frequency, RATE, 10_000), RATE, 200, 1200)) > 0.95) == kept


def test_notch_takes_out_one_frequency():
    hum = generate.sine(50, RATE, 50_000)
    tone = generate.sine(440, RATE, 50_000)
    rest = filters.notch(hum + tone, RATE, 50)
    assert measure.rms((rest - tone)[10_000:-10_000]) < 0.01


def test_filters_do_not_shift():
    signal = generate.sine(20, RATE, 10_000)
    assert np.max(np.abs((filters.lowpass(signal, RATE, 500) - signal)[1000:-1000])) < 1e-3


@pytest.mark.parametrize("corner", [0, -5, 5000, 6000])
def test_corner_outside_of_the_band_is_refused(corner):
    with pytest.raises(ValueError, match="corner"):
        filters.lowpass(np.zeros(100), RATE, corner)


@pytest.mark.parametrize("width", [1, 2, 7, 50])
def test_moving_average_agrees_with_its_definition(width):
    signal = generate.noise(200, seed=5)
    expected = [signal[i : i + width].mean() for i in range(200 - width + 1)]
    assert np.allclose(filters.moving_average(signal, width), expected)


def test_moving_average_needs_a_width():
    with pytest.raises(ValueError, match="width"):
        filters.moving_average(np.zeros(3), 0)


def test_despike():
    signal = generate.sine(5, 1000, 1000)
    spiked = signal.copy()
    spiked[[100, 400, 777]] += 50
    assert np.max(np.abs(filters.despike(spiked) - signal)[5:-5]) < 0.1
